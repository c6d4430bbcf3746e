"""DORA's figures from a store and a git repository."""

import time

import pytest

from mlops_console.core.deployments import RevisionState as S
from mlops_console.core.deployments import RolloutPlan
from mlops_console.core.dora import Dora
from mlops_console.core.models import ModelVersion
from mlops_console.core.runs import Provenance
from mlops_console.delivery.dora import dora
from mlops_console.store import deploying
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import add_live, advance
from tests.delivery.records import add_made, commit

HOUR = 3600


def figures(workspace: Workspace, *, with_git: bool = True) -> Dora:
    now = time.time()
    with workspace.store.read() as db:
        return dora(db, "production", now - 7 * 86_400, now + 60, workspace.root if with_git else None)


def add_live_version(
    workspace: Workspace, version: ModelVersion, kind: str = "deploy", restores: int | None = None
) -> None:
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 8100)
        add_live(tx, "production", version, kind, restores)


def test_lead_times_begin_at_the_commit_where_git_knows_it(workspace: Workspace) -> None:
    known = commit(workspace.root, "fit.py", "1", int(time.time()) - 5 * HOUR)
    first = add_made(workspace, origin=Provenance(git_commit=known))
    second = add_made(workspace, origin=Provenance(git_commit="ab" * 20))
    third = add_made(workspace, origin=Provenance(git_commit="--all"))
    for version in (first, second, third):
        add_live_version(workspace, version)
    found = figures(workspace)
    assert (found.deployments, found.leads, found.leads_from_run, found.leads_unknown) == (3, 3, 2, 0)
    assert found.lead_time == pytest.approx(0, abs=60)
    only = figures(workspace, with_git=False)
    assert (only.leads, only.leads_from_run) == (3, 3)


def test_one_known_commit_is_the_whole_lead_time(workspace: Workspace) -> None:
    known = commit(workspace.root, "fit.py", "1", int(time.time()) - 5 * HOUR)
    add_live_version(workspace, add_made(workspace, origin=Provenance(git_commit=known)))
    found = figures(workspace)
    assert (found.leads, found.leads_from_run) == (1, 0)
    assert found.lead_time == pytest.approx(5 * HOUR, abs=60)


def test_rollbacks_and_ended_canaries_are_failed_changes(workspace: Workspace) -> None:
    first, second = add_made(workspace), add_made(workspace)
    add_live_version(workspace, first)
    add_live_version(workspace, second)
    add_live_version(workspace, first, "rollback", 1)
    with workspace.store.write() as tx:
        canary = RolloutPlan("canary", (0.1, 1.0))
        number = deploying.add_revision(
            tx, "production", second, kind="deploy", actor="ann", reason="", rollout=canary
        ).revision
        advance(tx, "production", number, S.LOADING, S.TESTING, S.CANARY, S.ABORTED)
        asked = deploying.add_revision(tx, "production", second, kind="deploy", actor="ann", reason="", rollout=canary)
        advance(tx, "production", asked.revision, S.LOADING, S.FAILED)
    add_live_version(workspace, second)
    found = figures(workspace)
    assert (found.deployments, found.changes, found.failed, found.rework) == (3, 4, 2, 1)
    assert found.change_fail_rate == 0.5
    assert found.recovery_time is not None
    assert 0 <= found.recovery_time < 60


def test_an_environment_that_nobody_knows_has_no_figures(workspace: Workspace) -> None:
    assert figures(workspace).deployments == 0
