"""DORA's figures of histories that were reckoned by hand."""

import pytest

from mlops_console.core.deployments import Revision, RevisionState, RolloutPlan
from mlops_console.core.dora import WEEK, Delivered, Dora, reckon

HOUR, DAY = 3600.0, 86_400.0
CANARY = RolloutPlan("canary", (0.05, 1.0))


def served(
    number: int,
    version: int,
    live_at: float,
    kind: str = "deploy",
    *,
    break_glass: str | None = None,
    committed_at: float | None = None,
    run_at: float | None = None,
    canary_at: float | None = None,
) -> Delivered:
    revision = Revision(
        "production", number, "fraud", version, kind, RevisionState.RETIRED, "ann", "", live_at - 60, live_at=live_at,
        break_glass=break_glass,
    )  # fmt: skip
    return Delivered(revision, canary_at, committed_at, run_at)


def ended(
    number: int,
    canary_at: float | None,
    ended_at: float,
    plan: RolloutPlan = CANARY,
    state: RevisionState = RevisionState.ABORTED,
) -> Delivered:
    step = None if canary_at is None else 0
    revision = Revision(
        "production", number, "fraud", number, "deploy", state, "ann", "", ended_at - 60, ended_at=ended_at,
        rollout=plan, step=step,
    )  # fmt: skip
    return Delivered(revision, canary_at)


def figures(*history: Delivered, start: float = 0.0, end: float = 2 * WEEK) -> Dora:
    return reckon("production", history, start, end)


def test_a_quiet_environment_has_no_rates() -> None:
    found = figures()
    assert (found.deployments, found.per_week, found.changes, found.failed, found.rework) == (0, 0.0, 0, 0, 0)
    assert {found.lead_time, found.change_fail_rate, found.recovery_time, found.rework_rate} == {None}


def test_frequency_counts_deployments_and_no_rollbacks() -> None:
    found = figures(
        served(1, 1, 1 * DAY), served(2, 2, 3 * DAY), served(3, 1, 4 * DAY, "rollback"), served(4, 3, 9 * DAY)
    )
    assert (found.deployments, found.per_week) == (3, 1.5)
    assert figures(served(1, 1, 0.0), served(2, 2, 2 * WEEK)).deployments == 1  # the end is not part of the period


def test_lead_time_is_the_median_from_the_commit_to_live() -> None:
    found = figures(
        served(1, 1, 2 * DAY, committed_at=2 * DAY - 1 * HOUR),
        served(2, 2, 4 * DAY, committed_at=4 * DAY - 9 * HOUR, run_at=4 * DAY - 1),  # the commit goes before the run
        served(3, 3, 6 * DAY, run_at=6 * DAY - 2 * HOUR),
        served(4, 4, 8 * DAY),
    )
    assert (found.lead_time, found.leads, found.leads_from_run, found.leads_unknown) == (2 * HOUR, 3, 1, 1)


def test_serving_a_version_once_more_is_no_new_change_to_lead() -> None:
    found = figures(
        served(1, 1, 1 * DAY, committed_at=0.5 * DAY),
        served(2, 2, 2 * DAY, committed_at=1.5 * DAY),
        served(3, 1, 5 * DAY, committed_at=0.5 * DAY),
    )
    assert (found.deployments, found.leads, found.lead_time) == (3, 2, 0.5 * DAY)
    before = figures(served(1, 1, 1 * DAY, committed_at=0.0), served(2, 1, 5 * DAY, committed_at=0.0), start=2 * DAY)
    assert (before.deployments, before.leads, before.leads_unknown) == (1, 0, 0)


def test_clocks_that_disagree_make_no_negative_lead() -> None:
    assert figures(served(1, 1, 1 * DAY, committed_at=1 * DAY + 5)).lead_time == 0.0


def test_a_deployment_that_was_rolled_back_has_failed() -> None:
    found = figures(
        served(1, 1, 1 * DAY),
        served(2, 2, 2 * DAY),
        served(3, 1, 2 * DAY + 30 * 60, "rollback"),
        served(4, 3, 5 * DAY),
        served(5, 4, 6 * DAY),
        served(6, 1, 6 * DAY + 2 * HOUR, "rollback"),  # passes over revision 4, which had been left before
    )
    assert (found.changes, found.failed, found.change_fail_rate) == (4, 2, 0.5)
    assert found.recovery_time == (0.5 * HOUR + 2 * HOUR) / 2


def test_a_rollback_of_a_rollback_fails_no_deployment() -> None:
    found = figures(
        served(1, 1, 1 * DAY),
        served(2, 2, 2 * DAY),
        served(3, 1, 3 * DAY, "rollback"),
        served(4, 2, 4 * DAY, "rollback"),
    )
    assert (found.changes, found.failed) == (2, 1)


def test_a_hotfix_says_that_what_it_replaces_has_failed_and_is_rework() -> None:
    found = figures(served(1, 1, 1 * DAY), served(2, 2, 1 * DAY + HOUR, break_glass="the till is down"))
    assert (found.failed, found.change_fail_rate, found.recovery_time) == (1, 0.5, HOUR)
    assert (found.rework, found.rework_rate) == (1, 0.5)


def test_a_canary_that_was_ended_is_a_failed_change_but_no_deployment() -> None:
    found = figures(
        served(1, 1, 1 * DAY),
        ended(2, 2 * DAY, 2 * DAY + 600),
        ended(3, None, 3 * DAY),  # it failed while it was loading: nobody was answered
        ended(4, 4 * DAY, 4 * DAY + 60, RolloutPlan("shadow", (0.05, 1.0))),  # a shadow answers nobody
    )
    assert (found.deployments, found.changes, found.failed) == (1, 2, 1)
    assert (found.change_fail_rate, found.recovery_time, found.rework) == (0.5, 600.0, 0)


def test_recovery_of_a_canary_that_went_live_begins_with_its_first_traffic() -> None:
    found = figures(
        served(1, 1, 1 * DAY), served(2, 2, 2 * DAY, canary_at=2 * DAY - HOUR), served(3, 1, 2 * DAY + HOUR, "rollback")
    )
    assert found.recovery_time == 2 * HOUR


@pytest.mark.parametrize(("after", "repairs"), [(0.0, 1), (24 * HOUR, 1), (24 * HOUR + 1, 0), (-1.0, 0)])
def test_rework_is_what_goes_live_within_a_day_after_a_rollback(after: float, repairs: int) -> None:
    rollback = 5 * DAY
    found = figures(
        served(1, 1, 1 * DAY), served(2, 2, 2 * DAY), served(3, 1, rollback, "rollback"), served(4, 3, rollback + after)
    )
    assert (found.rework, found.deployments) == (repairs, 3)


def test_a_failure_belongs_to_the_period_of_its_deployment() -> None:
    history = (
        served(1, 1, 1 * DAY),
        served(2, 2, 6 * DAY),
        served(3, 1, 8 * DAY, "rollback"),
        served(4, 3, 8 * DAY + 1),
    )
    first, second = figures(*history, end=WEEK), figures(*history, start=WEEK)
    assert (first.changes, first.failed, first.recovery_time, first.rework) == (2, 1, 2 * DAY, 0)
    assert (second.changes, second.failed, second.recovery_time, second.rework) == (1, 0, None, 1)
