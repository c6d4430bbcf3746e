"""The plans of a deployment and of a rollback. They read the store and mlops.toml, and change nothing."""

import shlex
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace

from mlops_console.core.comparison import is_of_machine
from mlops_console.core.config import Model
from mlops_console.core.deployments import LOOPBACK, Revision, TargetSettings, address
from mlops_console.core.environments import EnvironmentConfig
from mlops_console.core.errors import ConfigError
from mlops_console.core.model_diff import DataPair
from mlops_console.core.models import ModelRef, ModelVersion
from mlops_console.core.plans import Change, Difference, GateResult, Plan
from mlops_console.core.text import param
from mlops_console.delivery import comparability, realised
from mlops_console.delivery.figures import replay_report
from mlops_console.delivery.measure.ensure import ensure
from mlops_console.delivery.measure.measured import NOTHING_MEASURED, Measured
from mlops_console.delivery.settings import bind_refused, server_settings, target_settings
from mlops_console.delivery.situation import (
    Candidate,
    Situation,
    advice,
    candidate_for,
    check_gates,
    frozen,
    left_by_rollback,
    look,
    refusal,
    rollback_target,
    settings_of,
    under_way,
)
from mlops_console.delivery.targets import change_refused, command_of
from mlops_console.delivery.wording import state_word
from mlops_console.store import deployments, models, tokens
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace

_PROBE = 0.2  # seconds that another program may take to answer on the port
_AT_ONCE = "All traffic goes to it at once."
_ROLLED_BACK = "All traffic goes to it at once; no gate and no approval is needed."
_WORSE = "Where it is worse than the live version, it is taken back by itself."


def plan_deploy(
    workspace: Workspace,
    model_ref: str,
    environment: str,
    reason: str = "",
    break_glass: str | None = None,
    when_busy: str = "wait",
) -> Plan:
    """What deploying a version would change. It is refused where a gate does not pass, unless glass is broken.

    Raises:
        UsageError, NotFoundError, ConfigError: the request makes no sense.
    """
    config = workspace.config()
    settings = settings_of(config, environment)
    measured = NOTHING_MEASURED
    if break_glass is None:
        measured = ensure(workspace, config, environment, model_ref, replay=True)
    with workspace.store.read() as db:
        version = candidate_for(db, settings, environment, model_ref)
        situation = look(db, environment, version)
        data = _data(db, situation)
        served = _served(db, situation.live)
        gates = check_gates(db, settings, situation, measured)
        replay = replay_report(db, situation.candidate.version, measured)
        held = tokens.tokens(db, environment)
    metrics = tuple(_metrics(situation, config.model(version.model), data))
    refused = None
    if break_glass is None:
        refused = refusal(version.ref, environment, gates) or frozen(situation)
    by_gates = refused is not None and not all(gate.passed for gate in gates)
    if refused is None and when_busy == "refuse":
        refused = under_way(situation)
    target = target_settings(settings)
    if refused is None:
        refused = change_refused(situation.environment, target)
    if refused is None:
        refused = bind_refused(environment, settings, bool(held))
    command = ["mlops-console", "deploy", version.ref, environment]
    command += ["--break-glass", break_glass] if break_glass is not None else []
    command += ["--if-busy", when_busy] if when_busy != "wait" else []
    return Plan(
        "deploy",
        environment,
        f"Deploy {version.ref} to {environment}",
        shlex.join(command + (["--reason", reason] if reason else [])),
        changes=tuple(_changes(situation, address(settings.host, settings.port, settings.tls is not None))),
        metrics=metrics,
        params=tuple(_params(situation)),
        gates=gates,
        notes=(
            *_ways(situation, settings, break_glass),
            *_other_data(metrics, data),
            *served,
            *_notes(situation, settings.host, settings.port, "deploy", target),
            *_unreplayed(situation, measured),
            *_changed_settings(situation, settings),
        ),
        refused=refused,
        refused_briefly=_by_how_many(version.ref, environment, gates) if by_gates else "",
        hint=_hint(situation, settings, version.ref, gates) if refused is not None else "",
        settles={"model_ref": version.ref},
        replay=replay,
    )


def plan_rollback(workspace: Workspace, environment: str, to: int | None = None, reason: str = "") -> Plan:
    """What a rollback would change. No gate stands in its way, and it needs no mlops.toml.

    Raises:
        UsageError, NotFoundError: there is nothing to go back to.
    """
    with workspace.store.read() as db:
        target = rollback_target(environment, deployments.revisions(db, environment), to)
        situation = look(db, environment, models.get(db, ModelRef(target.model, target.version)))
        data = _data(db, situation)
        served = _served(db, situation.live, target)
    known = situation.environment
    if known is None:
        raise AssertionError(f"{environment} has revisions, but is not in the store")
    metrics = tuple(_metrics(situation, _model_settings(workspace, target.model), data))
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
        changes=tuple(_changes(situation, known.url)),
        metrics=metrics,
        params=tuple(_params(situation)),
        notes=(
            *((_undo_note(situation, target),) if undoes else ()),
            *((_ROLLED_BACK,) if known.target is None else ()),
            *_other_data(metrics, data),
            *served,
            *_notes(situation, known.host, known.port, "rollback", known.target),
        ),
        settles={"to": target.revision},
    )


def _hint(situation: Situation, settings: EnvironmentConfig, ref: str, gates: tuple[GateResult, ...]) -> str:
    """What to do about a refusal."""
    name = situation.name
    if steps := advice(ref, settings, gates):
        return steps
    if frozen(situation) is not None:
        return f"'mlops-console unfreeze {name}' ends it; a rollback is possible all the same."
    if settings.host not in LOOPBACK:
        return f"'mlops-console token create {name} NAME' makes a token."
    return f"'mlops-console history {name}' shows it."


def _by_how_many(ref: str, environment: str, gates: tuple[GateResult, ...]) -> str:
    failed = sum(not gate.passed for gate in gates)
    return f"{ref} does not pass {failed} of {len(gates)} gates of {environment}."


def _ways(situation: Situation, settings: EnvironmentConfig, break_glass: str | None) -> Iterator[str]:
    """How it goes live."""
    if break_glass is not None:
        yield "Glass is broken: gates, approvals and a freeze are passed by, and the ledger marks it for ever."
    elif settings.approvals:
        people = "another person's approval" if settings.approvals == 1 else f"{settings.approvals} others' approvals"
        yield f"It waits for {people}, for {settings.approval_expiry} at most."
    if settings.strategy == "canary" and situation.live:
        steps = ", ".join(settings.rollout.steps)
        yield f"It goes live as a canary: {steps} of the traffic, each but the last held for {_held(settings)}."
        yield _WORSE
    elif settings.strategy == "shadow" and situation.live:
        yield f"For {_held(settings)} it answers a copy of the traffic only; then it goes live."
        yield _WORSE
    elif settings.target is None:
        yield _AT_ONCE


def _held(settings: EnvironmentConfig) -> str:
    return f"{settings.rollout.hold} and {settings.rollout.min_requests:,} requests"


def _unreplayed(situation: Situation, measured: Measured) -> Iterator[str]:
    """Why no replay is shown, where the live version has traffic."""
    problem = measured.problems.get(("replay", situation.candidate.version.ref))
    if problem is not None and situation.live:
        yield f"No replay: {problem}."


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


def _changes(situation: Situation, after: str) -> Iterator[Change]:
    live, candidate, known = situation.live, situation.candidate.version, situation.environment
    yield Change("model", live.model_ref if live else "", candidate.ref)
    yield Change("revision", str(live.revision) if live else "", str(situation.next_revision))
    before = known.url if known else ""
    if before != after:
        yield Change("address", before, after)


def _data(db: Connection, situation: Situation) -> tuple[DataPair, ...]:
    live = situation.live_candidate
    return comparability.read_by_both(db, live.run if live else None, situation.candidate.run)


def _other_data(metrics: Iterable[Difference], data: Sequence[DataPair]) -> Iterator[str]:
    """Which figures that stand side by side are not of the same data."""
    pairs = [found.name for found in metrics if found.before is not None and found.after is not None]
    if sentence := comparability.told(pairs, data):
        yield sentence


def _served(db: Connection, *revisions: Revision | None) -> list[str]:
    """What these were worth on served rows, of those of which it is known."""
    sentences = (realised.told(db, revision) for revision in revisions if revision is not None)
    return [sentence for sentence in sentences if sentence]


def _metrics(situation: Situation, settings: Model, data: Sequence[DataPair]) -> Iterator[Difference]:
    """All metrics of both but those of the machine, the one that decides first; figures of other data unjudged."""
    before = situation.live_candidate.metrics if situation.live_candidate else {}
    after = situation.candidate.metrics
    names = [name for name in before.keys() | after.keys() if not is_of_machine(name)]
    for name in sorted(names, key=lambda name: (name != settings.metric, name)):
        old, new = before.get(name), after.get(name)
        difference = Difference(name, old, new)
        judged = name == settings.metric and comparability.compares(name, data)
        if judged and old is not None and new is not None and not difference.same:
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


def _what_becomes_of(busy: Revision, kind: str) -> str:
    return (
        f"it is aborted, and what is live is left too. (To abort it only: mlops-console abort {busy.environment}.)"
        if kind == "rollback"
        else f"this one waits until revision {busy.revision} is live or ended."
    )


def _notes(situation: Situation, host: str, port: int, kind: str, target: TargetSettings | None) -> Iterator[str]:
    live = situation.live
    candidate = situation.candidate.version
    if live and live.model_ref == candidate.ref:
        yield (
            f"{candidate.ref} is live in {situation.name} already, as revision {live.revision}: "
            f"this makes revision {situation.next_revision} of the same version."
        )
    busy = next((r for r in situation.revisions if r.state.is_under_way), None)
    if busy is not None:
        yield f"Revision {busy.revision} ({busy.model_ref}) is {state_word(busy)}: {_what_becomes_of(busy, kind)}"
    if situation.live_candidate:
        yield from _signature_notes(situation.live_candidate.version, candidate)
    if target is not None:
        yield f"It runs, with a target of yours: {command_of(target, kind)}"
    elif _taken_by_another(situation, host, port):
        known = situation.environment
        what = f"stays at {known.url} until" if known and known.ready else "can't start before"
        yield f"Port {port} of {host} is in use by another program: the server {what} it is free."


def _changed_settings(situation: Situation, settings: EnvironmentConfig) -> Iterator[str]:
    known, wanted = situation.environment, server_settings(settings)
    if known is None or known.live is None or known.target is not None:
        return
    url = address(settings.host, settings.port, wanted.certificate is not None)
    names = ", ".join(f.name for f in fields(wanted) if getattr(wanted, f.name) != getattr(known.settings, f.name))
    changed = f" with changed settings ({names})" if names else ""
    if known.url != url:
        yield f"The server starts anew at {url}{changed}: for a second or so nothing answers."
    elif changed:
        yield f"The server goes on{changed}."


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
    if known and (known.host, known.port) == (host, port) and known.processes:
        return False
    try:
        with socket.create_connection((host, port), timeout=_PROBE):
            return True
    except OSError:
        return False
