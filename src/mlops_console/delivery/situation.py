"""What stands in an environment, beside the version that is to come: what plans and rollouts are reckoned from."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_console.core.config import Config, EnvironmentConfig
from mlops_console.core.deployments import Environment, Freeze, Revision, RevisionState
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.models import ModelRef, ModelVersion
from mlops_console.core.plans import GateResult
from mlops_console.core.runs import Run
from mlops_console.core.text import clock, did_you_mean
from mlops_console.delivery.figures import candidate_figure, live_figure
from mlops_console.delivery.gates import Gate, evaluate_required, judge, parse_gate, required_gate
from mlops_console.delivery.measure.measured import NOTHING_MEASURED, Measured
from mlops_console.delivery.wording import state_word
from mlops_console.store import deployments, models, runs
from mlops_console.store.database import Connection

_BEFORE = (RevisionState.PLANNED, RevisionState.WAITING)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version with the run that made it, if a run did."""

    version: ModelVersion
    run: Run | None

    @property
    def metrics(self) -> dict[str, float]:
        """Each metric's last value."""
        return {name: series.last for name, series in self.run.metrics.items()} if self.run else {}


@dataclass(frozen=True, slots=True)
class Situation:
    """An environment at one moment. `revisions` are newest first; `environment` is None before its first deployment."""

    name: str
    environment: Environment | None
    revisions: Sequence[Revision]
    live: Revision | None
    live_candidate: Candidate | None
    candidate: Candidate

    @property
    def next_revision(self) -> int:
        return self.revisions[0].revision + 1 if self.revisions else 1


def settings_of(config: Config, environment: str) -> EnvironmentConfig:
    """An environment's settings in mlops.toml.

    Raises:
        NotFoundError: it is not there.
    """
    try:
        return config.environments[environment]
    except KeyError:
        known = list(config.environments)
        raise NotFoundError(
            f"There is no environment {environment!r} in mlops.toml{did_you_mean(environment, known) or '.'}",
            f"Known are: {', '.join(known)}."
            if known
            else f"Add [environments.{environment}] with a model and a port.",
        ) from None


def look(db: Connection, environment: str, version: ModelVersion) -> Situation:
    """The environment now, and the version as its candidate."""
    revisions = deployments.revisions(db, environment)
    live = next((r for r in revisions if r.state is RevisionState.LIVE), None)
    live_version = models.get(db, ModelRef(live.model, live.version)) if live else None
    return Situation(
        environment,
        deployments.environment(db, environment),
        revisions,
        live,
        _with_run(db, live_version) if live_version else None,
        _with_run(db, version),
    )


def candidate_for(db: Connection, settings: EnvironmentConfig, environment: str, model_ref: str) -> ModelVersion:
    """The version that a reference names.

    Raises:
        UsageError: it is no reference, or of a model that this environment does not serve.
        NotFoundError: there is no such version.
    """
    ref = ModelRef.parse(model_ref)
    version = models.get(db, ref)
    if version.model != settings.model:
        raise UsageError(
            f"{environment} serves the model {settings.model!r}, not {version.model!r}.",
            f"Deploy a version of {settings.model}, or change environments.{environment}.model in mlops.toml.",
        )
    return version


def check_gates(
    db: Connection, settings: EnvironmentConfig, situation: Situation, measured: Measured = NOTHING_MEASURED
) -> tuple[GateResult, ...]:
    """Every gate of the environment, each evaluated.

    Args:
        measured: as `delivery.measure.ensure` gives it. A gate on what is not in there does not pass.

    Raises:
        ConfigError: a gate can't be read.
    """
    results = []
    if settings.requires:
        revisions = deployments.revisions(db, settings.requires)
        results.append(evaluate_required(settings.requires, situation.candidate.version.ref, revisions))
    gates = [parse_gate(text) for text in settings.gates]
    return (*results, *(_check(db, gate, situation, measured) for gate in gates))


def _check(db: Connection, gate: Gate, situation: Situation, measured: Measured) -> GateResult:
    candidate, live = situation.candidate, situation.live_candidate
    found = candidate_figure(
        db, gate.subject, candidate.version, candidate.metrics, live.version if live else None, measured
    )
    beside = live_figure(db, gate.subject, live.version, live.metrics, measured) if live and gate.is_relative else None
    return judge(gate, found, beside)


def refusal(ref: str, environment: str, gates: Sequence[GateResult]) -> str | None:
    """Why the gates don't let a version in, as one sentence; None if they do."""
    failed = [gate for gate in gates if not gate.passed]
    if not failed:
        return None
    figures = "; ".join(f"{gate.gate} ({gate.figure})" for gate in failed)
    return f"{ref} does not pass {len(failed)} of {len(gates)} gates of {environment}: {figures}."


def advice(ref: str, settings: EnvironmentConfig, gates: Sequence[GateResult]) -> str:
    """What to do about a refusal, as sentences; "" where every gate has passed."""
    failed = [gate.gate for gate in gates if not gate.passed]
    steps = []
    if settings.requires and required_gate(settings.requires) in failed:
        failed.remove(required_gate(settings.requires))
        command = shlex.join(["mlops-console", "deploy", ref, settings.requires])
        steps.append(f"Deploy it to {settings.requires} first: {command}.")
    if failed:
        steps.append("Train a better version, or change the gate in mlops.toml.")
    return " ".join(steps)


def frozen(situation: Situation) -> str | None:
    """Why nothing may be deployed, as one sentence; None where it may."""
    return frozen_by(situation.name, situation.environment.freeze if situation.environment else None)


def frozen_by(environment: str, freeze: Freeze | None) -> str | None:
    """Who has frozen it, when and why, as one sentence; None where nobody has."""
    if freeze is None:
        return None
    return f"{environment} is frozen by {freeze.actor} since {clock(freeze.at)}: {freeze.reason.rstrip('.')}."


def under_way(situation: Situation) -> str | None:
    """What is on its way there already, as one sentence; None if nothing is."""
    found = next((r for r in situation.revisions if r.state.is_under_way or r.state in _BEFORE), None)
    if found is None:
        return None
    return f"Revision {found.revision} ({found.model_ref}) of {situation.name} is {state_word(found)} already."


def left_by_rollback(revisions: Sequence[Revision]) -> Revision | None:
    """The revision whose place the live one, a rollback, has taken; None where the live one is no rollback.

    Args:
        revisions: those of the environment, newest first.
    """
    live = next((r for r in revisions if r.state is RevisionState.LIVE), None)
    if live is None or live.restores is None:
        return None
    return next((r for r in revisions if r.revision < live.revision and r.live_at is not None), None)


def rollback_target(environment: str, revisions: Sequence[Revision], to: int | None) -> Revision:
    """The revision that a rollback goes back to.

    Args:
        revisions: those of the environment, newest first.
        to: its number; by default the newest that was live before the present one and served another version: to
            deploy a bad version twice must not make it its own way out.

    Raises:
        NotFoundError: there is none.
        UsageError: it was never live, or is live now.
    """
    hint = f"'mlops-console history {environment}' shows the revisions."
    live = next((r for r in revisions if r.state is RevisionState.LIVE), None)
    if to is not None:
        found = next((r for r in revisions if r.revision == to), None)
        if found is None:
            raise NotFoundError(f"{environment} has no revision {to}.", hint)
        if found.live_at is None:
            raise UsageError(f"Revision {to} of {environment} was never live, so there is no going back to it.", hint)
        if live is not None and found.revision == live.revision:
            raise UsageError(f"Revision {to} of {environment} is live now.", hint)
        return found
    for revision in revisions:
        before = live is None or (revision.revision < live.revision and revision.model_ref != live.model_ref)
        if before and revision.live_at is not None:
            return revision
    raise NotFoundError(f"{environment} has no earlier revision that was live: there is nothing to go back to.", hint)


def _with_run(db: Connection, version: ModelVersion) -> Candidate:
    return Candidate(version, runs.get(db, version.run_id) if version.run_id else None)
