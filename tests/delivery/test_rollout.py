"""Rollouts against the store; the servers' part is played by the test."""

import subprocess
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from mlops_console.core.deployments import RevisionState, ServerHealth, ServerSettings
from mlops_console.core.errors import JobError, JobStopped, MlopsError, RefusedError
from mlops_console.core.traffic import BOUNDS, Traffic
from mlops_console.delivery import canary, intervene, rollout
from mlops_console.delivery.begin import begin_deploy
from mlops_console.store import deploying, deployments, jobs, server_processes
from mlops_console.store.identity import current_process, identify
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import (
    FakeJob,
    PlayedServers,
    add_server,
    add_version,
    make_live,
    port_of,
    states,
    the,
    write_config,
)
from tests.support import wait_for

S = RevisionState
STEPS = 'strategy = "canary"\nrollout = {{steps = ["5%", "25%", "100%"], hold = "{hold}", min_requests = 100}}'
SHADOW = 'strategy = "shadow"\nrollout = {hold = "0s", min_requests = 100}'


def steps_of(workspace: Workspace, number: int) -> list[str]:
    with workspace.store.read() as db:
        return [change.state.value for change in deployments.changes(db, "staging", number)]


def traffic(requests: int, errors: int = 0, seconds: float = 0.002) -> Traffic:
    counts = [0] * (len(BOUNDS) + 1)
    counts[bisect_left(BOUNDS, seconds)] = requests
    return Traffic(requests, errors, tuple(counts))


@dataclass
class Asked:
    """A rollout in a thread of its own, with its result or its error."""

    workspace: Workspace
    call: Callable[[FakeJob], dict[str, Any]]
    job: FakeJob = field(default_factory=FakeJob)
    result: dict[str, Any] | None = None
    error: MlopsError | None = None

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.result = self.call(self.job)
        except MlopsError as error:
            self.error = error
        finally:
            self.workspace.store.close()

    def end(self) -> "Asked":
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self


def deploy(workspace: Workspace, version: int = 2) -> Asked:
    return Asked(workspace, lambda job: rollout.deploy(workspace, f"fraud:{version}", "staging", "", job))


def test_a_deployment_ends_when_its_revision_serves(workspace: Workspace) -> None:
    write_config(workspace)
    add_version(workspace, {"test/auc": 0.9})
    with PlayedServers(workspace, "staging"):
        result = rollout.deploy(workspace, "fraud:1", "staging", "first", FakeJob())
    assert result == {
        "environment": "staging",
        "revision": 1,
        "model": "fraud",
        "version": 1,
        "kind": "deploy",
        "restores": None,
        "revision_state": "live",
    }
    environment = the(workspace, "staging")
    assert (environment.port, environment.observed) == (port_of(workspace, "staging"), 1)
    assert environment.live is not None
    assert (environment.live.actor, environment.live.reason, environment.live.state) == ("ann", "first", S.LIVE)
    assert steps_of(workspace, 1) == ["planned", "loading", "testing", "live"]


def test_it_waits_for_every_process(workspace: Workspace) -> None:
    """Two have prepared it, the third one has not: it goes live once that has gone."""
    write_config(workspace, staging="workers = 3")
    add_version(workspace)
    with subprocess.Popen(["sleep", "600"]) as third:
        with workspace.store.write() as tx:
            deploying.ensure_environment(tx, "staging", "fraud", "127.0.0.1", port_of(workspace, "staging"))
            add_server(tx, "staging", slot=2, process=identify(third.pid))
        with PlayedServers(workspace, "staging", count=2):
            asked = deploy(workspace, 1)
            try:
                wait_for(lambda: [p.prepared for p in the(workspace, "staging").processes] == [1, 1, None])
                wait_for(lambda: bool(asked.job.told))
                assert states(workspace, "staging") == [S.TESTING]
            finally:
                third.kill()
                third.wait()
            with workspace.store.write() as tx:  # as the worker does that sees its end
                server_processes.ended(tx, "staging", 2, third.pid)
            wait_for(lambda: states(workspace, "staging") == [S.LIVE])
            with workspace.store.write() as tx:  # and starts another one
                server_processes.started(tx, "staging", 2, current_process())
            wait_for(lambda: [p.serving for p in the(workspace, "staging").processes] == [1, 1, None])
            with workspace.store.write() as tx:
                add_server(tx, "staging", serving=1, slot=2)
            result = asked.end().result
    assert result is not None
    assert "answering" not in result
    assert the(workspace, "staging").observed == 1


def test_a_deployment_says_how_many_processes_answer_where_some_never_do(workspace: Workspace) -> None:
    write_config(workspace, staging="workers = 2")
    for _ in range(2):
        add_version(workspace)
    with PlayedServers(workspace, "staging"):
        for version in (1, 2):
            result = rollout.deploy(workspace, f"fraud:{version}", "staging", "", FakeJob(), timeout=1)
            assert (result["revision_state"], result["answering"], result["workers"]) == ("live", 1, 2)
        begun = time.monotonic()
        assert "answering" not in rollout.rollback(workspace, "staging", None, "", FakeJob(), timeout=60)
        assert time.monotonic() - begun < 30  # it waits for no process that has yet to start
    assert states(workspace, "staging") == [S.LIVE, S.RETIRED, S.RETIRED]


def test_gates_are_asked_again_and_their_results_kept(workspace: Workspace) -> None:
    write_config(workspace)
    version = add_version(workspace, {"test/auc": 0.9})
    with pytest.raises(RefusedError, match="fraud:1 was never live in staging"):
        rollout.deploy(workspace, "fraud:1", "production", "", FakeJob())
    with workspace.store.read() as db:
        assert deployments.revisions(db, "production") == []
        assert deployments.environment(db, "production") is None
    make_live(workspace, "staging", version)
    with PlayedServers(workspace, "production"):
        rollout.deploy(workspace, "fraud:1", "production", "", FakeJob())
    with workspace.store.read() as db:
        assert [gate.passed for gate in deployments.gate_results(db, "production", 1)] == [True] * 3


def test_a_version_that_can_not_be_loaded_leaves_the_one_before_it(workspace: Workspace) -> None:
    write_config(workspace)
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    with PlayedServers(workspace, "staging", error="Object 0000… is damaged."), pytest.raises(JobError) as caught:
        wait_for(lambda: the(workspace, "staging").observed == 1)
        rollout.deploy(workspace, "fraud:2", "staging", "", FakeJob())
    assert caught.value.message == "staging does not serve fraud:2: Object 0000… is damaged."
    assert caught.value.hint == "It serves fraud:1 on."
    assert states(workspace, "staging") == [S.FAILED, S.LIVE]


def test_a_server_that_is_down_is_not_said_to_serve_on(workspace: Workspace) -> None:
    write_config(workspace)
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    with pytest.raises(JobError) as caught:
        rollout.deploy(workspace, "fraud:2", "staging", "", FakeJob(), timeout=0.1)
    assert caught.value.hint == "Nothing serves there."


@pytest.mark.parametrize(
    ("forgetful", "steps"),
    [(False, ["planned", "loading", "live"]), (True, ["planned", "loading", "testing", "live"])],
    ids=["in memory", "not in memory"],
)
def test_a_rollback_is_a_new_revision_that_no_gate_stops(
    workspace: Workspace, forgetful: bool, steps: list[str]
) -> None:
    """What is in the memory of all servers is live at once, else they load it first."""
    write_config(workspace, staging='gates = ["test/auc >= 0.5"]')
    add_version(workspace, {"test/auc": 0.9})
    add_version(workspace, {"test/auc": 0.9})
    with PlayedServers(workspace, "staging", count=2, forgetful=forgetful):
        for version in (1, 2):
            rollout.deploy(workspace, f"fraud:{version}", "staging", "", FakeJob())
        workspace.config_path.write_text("[project")
        result = rollout.rollback(workspace, "staging", None, "bad", FakeJob())
        assert the(workspace, "staging").observed == 3
    assert (result["revision"], result["version"], result["kind"], result["restores"]) == (3, 1, "rollback", 1)
    assert states(workspace, "staging") == [S.LIVE, S.RETIRED, S.RETIRED]
    assert steps_of(workspace, 3) == steps


def test_without_a_server_a_rollout_is_given_up(workspace: Workspace) -> None:
    write_config(workspace)
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    with pytest.raises(JobError, match="it was not ready within 0 s"):
        rollout.deploy(workspace, "fraud:2", "staging", "", FakeJob(), timeout=0.1)
    environment = the(workspace, "staging")
    assert environment.candidate is None
    assert environment.live is not None
    assert environment.live.model_ref == "fraud:1"


def test_a_rollout_can_be_stopped(workspace: Workspace) -> None:
    write_config(workspace)
    add_version(workspace)
    with pytest.raises(JobStopped):
        rollout.deploy(workspace, "fraud:1", "staging", "", FakeJob(stop=True))
    assert states(workspace, "staging") == [S.ABORTED]
    assert the(workspace, "staging").candidate is None


def test_a_stop_that_comes_too_late_is_told_as_what_it_was(workspace: Workspace) -> None:
    write_config(workspace)
    add_version(workspace)

    class LateJob(FakeJob):
        def stop_requested(self) -> bool:
            with workspace.store.write() as tx:
                deploying.advance(tx, "staging", 1, S.LIVE, "ann")
            return True

    with PlayedServers(workspace, "staging"):
        result = rollout.deploy(workspace, "fraud:1", "staging", "", LateJob())
    assert (result["revision"], result["revision_state"]) == (1, "live")


def test_the_same_job_again_goes_on_with_what_was_begun(workspace: Workspace) -> None:
    """The worker died after the revision was written, and the next one performs the job anew."""
    write_config(workspace)
    add_version(workspace)
    with workspace.store.write() as tx:
        job = FakeJob(id=jobs.enqueue(tx, "deploy", "staging", {}, "ann"))
    begin_deploy(workspace, "fraud:1", "staging", "", job)
    with PlayedServers(workspace, "staging"):
        assert rollout.deploy(workspace, "fraud:1", "staging", "", job)["revision"] == 1
        assert rollout.deploy(workspace, "fraud:1", "staging", "", job)["revision"] == 1  # it died at the very end
    assert states(workspace, "staging") == [S.LIVE]


def test_the_same_job_again_tells_the_same_failure(workspace: Workspace) -> None:
    write_config(workspace)
    add_version(workspace)
    with workspace.store.write() as tx:
        job = FakeJob(id=jobs.enqueue(tx, "deploy", "staging", {}, "ann"))
    for _ in range(2):
        with pytest.raises(JobError, match="it was not ready within 0 s"):
            rollout.deploy(workspace, "fraud:1", "staging", "", job, timeout=0)
    assert states(workspace, "staging") == [S.FAILED]


def test_a_rollback_ends_the_deployment_under_way(workspace: Workspace) -> None:
    write_config(workspace, staging=STEPS.format(hold="1h"))
    for _ in range(3):
        add_version(workspace)
    with PlayedServers(workspace, "staging"):
        deploy(workspace, 1).end()
        second = deploy(workspace, 2)
        wait_for(lambda: states(workspace, "staging")[0] is S.CANARY)
        with workspace.store.write() as tx:
            intervene.promote(tx, intervene.in_canary(tx, "staging"), "bo", "", full=True)
        assert second.end().error is None
        third = deploy(workspace, 3)
        wait_for(lambda: states(workspace, "staging")[0] is S.CANARY)
        assert rollout.rollback(workspace, "staging", None, "bad", FakeJob())["version"] == 1
        error = third.end().error
        assert error is not None
        assert isinstance(error, JobStopped)  # a person's doing: no failure, so no alert
        assert error.message == "Revision 3 of staging was stopped before it was live: revision 4 rolls staging back."
        wait_for(lambda: the(workspace, "staging").observed == 4)
    assert states(workspace, "staging") == [S.LIVE, S.ABORTED, S.RETIRED, S.RETIRED]


def test_a_deployment_that_a_person_aborts_is_stopped_not_failed(workspace: Workspace) -> None:
    """Also where its worker died before it could say so: the same job tells the same again."""
    write_config(workspace)
    add_version(workspace)
    with workspace.store.write() as tx:
        job = FakeJob(id=jobs.enqueue(tx, "deploy", "staging", {}, "ann"))
    revision = begin_deploy(workspace, "fraud:1", "staging", "", job)
    with workspace.store.write() as tx:
        assert intervene.abort(tx, revision, "bo", "a wrong label")
    for _ in range(2):
        with pytest.raises(JobStopped, match=r"was stopped before it was live: aborted by bo: a wrong label\."):
            rollout.deploy(workspace, "fraud:1", "staging", "", job)


def test_a_stop_whose_worker_died_is_still_a_stop(workspace: Workspace) -> None:
    write_config(workspace)
    add_version(workspace)
    with workspace.store.write() as tx:
        job = FakeJob(id=jobs.enqueue(tx, "deploy", "staging", {}, "ann"), stop=True)
    for _ in range(2):
        with pytest.raises(JobStopped, match="Revision 1 of staging was stopped before it was live"):
            rollout.deploy(workspace, "fraud:1", "staging", "", job)


class TestCanary:
    """fraud:1 is live, fraud:2 becomes a canary."""

    @pytest.fixture
    def servers(self, workspace: Workspace) -> PlayedServers:
        write_config(workspace, staging=STEPS.format(hold="0s"))
        make_live(workspace, "staging", add_version(workspace))
        add_version(workspace)
        return PlayedServers(workspace, "staging", count=2)

    def test_one_that_is_alike_goes_live_step_by_step(self, workspace: Workspace, servers: PlayedServers) -> None:
        servers.traffic = {1: traffic(1_000, 10), 2: traffic(60, 1)}
        with servers:
            asked = deploy(workspace).end()
        assert asked.error is None
        assert steps_of(workspace, 2) == ["planned", "loading", "testing", "canary", "canary", "live"]
        with workspace.store.read() as db:
            changes = deployments.changes(db, "staging", 2)[3:]
        assert changes[0].reason == ""
        assert changes[1].reason.startswith("canary 5%: 120 requests, 1.7% errors")
        assert changes[2].reason.startswith("canary 25%: 120 requests, 1.7% errors")

    def test_one_that_is_worse_is_aborted_and_the_live_one_goes_on(
        self, workspace: Workspace, servers: PlayedServers
    ) -> None:
        servers.traffic = {1: traffic(1_000, 10), 2: traffic(100, 20)}
        with servers:
            asked = deploy(workspace).end()
        assert asked.error is not None
        assert asked.error.message.startswith(
            "staging does not serve fraud:2: it is worse than the live version: errors 20.00% of "
        )
        assert asked.error.hint == "It serves fraud:1 on."
        assert states(workspace, "staging") == [S.ABORTED, S.LIVE]

    def test_one_that_is_slower_is_aborted(self, workspace: Workspace, servers: PlayedServers) -> None:
        servers.traffic = {1: traffic(1_000), 2: traffic(100, 0, 0.01)}
        with servers:
            asked = deploy(workspace).end()
        assert "worse than the live version: latency median" in str(asked.error)

    def test_too_few_requests_are_waited_for(self, workspace: Workspace, servers: PlayedServers) -> None:
        servers.traffic = {1: traffic(1_000), 2: traffic(49)}  # 98 in all
        with servers:
            asked = deploy(workspace)
            wait_for(lambda: any("waits for 100 requests" in text for text in asked.job.told))
            assert states(workspace, "staging")[0] is S.CANARY
            servers.traffic = {1: traffic(1_000), 2: traffic(50)}
            assert asked.end().error is None

    def test_a_stop_ends_it(self, workspace: Workspace, servers: PlayedServers) -> None:
        with servers:
            asked = deploy(workspace)
            wait_for(lambda: states(workspace, "staging")[0] is S.CANARY)
            asked.job.stop = True
            assert isinstance(asked.end().error, JobStopped)
        assert states(workspace, "staging") == [S.ABORTED, S.LIVE]

    def test_the_first_version_needs_no_canary(self, workspace: Workspace) -> None:
        write_config(workspace, staging=STEPS.format(hold="1h"))
        add_version(workspace)
        with PlayedServers(workspace, "staging"):
            assert deploy(workspace, 1).end().error is None
        assert steps_of(workspace, 1) == ["planned", "loading", "testing", "live"]

    @pytest.mark.parametrize(
        ("agreed", "error"), [(195, None), (150, "it agrees with the live version on 75.0% of the rows only")]
    )
    def test_a_shadow_has_to_agree(self, workspace: Workspace, agreed: int, error: str | None) -> None:
        write_config(workspace, staging=SHADOW)
        make_live(workspace, "staging", add_version(workspace))
        add_version(workspace)
        servers = PlayedServers(workspace, "staging")
        servers.traffic, servers.mirrored = {1: traffic(200), 2: traffic(200)}, (200, agreed)
        with servers:
            asked = deploy(workspace).end()
        assert (error or "None") in str(asked.error)
        assert steps_of(workspace, 2)[3:] == ["canary", "live" if error is None else "aborted"]

    def test_a_shadow_is_one_whatever_the_steps_are(self, workspace: Workspace) -> None:
        write_config(workspace, staging=SHADOW.replace("{", '{steps = ["100%"], '))
        make_live(workspace, "staging", add_version(workspace))
        add_version(workspace)
        servers = PlayedServers(workspace, "staging")
        servers.traffic, servers.mirrored = {1: traffic(200), 2: traffic(200)}, (200, 200)
        with servers:
            assert deploy(workspace).end().error is None
        assert steps_of(workspace, 2)[3:] == ["canary", "live"]

    def test_what_the_servers_said_of_an_older_change_does_not_count(
        self, workspace: Workspace, servers: PlayedServers
    ) -> None:
        servers.traffic = {1: traffic(1_000), 2: traffic(20)}
        with servers:
            asked = deploy(workspace)
            wait_for(lambda: any("canary 5%: 40 requests" in text for text in asked.job.told))
            asked.job.stop = True
            asked.end()
        with workspace.store.write() as tx:
            deploying.touch(tx, "staging")
            revision = deployments.revision(tx, "staging", 2)
        seen = canary.gather(the(workspace, "staging"), revision)
        assert (seen.canary.requests, seen.live.requests, seen.disagreement) == (0, 0, 0.0)


def test_a_revision_with_its_approvals_goes_on(workspace: Workspace) -> None:
    write_config(workspace, staging="approvals = 1")
    add_version(workspace)
    waiting = deploy(workspace, 1).end()
    assert waiting.result is not None
    assert waiting.result["revision_state"] == "waiting"
    with workspace.store.write() as tx:
        assert intervene.approve(tx, intervene.waiting(tx, "staging", None), "bo", "")
    with PlayedServers(workspace, "staging"):
        result = rollout.go_on(workspace, "staging", 1, FakeJob())
    assert (result["revision"], result["revision_state"]) == (1, "live")
    assert steps_of(workspace, 1) == ["planned", "waiting", "planned", "loading", "testing", "live"]


def test_a_server_that_goes_on_with_old_answers_is_killed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs: the revision is live, and the process says for ever that the one before it answers."""
    monkeypatch.setattr(ServerSettings, "drain", 0.1)
    monkeypatch.setattr(rollout, "_HANGS", 0.1)
    write_config(workspace)
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    with subprocess.Popen(["sleep", "600"]) as hanging:
        revision = begin_deploy(workspace, "fraud:2", "staging", "", FakeJob()).revision
        with workspace.store.write() as tx:
            add_server(tx, "staging", 1, process=identify(hanging.pid))
            tx.execute("UPDATE server_processes SET prepared = ?", (revision,))
        asked = Asked(workspace, lambda job: rollout.go_on(workspace, "staging", revision, job))
        assert hanging.wait(10) == -9
        with workspace.store.write() as tx:  # as the worker does that sees its end
            server_processes.ended(tx, "staging", 0, hanging.pid)
        with PlayedServers(workspace, "staging"):
            assert asked.end().error is None
    assert the(workspace, "staging").health is ServerHealth.READY
