"""What the deployments view shows, read from the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.deployments import Approval, Environment, Revision, RevisionChange, RevisionState
from mlops_console.core.errors import ConfigError
from mlops_console.core.plans import GateResult
from mlops_console.tui.screens.overview.reading import Card, read_cards

if TYPE_CHECKING:
    from mlops_console.core.lineage import Lineage
    from mlops_console.delivery.canary import StepTraffic
    from mlops_console.delivery.judge import Finding
    from mlops_console.store.predictions import PredictionLog
    from mlops_console.store.workspace import Workspace

_COMPARED = 500  # requests of each version whose predictions are compared


@dataclass(frozen=True, slots=True)
class Deployments:
    """All environments, the revisions of each, newest first, and how many approvals those have that need some."""

    cards: tuple[Card, ...]
    history: Mapping[str, tuple[Revision, ...]]
    has_models: bool
    given: Mapping[tuple[str, int], int]


@dataclass
class DeploymentsRead(Message, bubble=False):
    deployments: Deployments


@dataclass(frozen=True, slots=True)
class Life:
    """What a revision had to pass, and how it came to its state."""

    gates: tuple[GateResult, ...] = ()
    approvals: tuple[Approval, ...] = ()
    changes: tuple[RevisionChange, ...] = ()


@dataclass
class LifeRead(Message, bubble=False):
    revision: Revision
    life: Life


@dataclass(frozen=True, slots=True)
class Standing:
    """How a canary stands in its present step: what both versions have answered, the comparisons, and
    the words of its job."""

    traffic: "StepTraffic"
    findings: "tuple[Finding, ...]"
    told: str


@dataclass
class StandingRead(Message, bubble=False):
    revision: Revision
    standing: Standing | None  # None: it is no canary any more


@dataclass
class LineageRead(Message, bubble=False):
    lineage: "Lineage"


def read_deployments(workspace: "Workspace") -> DeploymentsRead:
    """Everything the view shows but the details of one revision.

    Raises:
        StoreError: the store can't be read.
    """
    from mlops_console.store import deployments, models
    from mlops_console.store.predictions import PredictionLog

    try:
        config = workspace.config()
    except ConfigError:
        config = None  # the app says what is wrong with it; the store is shown all the same
    with workspace.store.read() as db:
        cards = read_cards(db, config, PredictionLog(workspace.predictions_path))
        history = {card.environment.name: tuple(deployments.revisions(db, card.environment.name)) for card in cards}
        given = {
            (name, revision.revision): len(deployments.approvals(db, name, revision.revision))
            for name, revisions in history.items()
            for revision in revisions
            if revision.approvals
        }
        return DeploymentsRead(Deployments(cards, history, bool(models.model_names(db)), given))


def read_life(workspace: "Workspace", revision: Revision) -> LifeRead:
    from mlops_console.store import deployments

    where = (revision.environment, revision.revision)
    with workspace.store.read() as db:
        life = Life(
            tuple(deployments.gate_results(db, *where)),
            tuple(deployments.approvals(db, *where)),
            tuple(deployments.changes(db, *where)),
        )
    return LifeRead(revision, life)


def read_standing(workspace: "Workspace", revision: Revision) -> StandingRead:
    """How a canary stands, judged now by what it is judged by at the end of its step."""
    from mlops_console.delivery.canary import gather
    from mlops_console.delivery.judge import Evidence, judge
    from mlops_console.store import deployments, jobs
    from mlops_console.store.predictions import PredictionLog

    with workspace.store.read() as db:
        environment = deployments.environment(db, revision.environment)
        job = jobs.get(db, revision.job_id) if revision.job_id is not None else None
    candidate = environment.candidate if environment else None
    if environment is None or candidate is None or candidate.state is not RevisionState.CANARY:
        return StandingRead(revision, None)
    traffic = gather(environment, candidate)
    outputs = _outputs(PredictionLog(workspace.predictions_path), environment, candidate)
    findings = judge(candidate.rollout, Evidence(traffic.canary, traffic.live, outputs))
    return StandingRead(revision, Standing(traffic, findings, job.progress_text if job is not None else ""))


def _outputs(
    log: "PredictionLog", environment: Environment, candidate: Revision
) -> Mapping[str, tuple[list[float], list[float]]]:
    """Predictions of both versions since the step began, as numbers; a shadow's are compared row by row instead."""
    from mlops_console.delivery.canary import compared

    if environment.live is None or candidate.rollout.strategy == "shadow":
        return {}
    since = candidate.step_at or 0.0
    ours, theirs = (
        [asked.outputs for asked in log.newest(environment.name, _COMPARED, number) if asked.at >= since]
        for number in (candidate.revision, environment.live.revision)
    )
    return compared(ours, theirs)


def read_lineage(workspace: "Workspace", environment: str, revision: int | None) -> LineageRead:
    """Why a revision serves what it does; without one, of what is live.

    Raises:
        NotFoundError: there is no such revision, or nothing is live.
    """
    from mlops_console.delivery.lineage import why

    with workspace.store.read() as db:
        return LineageRead(why(db, environment, revision))
