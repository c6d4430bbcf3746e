"""Who acts leaves an entry, whatever came of it; so does what the worker ends by itself."""

import time
from pathlib import Path
from typing import Any

import pytest

from mlops_console.core.deployments import Revision, RolloutPlan
from mlops_console.core.deployments import RevisionState as S
from mlops_console.core.errors import RefusedError
from mlops_console.core.jobs import JobState
from mlops_console.core.ledger import LedgerEntry
from mlops_console.core.plans import GateResult
from mlops_console.delivery import intervene
from mlops_console.delivery.begin import begin_deploy
from mlops_console.store import archive, deploying, deployments, jobs, ledger, models
from mlops_console.store.identity import actor
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client
from mlops_console.worker.settle import Outcome, settle
from tests.delivery.helpers import FakeJob, add_version, advance, make_live, write_config


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """fraud:1 is live in production, fraud:2 is there."""
    write_config(workspace)
    make_live(workspace, "production", add_version(workspace))
    add_version(workspace)
    return workspace


def last(workspace: Workspace) -> LedgerEntry:
    with workspace.store.read() as db:
        return ledger.entries(db, 1)[0]


def ask(workspace: Workspace, *states: S, approvals: int = 0, expires_at: float | None = None, **more: Any) -> Revision:
    with workspace.store.write() as tx:
        version = models.versions(tx, "fraud")[0]
        made = deploying.add_revision(
            tx,
            "production",
            version,
            kind="deploy",
            actor="ann",
            reason="",
            approvals=approvals,
            expires_at=expires_at,
            **more,
        )
        advance(tx, "production", made.revision, *states)
        return deployments.revision(tx, "production", made.revision)


def test_what_people_do_to_an_environment(project: Workspace) -> None:
    where = {"environment": "production"}
    revision = ask(project, S.WAITING, approvals=2)
    client.execute(project, "approve", {**where, "reason": "fine"})
    client.execute(project, "abort", {**where, "reason": "no"})
    client.execute(project, "freeze", {**where, "reason": "holidays"})
    client.execute(project, "unfreeze", where)
    ask(project, S.LOADING, S.TESTING, S.CANARY, rollout=RolloutPlan("canary", (0.1, 0.5, 1.0)))
    client.execute(project, "promote", where)
    client.execute(project, "set_token", {**where, "name": "shop"})
    client.execute(project, "set_token", {**where, "name": "shop", "revoke": True})
    client.execute(project, "set_alias", {"model": "fraud", "alias": "champion", "version": 1})
    with project.store.read() as db:
        found = ledger.entries(db)[::-1]
    assert [entry.action for entry in found] == [
        "approve", "abort", "freeze", "unfreeze", "promote", "set_token", "set_token", "set_alias",
    ]  # fmt: skip
    assert {(entry.actor, entry.outcome) for entry in found} == {(actor(), "succeeded")}
    assert (found[0].detail["revision"], found[0].detail["reason"]) == (revision.revision, "fine")
    assert found[2].detail["reason"] == "holidays"
    assert found[5].detail == {"environment": "production", "name": "shop", "revoked": False, "job": None}
    assert client.execute(project, "purge_runs", {}).job_id is None
    assert last(project).action == "purge_runs"


def test_what_is_refused(project: Workspace) -> None:
    client.execute(project, "freeze", {"environment": "production", "reason": "holidays"})
    with pytest.raises(RefusedError):
        client.execute(project, "deploy", {"model_ref": "fraud:2", "environment": "production"})
    found = last(project)
    assert (found.action, found.subject, found.outcome) == ("deploy", "production", "refused")
    assert found.detail["model_ref"] == "fraud:2"


def test_settings_that_a_deployment_changes(project: Workspace) -> None:
    text = project.config_path.read_text()
    begin_deploy(project, "fraud:1", "staging", "", FakeJob())
    project.config_path.write_text(text.replace("[environments.staging]", "[environments.staging]\nworkers = 3"))
    begin_deploy(project, "fraud:2", "staging", "", FakeJob())
    found = last(project)
    assert (found.actor, found.action, found.subject) == ("ann", "settings", "staging")
    assert found.detail["changed"] == {"workers": [1, 3]}
    text = project.config_path.read_text()
    project.config_path.write_text(text.replace('model = "fraud"\nport', 'model = "churn"\nport', 1))
    add_version(project, model="churn")
    begin_deploy(project, "churn:1", "staging", "", FakeJob(actor="bo"))
    assert (last(project).actor, last(project).detail["changed"]) == ("bo", {"model": ["fraud", "churn"]})


@pytest.mark.parametrize("by_freeze", [False, True])
def test_the_first_settings_of_an_environment(project: Workspace, by_freeze: bool) -> None:
    if by_freeze:
        client.execute(project, "freeze", {"environment": "staging", "reason": "holidays"})
        client.execute(project, "unfreeze", {"environment": "staging"})
    begin_deploy(project, "fraud:1", "staging", "", FakeJob())
    with project.store.read() as db:
        [found] = [entry for entry in ledger.entries(db) if entry.action == "settings"]
    port = project.config().environments["staging"].port
    assert (found.actor, found.subject) == (actor() if by_freeze else "ann", "staging")
    changed = found.detail["changed"]
    assert (changed["model"], changed["port"], changed["workers"]) == ([None, "fraud"], [None, port], [None, 1])


def test_a_deployment_with_its_gates(project: Workspace) -> None:
    with project.store.write() as tx:
        job = jobs.enqueue(tx, "deploy", "production", {"model_ref": "fraud:2"}, "ann")
    ask(project, S.LOADING, S.LIVE, gates=(GateResult("test/auc >= 0.8", True, "0.91"),), job_id=job)
    with project.store.read() as db:
        queued = jobs.get(db, job)
    assert settle(project, queued, Outcome(JobState.SUCCEEDED))
    found = last(project)
    assert (found.action, found.actor, found.detail["revision"]) == ("deploy", "ann", 2)
    assert found.detail["gates"] == [["test/auc >= 0.8", True, "0.91"]]


def test_an_approval_that_nobody_gave_in_time(project: Workspace) -> None:
    now = time.time()
    revision = ask(project, S.WAITING, approvals=1, expires_at=now - 1)
    with project.store.write() as tx:
        intervene.expire(tx, now)
        intervene.expire(tx, now)
    found = last(project)
    assert (found.actor, found.action, found.subject, found.seq) == ("worker", "expire", "production", 1)
    assert found.detail["revision"] == revision.revision
    assert "nobody approved it" in found.detail["reason"]


def test_a_restored_backup_goes_on_with_its_own_chain(project: Workspace, tmp_path: Path) -> None:
    client.execute(project, "set_alias", {"model": "fraud", "alias": "champion", "version": 1})
    archive.save(project, tmp_path / "backup.tar.gz")
    client.execute(project, "set_alias", {"model": "fraud", "alias": "champion", "version": 2})
    with project.store.read() as db:
        noted = ledger.head(db)
    project.store.close()
    archive.restore(project.root, tmp_path / "backup.tar.gz")
    again = open_workspace(project.root)
    found = last(again)
    assert (found.seq, found.actor, found.action, found.detail) == (2, actor(), "restore", {"from": "backup.tar.gz"})
    checked = ledger.verification(again.store, {})
    assert (checked.broken, [kept.head.seq for kept in checked.noted]) == (None, [2])
    broken = ledger.verification(again.store, {"a ticket": noted}).broken
    assert broken is not None  # what was done after the backup is gone, and that shows
    assert broken.seq == 2
