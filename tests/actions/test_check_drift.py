"""The action that checks an environment's traffic for drift."""

import pytest

from mlops_console import actions
from mlops_console.actions.base import JobContext
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.jobs import MONITOR
from mlops_console.store import alerts, drift, jobs, ledger
from mlops_console.store.workspace import Workspace
from mlops_console.worker.settle import perform, settle
from tests.drift.helpers import add_version, make_live, rows, send

REQUEST = {"environment": "production"}


def check(workspace: Workspace, **request: str) -> dict[str, object]:
    action = actions.get("check_drift")
    context = JobContext(workspace, "check_drift", "production")
    result: dict[str, object] = action.perform(workspace, action.check({**REQUEST, **request}), context)
    return result


def test_drift_is_reported_and_opens_an_alert_that_ends_with_it(workspace: Workspace) -> None:
    version = add_version(workspace, rows(5_000, seed=1))
    live = make_live(workspace, version)
    send(workspace, rows(400, seed=2, shift=1.5), live.revision)
    assert check(workspace) == {
        "environment": "production",
        "report": 1,
        "verdict": "drifted",
        "drifted": True,
        "drifted_features": ["amount"],
        "rows": 400,
    }
    with workspace.store.read() as db:
        (alert,) = alerts.open_alerts(db)
        assert drift.report(db, 1).drifted_features == ("amount",)
    assert (alert.kind, alert.subject) == ("drift", "production")
    assert alert.message == (
        "amount has drifted in production from what fraud:1 was trained on (1 of 3 features, 400 rows, report 1)."
    )

    again = make_live(workspace, version)
    assert check(workspace)["verdict"] == "untested"
    with workspace.store.read() as db:
        assert alerts.open_alerts(db) == [alert], "a window without rows proves nothing"
    send(workspace, rows(400, seed=3), again.revision)
    assert check(workspace)["drifted_features"] == []
    with workspace.store.read() as db:
        assert alerts.open_alerts(db) == []


def test_the_monitor_is_in_the_ledger_only_where_the_verdict_turns(workspace: Workspace) -> None:
    version = add_version(workspace, rows(2_000, seed=1))

    def checked(actor: str = MONITOR) -> tuple[str, bool]:
        """What a check of the traffic since the last call says, and whether the ledger got an entry of it."""
        with workspace.store.write() as tx:
            job_id = jobs.enqueue(tx, "check_drift", "production", REQUEST, actor)
            job = jobs.claim(tx, job_id)
            assert job is not None
            before = ledger.count(tx)
        outcome = perform(workspace, job)
        settle(workspace, job, outcome)
        with workspace.store.read() as db:
            return str(outcome.result.get("verdict", outcome.state)), ledger.count(db) > before

    def answered(shift: float) -> None:
        send(workspace, rows(400, seed=2, shift=shift), make_live(workspace, version).revision)

    assert checked() == ("failed", True)  # nothing is live
    answered(0)
    assert [checked(), checked("ann")] == [("stable", False), ("stable", True)]
    answered(1.5)
    assert [checked(), checked()] == [("drifted", True), ("drifted", False)]
    make_live(workspace, version)
    assert checked() == ("untested", False)
    answered(0)
    assert checked() == ("stable", True)


def test_the_plan_tells_the_window_and_the_level(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(500, seed=1)))
    send(workspace, rows(40, seed=2), live.revision)
    workspace.config_path.write_text('[project]\nname = "x"\n[monitor]\nwindow = "2h"\nlevel = 0.05\n')
    plan = actions.plan(workspace, "check_drift", REQUEST)
    assert plan.command == "mlops-console drift check production --window 2h"
    assert plan.changes[0].after == "fraud:1 against train:1"
    assert plan.notes[0].endswith(": 40 rows.")
    assert plan.notes[1] == "The false discovery rate over 3 features is 0.05."
    assert actions.plan(workspace, "check_drift", {**REQUEST, "window": "5m"}).command.endswith("--window 5m")


def test_the_plan_tells_what_it_is_compared_with(workspace: Workspace) -> None:
    live = make_live(workspace, add_version(workspace, rows(500, seed=1)))
    send(workspace, rows(40, seed=2), live.revision)
    request = {**REQUEST, "window": "30 rows", "against": "last-week"}
    plan = actions.plan(workspace, "check_drift", request)
    assert plan.command == "mlops-console drift check production --window '30 rows' --against last-week"
    assert plan.changes[0].after == "fraud:1 against the same window a week before"
    assert plan.notes[0].endswith(": 30 rows.")


def test_a_change_since_the_window_before_is_no_alarm(workspace: Workspace) -> None:
    """It may be the way back to what it was in training."""
    live = make_live(workspace, add_version(workspace, rows(2_000, seed=1)))
    send(workspace, rows(400, seed=2, shift=1.5), live.revision, at=live.live_at)
    send(workspace, rows(400, seed=3), live.revision)
    found = check(workspace, window="400 rows", against="previous")
    assert found["drifted_features"] == ["amount"]
    with workspace.store.read() as db:
        assert alerts.open_alerts(db) == []
        assert drift.report(db, 1).against == "previous"
    assert check(workspace, window="400 rows")["verdict"] == "stable"


def test_wrong_requests_are_refused(workspace: Workspace) -> None:
    for wrong in ({"window": "an hour"}, {"window": "0s"}, {"window": "0 rows"}, {"against": "yesterday"}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            actions.get("check_drift").check({**REQUEST, **wrong})
    with pytest.raises(NotFoundError):
        actions.plan(workspace, "check_drift", REQUEST)
