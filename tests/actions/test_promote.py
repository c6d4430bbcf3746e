"""Promoting a canary: what a person has seen is what they promote."""

from typing import Any

import pytest

from mlops_console import actions
from mlops_console.cli import acting, delivery
from mlops_console.core.deployments import RevisionState as S
from mlops_console.core.errors import UsageError
from mlops_console.core.plans import Change
from mlops_console.delivery.begin import begin_deploy
from mlops_console.store import deployments, ledger
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import FakeJob, add_version, advance, make_live, write_config

ROLLOUT = 'strategy = "canary"\nrollout = {steps = ["5%", "25%", "50%", "100%"], hold = "1h"}'
TOO_LATE = "Revision 2 of staging is at another step by now: it gets 25% of the traffic."


@pytest.fixture
def canary(workspace: Workspace) -> Workspace:
    """fraud:2 gets 5% of the traffic of staging."""
    write_config(workspace, staging=ROLLOUT)
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    revision = begin_deploy(workspace, "fraud:2", "staging", "", FakeJob()).revision
    with workspace.store.write() as tx:
        advance(tx, "staging", revision, S.CANARY)
    return workspace


def share(workspace: Workspace) -> float:
    with workspace.store.read() as db:
        return deployments.revision(db, "staging", 2).share


@pytest.fixture
def shadow(workspace: Workspace) -> Workspace:
    """fraud:2 is a shadow in staging."""
    write_config(workspace, staging='strategy = "shadow"\nrollout = {hold = "1h"}')
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    shadow_again(workspace)
    return workspace


def shadow_again(workspace: Workspace) -> None:
    revision = begin_deploy(workspace, "fraud:2", "staging", "", FakeJob()).revision
    with workspace.store.write() as tx:
        advance(tx, "staging", revision, S.CANARY)


def test_what_is_said_of_a_shadow_calls_it_one(shadow: Workspace) -> None:
    abort = actions.plan(shadow, "abort", {"environment": "staging"})
    assert abort.changes == (Change("state", "shadow", "aborted"),)
    promote = actions.plan(shadow, "promote", {"environment": "staging"})
    assert promote.changes == (Change("traffic", "a copy of the traffic", "all: it is live"),)
    deploy = actions.plan(shadow, "deploy", {"model_ref": "fraud:2", "environment": "staging"})
    assert any(note.startswith("Revision 2 (fraud:2) is shadow: ") for note in deploy.notes)
    again = actions.plan(shadow, "deploy", {"model_ref": "fraud:2", "environment": "staging", "if_busy": "refuse"})
    assert again.refused == "Revision 2 (fraud:2) of staging is shadow already."
    actions.perform(shadow, "abort", {"environment": "staging"})
    shadow_again(shadow)
    with pytest.raises(UsageError, match="Revision 2 of staging is no shadow any more"):
        actions.perform(shadow, "promote", {"environment": "staging", "revision": 2})


@pytest.mark.parametrize("full", [False, True])
def test_of_two_who_have_seen_the_same_step_one_promotes_it(canary: Workspace, full: bool) -> None:
    seen = actions.plan(canary, "promote", {"environment": "staging"})
    assert seen.settles == {"revision": 2, "step": 0}
    request = {"environment": "staging", **seen.settles}
    actions.perform(canary, "promote", request)
    with pytest.raises(UsageError, match=TOO_LATE):
        actions.perform(canary, "promote", {**request, "full": full})
    assert share(canary) == 0.25
    with canary.store.read() as db:
        assert [entry.outcome for entry in ledger.entries(db, 2)] == ["failed", "succeeded"]


def test_the_next_step_is_promoted_by_who_has_seen_it(canary: Workspace) -> None:
    for after in (0.25, 0.5):
        settled = actions.plan(canary, "promote", {"environment": "staging"}).settles
        actions.perform(canary, "promote", {"environment": "staging", **settled})
        assert share(canary) == after


def test_two_commands_at_once_are_one_step(canary: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other person's comes between this one's look and its act."""

    def act_second(workspace: Workspace, name: str, request: dict[str, Any], **more: Any) -> None:
        actions.perform(canary, "promote", {"environment": "staging"})
        acting.act_at_once(workspace, name, request, **more)

    monkeypatch.setattr(delivery, "act_at_once", act_second)
    with pytest.raises(UsageError, match=TOO_LATE):
        delivery.promote("staging", workspace=canary.root)
    assert share(canary) == 0.25
