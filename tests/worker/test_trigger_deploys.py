"""From drift to staging without a person: what a trigger has trained is deployed once, whatever is killed when, and
never past a gate or an approval."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.errors import UsageError
from mlops_console.core.jobs import Job, JobState, Turn
from mlops_console.core.models import ModelRef
from mlops_console.core.predictions import Label, Prediction
from mlops_console.core.runs import RunStatus
from mlops_console.core.triggers import TriggerState
from mlops_console.store import alerts, deploying, deployments, jobs, models, triggers
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from mlops_console.worker import triggers as triggers_module
from mlops_console.worker.settle import Outcome, settle
from mlops_console.worker.triggers import Triggers
from tests.answered import log_rows
from tests.delivery.helpers import add_live
from tests.serving.helpers import add_constant
from tests.support import free_port, wait_for
from tests.worker.project import Project
from tests.worker.test_triggers import begun, entries, fired, kill, report, state

# A version of the run, with the file of one that is there already.
LOG = """
import os, time
from pathlib import Path
from mlops_console.store import models, series
from mlops_console.store.workspace import open_workspace
Path("started").touch()
while Path("wait").exists():
    time.sleep(0.01)
workspace = open_workspace(Path("."))
with workspace.store.write() as tx:
    known = models.versions(tx)[-1]
    series.ingest(tx, os.environ["MLOPS_RUN_ID"], [("auc", 0, {auc}, 0.0)])
    for name in {names}:
        models.add_version(
            tx, name, sha256=known.sha256, size=known.size, estimator=known.estimator, signature=known.signature,
            run_id=os.environ["MLOPS_RUN_ID"], input_example=known.input_example,
        )
"""
DEPLOYS = """
[environments.production]
model = "fraud"
port = {production}
[environments.staging]
model = "fraud"
port = {staging}
gates = ["auc >= 0.8"]
approvals = {approvals}
[[triggers]]
name = "again"
on = "drift"
environment = "production"
do = "train"
deploy = "staging"
stop_after = 2
"""


class Loop:
    """A project in which drift of production trains, and deploys what it has trained to staging."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.workspace = project.workspace
        add_constant(self.workspace, 0)
        self.configure()

    def configure(self, auc: float = 0.9, names: tuple[str, ...] = ("fraud",), approvals: int = 0) -> None:
        self.project.write(LOG.format(auc=auc, names=names))
        with (self.project.root / "mlops.toml").open("a") as file:
            file.write(DEPLOYS.format(production=free_port(), staging=free_port(), approvals=approvals))

    def drift(self, revision: int = 1) -> Job:
        """Production begins to drift; the job that has trained for it."""
        client.start_worker(self.workspace)
        begun(self.workspace, "again")
        before = len(fired(self.workspace, "again"))
        report(self.workspace, True, revision)
        found = wait_for(lambda: len(jobs := fired(self.workspace, "again")) > before and jobs[0])
        return self.project.until_ended(found.id)

    def follower(self, job: Job) -> Job | None:
        with self.workspace.store.read() as db:
            return jobs.with_key(db, jobs.follower_key(job.id))

    def deployed(self, job: Job) -> Job:
        """The deployment that has followed, when it has ended."""
        found = self.follower(job)
        assert found is not None
        return client.wait(self.workspace, found.id, timeout=40)

    def revisions(self) -> list[Revision]:
        with self.workspace.store.read() as db:
            return deployments.revisions(db, "staging")

    def state(self) -> TriggerState:
        with self.workspace.store.read() as db:
            return triggers.state(db, "again")


@pytest.fixture
def loop(project: Project) -> Iterator[Loop]:
    yield Loop(project)
    client.stop_worker(project.workspace)


def test_a_killed_worker_neither_loses_nor_doubles_what_goes_to_staging(
    loop: Loop,
) -> None:
    (loop.project.root / "wait").touch()
    client.start_worker(loop.workspace)
    begun(loop.workspace, "again")
    report(loop.workspace, True)
    (job,) = wait_for(lambda: fired(loop.workspace, "again"))
    loop.project.until_running(job.id)
    kill(loop.project)
    (loop.project.root / "wait").unlink()  # it succeeds while no worker is there
    job = loop.project.until_ended(job.id)
    follower = loop.follower(job)
    assert (job.state, follower is not None and follower.state) == (JobState.SUCCEEDED, JobState.QUEUED)
    assert not settle(loop.workspace, job, Outcome(JobState.SUCCEEDED, result=job.result))  # as by another worker
    client.start_worker(loop.workspace)
    kill(loop.project)  # with the deployment queued, or on its way
    client.start_worker(loop.workspace)
    deployment = loop.deployed(job)
    assert (deployment.state, deployment.actor) == (JobState.SUCCEEDED, "trigger:again")
    with loop.workspace.store.read() as db:
        assert [found.action for found in jobs.listing(db)] == ["deploy", "train"]
    (revision,) = loop.revisions()
    assert (revision.model_ref, revision.state, revision.actor) == ("fraud:2", RevisionState.LIVE, "trigger:again")
    assert revision.reason == f"Drift report 1 turned production to drifted; trained by job {job.id}"


def test_never_past_an_approval(loop: Loop) -> None:
    loop.configure(approvals=1)
    deployment = loop.deployed(loop.drift())
    assert deployment.result["revision_state"] == "waiting"
    (revision,) = loop.revisions()
    assert (revision.state, revision.approvals) == (RevisionState.WAITING, 1)


def test_refused_deployments_and_failed_trainings_count_alike(loop: Loop) -> None:
    loop.configure(auc=0.5)
    first = loop.drift()
    refused = loop.deployed(first)
    assert (first.state, refused.state, loop.revisions()) == (JobState.SUCCEEDED, JobState.REFUSED, [])
    assert "auc >= 0.8" in (refused.error or "")
    (loop.project.root / "fit.py").write_text("raise SystemExit(1)")
    assert loop.drift(revision=2).state is JobState.FAILED
    wait_for(lambda: loop.state().stopped)
    assert "its last 2 jobs failed" in loop.state().last_note
    with loop.workspace.store.read() as db:
        assert "trigger" in {alert.kind for alert in alerts.open_alerts(db)}


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((), "has logged no version of fraud, so nothing is deployed to staging."),
        (("other",), "has logged no version of fraud, so nothing is deployed to staging."),
        (("fraud", "other", "fraud"), "has logged 2 versions of fraud (fraud:2, fraud:3), so nothing is deployed"),
    ],
)
def test_no_version_or_several_is_one_sentence(loop: Loop, names: tuple[str, ...], told: str) -> None:
    loop.configure(names=names)
    job_id = loop.project.train(deploy="staging")
    job = client.wait(loop.workspace, job_id, timeout=20)
    assert job.state is JobState.FAILED
    assert told in (job.error or "")
    assert loop.project.run(job_id).status is RunStatus.SUCCEEDED  # the training is none the worse for it
    assert (loop.follower(job), loop.revisions()) == (None, [])


def test_who_waits_for_a_training_waits_for_its_deployment(loop: Loop) -> None:
    loop.configure(auc=0.5)
    command = [
        sys.executable,
        "-m",
        "mlops_console",
        "train",
        "--deploy",
        "staging",
        "--reason",
        "try",
        "--wait",
        "--json",
    ]
    done = subprocess.run(command, cwd=loop.project.root, capture_output=True, text=True, timeout=50)
    assert done.returncode == 3, done.stderr  # as of a deployment that a gate refuses
    document = json.loads(done.stdout)
    assert (document["state"], document["deploys"]) == ("succeeded", "fraud:2")
    assert (document["deployment"]["state"], document["deployment"]["subject"]) == ("refused", "staging")
    assert document["deployment"]["request"]["reason"] == f"try; trained by job {document['job']}"
    assert "auc >= 0.8" in done.stderr


def test_a_stopped_deployment_and_one_under_way_say_nothing(workspace: Workspace) -> None:
    def fire(trained: JobState, then: JobState | None) -> None:
        with workspace.store.write() as tx:
            number = len(fired(workspace, "again"))
            key = triggers.key("again", str(number))
            job = jobs.enqueue(tx, "train", "train", {}, "trigger:again", Turn(key=key))
            jobs.finish(tx, job, trained)
            if then is not None:
                follower = Turn(key=jobs.follower_key(job))
                jobs.finish(tx, jobs.enqueue(tx, "deploy", "staging", {}, "trigger:again", follower), then)

    def failures() -> int:
        with workspace.store.read() as db:
            return len(triggers.failures(db, TriggerState("again")))

    for trained, then, count in (
        (JobState.FAILED, None, 1),
        (JobState.SUCCEEDED, JobState.QUEUED, 1),
        (JobState.SUCCEEDED, JobState.STOPPED, 1),
        (JobState.SUCCEEDED, JobState.REFUSED, 2),
        (JobState.REFUSED, None, 3),
        (JobState.SUCCEEDED, JobState.SUCCEEDED, 0),
        (JobState.SUCCEEDED, JobState.LOST, 1),
    ):
        fire(trained, then)
        assert failures() == count


def test_a_person_can_take_neither_its_key_nor_an_environment_that_is_not_there(loop: Loop) -> None:
    with pytest.raises(UsageError, match="follows another one"):
        client.execute(loop.workspace, "train", {}, Turn(key="after:7"))
    with pytest.raises(UsageError, match="no environment 'stagin'"):
        client.execute(loop.workspace, "train", {"deploy": "stagin"})


def test_a_look_that_comes_back_fires_no_second_time(workspace: Workspace) -> None:
    loop = Loop(Project(workspace))
    config = workspace.config()
    seer = Triggers(workspace)
    seer.look(config)
    report(workspace, True)
    for _ in range(3):
        seer.look(config)
        Triggers(workspace).look(config)
    (job,) = fired(workspace, "again")
    assert (job.request["deploy"], loop.follower(job)) == ("staging", None)


class TestLabelsThatComeLater:
    @pytest.fixture
    def seer(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Triggers:
        """A trigger whose pipeline reads served rows; production has answered 200, without a label yet."""
        monkeypatch.setattr(triggers_module, "_LABELS", 0.0)
        loop = Loop(Project(workspace))
        config = workspace.config_path.read_text().replace('deps = ["fit.py"]', 'deps = ["fit.py"]\nserved = true')
        workspace.config_path.write_text(config)
        with workspace.store.write() as tx:
            deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 8199)
            add_live(tx, "production", models.get(tx, ModelRef("fraud", 1)))
        rows = (Prediction(time.time() - 0.5, 1, {"x": 1.0}, {"predict": 0}) for _ in range(200))
        log_rows(loop.workspace, "production", rows)
        self.config = workspace.config()
        seer = Triggers(workspace)
        seer.look(self.config)
        report(workspace, True)
        self.look(seer)
        return seer

    def look(self, seer: Triggers) -> None:
        for _ in range(2):
            seer.look(self.config)

    def news(self, workspace: Workspace) -> None:
        """Something is written into the store, as by a server under traffic."""
        with workspace.store.write() as tx:
            jobs.finish(tx, jobs.enqueue(tx, "stop_run", "x", {}, "ann"), JobState.SUCCEEDED)

    def test_it_waits_for_them(self, workspace: Workspace, seer: Triggers) -> None:
        assert fired(workspace, "again") == []
        assert state(workspace, "again").last_note.endswith("It waits for labels.")
        PredictionLog(workspace.predictions_path).add_labels(Label(f"r{i}", 0, 1) for i in range(99))
        self.news(workspace)
        self.look(seer)
        assert fired(workspace, "again") == []
        PredictionLog(workspace.predictions_path).add_labels([Label("r99", 0, 1)])
        report(workspace, True)
        self.look(seer)
        (job,) = fired(workspace, "again")
        assert (job.request["served"], job.turn.key) == ("production", "trigger:again:report-1")
        self.news(workspace)
        self.look(seer)
        assert len(fired(workspace, "again")) == 1
        assert [entry.outcome for entry in entries(workspace, "again")] == ["waiting"]  # told once

    def test_they_are_seen_though_nothing_else_happens(self, workspace: Workspace, seer: Triggers) -> None:
        PredictionLog(workspace.predictions_path).add_labels(Label(f"r{i}", 0, 1) for i in range(200))
        self.look(seer)
        assert len(fired(workspace, "again")) == 1

    def test_a_damaged_prediction_log_is_told_and_keeps_nobody(self, workspace: Workspace, seer: Triggers) -> None:
        for file in workspace.home.glob("predictions.db*"):
            file.write_bytes(b"nothing of the kind" * 500)
        report(workspace, True)
        self.look(seer)
        assert fired(workspace, "again") == []
        assert state(workspace, "again").last_note.endswith("It waits for labels.")

    def test_of_another_version_that_is_live_by_now_nothing_is_trained(
        self, workspace: Workspace, seer: Triggers
    ) -> None:
        with workspace.store.write() as tx:
            add_live(tx, "production", models.get(tx, ModelRef("fraud", 1)))
        PredictionLog(workspace.predictions_path).add_labels(Label(f"r{i}", 0, 1) for i in range(200))
        self.look(seer)
        assert fired(workspace, "again") == []
        assert "the drift was over" in state(workspace, "again").last_note

    def test_a_drift_that_is_over_is_not_trained_for(self, workspace: Workspace, seer: Triggers) -> None:
        report(workspace, False)
        self.look(seer)
        assert "the drift was over before enough of its rows had labels" in state(workspace, "again").last_note
        PredictionLog(workspace.predictions_path).add_labels(Label(f"r{i}", 0, 1) for i in range(200))
        report(workspace, True)
        self.look(seer)
        assert [job.turn.key for job in fired(workspace, "again")] == ["trigger:again:report-3"]
