"""What is said before an approval."""

import pytest

from mlops_console import actions
from mlops_console.core.plans import Change
from mlops_console.delivery import intervene
from mlops_console.delivery.begin import begin_deploy
from mlops_console.store.identity import actor
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import FakeJob, add_version, write_config


@pytest.mark.parametrize("is_frozen", [False, True])
def test_the_last_approval_rolls_out_unless_the_environment_is_frozen(workspace: Workspace, is_frozen: bool) -> None:
    write_config(workspace, staging="approvals = 1")
    add_version(workspace)
    begin_deploy(workspace, "fraud:1", "staging", "better", FakeJob(actor="ann"))
    if is_frozen:
        with workspace.store.write() as tx:
            intervene.freeze(tx, "staging", "dee", "black friday")
    plan = actions.plan(workspace, "approve", {"environment": "staging"})
    notes = {
        False: "It is rolled out at once.",
        True: "staging is frozen by dee: it is refused then, and has to be asked for anew.",
    }
    assert plan.notes == ("Asked for by ann: better", notes[is_frozen])


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
