"""What the worker looks at by itself, as its loop does."""

import shutil
import time
from collections import namedtuple

import pytest

from mlops_console.core.alerts import ANY, Severity
from mlops_console.core.config import Config, parse_config
from mlops_console.core.traffic import Traffic
from mlops_console.store import alerts, deploying, jobs, outbox, server_processes, silences
from mlops_console.store.workspace import Workspace
from mlops_console.worker.alerting import Alerting
from tests.delivery.helpers import add_live, add_server
from tests.serving.helpers import add_constant

HEAD = "[project]\nname = 'x'\n"
PLAIN = parse_config(HEAD)
Usage = namedtuple("Usage", "total used free")


def rules(text: str) -> Config:
    return parse_config(HEAD + text)


def looked(workspace: Workspace, config: Config | None, alerting: Alerting | None = None) -> list[str]:
    """The messages of what is open after a look."""
    (alerting or Alerting(workspace)).look(config)
    with workspace.store.read() as db:
        return [alert.message for alert in alerts.open_alerts(db)]


def test_a_disk_that_is_nearly_full_is_told_out_of_the_box(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [400e6]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1e12, 0, int(free[0])))
    expected = ["The disk of .mlops has 400.0 MB left; the bound of rule disk is 500.0 MB free."]
    assert looked(workspace, None) == expected
    free[0] = 600e6
    assert looked(workspace, PLAIN) == []
    mine = rules("[[alerts.rules]]\non = 'disk'\nbound = '2 GB'\nclear = '3 GB'\ncool_down = '0s'")
    assert len(looked(workspace, mine)) == 1
    free[0] = 2.5e9
    assert len(looked(workspace, mine)) == 1
    free[0] = 3.5e9
    assert looked(workspace, mine) == []


def test_errors_and_latency_are_read_from_the_heartbeats_of_all_processes(workspace: Workspace) -> None:
    version = add_constant(workspace, 1)
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", version.model, "127.0.0.1", 8100)
        add_server(tx, "production", add_live(tx, "production", version).revision)
        recent = Traffic(requests=100, errors=4).to_json() | {"latency": {"70": 100}}
        server_processes.heartbeat(tx, "production", 0, {"recent": recent})
    assert looked(workspace, PLAIN) == []  # nobody has asked for it
    config = rules("[[alerts.rules]]\non='error_rate'\nbound='3%'\n[[alerts.rules]]\non='latency'\nbound='1s'\n")
    assert sorted(looked(workspace, config)) == [
        "4.0% of the requests to production fail (100 requests in the last minute); "
        "the bound of rule error_rate is 0.03.",
        "The p99 of production is 6.4 s (100 requests in the last minute); the bound of rule latency is 1.0 s.",
    ]
    assert looked(workspace, PLAIN) == []  # the rules are gone


def test_a_job_beyond_its_usual_time(workspace: Workspace) -> None:
    config = rules("[[alerts.rules]]\non='job_slow'\nbound=3")
    with workspace.store.write() as tx:
        for _ in range(4):
            job_id = jobs.enqueue(tx, "train", "train", {}, "ann")
            jobs.claim(tx, job_id)
            if job_id < 4:
                jobs.finish(tx, job_id, jobs.JobState.SUCCEEDED)
        tx.execute("UPDATE jobs SET started_at = ended_at - 60 WHERE state = 'succeeded'")
        tx.execute("UPDATE jobs SET started_at = ? WHERE state = 'running'", (time.time() - 179,))
    assert looked(workspace, config) == []
    with workspace.store.write() as tx:
        tx.execute("UPDATE jobs SET started_at = ? WHERE state = 'running'", (time.time() - 181,))
    assert looked(workspace, config) == [
        "Job 4 (train train) has been running for 3m01s; 1m00s is usual; the bound of rule job_slow is 3 times."
    ]


def test_nothing_is_written_where_nothing_has_changed(workspace: Workspace) -> None:
    alerting = Alerting(workspace, pause=0)
    config = rules("[[alerts.rules]]\non = 'disk'\nbound = '1000 TB'\nclear = '2000 TB'")
    assert len(looked(workspace, config, alerting)) == 1
    before = workspace.store.data_version()
    for _ in range(3):
        looked(workspace, config, alerting)
    assert workspace.store.data_version() == before


def test_silences_that_end_and_reminders_are_seen_to(workspace: Workspace) -> None:
    config = rules("[alerts]\nremind = '1h'")
    with workspace.store.write() as tx:
        outbox.set_destinations(tx, ["here"])
        silences.add(tx, ANY, ANY, time.time() + 60, "ann", "")
        alerts.open_alert(tx, "server", "production", Severity.CRITICAL, "down")

    def events() -> list[str]:
        looked(workspace, config)
        with workspace.store.read() as db:
            return [delivery.event for delivery in outbox.of_alert(db, 1)]

    assert events() == []
    with workspace.store.write() as tx:
        tx.execute("UPDATE silences SET until = 1")
    assert events() == ["opened"]
    with workspace.store.write() as tx:
        outbox.sent(tx, outbox.of_alert(tx, 1)[0], time.time())
        tx.execute("UPDATE alerts SET told_at = told_at - 3601")
    assert events() == events() == ["opened", "reminder"]


def test_a_broken_mlops_toml_ends_no_alert(workspace: Workspace) -> None:
    mine = rules("[[alerts.rules]]\non = 'disk'\nname = 'mine'\nbound = '1000 TB'\nclear = '2000 TB'")
    found = looked(workspace, mine)
    assert len(found) == 1
    assert looked(workspace, None) == found, "of a worker that starts with it"
    assert looked(workspace, PLAIN) == []


def test_a_worker_stays_for_what_is_to_open_or_to_be_told_later(workspace: Workspace) -> None:
    alerting = Alerting(workspace, pause=0)
    alerting.look(PLAIN)
    assert not alerting.need_worker
    later = rules("[[alerts.rules]]\non = 'disk'\nbound = '1000 TB'\nclear = '2000 TB'\nfor = '1h'")
    waits = Alerting(workspace, pause=0)
    waits.look(later)
    waits.look(later)
    assert waits.need_worker
    alerting.look(PLAIN)
    alerting.look(PLAIN)
    assert not alerting.need_worker
    with workspace.store.write() as tx:
        outbox.set_destinations(tx, ["here"])
        silences.add(tx, ANY, ANY, time.time() + 60, "ann", "")
        alerts.open_alert(tx, "server", "production", Severity.CRITICAL, "down")
    alerting.look(PLAIN)
    assert alerting.need_worker


def test_what_has_been_over_for_a_quarter_of_a_year_is_forgotten(workspace: Workspace) -> None:
    old, new = time.time() - 91 * 86_400, time.time() - 89 * 86_400
    with workspace.store.write() as tx:
        for at in (old, new, new):
            alerts.open_alert(tx, "server", "production", Severity.WARNING, "down")
            tx.execute("UPDATE alerts SET resolved_at = ? WHERE resolved_at IS NULL", (at,))
    alerting = Alerting(workspace, pause=0)
    looked(workspace, PLAIN, alerting)
    with workspace.store.read() as db:
        assert [alert.id for alert in alerts.recent(db)] == [3, 2]
    before = workspace.store.data_version()
    looked(workspace, PLAIN, alerting)
    assert workspace.store.data_version() == before
