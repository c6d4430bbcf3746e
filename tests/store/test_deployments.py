"""What the store says of environments, their revisions and their servers."""

import dataclasses
import sqlite3

import pytest

from mlops_console.cli import shapes
from mlops_console.core.alerts import Severity
from mlops_console.core.deployments import Freeze, RevisionState, RolloutPlan, ServerHealth, ServerProcess
from mlops_console.core.errors import NotFoundError, StoreError
from mlops_console.core.models import ModelVersion
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store import alerts, deploying, deployments, models, server_processes
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import add_live, add_server, add_version, advance, make_live, the, write_config

ELSEWHERE = dataclasses.replace(current_process(), host="another")


@pytest.fixture
def versions(workspace: Workspace) -> list[ModelVersion]:
    """Three, and an environment `production` to which nothing was deployed."""
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 8100)
    return [add_version(workspace) for _ in range(3)]


def health(workspace: Workspace, told: ServerHealth, process: ProcessIdentity) -> ServerHealth:
    with workspace.store.write() as tx:
        server_processes.forget(tx, "production")
        server_processes.started(tx, "production", 0, process)
        epoch = deployments.epoch(tx, "production")
        assert server_processes.follows(tx, "production", ServerProcess(0, process, told, 0.0, epoch))
    return the(workspace, "production").health


def test_a_server_that_was_killed_is_not_called_ready(workspace: Workspace, versions: list[ModelVersion]) -> None:
    me = current_process()
    killed = dataclasses.replace(me, started=me.started + 1)  # its pid is another process's now
    before_the_boot = dataclasses.replace(me, boot_id="another")
    assert health(workspace, ServerHealth.READY, killed) is ServerHealth.NONE
    with workspace.store.write() as tx:
        add_live(tx, "production", versions[0])
    assert health(workspace, ServerHealth.READY, me) is ServerHealth.READY
    assert health(workspace, ServerHealth.READY, killed) is ServerHealth.STOPPED
    assert health(workspace, ServerHealth.STARTING, before_the_boot) is ServerHealth.STOPPED
    assert health(workspace, ServerHealth.READY, ELSEWHERE) is ServerHealth.READY
    with workspace.store.write() as tx:
        deploying.set_error(tx, "production", "the port is taken")
    assert health(workspace, ServerHealth.FAILED, killed) is ServerHealth.FAILED


def test_an_environment_is_as_well_as_its_best_process(workspace: Workspace, versions: list[ModelVersion]) -> None:
    with workspace.store.write() as tx:
        number = add_live(tx, "production", versions[0]).revision
        add_server(tx, "production", None, slot=0)
    assert the(workspace, "production").health is ServerHealth.STARTING
    with workspace.store.write() as tx:
        add_server(tx, "production", number, slot=1)
    found = the(workspace, "production")
    assert (found.health, found.observed, len(found.ready), len(found.processes)) == (ServerHealth.READY, number, 1, 2)


def test_processes_that_differ_are_not_said_to_serve_one_revision(
    workspace: Workspace, versions: list[ModelVersion]
) -> None:
    with workspace.store.write() as tx:
        add_live(tx, "production", versions[0])
        add_live(tx, "production", versions[1])
        for slot in range(2):
            add_server(tx, "production", slot + 1, slot=slot)
    assert the(workspace, "production").observed is None
    with workspace.store.write() as tx:
        add_server(tx, "production", 2, slot=0)
    assert the(workspace, "production").observed == 2


def test_a_process_that_has_followed_an_older_change_only_is_not_heard(
    workspace: Workspace, versions: list[ModelVersion]
) -> None:
    told = ServerProcess(0, current_process(), ServerHealth.READY, 0.0, 1, None, None, ("fraud:1",))
    with workspace.store.write() as tx:
        server_processes.started(tx, "production", 0, told.process)
        assert server_processes.follows(tx, "production", told)
        deploying.touch(tx, "production")
        assert not server_processes.follows(tx, "production", dataclasses.replace(told, warm=("fraud:2",)))
    assert [process.warm for process in the(workspace, "production").processes] == [("fraud:1",)]


def test_a_new_process_takes_the_slot_and_says_nothing_of_the_one_before(
    workspace: Workspace, versions: list[ModelVersion]
) -> None:
    with workspace.store.write() as tx:
        number = add_live(tx, "production", versions[0]).revision
        add_server(tx, "production", number, process=ELSEWHERE)
        server_processes.heartbeat(tx, "production", 0, {"epoch": 3})
        server_processes.started(tx, "production", 0, ELSEWHERE)  # by the server itself, after the worker
        assert deployments.environment(tx, "production").processes[0].serving == number  # type: ignore[union-attr]
        other = dataclasses.replace(ELSEWHERE, pid=ELSEWHERE.pid + 1)
        server_processes.started(tx, "production", 0, other)
        server_processes.ended(tx, "production", 0, ELSEWHERE.pid)  # told late: the slot is another's
    [found] = the(workspace, "production").processes
    assert (found.process, found.health, found.serving, found.epoch) == (other, ServerHealth.STARTING, None, -1)
    assert (found.warm, found.stats) == ((), {})


def test_what_is_on_its_way_is_not_called_live(workspace: Workspace, versions: list[ModelVersion]) -> None:
    with workspace.store.write() as tx:
        add_live(tx, "production", versions[0])
        added = deploying.add_revision(tx, "production", versions[1], kind="deploy", actor="ann", reason="")
        assert added.state is RevisionState.PLANNED
        assert the(workspace, "production").candidate is None
        advance(tx, "production", added.revision, RevisionState.LOADING)
    found = the(workspace, "production")
    assert found.live is not None
    assert found.candidate is not None
    assert (found.live.model_ref, found.candidate.model_ref) == ("fraud:1", "fraud:2")
    shown = shapes.environment(found, None)
    assert (shown["version"], shown["since"]) == (1, found.live.live_at)


def test_going_live_retires_one_and_aborts_all_others(workspace: Workspace, versions: list[ModelVersion]) -> None:
    with workspace.store.write() as tx:
        add_live(tx, "production", versions[0])
        for version in versions:
            deploying.add_revision(tx, "production", version, kind="deploy", actor="ann", reason="")
        advance(tx, "production", 2, RevisionState.WAITING)
        advance(tx, "production", 3, RevisionState.LOADING, RevisionState.LIVE)
        assert not deploying.advance(tx, "production", 4, RevisionState.LOADING, "ann")
        found = deployments.revisions(tx, "production")
        reasons = [change.reason for change in deployments.changes(tx, "production", 2)]
    assert [revision.state.value for revision in found] == ["aborted", "live", "aborted", "retired"]
    assert reasons[-1] == found[2].error == "revision 3 went live before it"


def test_two_revisions_can_not_be_live_whoever_writes(workspace: Workspace, versions: list[ModelVersion]) -> None:
    with workspace.store.write() as tx:
        add_live(tx, "production", versions[0])
        deploying.add_revision(tx, "production", versions[1], kind="deploy", actor="ann", reason="")
        with pytest.raises(sqlite3.IntegrityError):
            tx.execute("UPDATE revisions SET state = 'live' WHERE revision = 2")


def test_the_share_is_that_of_the_step(workspace: Workspace, versions: list[ModelVersion]) -> None:
    plan = RolloutPlan("canary", (0.05, 0.25, 1.0), hold=60.0, sticky="x-user")
    with workspace.store.write() as tx:
        add_live(tx, "production", versions[0])
        deploying.add_revision(tx, "production", versions[1], kind="deploy", actor="ann", reason="", rollout=plan)
        assert not deploying.set_step(tx, "production", 2, 1, "ann", "too early")
        advance(tx, "production", 2, RevisionState.LOADING, RevisionState.TESTING, RevisionState.CANARY)
        first = deployments.revision(tx, "production", 2)
        assert deploying.set_step(tx, "production", 2, 1, "ann", "next")
        second = deployments.revision(tx, "production", 2)
        advance(tx, "production", 2, RevisionState.ABORTED)
        assert not deploying.set_step(tx, "production", 2, 2, "ann", "too late")
        ended = deployments.revision(tx, "production", 2)
        changes = deployments.changes(tx, "production", 2)
    assert (first.rollout, first.share, second.share, ended.share) == (plan, 0.05, 0.25, 0.0)
    assert [change.state.value for change in changes] == [
        "planned", "loading", "testing", "canary", "canary", "aborted",
    ]  # fmt: skip


def test_a_freeze_is_kept_until_it_ends(workspace: Workspace, versions: list[ModelVersion]) -> None:
    freeze = Freeze(12.5, "ann", "black friday")
    with workspace.store.write() as tx:
        deploying.set_freeze(tx, "production", freeze)
    assert the(workspace, "production").freeze == freeze
    with workspace.store.write() as tx:
        deploying.set_freeze(tx, "production", None)
    assert the(workspace, "production").freeze is None


def test_what_was_live_at_a_time(workspace: Workspace, versions: list[ModelVersion]) -> None:
    with workspace.store.write() as tx:
        first = add_live(tx, "production", versions[0])
        second = add_live(tx, "production", versions[1])
        first = deployments.revision(tx, "production", first.revision)
        assert first.live_at is not None
        assert second.live_at is not None
        assert deployments.live_at(tx, "production", first.live_at - 1) is None
        assert deployments.live_at(tx, "production", first.live_at) == first
        assert deployments.live_at(tx, "production", second.live_at + 1) == second


def test_no_such_revision(workspace: Workspace, versions: list[ModelVersion]) -> None:
    with workspace.store.read() as db, pytest.raises(NotFoundError, match="production has no revision 7"):
        deployments.revision(db, "production", 7)
    with workspace.store.write() as tx:
        assert not deploying.advance(tx, "production", 7, RevisionState.LOADING, "ann")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE revisions SET rollout = 'no json'",
        "UPDATE revisions SET rollout = '[]'",
        "UPDATE revisions SET rollout = json_object('steps', json_array(-1, 5))",
        "UPDATE revisions SET rollout = json_object('wings', 2)",
        "UPDATE revisions SET step = 7",
        "UPDATE revisions SET state = 'bogus'",
        "UPDATE revision_changes SET state = 'bogus'",
        "UPDATE environments SET settings = 'no json'",
        "UPDATE environments SET target = json_object('wings', 2)",
        "UPDATE server_processes SET health = 'bogus'",
        "UPDATE model_versions SET signature = json_object()",
    ],
)
def test_what_nobody_here_has_written_is_told_as_damage(
    workspace: Workspace, versions: list[ModelVersion], statement: str
) -> None:
    with workspace.store.write() as tx:
        number = add_live(tx, "production", versions[0]).revision
        add_server(tx, "production", number)
        tx.execute("PRAGMA ignore_check_constraints = ON")
        tx.execute(statement)
    with workspace.store.read() as db, pytest.raises(StoreError, match=r"^The store is damaged: an? .* can't be read"):
        deployments.environment(db, "production")
        deployments.revisions(db, "production")
        deployments.changes(db, "production", number)
        models.versions(db, "fraud")


def test_an_alert_of_drift_ends_where_another_version_goes_live(workspace: Workspace) -> None:
    write_config(workspace)
    first = add_version(workspace)
    make_live(workspace, "staging", first)
    with workspace.store.write() as tx:
        alerts.open_alert(tx, "drift", "staging", Severity.WARNING, "amount has drifted")
    make_live(workspace, "staging", first)
    with workspace.store.read() as db:
        assert len(alerts.open_alerts(db)) == 1  # it is the same version
    make_live(workspace, "staging", add_version(workspace))
    with workspace.store.read() as db:
        assert alerts.open_alerts(db) == []
