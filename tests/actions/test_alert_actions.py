"""The actions on alerts: acknowledge, resolve_alert, silence, unsilence."""

import time

import pytest

from mlops_console import actions
from mlops_console.core.alerts import Severity
from mlops_console.core.errors import NotFoundError, RefusedError, UsageError
from mlops_console.store import alerts, ledger, outbox, silences
from mlops_console.store.workspace import Workspace

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
