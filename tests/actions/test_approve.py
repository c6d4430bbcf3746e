"""What is said before an approval, and what a freeze refuses."""

import re

import pytest

from mlops_console import actions
from mlops_console.core.deployments import RevisionState
from mlops_console.core.errors import RefusedError
from mlops_console.core.plans import Change
from mlops_console.delivery import intervene
from mlops_console.delivery.begin import begin_deploy
from mlops_console.store import deploying, deployments
from mlops_console.store.identity import actor
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import FakeJob, add_version, write_config


def test_the_last_approval_rolls_out(workspace: Workspace) -> None:
    write_config(workspace, staging="approvals = 1")
    add_version(workspace)
    begin_deploy(workspace, "fraud:1", "staging", "better", FakeJob(actor="ann"))
    plan = actions.plan(workspace, "approve", {"environment": "staging"})
    assert (plan.refused, plan.notes) == (None, ("Asked for by ann: better", "It is rolled out at once."))


def test_while_it_is_frozen_an_approval_is_refused_and_the_revision_waits_on(workspace: Workspace) -> None:
    write_config(workspace, staging="approvals = 1")
    add_version(workspace)
    begin_deploy(workspace, "fraud:1", "staging", "better", FakeJob(actor="ann"))
    with workspace.store.write() as tx:
        intervene.freeze(tx, "staging", "dee", "black friday")
    where = {"environment": "staging"}
    why = r"staging is frozen by dee since .*: black friday\."
    assert re.fullmatch(why, str(actions.plan(workspace, "approve", where).refused))
    with pytest.raises(RefusedError, match=why):
        actions.perform(workspace, "approve", where)
    with workspace.store.write() as tx:
        own = intervene.waiting(tx, "staging", None)
        with pytest.raises(RefusedError, match=why) as refused:
            intervene.approve(tx, own, "ann", "")  # not for her own, even later: but the freeze is what is told first
        assert "unfreeze" in refused.value.hint
        assert deployments.revision(tx, "staging", 1).state is RevisionState.WAITING
        assert deployments.approvals(tx, "staging", 1) == []
        deploying.set_freeze(tx, "staging", None)
    assert actions.perform(workspace, "approve", where)[1]["job"] is not None


def test_who_froze_it_and_why_is_not_overwritten(workspace: Workspace) -> None:
    write_config(workspace)
    request = {"environment": "staging", "reason": "first"}
    actions.perform(workspace, "freeze", request)
    why = rf"staging is frozen by {actor()} since .*: first\."
    second = {**request, "reason": "second"}
    assert re.fullmatch(why, str(actions.plan(workspace, "freeze", second).refused))
    with pytest.raises(RefusedError, match=why):
        actions.perform(workspace, "freeze", second)
    with workspace.store.read() as db:
        freeze = intervene.freeze_of(db, "staging")
    assert freeze is not None
    assert freeze.reason == "first"


def test_who_approves_again_counts_once(workspace: Workspace) -> None:
    write_config(workspace, staging="approvals = 2")
    add_version(workspace)
    begin_deploy(workspace, "fraud:1", "staging", "", FakeJob(actor="ann"))
    where = {"environment": "staging"}
    first = actions.plan(workspace, "approve", where)
    assert first.changes[1] == Change("approvals", "0 of 2", "1 of 2")
    assert first.notes[-1] == "It needs 1 more then."
    actions.perform(workspace, "approve", where)
    again = actions.plan(workspace, "approve", where)
    assert again.changes[1] == Change("approvals", "1 of 2", "1 of 2")
    assert again.notes[-1] == f"{actor()} has approved it already, which counts once: it needs 1 more."
    assert actions.perform(workspace, "approve", where)[1]["job"] is None
