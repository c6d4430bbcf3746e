"""Triggers, fired by real workers on real files: each firing makes one job, whatever is killed when."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.errors import RefusedError
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.ledger import LedgerEntry
from mlops_console.core.triggers import Trigger, TriggerState
from mlops_console.store import alerts, drift, jobs, ledger, triggers
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from mlops_console.worker import watch as watch_module
from mlops_console.worker.triggers import Triggers
from mlops_console.worker.watch import Watch
from tests.support import wait_for
from tests.worker.project import Project

HOURLY = """
[[triggers]]
name = "hourly"
on = "schedule"
cron = "0 * * * *"
do = "train"
"""
FRESH = """
[[triggers]]
name = "fresh"
on = "change"
paths = ["data/**", "out"]
debounce = "300ms"
do = "train"
"""
AFTER = """
[pipelines.evaluate.stages.test]
run = "echo tested"
[[triggers]]
name = "then"
on = "after"
pipeline = "train"
do = "evaluate"
"""
DRIFT = """
[environments.production]
model = "m"
port = 8199
[[triggers]]
name = "again"
on = "drift"
environment = "production"
do = "train"
most_per_day = 2
stop_after = 2
"""


def configure(project: Project, more: str, **write: str) -> None:
    project.write(**{"script": "print('fitted')", **write})
    with (project.root / "mlops.toml").open("a") as file:
        file.write(more)


def state(workspace: Workspace, name: str) -> TriggerState:
    with workspace.store.read() as db:
        return triggers.state(db, name)


def begun(workspace: Workspace, name: str) -> TriggerState:
    """Its state as soon as a worker looks after it."""
    return wait_for(lambda: (found := state(workspace, name)).basis is not None and found)


def fired(workspace: Workspace, name: str) -> list[Job]:
    with workspace.store.read() as db:
        return triggers.jobs_of(db, name)


def due(workspace: Workspace, name: str, at: float) -> None:
    """Let a schedule be due at another time than the clock says."""
    with workspace.store.write() as tx:
        triggers.move(tx, name, None, at)


def entries(workspace: Workspace, name: str) -> list[LedgerEntry]:
    """What the ledger says of a trigger, beside the entries of its jobs."""
    with workspace.store.read() as db:
        return [entry for entry in ledger.entries(db) if entry.subject == name]


def kill(project: Project) -> None:
    os.kill(project.worker_pid(), signal.SIGKILL)
    wait_for(lambda: client.worker_status(project.workspace).state == "dead")


def looked(project: Project) -> None:
    """The worker has looked at everything since: it has done a job that was queued now."""
    assert client.wait(project.workspace, project.train(), timeout=20).state.is_final


class TestSchedule:
    def test_it_fires_on_time_as_itself_and_keeps_the_worker(self, project: Project) -> None:
        configure(project, HOURLY, idle="300ms")
        client.start_worker(project.workspace)
        begun(project.workspace, "hourly")
        due(project.workspace, "hourly", time.time() + 0.3)
        job = wait_for(lambda: fired(project.workspace, "hourly"))[0]
        assert (job.actor, job.subject, job.action) == ("trigger:hourly", "train", "train")
        assert project.until_ended(job.id).state is JobState.SUCCEEDED
        with project.workspace.store.read() as db:
            assert [(e.actor, e.action) for e in ledger.entries(db)] == [("trigger:hourly", "train")]
        after = state(project.workspace, "hourly")
        assert (after.last_job, after.firings) == (job.id, 1)
        assert after.next_at is not None
        assert after.next_at % 3600 == 0
        assert after.next_at > time.time()
        client.execute(project.workspace, "set_trigger", {"trigger": "hourly", "on": False})
        wait_for(lambda: client.worker_status(project.workspace).state == "stopped")  # none needs it now

    def test_missed_ones_are_run_once_when_a_worker_is_back(self, project: Project) -> None:
        configure(project, HOURLY)
        client.start_worker(project.workspace)
        begun(project.workspace, "hourly")
        kill(project)
        first = time.time() // 3600 * 3600 - 5 * 3600
        due(project.workspace, "hourly", first)
        client.start_worker(project.workspace)
        job = wait_for(lambda: fired(project.workspace, "hourly"))[0]
        assert project.until_ended(job.id).state is JobState.SUCCEEDED
        kill(project)
        client.start_worker(project.workspace)
        looked(project)
        assert len(fired(project.workspace, "hourly")) == 1
        (told,) = entries(project.workspace, "hourly")
        assert (told.actor, told.outcome) == ("trigger:hourly", "succeeded")
        assert (told.detail["missed"], told.detail["first"], told.detail["job"]) == (6, first, job.id)
        assert "6 firings were missed" in state(project.workspace, "hourly").last_note

    def test_skip_skips_them_and_tells(self, project: Project) -> None:
        configure(project, HOURLY + 'missed = "skip"\n')
        client.start_worker(project.workspace)
        begun(project.workspace, "hourly")
        kill(project)
        due(project.workspace, "hourly", time.time() // 3600 * 3600)
        client.start_worker(project.workspace)
        (told,) = wait_for(lambda: entries(project.workspace, "hourly"))
        assert (told.outcome, told.detail["missed"]) == ("skipped", 1)
        assert fired(project.workspace, "hourly") == []
        after = state(project.workspace, "hourly")
        assert "1 firing was missed" in after.last_note
        assert after.next_at is not None
        assert after.next_at > time.time()

    def test_the_same_firing_never_makes_two_jobs(self, project: Project) -> None:
        """As where the clock was put back and the store with it."""
        configure(project, HOURLY)
        client.start_worker(project.workspace)
        begun(project.workspace, "hourly")
        moment = time.time()
        due(project.workspace, "hourly", moment)
        wait_for(lambda: fired(project.workspace, "hourly"))
        due(project.workspace, "hourly", moment)
        wait_for(lambda: (state(project.workspace, "hourly").next_at or 0) > time.time())
        assert len(fired(project.workspace, "hourly")) == 1

    def test_nothing_piles_up_behind_a_job_that_has_not_begun(self, workspace: Workspace) -> None:
        project = Project(workspace)
        configure(project, HOURLY)
        seer = Triggers(workspace)
        seer.look(workspace.config())
        for _ in range(2):
            due(workspace, "hourly", time.time())
            seer.look(config := workspace.config())
            seer.look(config)
        assert len(fired(workspace, "hourly")) == 1
        assert "has not begun yet" in state(workspace, "hourly").last_note

    def test_taken_out_and_put_back_it_begins_anew(self, workspace: Workspace) -> None:
        project = Project(workspace)
        configure(project, HOURLY + AFTER)
        seer = Triggers(workspace)
        seer.look(workspace.config())
        configure(project, "")
        seer.look(workspace.config())
        assert (state(workspace, "hourly").next_at, state(workspace, "then").seen) == (None, None)
        with workspace.store.write() as tx:
            tx.execute("UPDATE triggers SET next_at = next_at - 10800")
            tx.execute("INSERT INTO successes (run_id, pipeline) VALUES ('meanwhile', 'train')")
        configure(project, HOURLY + AFTER)
        config = workspace.config()
        for _ in range(3):
            seer.look(config)
        assert (fired(workspace, "hourly"), fired(workspace, "then")) == ([], [])
        assert (state(workspace, "hourly").next_at or 0) > time.time()

    def test_off_stays_off_and_what_was_due_meanwhile_is_gone(self, project: Project) -> None:
        configure(project, HOURLY)
        client.execute(project.workspace, "set_trigger", {"trigger": "hourly", "on": False})
        due(project.workspace, "hourly", time.time() - 60)
        for _ in range(2):
            client.start_worker(project.workspace)
            looked(project)
            kill(project)
        assert state(project.workspace, "hourly").switched_on is False
        client.execute(project.workspace, "set_trigger", {"trigger": "hourly", "on": True})
        client.start_worker(project.workspace)
        looked(project)
        assert fired(project.workspace, "hourly") == []


class TestWhatCantBeRun:
    def refused(self, project: Project, told: str) -> None:
        due(project.workspace, "hourly", time.time())
        (entry,) = wait_for(lambda: entries(project.workspace, "hourly"))
        assert (entry.actor, entry.action) == ("trigger:hourly", "fire_trigger")
        assert entry.outcome in ("failed", "refused")
        assert told in entry.detail["error"]
        assert told in state(project.workspace, "hourly").last_note
        assert fired(project.workspace, "hourly") == []
        assert (state(project.workspace, "hourly").next_at or 0) > time.time()

    @pytest.fixture
    def watched(self, project: Project) -> Project:
        configure(project, HOURLY)
        client.start_worker(project.workspace)
        begun(project.workspace, "hourly")
        return project

    def test_a_broken_mlops_toml(self, watched: Project) -> None:
        (watched.root / "mlops.toml").write_text("[projct]\n")
        self.refused(watched, "unknown key projct")
        configure(watched, HOURLY)

    def test_a_pipeline_whose_files_are_gone(self, watched: Project) -> None:
        (watched.root / "fit.py").unlink()
        self.refused(watched, "fit.py")

    def test_a_param_that_there_is_not(self, watched: Project) -> None:
        configure(watched, HOURLY + "params = { 'fit.lr' = 0.1 }\n")
        self.refused(watched, "fit.lr")

    def test_a_read_only_project(self, watched: Project) -> None:
        configure(watched, "[console]\nread_only = true\n" + HOURLY)
        self.refused(watched, "read-only")
        with pytest.raises(RefusedError):
            client.execute(watched.workspace, "set_trigger", {"trigger": "hourly", "on": False})
        configure(watched, HOURLY)


class TestChange:
    @pytest.fixture
    def watched(self, project: Project) -> Project:
        (project.root / "data").mkdir()
        (project.root / "data" / "a.csv").write_text("1")
        script = "import pathlib; p = pathlib.Path('out'); p.mkdir(exist_ok=True); (p / 'x').write_text('made')"
        configure(project, FRESH, script=script, idle="200ms")
        self.declare_out(project)
        client.start_worker(project.workspace)
        wait_for(lambda: state(project.workspace, "fresh").seen)
        return project

    @staticmethod
    def declare_out(project: Project) -> None:
        toml = project.root / "mlops.toml"
        toml.write_text(
            toml.read_text().replace('deps = ["fit.py"]', 'deps = ["fit.py"]\nouts = ["out"]\nalways = true')
        )

    def ended(self, project: Project, number: int) -> None:
        """So many firings have run to their ends."""
        found = wait_for(lambda: len(found := fired(project.workspace, "fresh")) >= number and found)
        assert len(found) == number
        assert project.until_ended(found[0].id).state is JobState.SUCCEEDED

    def test_a_burst_fires_once_and_the_runs_own_outs_never(self, watched: Project) -> None:
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:  # longer than the debounce
            (watched.root / "data" / "a.csv").write_text(str(time.monotonic()))
        self.ended(watched, 1)
        assert (watched.root / "out" / "x").read_text() == "made"
        (watched.root / "data" / "deep").mkdir()
        (watched.root / "data" / "deep" / "b.csv").write_text("2")  # in a folder that was not there before
        self.ended(watched, 2)
        (watched.root / "data" / "a.csv").unlink()
        self.ended(watched, 3)

    def test_what_changes_while_no_worker_is_there_fires_the_next(self, watched: Project) -> None:
        kill(watched)
        (watched.root / "data" / "a.csv").write_text("changed")
        client.start_worker(watched.workspace)
        self.ended(watched, 1)
        kill(watched)
        client.start_worker(watched.workspace)
        (watched.root / "data" / "c.csv").write_text("3")
        self.ended(watched, 2)

    def test_off_it_sees_nothing_and_on_it_begins_anew(self, watched: Project) -> None:
        client.execute(watched.workspace, "set_trigger", {"trigger": "fresh", "on": False})
        wait_for(lambda: client.worker_status(watched.workspace).state == "stopped")
        (watched.root / "data" / "a.csv").write_text("changed")
        client.execute(watched.workspace, "set_trigger", {"trigger": "fresh", "on": True})
        client.start_worker(watched.workspace)
        wait_for(lambda: state(watched.workspace, "fresh").seen)
        (watched.root / "data" / "a.csv").write_text("changed again")
        self.ended(watched, 1)

    def test_other_settings_begin_anew_without_a_firing(self, watched: Project) -> None:
        before = state(watched.workspace, "fresh").basis
        toml = watched.root / "mlops.toml"
        toml.write_text(toml.read_text().replace('"data/**"', '"data/*.csv"'))
        wait_for(lambda: (found := state(watched.workspace, "fresh")).basis != before and found.seen)
        (watched.root / "data" / "b.csv").write_text("2")
        self.ended(watched, 1)


class TestWatch:
    TRIGGER = Trigger(name="fresh", on="change", do="train", paths=("data/**",), debounce="10ms")

    def test_a_name_that_is_no_utf_8_stops_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watch_module, "_PAUSE", 0.1)
        (tmp_path / "data").mkdir()
        watch = Watch(tmp_path, (self.TRIGGER,), (), frozenset())
        watch.start()
        try:
            empty = wait_for(lambda: watch.at_rest("fresh"))
            Path(os.fsdecode(os.fsencode(tmp_path) + b"/data/\xff.csv")).touch()
            one = wait_for(lambda: (found := watch.at_rest("fresh")) != empty and found)
            (tmp_path / "data" / "b").touch()
            wait_for(lambda: watch.at_rest("fresh") != one)
            assert not watch.is_dead
        finally:
            watch.stop()

    def test_one_whose_thread_has_died_is_begun_anew(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(Project(workspace), FRESH)
        seer = Triggers(workspace)
        with monkeypatch.context() as patched:
            patched.setattr(Watch, "_work", lambda _: None)
            seer.look(config := workspace.config())
            dead = seer._watch
            assert dead is not None
            wait_for(lambda: dead.is_dead)
        due(workspace, "other", 0.0)  # news in the store
        seer.look(config)
        try:
            wait_for(lambda: seer._watch is not None and seer._watch.at_rest("fresh"))
        finally:
            seer.stop()


class TestAfter:
    def test_each_run_fires_it_once_whoever_is_killed(self, project: Project) -> None:
        wait = "import pathlib, time\npathlib.Path('started').touch()\n"
        wait += "while not pathlib.Path('go').exists(): time.sleep(0.01)\n"
        configure(project, AFTER, script=wait)
        first = project.train()
        project.until_running(first)
        kill(project)
        (project.root / "go").touch()  # it succeeds while nobody looks
        assert project.until_ended(first).state is JobState.SUCCEEDED
        assert fired(project.workspace, "then") == []
        client.start_worker(project.workspace)
        (job,) = wait_for(lambda: fired(project.workspace, "then"))
        kill(project)
        client.start_worker(project.workspace)
        assert project.until_ended(job.id).state is JobState.SUCCEEDED
        assert (job.subject, job.actor) == ("evaluate", "trigger:then")
        assert job.turn.key == f"trigger:then:{project.run(first).id}"
        second = project.train(force=["*"])
        wait_for(lambda: len(fired(project.workspace, "then")) == 2)
        assert fired(project.workspace, "then")[0].turn.key == f"trigger:then:{project.run(second).id}"

    def test_a_run_that_fails_fires_nothing(self, project: Project) -> None:
        configure(project, AFTER, script="raise SystemExit(1)")
        assert client.wait(project.workspace, project.train(), timeout=20).state is JobState.FAILED
        configure(project, AFTER)
        looked(project)
        wait_for(lambda: fired(project.workspace, "then"))
        assert len(fired(project.workspace, "then")) == 1


def report(workspace: Workspace, drifted: bool, revision: int = 1) -> None:
    feature = FeatureDrift("x", "numeric", "ks", 99, 99, 0.5, 0.0 if drifted else 0.9, 0.1, drifted, "told")
    now = time.time()
    with workspace.store.write() as tx:
        found = DriftReport(0, "production", "m", 1, revision, now - 1, now, 99, 99, 0.01, drifted, now, (feature,))
        drift.add_report(tx, found)


class TestDrift:
    def see(self, workspace: Workspace, seer: Triggers) -> None:
        for _ in range(3):
            seer.look(self.config)

    @pytest.fixture
    def seer(self, workspace: Workspace) -> Triggers:
        configure(Project(workspace), DRIFT)
        self.config = workspace.config()
        seer = Triggers(workspace)
        self.see(workspace, seer)
        return seer

    def end_jobs(self, workspace: Workspace, how: JobState) -> None:
        with workspace.store.write() as tx:
            for job in jobs.open_jobs(tx):
                jobs.finish(tx, job.id, how)

    def test_only_a_report_that_turns_it_fires(self, workspace: Workspace, seer: Triggers) -> None:
        for drifted, count in ((False, 0), (True, 1), (True, 1), (False, 1), (True, 2)):
            report(workspace, drifted)
            self.see(workspace, seer)
            assert len(fired(workspace, "again")) == count
        assert {job.actor for job in fired(workspace, "again")} == {"trigger:again"}
        again = Triggers(workspace)  # of the next worker
        self.see(workspace, again)
        assert len(fired(workspace, "again")) == 2

    def test_at_most_so_often_a_day(self, workspace: Workspace, seer: Triggers) -> None:
        for revision in range(1, 5):
            report(workspace, True, revision)
            self.see(workspace, seer)
            self.end_jobs(workspace, JobState.SUCCEEDED)
        assert len(fired(workspace, "again")) == 2
        assert [entry.outcome for entry in entries(workspace, "again")] == ["skipped", "skipped"]
        assert "most_per_day" in state(workspace, "again").last_note
        with workspace.store.write() as tx:
            tx.execute("UPDATE jobs SET created_at = created_at - 90000")
        report(workspace, True, 5)
        self.see(workspace, seer)
        assert len(fired(workspace, "again")) == 3

    def test_after_so_many_failures_it_stops_itself(self, workspace: Workspace, seer: Triggers) -> None:
        for revision in (1, 2):
            report(workspace, True, revision)
            self.see(workspace, seer)
            self.end_jobs(workspace, JobState.FAILED)
        self.see(workspace, seer)
        after = state(workspace, "again")
        assert (after.word(self.config.triggers[0]), after.stopped) == ("stopped", True)
        with workspace.store.read() as db:
            (alert,) = [alert for alert in alerts.open_alerts(db) if alert.kind == "trigger"]
        assert "has switched itself off: its last 2 jobs failed" in alert.message
        report(workspace, True, 3)
        self.see(workspace, seer)
        assert len(fired(workspace, "again")) == 2
        client.execute(workspace, "set_trigger", {"trigger": "again", "on": True})
        self.see(workspace, seer)
        assert state(workspace, "again").word(self.config.triggers[0]) == "on"  # its failures are forgotten
        with workspace.store.read() as db:
            assert [alert.kind for alert in alerts.open_alerts(db)] == []

    def test_a_real_worker_follows_the_reports(self, project: Project) -> None:
        configure(project, DRIFT)
        client.start_worker(project.workspace)
        begun(project.workspace, "again")
        kill(project)
        report(project.workspace, True)  # while no worker is there
        client.start_worker(project.workspace)
        (job,) = wait_for(lambda: fired(project.workspace, "again"))
        assert project.until_ended(job.id).state is JobState.SUCCEEDED
        assert "Drift report 1" in state(project.workspace, "again").last_note


def test_by_hand_it_fires_also_while_it_is_off(project: Project) -> None:
    configure(project, HOURLY)
    client.execute(project.workspace, "set_trigger", {"trigger": "hourly", "on": False})
    found = [client.execute(project.workspace, "fire_trigger", {"trigger": "hourly"}).job_id for _ in range(2)]
    assert len(set(found)) == 2
    assert found[1] is not None
    assert project.until_ended(found[1]).state is JobState.SUCCEEDED
    by: Mapping[str, Any] = {entry.outcome: entry.actor for entry in entries(project.workspace, "hourly")}
    assert "trigger:hourly" not in by.values()  # a person did it
    assert project.job(found[1]).actor == "trigger:hourly"
