"""The beginning of a deployment and of a rollback: what makes the revision, in one transaction, or refuses it."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mlops_console.core.deployments import Environment, Revision, RevisionState, ServerSettings, TargetSettings
from mlops_console.core.environments import EnvironmentConfig
from mlops_console.core.errors import RefusedError
from mlops_console.core.models import ModelRef
from mlops_console.core.names import seconds
from mlops_console.delivery.job import DeliveryJob
from mlops_console.delivery.measure.ensure import ensure
from mlops_console.delivery.measure.measured import NOTHING_MEASURED
from mlops_console.delivery.settings import rollout_plan, server_settings, target_settings
from mlops_console.delivery.situation import (
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
from mlops_console.store import deployments, ledger, models
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
        _settle_settings(tx, environment, settings, situation.environment, job)
        approvals = settings.approvals if break_glass is None else 0
        revision = deployments.add_revision(
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
        deployments.advance(tx, environment, revision.revision, state, job.actor, why)
        return deployments.revision(tx, environment, revision.revision)


def begin_approved(workspace: Workspace, revision: Revision, job: DeliveryJob) -> Revision:
    """Go on with a revision that has its approvals. Its gates are asked again: the live version may be another by now.

    Raises:
        RefusedError: a gate does not pass any more, or the environment was frozen meanwhile: the revision has failed.
    """
    environment, number = revision.environment, revision.revision
    config = workspace.config()
    settings = settings_of(config, environment)
    measured = ensure(workspace, config, environment, revision.model_ref)
    with workspace.store.write() as tx:
        version = models.get(tx, ModelRef(revision.model, revision.version))
        situation = look(tx, environment, version)
        gates = check_gates(tx, settings, situation, measured)
        refused = refusal(version.ref, environment, gates) or frozen(situation)
        deployments.set_gates(tx, environment, number, gates)
        if refused is not None:
            deployments.advance(tx, environment, number, RevisionState.FAILED, job.actor, refused)
        else:
            deployments.advance(tx, environment, number, RevisionState.LOADING, job.actor, "approved")
        found = deployments.revision(tx, environment, number)
    if refused is not None:
        raise RefusedError(refused, advice(version.ref, settings, gates))
    return found


def begin_rollback(workspace: Workspace, environment: str, to: int | None, reason: str, job: DeliveryJob) -> Revision:
    """Make the revision of a rollback. Whatever is on its way is aborted; gates, approvals and a freeze don't count,
    and the settings of the servers stay. Where every server has the version in memory, it is live at once.

    Raises:
        UsageError, NotFoundError: there is nothing to go back to.
    """
    with workspace.store.write() as tx:
        target = rollback_target(environment, deployments.revisions(tx, environment), to)
        known = deployments.environment(tx, environment)
        revision = deployments.add_revision(
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
        if known is not None and known.candidate is not None:
            why = f"revision {number} rolls {environment} back"
            deployments.advance(tx, environment, known.candidate.revision, RevisionState.ABORTED, job.actor, why)
        deployments.advance(tx, environment, number, RevisionState.LOADING, job.actor)
        if known is not None and known.ready and all(target.model_ref in server.warm for server in known.processes):
            deployments.advance(tx, environment, number, RevisionState.LIVE, job.actor)
        return deployments.revision(tx, environment, number)


def _settle_settings(
    tx: Connection, environment: str, settings: EnvironmentConfig, known: Environment | None, job: DeliveryJob
) -> None:
    """What mlops.toml says of the servers holds from this deployment on; the ledger tells of what is different."""
    settled = server_settings(settings)
    target = target_settings(settings)
    if (refused := change_refused(known, target)) is not None:
        raise RefusedError(refused)
    before = _told(known.host, known.port, known.settings, known.target) if known else {}
    after = _told(settings.host, settings.port, settled, target)
    deployments.ensure_environment(tx, environment, settings.model, settings.host, settings.port, settled, target)
    changed = {name: [before[name], value] for name, value in after.items() if known and before[name] != value}
    if changed:
        ledger.append(tx, job.actor, "settings", environment, "changed", {"changed": changed})


def _told(host: str, port: int, settings: ServerSettings, target: TargetSettings | None) -> Mapping[str, Any]:
    commands = asdict(target) if target else None
    return {"host": host, "port": port, **asdict(settings), "private": list(settings.private), "target": commands}
