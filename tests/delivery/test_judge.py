"""Alike versions are not told apart, and worse ones are."""

from bisect import bisect_left

import numpy as np
import pytest

from mlops_console.core.deployments import RolloutPlan
from mlops_console.core.traffic import BOUNDS, Traffic
from mlops_console.delivery.judge import LOOKS, Evidence, judge

PLAN = RolloutPlan("canary", (0.05, 1.0), 600.0)
SIGNIFICANCE_ALONE = RolloutPlan("canary", (0.05, 1.0), 600.0, max_errors=0.0, max_latency=1.0, max_drift=0.0)
SIMULATIONS = 300


class Arm:
    """A version's answers, one after another."""

    def __init__(
        self, rng: np.random.Generator, count: int, errors: float = 0.02, factor: float = 1.0, shift: float = 0.0
    ) -> None:
        self.failed = rng.random(count) < errors
        self.seconds = rng.lognormal(-5.0, 0.6, count) * factor
        self.scores = 1 / (1 + np.exp(-rng.normal(shift, 1.0, count)))

    def traffic(self, part: float) -> Traffic:
        """The first part of it, from 0 to 1."""
        first = int(part * len(self.failed))
        counts = [0] * (len(BOUNDS) + 1)
        for seconds in self.seconds[:first].tolist():
            counts[bisect_left(BOUNDS, seconds)] += 1
        return Traffic(first, int(self.failed[:first].sum()), tuple(counts))


def worse(plan: RolloutPlan, canary: Arm, live: Arm, looks: int = 1) -> set[str]:
    """What is called worse at any of the looks at one step."""
    found = set()
    for look in range(1, looks + 1):
        part = look / looks
        scores = [arm.scores[: int(part * len(arm.scores))].tolist() for arm in (canary, live)]
        evidence = Evidence(canary.traffic(part), live.traffic(part), {"predictions": (scores[0], scores[1])})
        found |= {finding.what for finding in judge(plan, evidence) if finding.worse}
    return found


@pytest.mark.parametrize("plan", [PLAN, SIGNIFICANCE_ALONE], ids=["bounds", "significance alone"])
def test_alike_versions_are_not_told_apart(plan: RolloutPlan) -> None:
    """The level of 1 % is that of a step with all its looks and tests."""
    called = 0
    for seed in range(SIMULATIONS):
        rng = np.random.default_rng(seed)
        called += bool(worse(plan, Arm(rng, 400), Arm(rng, 1_600), LOOKS))
    assert called <= 0.03 * SIMULATIONS


@pytest.mark.parametrize(
    ("what", "difference"),
    [
        ("errors", {"errors": 0.07}),
        ("latency", {"factor": 2.0}),
        ("predictions", {"shift": 0.7}),
        ("predictions", {"shift": -0.7}),
    ],
)
def test_a_worse_one_is_called_worse_and_in_what(what: str, difference: dict[str, float]) -> None:
    for seed in range(30):  # beside it, chance may speak at one step in a hundred
        rng = np.random.default_rng(seed)
        assert what in worse(PLAN, Arm(rng, 600, **difference), Arm(rng, 2_400), LOOKS), seed


@pytest.mark.parametrize("difference", [{"errors": 0.0}, {"factor": 0.5}])
def test_a_better_one_is_not_called_worse(difference: dict[str, float]) -> None:
    rng = np.random.default_rng(1)
    assert worse(SIGNIFICANCE_ALONE, Arm(rng, 5_000, **difference), Arm(rng, 20_000)) <= {"predictions"}


def test_what_is_significant_but_small_is_let_pass() -> None:
    rng = np.random.default_rng(2)
    canary, live = Arm(rng, 60_000, errors=0.025, factor=1.1, shift=0.05), Arm(rng, 60_000)
    assert worse(SIGNIFICANCE_ALONE, canary, live) == {"errors", "latency", "predictions"}
    assert worse(PLAN, canary, live) == set()


def test_the_findings_tell_their_figures() -> None:
    counts = [0] * (len(BOUNDS) + 1)
    counts[30] = 200
    canary, live = Traffic(200, 20, tuple(counts)), Traffic(1_000, 10)
    errors, latency = judge(PLAN, Evidence(canary, live, {}))
    assert (errors.what, errors.worse) == ("errors", True)
    assert errors.figure.startswith("10.00% of 200, live 1.00% of 1000 (p = ")
    assert (latency.worse, latency.figure) == (False, "nothing to compare")


def test_without_any_traffic_nothing_is_worse() -> None:
    assert not any(finding.worse for finding in judge(PLAN, Evidence(Traffic(), Traffic(), {"p": ((), ())})))
