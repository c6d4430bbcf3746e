"""Whether a canary is worse than the live version: errors, latency and predictions of the same time, compared.

Something is worse where it is significant, by a one-sided Fisher or Mann–Whitney test, and large enough to matter, by
the bounds of the rollout. The level is divided by the number of tests and by the number of looks at one step
(Bonferroni), so that it holds for a step as a whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_console.core.deployments import RolloutPlan
from mlops_console.core.text import latency, number
from mlops_console.core.traffic import Traffic
from mlops_console.delivery.significance import (
    fisher_greater,
    mann_whitney,
    mann_whitney_values,
    p_greater,
    p_two_sided,
)

LOOKS = 4  # at each step, at equal times


@dataclass(frozen=True, slots=True)
class Evidence:
    """What both versions have answered in one step. `outputs` are scores by the name of what they are of: the
    probability of a class, or the prediction; canary's first, then the live version's."""

    canary: Traffic
    live: Traffic
    outputs: Mapping[str, tuple[Sequence[float], Sequence[float]]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison, with its figures for people."""

    what: str
    worse: bool
    figure: str


def judge(plan: RolloutPlan, evidence: Evidence) -> tuple[Finding, ...]:
    """All comparisons of one look."""
    level = plan.level / (LOOKS * (2 + len(evidence.outputs)))
    return (
        _errors(plan, evidence, level),
        _latency(plan, evidence, level),
        *(_predictions(plan, name, *scores, level) for name, scores in evidence.outputs.items()),
    )


def _errors(plan: RolloutPlan, evidence: Evidence, level: float) -> Finding:
    canary, live = evidence.canary, evidence.live
    p = fisher_greater(canary.errors, canary.requests, live.errors, live.requests)
    rise = canary.error_rate - live.error_rate
    figure = f"{canary.error_rate:.2%} of {canary.requests}, live {live.error_rate:.2%} of {live.requests}"
    return Finding("errors", p < level and rise > plan.max_errors, f"{figure} (p = {number(p)})")


def _latency(plan: RolloutPlan, evidence: Evidence, level: float) -> Finding:
    canary, live = evidence.canary.quantile(0.5), evidence.live.quantile(0.5)
    if canary is None or live is None:
        return Finding("latency", False, "nothing to compare")
    _, z = mann_whitney(evidence.canary.latency, evidence.live.latency)
    p = p_greater(z)
    figure = f"median {latency(canary)}, live {latency(live)} (p = {number(p)})"
    return Finding("latency", p < level and canary > plan.max_latency * live, figure)


def _predictions(plan: RolloutPlan, name: str, canary: Sequence[float], live: Sequence[float], level: float) -> Finding:
    effect, z = mann_whitney_values(canary, live)
    p = p_two_sided(z)
    figure = f"rank-biserial {effect:+.3f} of {len(canary)} and {len(live)} (p = {number(p)})"
    return Finding(name, p < level and abs(effect) > plan.max_drift, figure)
