"""What is over for long is forgotten, and nothing else."""

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.alerts import Severity
from mlops_console.store import alerts, old_alerts, outbox, silences
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace

NOW = time.time()


def ids(db: Connection, table: str) -> list[int]:
    return [row[0] for row in db.execute(f"SELECT id FROM {table} ORDER BY id")]


def add(tx: Connection, subject: str, resolved_at: float | None, state: str = "sent") -> None:
    """An alert that was told of, and what became of the message."""
    alerts.open_alert(tx, "server", subject, Severity.WARNING, "down")
    alert_id = ids(tx, "alerts")[-1]
    tx.execute("UPDATE outbox SET state = ?, ended_at = 1 WHERE alert_id = ?", (state, alert_id))
    tx.execute("UPDATE alerts SET resolved_at = ? WHERE id = ?", (resolved_at, alert_id))


def test_what_has_been_over_for_long_goes_with_what_was_told_of_it(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        outbox.set_destinations(tx, ["here", "there"])
        for resolved_at, state in (
            (1, "sent"),
            (2, "given up"),
            (3, "waiting"),
            (NOW, "sent"),
            (4, "sent"),
            (None, "sent"),
        ):
            add(tx, "a", resolved_at, state)
        add(tx, "b", 5)
        silences.add(tx, "drift", "*", 5, "ann", "")
        silences.add(tx, "drift", "*", NOW + 60, "ann", "")
        assert old_alerts.are_there(tx, 100)
        old_alerts.delete(tx, 100)
        assert not old_alerts.are_there(tx, 100)
        assert ids(tx, "alerts") == [3, 4, 6, 7], "an undelivered one, a new one, an open one, the last of its subject"
        assert {row[0] for row in tx.execute("SELECT alert_id FROM outbox")} == {3, 4, 6, 7}
        assert ids(tx, "silences") == [2]


def test_an_alert_that_stays_open_keeps_the_last_reminder(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        outbox.set_destinations(tx, ["here"])
        add(tx, "a", None)
        outbox.set_destinations(tx, ["here", "late"])
        for at in (10, 20, 30):
            alerts.tell_due(tx, NOW + at * 100, 1)
            tx.execute("UPDATE outbox SET state = 'sent', ended_at = ?", (at,))
        old_alerts.delete(tx, 100)
        found = [(d.destination, d.event.value, d.ended_at) for d in outbox.of_alert(tx, 1)]
        assert sorted(found) == [("here", "opened", 30), ("here", "reminder", 30), ("late", "reminder", 30)]
        alerts.resolve(tx, "server", "a")
        told = [d.destination for d in outbox.of_alert(tx, 1) if d.event == "resolved"]
        assert sorted(told) == ["here", "late"], "who was told is told of the end"


def test_much_goes_in_parts(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        tx.executemany(
            "INSERT INTO alerts (kind, subject, severity, message, created_at, resolved_at, rule) "
            "VALUES ('server', 'a', 'warning', '', 1, 2, 'server')",
            [()] * 1_200,
        )
        parts = []
        while old_alerts.are_there(tx, 100):
            old_alerts.delete(tx, 100)
            parts.append(len(ids(tx, "alerts")))
    assert parts == [700, 200, 1]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([1.0, 1e3]), st.sampled_from(["sent", "waiting"]))))
def test_whatever_goes_nothing_is_lost_that_matters(
    workspace: Workspace, history: list[tuple[str, float, str]]
) -> None:
    with workspace.store.write() as tx:
        for table in ("outbox", "alerts"):
            tx.execute(f"DELETE FROM {table}")
        outbox.set_destinations(tx, ["here"])
        for subject, resolved_at, state in history:
            add(tx, subject, resolved_at, state)
        waiting = outbox.waiting(tx)
        old_alerts.delete(tx, 100)
        assert outbox.waiting(tx) == waiting
        assert sum(at > 100 for _, at, _ in history) == sum(
            row["resolved_at"] > 100 for row in tx.execute("SELECT resolved_at FROM alerts")
        )
        assert {row["subject"] for row in tx.execute("SELECT subject FROM alerts")} == {
            subject for subject, *_ in history
        }
