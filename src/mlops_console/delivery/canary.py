"""Watching a canary or a shadow: what both versions answer in the same time, and when it has been long enough."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_console.core.deployments import Environment, Revision, RevisionState
from mlops_console.core.text import duration, latency
from mlops_console.core.traffic import Traffic
from mlops_console.delivery.judge import LOOKS, Evidence, judge
from mlops_console.delivery.steps import share_of, traffic_text
from mlops_console.store import deploying, deployments
from mlops_console.store.database import Connection
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

LOOK_EVERY = 0.5  # seconds
_COMPARED = 2_000  # requests of each version whose predictions are compared


@dataclass(frozen=True, slots=True)
class Verdict:
    """`worse` says why it is to be aborted, "" where it is not; `is_over`: this step has been held for long enough."""

    text: str
    fraction: float
    worse: str = ""
    is_over: bool = False


class Watch:
    """One canary under watch."""

    def __init__(self, workspace: Workspace, revision: Revision) -> None:
        self._log = PredictionLog(workspace.predictions_path)
        self._looked: tuple[int | None, int] = (None, 0)  # step, looks at it so far

    def look(self, revision: Revision, environment: Environment) -> Verdict:
        """How it stands. It is judged at `LOOKS` equal times of a step, so that the level holds for the step."""
        plan = revision.rollout
        held = time.time() - (revision.step_at or time.time())
        traffic = gather(environment, revision)
        canary = traffic.canary
        is_over = held >= plan.hold and canary.requests >= plan.min_requests
        text = self._text(revision, held, traffic)
        fraction = self._fraction(revision, held)
        due = min(LOOKS, int(held / plan.hold * LOOKS)) if plan.hold else LOOKS
        looks = self._looked[1] if self._looked[0] == revision.step else 0
        if due <= looks and not is_over:
            return Verdict(text, fraction)
        self._looked = (revision.step, max(due, looks))
        if canary.requests < plan.min_requests:
            return Verdict(text, fraction)
        findings = judge(plan, Evidence(canary, traffic.live, self._outputs(revision, environment)))
        if plan.strategy == "shadow" and traffic.disagreement > plan.max_drift:
            agreed = 1 - traffic.disagreement
            return Verdict(text, fraction, f"it agrees with the live version on {agreed:.1%} of the rows only")
        worse = "; ".join(f"{finding.what} {finding.figure}" for finding in findings if finding.worse)
        return Verdict(text, fraction, f"it is worse than the live version: {worse}" if worse else "", is_over)

    def _text(self, revision: Revision, held: float, traffic: "StepTraffic") -> str:
        plan, canary = revision.rollout, traffic.canary
        where = "shadow" if plan.strategy == "shadow" else f"canary {revision.share:.0%}"
        left = f"{duration(plan.hold - held)} left" if held < plan.hold else "held"
        if held >= plan.hold and canary.requests < plan.min_requests:
            left = f"waits for {plan.min_requests} requests"
        median, live = canary.quantile(0.5), traffic.live.quantile(0.5)
        speed = f", median {latency(median)} (live {latency(live)})" if median and live else ""
        return f"{where}: {canary.requests} requests, {canary.error_rate:.1%} errors{speed} · {left}"

    def _fraction(self, revision: Revision, held: float) -> float:
        plan = revision.rollout
        steps = 1 if plan.strategy == "shadow" else len(plan.steps) - 1
        done = (revision.step or 0) + (min(1.0, held / plan.hold) if plan.hold else 1.0)
        return min(1.0, done / steps)

    def _outputs(
        self, revision: Revision, environment: Environment
    ) -> Mapping[str, tuple[Sequence[float], Sequence[float]]]:
        """Scores of both since the step began. A shadow's are compared row by row instead."""
        live = environment.live
        if live is None or revision.step_at is None or revision.rollout.strategy == "shadow":
            return {}
        ours, theirs = (self._answers(revision, number) for number in (revision.revision, live.revision))
        return compared(ours, theirs)

    def _answers(self, revision: Revision, answered_by: int) -> list[Mapping[str, Any]]:
        newest = self._log.newest(revision.environment, _COMPARED, answered_by)
        return [request.outputs for request in newest if request.at >= (revision.step_at or 0.0)]


@dataclass(frozen=True, slots=True)
class StepTraffic:
    """What a step has seen so far, over all server processes."""

    canary: Traffic
    live: Traffic
    mirrored: int
    agreed: int

    @property
    def disagreement(self) -> float:
        return 1 - self.agreed / self.mirrored if self.mirrored else 0.0


def gather(environment: Environment, revision: Revision) -> StepTraffic:
    """Add up what the server processes have told since the step began."""
    canary, live, mirrored, agreed = Traffic(), Traffic(), 0, 0
    for server in environment.processes:
        if not revision.watched or server.stats.get("step") != revision.watched:
            continue
        arms = server.stats.get("arms", {})
        canary += Traffic.of_json(arms.get(str(revision.revision), {}))
        if environment.live is not None:
            live += Traffic.of_json(arms.get(str(environment.live.revision), {}))
        compared = server.stats.get("mirrored", [0, 0])
        mirrored, agreed = mirrored + compared[0], agreed + compared[1]
    return StepTraffic(canary, live, mirrored, agreed)


def compared(
    ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[list[float], list[float]]]:
    """Numbers to compare: the probability of each class but the first, or else the prediction itself; of labels without
    probabilities whether it is each of them."""
    if not ours or not theirs:
        return {}
    if "predict_proba" in ours[0]:
        classes = range(1, len(ours[0]["predict_proba"][0]))
        return {f"predictions of class {place}": (_column(ours, place), _column(theirs, place)) for place in classes}
    left, right = ([value for output in outputs for value in output["predict"]] for outputs in (ours, theirs))
    if all(isinstance(value, int | float) for value in (*left, *right)):
        return {"predictions": (left, right)}
    labels = sorted({str(value) for value in (*left, *right)})
    return {
        f"predictions of {label}": ([float(str(v) == label) for v in left], [float(str(v) == label) for v in right])
        for label in labels
    }


def _column(outputs: Sequence[Mapping[str, Any]], place: int) -> list[float]:
    return [row[place] for output in outputs for row in output["predict_proba"]]


def shares(revision: Revision, full: bool) -> tuple[str, str]:
    """What it gets now, and after its promotion, for people."""
    plan, step = revision.rollout, (revision.step or 0) + 1
    is_last = full or plan.strategy == "shadow" or plan.steps[step] >= 1
    now = traffic_text(share_of(plan, revision.step or 0))
    return now, "all: it is live" if is_last else traffic_text(share_of(plan, step))


def next_step(tx: Connection, revision: Revision, actor: str, reason: str, full: bool = False) -> bool:
    """The share of the next step, or live after the last one below 100 %; whether it still was a canary of this step:
    another person may have promoted it meanwhile.

    Args:
        reason: what was found in the step that ends, or why a person ends it.
        full: live at once.
    """
    if deployments.revision(tx, revision.environment, revision.revision).step != revision.step:
        return False
    step = (revision.step or 0) + 1
    plan = revision.rollout
    if full or plan.strategy == "shadow" or plan.steps[step] >= 1:
        return deploying.advance(tx, revision.environment, revision.revision, RevisionState.LIVE, actor, reason)
    return deploying.set_step(tx, revision.environment, revision.revision, step, actor, reason)
