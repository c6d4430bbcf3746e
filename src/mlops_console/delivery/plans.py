"""The plans of a deployment and of a rollback. They read the store and mlops.toml, and change nothing."""

import shlex
import socket
from collections.abc import Iterator
from dataclasses import replace

from mlops_console.core.config import Model
from mlops_console.core.deployments import Revision, RevisionState, ServerHealth
from mlops_console.core.errors import ConfigError
from mlops_console.core.models import ModelRef, ModelVersion
from mlops_console.core.plans import Change, Difference, Plan
from mlops_console.core.text import param
from mlops_console.delivery.situation import (
    Candidate,
    Situation,
    advice,
    candidate_for,
    check_gates,
    left_by_rollback,
    look,
    refusal,
    rollback_target,
    settings_of,
)
from mlops_console.store import deployments, models
from mlops_console.store.identity import process_state
from mlops_console.store.workspace import Workspace

_PROBE = 0.2  # seconds that another program may take to answer on the port


def plan_deploy(workspace: Workspace, model_ref: str, environment: str, reason: str = "") -> Plan:
    """What deploying a version would change. It is refused where a gate does not pass.

    Raises:
        UsageError, NotFoundError, ConfigError: the request makes no sense.
    """
    config = workspace.config()
    settings = settings_of(config, environment)
    with workspace.store.read() as db:
        version = candidate_for(db, settings, environment, model_ref)
        situation = look(db, environment, version)
        gates = check_gates(db, settings, situation)
    command = ["mlops-console", "deploy", version.ref, environment]
    return Plan(
        "deploy",
        environment,
        f"Deploy {version.ref} to {environment}",
        shlex.join(command + (["--reason", reason] if reason else [])),
        changes=tuple(_changes(situation, settings.host, settings.port)),
        metrics=tuple(_metrics(situation, config.model(version.model))),
        params=tuple(_params(situation)),
        gates=gates,
        notes=tuple(_notes(situation, settings.host, settings.port)),
        refused=refusal(version.ref, environment, gates),
        hint=advice(version.ref, settings, gates),
        settles={"model_ref": version.ref},
    )


def plan_rollback(workspace: Workspace, environment: str, to: int | None = None, reason: str = "") -> Plan:
    """What a rollback would change. No gate stands in its way, and it needs no mlops.toml.

    Raises:
        UsageError, NotFoundError: there is nothing to go back to.
    """
    with workspace.store.read() as db:
        target = rollback_target(environment, deployments.revisions(db, environment), to)
        situation = look(db, environment, models.get(db, ModelRef(target.model, target.version)))
    known = situation.environment
    if known is None:
        raise AssertionError(f"{environment} has revisions, but is not in the store")
    undoes = left_by_rollback(situation.revisions) == target
    title = f"Roll {environment} back to {target.model_ref}, as in revision {target.revision}"
    if undoes:
        title = f"Undo the rollback of revision {target.revision} in {environment}: {target.model_ref} serves again"
    command = ["mlops-console", "rollback", environment, "--to", str(target.revision)]
    return Plan(
        "rollback",
        environment,
        title,
        shlex.join(command + (["--reason", reason] if reason else [])),
        changes=tuple(_changes(situation, known.host, known.port)),
        metrics=tuple(_metrics(situation, _model_settings(workspace, target.model))),
        params=tuple(_params(situation)),
        notes=(
            *((_undo_note(situation, target),) if undoes else ()),
            *_notes(situation, known.host, known.port),
        ),
        settles={"to": target.revision},
    )


def _undo_note(situation: Situation, target: Revision) -> str:
    """A second rollback goes back and forth; who wants to go further back has to name where to."""
    served = {target.model_ref, situation.live.model_ref if situation.live else ""}
    further = next((r for r in situation.revisions if r.live_at is not None and r.model_ref not in served), None)
    to, where = (further.revision, f"back to {further.model_ref}") if further else ("REVISION", "to another one")
    return (
        f"This undoes the rollback of revision {target.revision}: {target.model_ref} serves again. "
        f"'mlops-console rollback {situation.name} --to {to}' goes {where}."
    )


def _model_settings(workspace: Workspace, model: str) -> Model:
    """A broken mlops.toml costs the plan of a rollback its arrows, not the rollback."""
    try:
        return workspace.config().model(model)
    except ConfigError:
        return Model()


def _changes(situation: Situation, host: str, port: int) -> Iterator[Change]:
    live, candidate, known = situation.live, situation.candidate.version, situation.environment
    yield Change("model", live.model_ref if live else "", candidate.ref)
    yield Change("revision", str(live.revision) if live else "", str(situation.next_revision))
    before, after = known.url if known else "", f"http://{host}:{port}"
    if before != after:
        yield Change("address", before, after)


def _metrics(situation: Situation, settings: Model) -> Iterator[Difference]:
    """All metrics of both, the one that decides first."""
    before = situation.live_candidate.metrics if situation.live_candidate else {}
    after = situation.candidate.metrics
    for name in sorted(before.keys() | after.keys(), key=lambda name: (name != settings.metric, name)):
        old, new = before.get(name), after.get(name)
        difference = Difference(name, old, new)
        if name == settings.metric and old is not None and new is not None and not difference.same:
            difference = replace(difference, better=(new > old) == (settings.goal == "maximize"))
        yield difference


def _params(situation: Situation) -> Iterator[Difference]:
    """What the two were made from, where it differs: estimator, data and params."""
    before, after = _origins(situation.live_candidate), _origins(situation.candidate)
    for name in dict.fromkeys((*after, *before)):
        if before.get(name) != after.get(name):
            yield Difference(name, before.get(name), after.get(name))


def _origins(candidate: Candidate | None) -> dict[str, str]:
    if candidate is None:
        return {}
    version, run = candidate.version, candidate.run
    found = {"estimator": version.estimator}
    if version.reference:
        found["data"] = f"{version.reference.dataset}:{version.reference.version}"
    if run and run.provenance.git_commit:
        found["commit"] = run.provenance.git_commit[:12] + (" (dirty)" if run.provenance.git_dirty else "")
    params = sorted(run.params.items()) if run else []
    return found | {name: param(value) for name, value in params}


def _notes(situation: Situation, host: str, port: int) -> Iterator[str]:
    live, newest = situation.live, situation.revisions[0] if situation.revisions else None
    candidate = situation.candidate.version
    if live and live.model_ref == candidate.ref:
        yield (
            f"{candidate.ref} is live in {situation.name} already, as revision {live.revision}: "
            f"this makes revision {situation.next_revision} of the same version."
        )
    if newest and newest.state is RevisionState.LOADING:
        yield f"Revision {newest.revision} ({newest.model_ref}) is still loading: this one takes its place."
    if situation.live_candidate:
        yield from _signature_notes(situation.live_candidate.version, candidate)
    if _taken_by_another(situation, host, port):
        yield f"Port {port} of {host} is in use by another program: the server can't start before it is free."


def _signature_notes(live: ModelVersion, candidate: ModelVersion) -> Iterator[str]:
    before = {column.name: column.dtype for column in live.signature.inputs}
    after = {column.name: column.dtype for column in candidate.signature.inputs}
    if gone := ", ".join(name for name in before if name not in after):
        yield f"{candidate.ref} no longer takes {gone}: requests that send it are refused."
    if new := ", ".join(name for name in after if name not in before):
        yield f"{candidate.ref} needs {new} too: requests without it are refused."
    if other := ", ".join(name for name in after if name in before and before[name] != after[name]):
        yield f"{candidate.ref} takes another type for {other}."


def _taken_by_another(situation: Situation, host: str, port: int) -> bool:
    known = situation.environment
    if known and known.port == port and known.health in (ServerHealth.READY, ServerHealth.STARTING):
        alive = known.process is not None and process_state(known.process) != "dead"
        if alive:
            return False
    try:
        with socket.create_connection((host, port), timeout=_PROBE):
            return True
    except OSError:
        return False
