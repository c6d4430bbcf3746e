"""What runs where: in a process, in a thread of the worker, and what is light about it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mlops_console.core.errors import StoreError, UsageError
from mlops_console.core.jobs import JobState, Turn
from mlops_console.core.runs import ProcessIdentity, RunStatus
from mlops_console.store import alerts, jobs, ledger
from mlops_console.store.identity import current_process
from mlops_console.worker import client
from mlops_console.worker import queue as queue_module
from mlops_console.worker.processes import Process
from mlops_console.worker.queue import Queue
from tests.support import wait_for
from tests.worker.project import Project


def enqueue(project: Project, action: str, subject: str, **request: object) -> int:
    with project.workspace.store.write() as tx:
        return jobs.enqueue(tx, action, subject, request, "someone")


@contextlib.contextmanager
def no_worker(project: Project) -> Iterator[None]:
    """What is queued stays queued: a worker is registered that never looks."""
    with project.workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")
    yield
    with project.workspace.store.write() as tx:
        jobs.forget_worker(tx)


def test_a_job_of_an_unknown_action_fails_with_the_reason(project: Project) -> None:
    job_id = enqueue(project, "fly", "moon")
    client.ensure_worker(project.workspace)
    job = project.until_ended(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.startswith("There is no action 'fly'.")


def test_the_ledger_names_who_asked_and_how_it_ended(project: Project) -> None:
    job_id = enqueue(project, "deploy", "production", model_ref="nonsense", environment="production")
    client.ensure_worker(project.workspace)
    project.until_ended(job_id)
    with project.workspace.store.read() as db:
        entry = ledger.entries(db)[0]
    assert (entry.actor, entry.action, entry.subject, entry.outcome) == ("someone", "deploy", "production", "failed")
    assert entry.detail["job"] == job_id


def test_a_read_only_workspace_refuses_what_was_queued_before(project: Project) -> None:
    job_id = enqueue(project, "train", "train")
    with (project.root / "mlops.toml").open("a") as config:
        config.write("\n[console]\nread_only = true\n")
    client.ensure_worker(project.workspace)
    assert project.until_ended(job_id).state is JobState.REFUSED


def test_an_end_that_can_not_be_written_is_written_later(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise StoreError("The disk is full.")

    project.write("import time; time.sleep(60)")
    with project.workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")  # no other worker may take the job
    job_id = project.train()
    with project.workspace.store.write() as tx:
        jobs.forget_worker(tx)
    queue = Queue(project.workspace)
    queue.start_queued(1)
    process = wait_for(lambda: project.job(job_id).process)
    os.kill(process.pid, signal.SIGKILL)
    with monkeypatch.context() as patched, pytest.raises(StoreError):
        patched.setattr(queue_module, "settle", fail)
        wait_for(queue.watch)
    assert not queue.is_idle
    assert queue.watch()
    assert (project.job(job_id).state, queue.is_idle) == (JobState.LOST, True)


def test_a_training_whose_mlops_toml_broke_after_it_was_queued_fails_in_one_sentence(project: Project) -> None:
    with project.workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")  # a worker that never looks, so that the job stays queued
    job_id = project.train()
    (project.root / "mlops.toml").write_text("[project\n")
    with project.workspace.store.write() as tx:
        jobs.forget_worker(tx)
    client.ensure_worker(project.workspace)
    job = project.until_ended(job_id)
    assert (job.state, project.run(job_id).status) == (JobState.FAILED, RunStatus.FAILED)
    assert job.error is not None
    assert job.error.startswith("mlops.toml is not valid TOML")


def test_a_drift_check_waits_for_no_training(project: Project) -> None:
    wait = "while not pathlib.Path('go').exists(): time.sleep(0.01)"
    project.write(f"import pathlib, time\npathlib.Path('started').touch()\n{wait}")
    with (project.root / "mlops.toml").open("a") as config:
        config.write("slots = 1\n")
    training = project.train()
    project.until_running(training)
    check = enqueue(project, "check_drift", "production", environment="production")
    assert "There is no environment" in (project.until_ended(check).error or "")
    assert project.job(training).state is JobState.RUNNING
    (project.root / "go").touch()


def test_drift_checks_wait_for_each_other_beyond_the_slots(project: Project) -> None:
    """With many environments, all of whose checks are due at once."""
    under_way, queued = (enqueue(project, "check_drift", name, environment=name) for name in ("a", "b"))
    with project.workspace.store.write() as tx:
        jobs.claim(tx, under_way)
        jobs.take(tx, under_way, current_process())
    queue = Queue(project.workspace)
    queue.adopt()
    queue.start_queued(1)
    assert project.job(queued).state is JobState.QUEUED
    queue.start_queued(2)
    wait_for(queue.watch)
    assert project.job(queued).state is JobState.FAILED
    with project.workspace.store.write() as tx:
        jobs.finish(tx, under_way, JobState.STOPPED)


def test_the_worker_and_its_clients_load_no_heavy_library() -> None:
    code = (
        "import sys, mlops_console.worker.loop, mlops_console.worker.job, mlops_console.worker.client, "
        "mlops_console.actions as a; a.places(); "
        "print(*{'numpy', 'pandas', 'sklearn', 'scipy', 'uvicorn', 'starlette', 'textual'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_what_a_queued_job_is_to_do_already_is_not_queued_once_more(project: Project) -> None:
    with no_worker(project):
        first = project.train()
        again = client.execute(project.workspace, "train", {})
        assert (again.job_id, again.again) == (first, True)
        assert project.train(keep_going=True) != first
        client.execute(project.workspace, "stop_job", {"job": first})
        assert project.train() != first


def test_who_trains_now_does_not_wait_for_the_night(project: Project) -> None:
    with no_worker(project):
        nightly = project.train(Turn(not_before=time.time() + 36_000))
        now, urgent = project.train(), project.train(Turn(priority=9))
        assert len({nightly, now, urgent}) == 3
        assert project.job(now).turn == Turn()
        assert project.job(urgent).turn == Turn(priority=9)


def test_what_was_edited_while_a_job_runs_is_trained_too(project: Project) -> None:
    wait = "while not pathlib.Path('go').exists(): time.sleep(0.01)"
    project.write(f"import pathlib, time; print('old code')\npathlib.Path('started').touch()\n{wait}")
    first = project.train()
    project.until_running(first)
    project.write("print('new code')")
    second = client.execute(project.workspace, "train", {})
    assert second.job_id is not None
    assert (second.job_id != first, second.again) == (True, False)
    (project.root / "go").touch()
    assert project.until_ended(second.job_id).state is JobState.SUCCEEDED
    assert "new code" in (project.workspace.logs_dir / str(second.job_id) / "fit.log").read_text()


def test_a_sweep_that_is_asked_for_twice_is_one(project: Project) -> None:
    (project.root / "params.toml").write_text("[fit]\nlr = 0.1\n")
    toml = project.root / "mlops.toml"
    toml.write_text(f'[pipelines.train]\nparams = "params.toml"\n{toml.read_text()}')

    def sweep(**more: Any) -> client.Execution:
        request = {"space": {"fit.lr": "0.1..0.9"}, "metric": "loss", "trials": 4, **more}
        return client.execute(project.workspace, "sweep", request)

    with no_worker(project):
        first = sweep()
        assert first.job_id is not None
        again = sweep()
        assert (again.job_id, again.again) == (first.job_id, True)
        confirmed = sweep(**again.plan.settles)  # as the console asks, which has shown the plan
        assert (confirmed.job_id, confirmed.again) == (first.job_id, True)
        assert not sweep(trials=5).again
        client.execute(project.workspace, "stop_job", {"job": first.job_id})
        name = project.job(first.job_id).request["sweep"]
        resumed = sweep(sweep=name)
        assert not resumed.again
        assert sweep(sweep=name).job_id == resumed.job_id
        assert not sweep().again  # a new one, not the one that goes on


def test_a_key_is_that_of_one_action_and_subject(project: Project) -> None:
    with (project.root / "mlops.toml").open("a") as config:
        config.write("[pipelines.other.stages.fit]\nrun = 'true'\n")
    with no_worker(project):
        first = project.train(Turn(key="k"))
        with pytest.raises(UsageError, match=rf"'k' is that of job {first} \(train train\), not of train other"):
            project.train(Turn(key="k"), pipeline="other")
        with pytest.raises(UsageError, match="is a trigger's"):
            project.train(Turn(key="trigger:nightly:7"))
        assert project.train(Turn(key="k")) == first


class Deaf(Process):
    """A process that answers to nothing and notes what it is sent."""

    sent: list[tuple[str, signal.Signals]]

    def send(self, number: signal.Signals) -> None:
        self.sent.append(("job", number))

    def signal_group(self, number: signal.Signals) -> None:
        self.sent.append(("group", number))


def test_only_the_job_is_asked_to_stop_and_gets_more_time_than_its_stages(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = enqueue(project, "train", "train")
    with project.workspace.store.write() as tx:
        jobs.claim(tx, job_id)
        jobs.take(tx, job_id, current_process())
    queue = Queue(project.workspace)
    queue.adopt()
    running = queue._processes[job_id]
    deaf = running.process = Deaf(current_process())
    deaf.sent = []
    queue.stop_all()
    queue.stop_asked(10.0)
    assert deaf.sent == [("job", signal.SIGTERM)]
    assert running.stop_sent is not None
    running.stop_sent -= 12.0
    queue.stop_asked(10.0)
    assert deaf.sent == [("job", signal.SIGTERM)]
    running.stop_sent -= 4.0
    queue.stop_asked(10.0)
    assert deaf.sent == [("job", signal.SIGTERM), ("group", signal.SIGKILL)]
    with project.workspace.store.write() as tx:
        jobs.finish(tx, job_id, JobState.STOPPED)


def test_a_job_that_does_not_stop_is_stopped_by_force(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "_MARGIN", 0.0)
    project.write("import time; time.sleep(60)")
    queue = Queue(project.workspace)
    with no_worker(project):
        job_id = project.train()
        queue.start_queued(1)
        process = wait_for(lambda: project.job(job_id).process)
        os.kill(process.pid, signal.SIGSTOP)
        queue.stop_all()
        queue.stop_asked(0.0)
        assert not queue.watch()
        queue.stop_asked(0.0)
        wait_for(queue.watch)
    job = project.job(job_id)
    assert (job.state, job.error) == (JobState.STOPPED, "It was stopped by force.")


def test_a_job_of_another_machine_that_has_fallen_silent_is_lost(project: Project) -> None:
    """As in a store that was copied, or after a container has got another name."""
    job_id = enqueue(project, "train", "train")
    with project.workspace.store.write() as tx:
        jobs.claim(tx, job_id)
        jobs.take(tx, job_id, ProcessIdentity(1, 1.0, "boot", "elsewhere"))
    queue = Queue(project.workspace)
    queue.adopt()
    queue.give_up_silent()
    assert (project.job(job_id).state, queue.is_idle) == (JobState.RUNNING, False)
    with project.workspace.store.write() as tx:
        tx.execute("UPDATE jobs SET heartbeat_at = heartbeat_at - 100")
    queue.watch()
    queue.give_up_silent()
    job = project.job(job_id)
    assert (job.state, queue.is_idle) == (JobState.LOST, True)
    assert job.error == f"The process of job {job_id} on elsewhere has shown no sign of life for 90 s."
    with project.workspace.store.read() as db:
        assert [alert.subject for alert in alerts.open_alerts(db)] == ["train train"]


def test_a_job_of_another_machine_that_has_ended_there_is_forgotten(project: Project) -> None:
    job_id = enqueue(project, "train", "train")
    with project.workspace.store.write() as tx:
        jobs.claim(tx, job_id)
        jobs.take(tx, job_id, ProcessIdentity(1, 1.0, "boot", "elsewhere"))
    queue = Queue(project.workspace)
    queue.adopt()
    with project.workspace.store.write() as tx:
        jobs.finish(tx, job_id, JobState.SUCCEEDED)
    queue.give_up_silent()
    assert (project.job(job_id).state, queue.is_idle) == (JobState.SUCCEEDED, True)


def test_a_key_is_done_once_for_ever(project: Project) -> None:
    project.write("")
    first = project.train(Turn(key="build 7"))
    project.until_ended(first)
    assert project.train(Turn(key="build 7"), keep_going=True) == first
    assert project.train() != first


def test_the_greatest_priority_goes_first_and_none_before_its_time(project: Project) -> None:
    project.write("")
    with project.workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")  # the worker must not begin before all are queued
    later = project.train(Turn(not_before=time.time() + 3600), start="fit")
    usual = project.train()
    urgent = project.train(Turn(priority=5), keep_going=True)
    with project.workspace.store.write() as tx:
        jobs.forget_worker(tx)
    client.ensure_worker(project.workspace)
    assert project.until_ended(usual).started_at > (project.until_ended(urgent).started_at or 0)  # type: ignore[operator]
    assert project.job(later).state is JobState.QUEUED
    client.execute(project.workspace, "stop_job", {"job": later})
    assert project.job(later).state is JobState.STOPPED


def test_deployments_of_one_environment_wait_for_each_other(project: Project) -> None:
    queue = Queue(project.workspace)

    def lanes(action: str, environment: str) -> set[tuple[str, str]]:
        return queue._lanes(project.job(enqueue(project, action, environment)))

    deploy = lanes("deploy", "production")
    rollback = lanes("rollback", "production")
    assert deploy & lanes("deploy", "production")
    assert deploy & lanes("roll_out", "production")  # the one that had its approvals
    assert not deploy & lanes("deploy", "staging")
    assert not rollback & deploy  # it may be what ends it
    assert rollback & lanes("rollback", "production")
    assert rollback & queue._waits_for(project.job(enqueue(project, "deploy", "production")))
