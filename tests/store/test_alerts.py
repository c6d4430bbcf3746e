"""Alerts and their rules, silences, and what is put into the outbox with them."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.alert_readings import of_report
from mlops_console.core.alert_rules import Observation, Reading
from mlops_console.core.alert_settings import Alerts, Watched
from mlops_console.core.alerts import ANY, Alert, Severity
from mlops_console.core.config import parse_config
from mlops_console.core.drift import DriftReport
from mlops_console.core.errors import NotFoundError, StoreError
from mlops_console.core.performance import Figure, Performance
from mlops_console.store import alerting, alerts, deploying, drift, migrations, outbox, silences
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import add_live
from tests.serving.helpers import add_constant

TOML = """
[project]
name = "x"
[[alerts.rules]]
on = "error_rate"
bound = 0.05
clear = 0.02
for = "1m"
clear_for = "30s"
cool_down = "5m"
severity = "critical"
"""
RULES = parse_config(TOML).alerts
PLAIN = Alerts()


def rate(value: float, subject: str = "production") -> Observation:
    return Observation("error_rate", subject, {"": Reading(value, f"{value:.0%} fail", {"rate": value})})


def see(workspace: Workspace, seen: Observation, now: float, rules: Alerts = RULES) -> list[str]:
    """What is open after an observation, in the words of its message."""
    with workspace.store.write() as tx:
        alerting.observe(tx, rules, seen, now)
    return messages(workspace)


def tick(workspace: Workspace, now: float, rules: Alerts = RULES) -> list[str]:
    with workspace.store.write() as tx:
        assert alerting.is_due(tx, rules, now)
        alerting.tick(tx, rules, now)
    return messages(workspace)


def found(workspace: Workspace) -> list[Alert]:
    with workspace.store.read() as db:
        return alerts.open_alerts(db)


def messages(workspace: Workspace) -> list[str]:
    return [alert.message for alert in found(workspace)]


def told(workspace: Workspace) -> list[tuple[int, str]]:
    """What the outbox has, in its order."""
    with workspace.store.read() as db:
        return [(row["alert_id"], row["event"]) for row in db.execute("SELECT * FROM outbox ORDER BY id")]


@pytest.fixture
def heard(workspace: Workspace) -> Workspace:
    """A workspace with one destination."""
    with workspace.store.write() as tx:
        outbox.set_destinations(tx, ["here"])
    return workspace


def test_a_rule_opens_keeps_up_to_date_and_ends_its_alert(heard: Workspace) -> None:
    now = time.time()
    bound = "; the bound of rule error_rate is 0.05."
    assert see(heard, rate(0.1), now) == []
    assert tick(heard, now + 60) == ["10% fail" + bound]
    (alert,) = found(heard)
    assert (alert.kind, alert.rule, alert.environment) == ("error_rate", "error_rate", "production")
    assert (alert.severity, alert.detail, alert.state) == (Severity.CRITICAL, {"rate": 0.1}, "open")
    assert see(heard, rate(0.3), now + 61) == ["30% fail" + bound]
    assert see(heard, rate(0.03), now + 70) == ["3% fail" + bound], "it is not clear yet"
    assert see(heard, rate(0.01), now + 80) == ["3% fail" + bound]
    assert tick(heard, now + 110) == []
    assert told(heard) == [(1, "opened"), (1, "resolved")]


def test_a_worker_that_dies_forgets_nothing(heard: Workspace) -> None:
    """All that is known of a rule is in the store."""
    now = time.time()
    see(heard, rate(0.1), now)
    heard.store.close()
    again = Workspace(heard.root)
    with again.store.read() as db:
        assert not alerting.is_due(db, RULES, now + 59)
        assert not alerting.is_news(db, RULES, rate(0.2), now + 59)
        assert alerting.is_news(db, RULES, rate(0.2), now + 60)
        assert alerting.is_news(db, RULES, rate(0.0), now + 1)


def test_a_loss_of_performance_is_told_without_a_rule(heard: Workspace) -> None:
    def report(low: float, high: float) -> DriftReport:
        figure = Figure("accuracy", (low + high) / 2, low, high)
        performance = Performance("classification", 500, 0, (figure,), reference={"accuracy": 0.9})
        return DriftReport(3, "production", "fraud", 1, 1, rows=500, reference_rows=900, performance=performance)

    def check(low: float, high: float) -> list[str]:
        (seen,) = of_report(report(low, high))
        return see(heard, seen, time.time(), PLAIN)

    assert check(0.7, 0.86) == [], "the interval reaches near what it was"
    assert check(0.6, 0.7) == [
        "accuracy in production is estimated at 0.6500 (0.6000 to 0.7000), on held-out rows it was 0.9000: "
        "worse by at least 0.2000; the bound of rule performance is 0.05."
    ]
    assert check(0.8, 0.9) == []


def test_no_two_alerts_of_one_rule_and_subject_are_open(heard: Workspace) -> None:
    now = time.time()
    for subject in ("staging", "production", "staging"):
        with heard.store.write() as tx:
            alerts.open_alert(tx, "server", subject, Severity.WARNING, subject)
    assert messages(heard) == ["production", "staging"]
    with pytest.raises(StoreError, match="UNIQUE"), heard.store.write() as tx:
        tx.execute(
            "INSERT INTO alerts (kind, subject, severity, message, created_at, rule) "
            "VALUES ('server', 'staging', 'warning', 'x', ?, 'server')",
            (now,),
        )


@pytest.mark.parametrize(("rule", "subject"), [("server", "production"), ("server", ANY), (ANY, "production")])
def test_what_is_silenced_is_shown_and_told_when_the_silence_ends(heard: Workspace, rule: str, subject: str) -> None:
    now = time.time()
    with heard.store.write() as tx:
        silence = silences.add(tx, rule, subject, now + 3600, "ann", "maintenance")
        alerts.open_alert(tx, "server", "production", Severity.WARNING, "down")
    (alert,) = found(heard)
    assert (alert.state, alert.silenced_until, alert.told_at) == ("silenced", now + 3600, None)
    with heard.store.write() as tx:
        assert not alerts.is_due(tx, now, None)
        silences.end(tx, silence.id, now)
        assert alerts.is_due(tx, now, None)
        alerts.tell_due(tx, now, None)
        assert not alerts.is_due(tx, now, None)
    assert told(heard) == [(1, "opened")]
    assert found(heard)[0].state == "open"


def test_what_is_over_before_its_silence_is_never_told(heard: Workspace) -> None:
    now = time.time()
    with heard.store.write() as tx:
        silence = silences.add(tx, ANY, ANY, now + 3600, "ann", "")
        alerts.open_alert(tx, "server", "production", Severity.WARNING, "down")
        alerts.resolve(tx, "server", "production")
        silences.end(tx, silence.id, now)
        alerts.tell_due(tx, now, None)
    assert told(heard) == []


def test_the_end_is_told_to_those_who_know_of_the_beginning(heard: Workspace) -> None:
    with heard.store.write() as tx:
        alerts.open_alert(tx, "server", "production", Severity.WARNING, "down")
        outbox.set_destinations(tx, ["here", "new"])
        alerts.resolve(tx, "server", "production")
        assert [(d.destination, d.event) for d in outbox.of_alert(tx, 1)] == [("here", "opened"), ("here", "resolved")]


def test_other_alerts_are_told_in_spite_of_a_silence(heard: Workspace) -> None:
    with heard.store.write() as tx:
        silences.add(tx, "server", "staging", time.time() + 3600, "ann", "")
        silences.add(tx, ANY, ANY, time.time() - 1, "ann", "it is over")
        alerts.open_alert(tx, "server", "production", Severity.WARNING, "down")
        alerts.open_alert(tx, "drift", "staging", Severity.WARNING, "moved")
    assert told(heard) == [(1, "opened"), (2, "opened")]
    with heard.store.read() as db:
        assert [silence.subject for silence in silences.active(db, time.time())] == ["staging"]
        assert [silence.note for silence in silences.listing(db)] == ["it is over", ""]
        with pytest.raises(NotFoundError):
            silences.get(db, 9)


def test_reminders_end_with_an_acknowledgement(heard: Workspace) -> None:
    now = time.time()
    with heard.store.write() as tx:
        alerts.open_alert(tx, "server", "production", Severity.WARNING, "down")
        assert not alerts.is_due(tx, now + 10, 3600)
        alerts.tell_due(tx, now + 3601, 3600)
        assert len(outbox.of_alert(tx, 1)) == 1, "nobody is reminded of what has not reached them"
        for later in (7300, 7400, 11000):
            for delivery in outbox.of_alert(tx, 1):
                outbox.sent(tx, delivery, now)
            alerts.tell_due(tx, now + later, 3600)
        assert alerts.is_awaited(tx, 3600)
        assert not alerts.is_awaited(tx, None)
        alerts.acknowledge(tx, 1, "ann", "on it")
        assert not alerts.is_due(tx, now + 1e6, 3600)
        assert not alerts.is_awaited(tx, 3600)
    assert told(heard) == [(1, "opened"), (1, "reminder"), (1, "reminder")]
    (alert,) = found(heard)
    assert (alert.state, alert.acknowledged_by, alert.note) == ("acknowledged", "ann", "on it")


@pytest.mark.parametrize("damage", ["alerts SET detail = '{'", "alerts SET severity = 'x'", "outbox SET body = '{'"])
def test_a_damaged_alert_is_told_as_such(heard: Workspace, damage: str) -> None:
    with heard.store.write() as tx:
        alerts.open_alert(tx, "server", "production", Severity.WARNING, "down")
        tx.execute(f"UPDATE {damage}")
    with heard.store.read() as db, pytest.raises(StoreError, match=r"The store is damaged: an? .* can't be read"):
        alerts.open_alerts(db)
        outbox.of_alert(db, 1)


def test_a_transaction_that_fails_tells_nothing(heard: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), heard.store.write() as tx:
        alerts.open_alert(tx, "server", "production", Severity.WARNING, "down")
        raise ZeroDivisionError
    assert (found(heard), told(heard)) == ([], [])


def test_what_no_rule_judges_any_more_is_over(heard: Workspace) -> None:
    now = time.time()
    see(heard, rate(0.1), now)
    tick(heard, now + 60)
    see(heard, rate(0.1, "staging"), now)  # not open yet
    with heard.store.write() as tx:
        alerts.open_alert(tx, "server", "production", Severity.WARNING, "down")
        alerts.open_alert(tx, "drift", "production", Severity.WARNING, "moved")
        assert alerting.is_pending(tx)
        alerting.follow(tx, heard.home, PLAIN, now + 61)
        assert not alerting.is_pending(tx)
    assert messages(heard) == ["moved", "down"]
    with heard.store.read() as db:
        assert not alerting.is_due(db, RULES, now + 1e6)


def rules(text: str) -> Alerts:
    return parse_config(
        "[project]\nname = 'x'\n[environments.production]\nmodel = 'm'\nport = 8100\n[[alerts.rules]]\n" + text
    ).alerts


@pytest.mark.parametrize(("kind", "on"), [("drift", "drift"), ("job", "job_failed")])
def test_an_alert_goes_on_under_the_new_name_of_its_rule(heard: Workspace, kind: str, on: Watched) -> None:
    """It is still wrong, and after the next report only would a new one open; of a job there may be no next one."""
    seen = Observation(on, "production", {"": Reading(1.0, "wrong")})
    see(heard, seen, time.time(), PLAIN)
    mine = rules(f"on = '{on}'\nname = 'mine'\nseverity = 'critical'")
    for settings_, name in ((mine, "mine"), (mine, "mine"), (PLAIN, kind)):
        with heard.store.write() as tx:
            alerting.follow(tx, heard.home, settings_, time.time())
            assert not alerting.is_pending(tx)
        (alert,) = found(heard)
        assert (alert.id, alert.rule, alert.severity == "critical") == (1, name, name == "mine")
    see(heard, Observation(on, "production", {"": Reading(0.0, "")}), time.time(), PLAIN)
    assert told(heard) == [(1, "opened"), (1, "resolved")]


def test_the_alert_of_a_rule_that_is_gone_is_not_taken_for_that_of_another_one(heard: Workspace) -> None:
    both = rules("on = 'latency'\nname = 'p50'\nmetric = 'p50'\n[[alerts.rules]]\non = 'latency'\nname = 'p99'")
    slow = Observation("latency", "production", {"p50": Reading(2.0, "slow"), "": Reading(9.0, "slow")})
    see(heard, slow, time.time(), both)
    assert [alert.rule for alert in found(heard)] == ["p99", "p50"]
    with heard.store.write() as tx:
        alerting.follow(tx, heard.home, rules("on = 'latency'\nname = 'p50'\nmetric = 'p50'"), time.time())
    assert [alert.rule for alert in found(heard)] == ["p50"]


def test_another_bound_judges_the_newest_report_at_once(heard: Workspace) -> None:
    version = add_constant(heard, 1)
    performance = Performance("classification", 500, 0, (Figure("accuracy", 0.7, 0.7, 0.7),), (), {"accuracy": 0.9})
    report = DriftReport(0, "production", version.model, version.version, 1, rows=500, performance=performance)
    with heard.store.write() as tx:
        deploying.ensure_environment(tx, "production", version.model, "127.0.0.1", 8100)
        add_live(tx, "production", version)
        drift.add_report(tx, report)
    for seen in of_report(report):
        see(heard, seen, time.time(), PLAIN)
    assert len(found(heard)) == 1
    for bound, is_open in ((0.1, True), (0.3, False)):
        with heard.store.write() as tx:
            alerting.follow(tx, heard.home, rules(f"on = 'performance'\nname = 'performance'\nbound = {bound}"), 1e12)
        assert bool(found(heard)) is is_open


def test_a_damaged_report_keeps_no_alert_from_following_mlops_toml(heard: Workspace) -> None:
    version = add_constant(heard, 1)
    with heard.store.write() as tx:
        deploying.ensure_environment(tx, "production", version.model, "127.0.0.1", 8100)
        add_live(tx, "production", version)
        drift.add_report(tx, DriftReport(0, "production", version.model, version.version, 1))
        tx.execute("UPDATE drift_reports SET notes = '{'")
        for kind in ("drift", "disk"):
            alerts.open_alert(tx, kind, "production", Severity.WARNING, "wrong")
        alerting.follow(tx, heard.home, PLAIN, time.time())
    assert [alert.kind for alert in found(heard)] == ["disk", "drift"]
    with heard.store.read() as db, pytest.raises(StoreError, match="a drift report in it can't be read"):
        drift.reports(db)


def test_what_can_not_be_told_leaves_an_open_alert_its_words(heard: Workspace) -> None:
    now = time.time()
    see(heard, rate(0.1), now)
    assert see(heard, rate(float("nan")), now + 30) == []
    with heard.store.read() as db:
        assert not alerting.is_pending(db), "a minute of traffic is no two minutes of errors"
    see(heard, rate(0.1), now + 40)
    assert see(heard, rate(0.1), now + 100) == see(heard, rate(float("nan")), now + 200) != []


def test_a_clock_that_goes_back_lengthens_no_silence(heard: Workspace) -> None:
    now = time.time()
    with heard.store.write() as tx:
        silences.add(tx, ANY, ANY, now + 3600, "ann", "")
        assert len(silences.active(tx, now - 30)) == 1
        assert silences.active(tx, now - 86_400) == []


def test_what_is_open_is_found_without_reading_what_is_over(heard: Workspace) -> None:
    asked: list[str] = []
    with heard.store.write() as tx:
        tx.set_trace_callback(asked.append)
        alerts.open_alerts(tx)
        alerts.is_due(tx, 1.0, 3600)
        outbox.is_due(tx, 1.0)
        outbox.claim(tx, 1.0, 60)
        tx.set_trace_callback(None)
        plans = [row["detail"] for sql in asked for row in tx.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert {"SCAN alerts USING INDEX alerts_open", "SCAN outbox USING INDEX outbox_waiting"} <= set(plans)
    assert not {"SCAN alerts", "SCAN outbox"} & set(plans)


def test_the_alerts_of_an_older_store_are_taken_over(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    older = {number: script for number, script in migrations._scripts().items() if number <= 10}
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_scripts", lambda: older)
        with workspace.store.write() as tx:
            tx.executemany(
                "INSERT INTO alerts (kind, subject, severity, message, created_at) VALUES (?, ?, 'warning', 'x', 5)",
                [("drift", "production"), ("job", "train train")],
            )
        workspace.store.close()
    again = Workspace(workspace.root)
    job, drift = found(again)
    assert (job.rule, job.environment, drift.rule, drift.environment) == ("job", "", "drift", "production")
    with again.store.read() as db:
        assert not alerts.is_due(db, time.time(), None), "what is old is not told as new"
    good = Observation("job_failed", "train train", {"": Reading(0.0, "")})
    assert see(again, good, time.time(), PLAIN) == ["x"]


def test_an_alert_from_before_there_were_rules_ends_with_the_next_good_news(heard: Workspace) -> None:
    with heard.store.write() as tx:
        alerts.open_alert(tx, "job", "train train", Severity.WARNING, "failed")
    good = Observation("job_failed", "train train", {"": Reading(0.0, "")})
    assert see(heard, good, time.time(), PLAIN) == []


def test_what_was_ended_by_hand_opens_again_where_it_is_found_again(heard: Workspace) -> None:
    bad = Observation("job_failed", "train train", {"": Reading(1.0, "it failed")})
    assert see(heard, bad, time.time(), PLAIN) == ["it failed"]
    with heard.store.write() as tx:
        alerts.resolve_one(tx, alerts.get(tx, 1))
        assert not alerting.is_due(tx, PLAIN, time.time())
    assert messages(heard) == []
    assert see(heard, bad, time.time(), PLAIN) == ["it failed"]
    assert told(heard) == [(1, "opened"), (1, "resolved"), (2, "opened")]
    with heard.store.read() as db:
        assert [alert.state for alert in alerts.recent(db)] == ["open", "resolved"]
        with pytest.raises(NotFoundError, match="no alert 3"):
            alerts.get(db, 3)


def test_a_clock_that_goes_back_locks_no_alert(heard: Workspace) -> None:
    now = time.time()
    see(heard, rate(0.1), now + 1e6)
    tick(heard, now)  # from here on it counts
    assert tick(heard, now + 60) != []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 0.2), st.integers(0, 400)), max_size=12))
def test_every_alert_is_told_once_and_its_end_once(workspace: Workspace, looks: list[tuple[str, float, int]]) -> None:
    now = time.time()
    with workspace.store.write() as tx:
        for table in ("outbox", "alerts", "alert_states"):
            tx.execute(f"DELETE FROM {table}")
        outbox.set_destinations(tx, ["here", "there"])
        for subject, value, pause in looks:
            now += pause
            alerting.observe(tx, RULES, rate(value, subject), now)
            alerting.tick(tx, RULES, now)
        rows = tx.execute("SELECT id, resolved_at FROM alerts ORDER BY id").fetchall()
        sent = tx.execute("SELECT alert_id, event, count(*) FROM outbox GROUP BY 1, 2").fetchall()
    expected = {(row["id"], "opened", 2) for row in rows}
    expected |= {(row["id"], "resolved", 2) for row in rows if row["resolved_at"] is not None}
    assert {tuple(row) for row in sent} == expected
