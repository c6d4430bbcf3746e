"""The actions on alerts: acknowledge, resolve_alert, silence, unsilence."""

import shutil
import time
from collections import namedtuple
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mlops_console import actions
from mlops_console.core.alert_readings import of_disk, of_report
from mlops_console.core.alert_rules import Observation, Reading
from mlops_console.core.alert_settings import Alerts
from mlops_console.core.alerts import Severity
from mlops_console.core.config import parse_config
from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.errors import NotFoundError, RefusedError, UsageError
from mlops_console.core.plans import Plan
from mlops_console.store import alerting, alerts, deploying, drift, ledger, outbox, silences
from mlops_console.store.identity import actor as os_user
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import add_live
from tests.serving.helpers import add_constant

PLAIN = Alerts()
PRODUCTION = "[project]\nname = 'x'\n[environments.production]\nmodel = 'fraud'\nport = 8100\n"
Usage = namedtuple("Usage", "total used free")
REQUESTS = {
    "acknowledge": {"alert": 1},
    "resolve_alert": {"alert": 1},
    "silence": {"rule": "server", "span": "1h"},
    "unsilence": {"silence": 1},
}


@pytest.fixture
def alarmed(workspace: Workspace) -> Workspace:
    """A workspace with an open alert and a silence of something else."""
    with workspace.store.write() as tx:
        outbox.set_destinations(tx, ["here"])
        alerts.open_alert(tx, "server", "production", Severity.CRITICAL, "It is down.")
        silences.add(tx, "drift", "*", time.time() + 3600, "ann", "")
    return workspace


def perform(workspace: Workspace, name: str, **request: object) -> tuple[dict[str, object], dict[str, object]]:
    """The result of an action, and what the ledger has of it."""
    _, result = actions.perform(workspace, name, request)
    with workspace.store.read() as db:
        entry = ledger.entries(db, 1)[0]
    assert (entry.action, entry.outcome) == (name, "succeeded")
    return result, dict(entry.detail)


def state(workspace: Workspace) -> str:
    with workspace.store.read() as db:
        return alerts.get(db, 1).state


def test_an_alert_is_acknowledged_with_a_note(alarmed: Workspace) -> None:
    plan = actions.plan(alarmed, "acknowledge", {"alert": 1, "note": "on it"})
    assert plan.command == "mlops-console alert ack 1 --note 'on it'"
    assert plan.notes[0] == "It is down."
    result, detail = perform(alarmed, "acknowledge", alert=1, note="on \x1b[31mit\nnow")
    assert result == {"alert": 1, "rule": "server", "subject": "production", "note": "on ␛[31mit␤now"}
    assert detail == {**result, "job": None}
    assert state(alarmed) == "acknowledged"


def test_an_alert_is_ended_by_hand(alarmed: Workspace) -> None:
    perform(alarmed, "resolve_alert", alert=1, note="gone")
    assert state(alarmed) == "resolved"
    for name in ("acknowledge", "resolve_alert"):
        with pytest.raises(RefusedError, match="Alert 1 is over already"):
            actions.perform(alarmed, name, {"alert": 1})


@pytest.mark.parametrize("name", ["acknowledge", "resolve_alert"])
def test_of_two_people_at_once_only_one_ends_an_alert(
    alarmed: Workspace, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one, who has a plan already, ends neither it nor what has been opened since."""
    plan = actions.check

    def overtaken(workspace: Workspace, name: str, request: Mapping[str, Any]) -> Plan:
        made = plan(workspace, name, request)
        with workspace.store.write() as tx:
            alerts.resolve_one(tx, alerts.get(tx, 1), "ann", "first")
            alerts.open_alert(tx, "server", "production", Severity.CRITICAL, "It is down again.")
        return made

    monkeypatch.setattr(actions, "check", overtaken)
    with pytest.raises(RefusedError, match="Alert 1 is over already"):
        actions.perform(alarmed, name, {"alert": 1, "note": "second"})
    with alarmed.store.read() as db:
        first, again = alerts.get(db, 1), alerts.get(db, 2)
        entry = ledger.entries(db, 1)[0]
    assert (first.resolved_by, first.resolved_note, first.acknowledged_by) == ("ann", "first", "")
    assert again.state == "open"
    assert (entry.action, entry.outcome) == (name, "refused")


def test_a_silence_has_an_end_and_can_end_before(alarmed: Workspace) -> None:
    plan = actions.plan(alarmed, "silence", {"rule": "server", "subject": "production", "span": "2h"})
    assert plan.command == "mlops-console alert silence server production --for 2h"
    assert plan.notes[0] == "Silences alert 1: It is down."
    result, _ = perform(alarmed, "silence", rule="server", span="2h", note="moving")
    assert (result["silence"], result["subject"]) == (2, "*")
    assert abs(float(str(result["until"])) - time.time() - 7200) < 60
    assert state(alarmed) == "silenced"
    perform(alarmed, "unsilence", silence=2)
    assert state(alarmed) == "open"
    with pytest.raises(RefusedError, match="Silence 2 has ended already"):
        actions.perform(alarmed, "unsilence", {"silence": 2})


def test_a_rule_of_mlops_toml_can_be_silenced_and_a_broken_one_stops_nobody(alarmed: Workspace) -> None:
    alarmed.config_path.write_text("[project]\nname = 'x'\n[[alerts.rules]]\non = 'latency'\nname = 'slow'\n")
    perform(alarmed, "silence", rule="slow", span="1h")
    with pytest.raises(NotFoundError, match=r"no rule 'slwo', did you mean 'slow'\?"):
        actions.plan(alarmed, "silence", {"rule": "slwo", "span": "1h"})
    alarmed.config_path.write_text("[project")
    perform(alarmed, "silence", rule="*", span="1h")


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"rule": "server", "span": "soon"}, "'soon' is not a time span"),
        ({"rule": "server", "span": "0s"}, "a silence has an end, within a year"),
        ({"rule": "server", "span": "9999d"}, "a silence has an end, within a year"),
        ({"rule": "server", "span": "1h", "note": "x" * 501}, "at most 500 characters"),
        ({"rule": "server"}, "needs 'span'"),
        ({"rule": "server", "span": "1h", "subject": ""}, "at least 1 character"),
    ],
)
def test_a_silence_that_makes_no_sense(alarmed: Workspace, request_: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        actions.plan(alarmed, "silence", request_)


@pytest.mark.parametrize("name", REQUESTS)
def test_read_only_refuses_them(alarmed: Workspace, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_READ_ONLY", "1")
    assert actions.plan(alarmed, name, REQUESTS[name]).refused is None
    with pytest.raises(RefusedError, match="read-only"):
        actions.perform(alarmed, name, REQUESTS[name])
    assert state(alarmed) == "open"


@pytest.mark.parametrize("name", ["acknowledge", "resolve_alert", "unsilence"])
def test_what_is_not_there(workspace: Workspace, name: str) -> None:
    with pytest.raises(NotFoundError, match=r"There is no (alert|silence) 1\."):
        actions.perform(workspace, name, REQUESTS[name])


def test_what_is_still_wrong_is_not_ended_by_hand(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be opened again with the next look, and until then nobody would know."""
    free = [400e6]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1e12, 0, int(free[0])))
    see(workspace, of_disk(int(free[0])))
    with pytest.raises(RefusedError) as caught:
        actions.perform(workspace, "resolve_alert", {"alert": 1})
    assert str(caught.value) == (
        "Alert 1 is not over: The disk of .mlops has 400.0 MB left; the bound of rule disk is 500.0 MB free. "
        "It ends by itself once that is right. "
        "For quiet until then: 'mlops-console alert silence disk .mlops --for 2h'."
    )
    assert state(workspace) == "open"
    free[0] = 600e6
    perform(workspace, "resolve_alert", alert=1)
    assert state(workspace) == "resolved"


def test_a_drift_that_the_newest_report_tells_is_not_ended_by_hand(workspace: Workspace) -> None:
    version = add_constant(workspace, 1)
    feature = FeatureDrift("x", "numeric", "ks", 100, 50, 0.9, 1e-9, None, True, "")
    report = DriftReport(
        0, "production", version.model, version.version, 1, 0, 1, 50, 100, 0.01, True, 1, (feature,)
    )  # fmt: skip
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", version.model, "127.0.0.1", 8100)
        add_live(tx, "production", version)
        drift.add_report(tx, report)
    (seen,) = [found for found in of_report(report) if found.on == "drift"]
    see(workspace, seen)
    workspace.config_path.write_text(PRODUCTION)
    with pytest.raises(RefusedError, match=r"Alert 1 is not over: x has drifted in production from what "):
        actions.perform(workspace, "resolve_alert", {"alert": 1})
    with workspace.store.write() as tx:  # one of another window, which says nothing of the training data
        drift.add_report(tx, replace(report, against="previous", drifted=False, features=()))
    with pytest.raises(RefusedError, match="Alert 1 is not over"):
        actions.perform(workspace, "resolve_alert", {"alert": 1})
    with workspace.store.write() as tx:
        drift.add_report(tx, replace(report, drifted=False, features=(replace(feature, drifted=False),)))
    perform(workspace, "resolve_alert", alert=1)


def test_a_server_that_can_not_serve_is_not_ended_by_hand(alarmed: Workspace) -> None:
    version = add_constant(alarmed, 1)
    with alarmed.store.write() as tx:
        deploying.ensure_environment(tx, "production", version.model, "127.0.0.1", 8100)
        add_live(tx, "production", version)
        deploying.set_error(tx, "production", "Port 8100 is taken.")
    alarmed.config_path.write_text(PRODUCTION)
    with pytest.raises(RefusedError, match=r"Alert 1 is not over: Port 8100 is taken\."):
        actions.perform(alarmed, "resolve_alert", {"alert": 1})
    alarmed.config_path.write_text("[project]\nname = 'x'\n")  # and nobody is to look after it any more
    perform(alarmed, "resolve_alert", alert=1)


def test_what_has_happened_or_is_not_seen_any_more_is_ended_by_hand(workspace: Workspace) -> None:
    """A failed job that nobody runs again; errors of a server without traffic."""
    rules = parse_config("[project]\nname = 'x'\n[[alerts.rules]]\non = 'error_rate'").alerts
    see(workspace, Observation("job_failed", "train train", {"": Reading(1.0, "Job 1 failed")}))
    see(workspace, Observation("error_rate", "production", {"": Reading(0.5, "50% fail")}), rules)
    for alert in (1, 2):
        perform(workspace, "resolve_alert", alert=alert)


def test_who_has_ended_it_is_told(alarmed: Workspace) -> None:
    perform(alarmed, "resolve_alert", alert=1, note="moved to \x1b[2Jberlin")
    with alarmed.store.read() as db:
        found = alerts.get(db, 1)
        opened, over = (delivery.body for delivery in outbox.of_alert(db, 1))
    assert (found.resolved_by, found.resolved_note) == (os_user(), "moved to ␛[2Jberlin")
    assert (opened["by"], opened["note"]) == (None, None)
    assert (over["event"], over["by"], over["note"]) == ("resolved", os_user(), "moved to ␛[2Jberlin")


def see(workspace: Workspace, seen: Observation, rules: Alerts = PLAIN) -> None:
    with workspace.store.write() as tx:
        alerting.observe(tx, rules, seen, time.time())
