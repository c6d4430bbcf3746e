"""The beginning of a deployment and of a rollback: what makes the revision, in one transaction, or refuses it."""

import time

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.environments import EnvironmentConfig
from mlops_console.core.errors import RefusedError
from mlops_console.core.models import ModelRef
from mlops_console.core.moments import seconds
from mlops_console.delivery.job import DeliveryJob
from mlops_console.delivery.measure.ensure import ensure
from mlops_console.delivery.measure.measured import NOTHING_MEASURED
from mlops_console.delivery.settings import bind_refused, rollout_plan, settle, target_settings
from mlops_console.delivery.situation import (
    Situation,
    advice,
    candidate_for,
    check_gates,
    frozen,
    look,
    refusal,
    rollback_target,
    settings_of,
    under_way,
)
from mlops_console.delivery.targets import change_refused
from mlops_console.store import deploying, deployments, models, tokens
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace


def begin_deploy(
    workspace: Workspace,
    model_ref: str,
    environment: str,
    reason: str,
    job: DeliveryJob,
    *,
    break_glass: str | None = None,
    when_busy: str = "wait",
) -> Revision:
    """Make the revision of a deployment: it waits for approvals, or the servers load it from now on.

    Args:
        break_glass: why its gates, approvals and a freeze are passed by; it stays marked for ever.
        when_busy: "refuse" where another revision is on its way. (Jobs wait for each other by themselves.)

    Raises:
        RefusedError: a gate does not pass, or the environment is frozen or busy; nothing has changed.
        JobStopped: a stop was asked for while something was measured for the gates; nothing has changed.
        UsageError, NotFoundError, ConfigError: the request makes no sense.
    """
    config = workspace.config()
    settings = settings_of(config, environment)
    with workspace.store.read() as db:
        newest = max((r.revision for r in deployments.revisions(db, environment, limit=1)), default=0)
    measured = NOTHING_MEASURED
    if break_glass is None:
        measured = ensure(workspace, config, environment, model_ref, stopping=job.stop_requested)
    with workspace.store.write() as tx:
        version = candidate_for(tx, settings, environment, model_ref)
        situation = look(tx, environment, version)
        gates = check_gates(tx, settings, situation, measured)
        if break_glass is None:
            refused = refusal(version.ref, environment, gates) or frozen(situation)
            if refused is not None:
                raise RefusedError(refused, advice(version.ref, settings, gates))
        if when_busy == "refuse" and (busy := under_way(situation)) is not None:
            raise RefusedError(busy, f"'mlops-console history {environment}' shows it.")
        if (overtaken := _overtaken(situation, newest)) is not None:
            raise RefusedError(overtaken, "Deploy it again if it is still wanted.")
        if (unsettled := _settings_refused(tx, settings, situation)) is not None:
            raise RefusedError(unsettled)
        approvals = settings.approvals if break_glass is None else 0
        if not approvals or situation.environment is None:
            settle(tx, environment, settings, situation.environment, job.actor)
        revision = deploying.add_revision(
            tx,
            environment,
            version,
            kind="deploy",
            actor=job.actor,
            reason=reason,
            job_id=job.id,
            gates=gates,
            rollout=rollout_plan(settings),
            approvals=approvals,
            expires_at=time.time() + seconds(settings.approval_expiry) if approvals else None,
            break_glass=break_glass,
        )
        state, why = RevisionState.LOADING, ""
        if approvals:
            state, why = RevisionState.WAITING, f"it needs {approvals} approval{'s' if approvals > 1 else ''}"
        deploying.advance(tx, environment, revision.revision, state, job.actor, why)
        return deployments.revision(tx, environment, revision.revision)


def begin_approved(workspace: Workspace, revision: Revision, job: DeliveryJob) -> Revision:
    """Go on with a revision that has its approvals. Its gates are asked again: the live version may be another by now.

    Raises:
        RefusedError: a gate does not pass any more, or the environment was frozen meanwhile: the revision has failed.
        JobStopped, UsageError, NotFoundError, ConfigError: as `begin_deploy`; the revision ends with its job.
    """
    environment, number = revision.environment, revision.revision
    config = workspace.config()
    settings = settings_of(config, environment)
    measured = ensure(workspace, config, environment, revision.model_ref, stopping=job.stop_requested)
    with workspace.store.write() as tx:
        version = models.get(tx, ModelRef(revision.model, revision.version))
        situation = look(tx, environment, version)
        gates = check_gates(tx, settings, situation, measured)
        refused = refusal(version.ref, environment, gates) or frozen(situation)
        deploying.set_gates(tx, environment, number, gates)
        refused = refused or _settings_refused(tx, settings, situation)
        if refused is not None:
            deploying.advance(tx, environment, number, RevisionState.FAILED, job.actor, refused)
        elif deploying.advance(tx, environment, number, RevisionState.LOADING, job.actor, "approved"):
            settle(tx, environment, settings, situation.environment, job.actor)
        found = deployments.revision(tx, environment, number)
    if refused is not None:
        raise RefusedError(refused, advice(version.ref, settings, gates))
    return found


def begin_rollback(workspace: Workspace, environment: str, to: int | None, reason: str, job: DeliveryJob) -> Revision:
    """Make the revision of a rollback. Whatever is approved or on its way is aborted; gates, approvals and a freeze
    don't count, and the settings of the servers stay. Where every server has the version in memory, it is live at once.

    Raises:
        UsageError, NotFoundError: there is nothing to go back to.
    """
    with workspace.store.write() as tx:
        others = deployments.revisions(tx, environment)
        target = rollback_target(environment, others, to)
        known = deployments.environment(tx, environment)
        revision = deploying.add_revision(
            tx,
            environment,
            models.get(tx, ModelRef(target.model, target.version)),
            kind="rollback",
            actor=job.actor,
            reason=reason,
            restores=target.revision,
            job_id=job.id,
        )
        number = revision.revision
        why = f"revision {number} rolls {environment} back"
        for other in others:
            if other.state.is_under_way or other.state is RevisionState.PLANNED:
                deploying.advance(tx, environment, other.revision, RevisionState.ABORTED, job.actor, why)
        deploying.advance(tx, environment, number, RevisionState.LOADING, job.actor)
        if known is not None and known.ready and all(target.model_ref in server.warm for server in known.processes):
            deploying.advance(tx, environment, number, RevisionState.LIVE, job.actor)
        return deployments.revision(tx, environment, number)


def _overtaken(situation: Situation, newest: int) -> str | None:
    """Why a deployment gives way to a rollback: one that came after revision `newest`, while something was measured, or
    that is still on its way. It was asked for later, and has the last word."""
    for found in situation.revisions:
        if found.kind == "rollback" and (found.revision > newest or found.state.is_under_way):
            return f"{found.actor} has rolled {situation.name} back meanwhile, by revision {found.revision}."
    return None


def _settings_refused(tx: Connection, settings: EnvironmentConfig, situation: Situation) -> str | None:
    """Why what mlops.toml says of the servers can't be settled, as one sentence; None where it can."""
    if (refused := change_refused(situation.environment, target_settings(settings))) is not None:
        return refused
    return bind_refused(situation.name, settings, bool(tokens.tokens(tx, situation.name)))
