"""Approvals, promotions, aborts, freezes and broken glass."""

import time
from typing import Any

import pytest

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.errors import NotFoundError, RefusedError, UsageError
from mlops_console.delivery import canary, intervene
from mlops_console.delivery.begin import begin_approved, begin_deploy, begin_rollback
from mlops_console.delivery.measure.ensure import ensure
from mlops_console.delivery.measure.measured import Measured
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import FakeJob, add_version, advance, make_live, states, the, write_config

S = RevisionState
ROLLOUT = 'rollout = {steps = ["5%", "25%", "100%"], hold = "1h"}'


@pytest.fixture
def approved(workspace: Workspace) -> Workspace:
    """fraud:1 is live in staging, where each deployment needs two approvals and becomes a canary; fraud:2 is there."""
    write_config(workspace, staging=f'approvals = 2\nstrategy = "canary"\n{ROLLOUT}')
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    return workspace


def begin(workspace: Workspace, version: int = 2, break_glass: str | None = None, when_busy: str = "wait") -> Revision:
    return begin_deploy(
        workspace,
        f"fraud:{version}",
        "staging",
        "better",
        FakeJob(actor="ann"),
        break_glass=break_glass,
        when_busy=when_busy,
    )


def approve(workspace: Workspace, actor: str, number: int | None = None) -> bool:
    with workspace.store.write() as tx:
        return intervene.approve(tx, intervene.waiting(tx, "staging", number), actor, "fine")


def test_the_last_approval_plans_it_and_it_loads_then(approved: Workspace) -> None:
    revision = begin(approved)
    assert (revision.state, revision.approvals) == (S.WAITING, 2)
    assert revision.expires_at == pytest.approx(time.time() + 86_400, abs=60)
    assert the(approved, "staging").candidate is None
    assert not approve(approved, "bo")
    assert not approve(approved, "bo")  # the same person once more is no second one
    assert approve(approved, "cy")
    with approved.store.read() as db:
        planned = deployments.revision(db, "staging", 2)
        changes = deployments.changes(db, "staging", 2)
        people = [(approval.actor, approval.reason) for approval in deployments.approvals(db, "staging", 2)]
    assert planned.state is S.PLANNED
    assert [(change.state, change.actor) for change in changes] == [
        (S.PLANNED, "ann"),
        (S.WAITING, "ann"),
        (S.PLANNED, "cy"),
    ]
    assert changes[1].reason == "it needs 2 approvals"
    assert changes[2].reason == "approved by bo, cy"
    assert people == [("bo", "fine"), ("cy", "fine")]
    with pytest.raises(UsageError, match="No revision of staging waits for an approval"):
        approve(approved, "dee")
    assert begin_approved(approved, planned, FakeJob()).state is S.LOADING
    candidate = the(approved, "staging").candidate
    assert candidate is not None
    assert candidate.revision == 2


def test_who_asked_for_it_can_not_approve_it(approved: Workspace) -> None:
    begin(approved)
    with pytest.raises(RefusedError, match="ann asked for revision 2 of staging: another person has to approve it"):
        approve(approved, "ann")
    with approved.store.read() as db:
        assert deployments.approvals(db, "staging", 2) == []


def test_an_approval_that_comes_too_late_does_not_count(approved: Workspace) -> None:
    begin(approved)
    with approved.store.write() as tx:
        tx.execute("UPDATE revisions SET expires_at = ? WHERE revision = 2", (time.time() - 1,))
    with pytest.raises(RefusedError, match="The time to approve revision 2 of staging was over at"):
        approve(approved, "bo")
    assert states(approved, "staging")[0] is S.WAITING


def test_what_nobody_approves_ends_when_its_time_is_over(approved: Workspace) -> None:
    first, second = begin(approved), begin(approved)
    assert first.expires_at is not None
    with approved.store.write() as tx:
        tx.execute("UPDATE revisions SET expires_at = expires_at + 60 WHERE revision = 3")
        intervene.expire(tx, first.expires_at)
        assert deployments.revision(tx, "staging", 2).state is S.WAITING  # it is the last moment
        intervene.expire(tx, first.expires_at + 1)
        found = deployments.revision(tx, "staging", 2)
        assert deployments.revision(tx, "staging", 3) == deployments.revision(tx, "staging", second.revision)
    assert found.state is S.ABORTED
    assert str(found.error).startswith("nobody approved it before ")
    assert states(approved, "staging") == [S.WAITING, S.ABORTED, S.LIVE]


def test_the_gates_are_asked_again_when_it_is_approved(approved: Workspace) -> None:
    revision = begin(approved)
    text = approved.config_path.read_text()
    approved.config_path.write_text(
        text.replace("[environments.staging]", '[environments.staging]\ngates = ["test/auc >= 0.8"]')
    )
    for person in ("bo", "cy"):
        approve(approved, person)
    with approved.store.read() as db:
        planned = deployments.revision(db, "staging", revision.revision)
    with pytest.raises(RefusedError, match="fraud:2 does not pass 1 of 1 gates of staging"):
        begin_approved(approved, planned, FakeJob())
    with approved.store.read() as db:
        assert [gate.passed for gate in deployments.gate_results(db, "staging", 2)] == [False]
    assert states(approved, "staging") == [S.FAILED, S.LIVE]


def revision_of(workspace: Workspace, number: int) -> Revision:
    with workspace.store.read() as db:
        return deployments.revision(db, "staging", number)


def in_canary(workspace: Workspace) -> Revision:
    revision = begin(workspace, break_glass="no time")
    with workspace.store.write() as tx:
        advance(tx, "staging", revision.revision, S.TESTING, S.CANARY)
        return intervene.in_canary(tx, "staging")


def test_a_canary_is_promoted_step_by_step(approved: Workspace) -> None:
    revision = in_canary(approved)
    assert revision.share == 0.05
    with approved.store.write() as tx:
        assert intervene.promote(tx, revision, "bo", "", False)
        second = intervene.in_canary(tx, "staging")
        assert intervene.promote(tx, second, "bo", "enough seen", False)
        found = deployments.revision(tx, "staging", 2)
        reasons = [change.reason for change in deployments.changes(tx, "staging", 2)][-2:]
        assert not intervene.promote(tx, second, "bo", "", False)  # too late
    assert (second.share, found.state, found.share) == (0.25, S.LIVE, 1.0)
    assert reasons == ["promoted by bo", "enough seen"]
    assert states(approved, "staging") == [S.LIVE, S.RETIRED]


def test_a_step_that_another_person_has_ended_is_not_ended_again(approved: Workspace) -> None:
    """The watch looked at 5%, and bo was quicker: what it saw says nothing of 25%."""
    seen = in_canary(approved)
    with approved.store.write() as tx:
        assert intervene.promote(tx, seen, "bo", "", False)
        at = deployments.revision(tx, "staging", 2).step_at
        assert not canary.next_step(tx, seen, "rollout", "held")
        found = deployments.revision(tx, "staging", 2)
    assert (found.share, found.step_at) == (0.25, at)


def test_a_canary_is_promoted_to_all_at_once(approved: Workspace) -> None:
    revision = in_canary(approved)
    with approved.store.write() as tx:
        assert intervene.promote(tx, revision, "bo", "", True)
    assert states(approved, "staging") == [S.LIVE, S.RETIRED]


def test_only_a_canary_can_be_promoted(approved: Workspace) -> None:
    begin(approved)
    with approved.store.read() as db:
        with pytest.raises(UsageError, match=r"No revision of staging is a canary or a shadow\."):
            intervene.in_canary(db, "staging")
        with pytest.raises(NotFoundError, match="Nothing was ever deployed to 'production'"):
            intervene.in_canary(db, "production")


def test_a_shadow_is_called_one_where_it_can_not_be_approved(approved: Workspace) -> None:
    write_config(approved, staging='approvals = 2\nstrategy = "shadow"')
    in_canary(approved)
    with approved.store.read() as db, pytest.raises(UsageError, match="Revision 2 of staging is shadow: it is not one"):
        intervene.waiting(db, "staging", 2)


def test_what_is_not_live_is_aborted_and_the_live_one_goes_on(approved: Workspace) -> None:
    begin(approved)
    with approved.store.write() as tx:
        revision = intervene.stoppable(tx, "staging", None)
        assert intervene.abort(tx, revision, "bo", "a wrong label")
        assert not intervene.abort(tx, revision, "bo", "once more")
        assert deployments.revision(tx, "staging", 2).error == "aborted by bo: a wrong label"
        with pytest.raises(UsageError, match="Revision 1 of staging is live"):
            intervene.stoppable(tx, "staging", 1)
        with pytest.raises(UsageError, match="Revision 2 of staging is aborted"):
            intervene.stoppable(tx, "staging", 2)
    found = the(approved, "staging")
    assert found.live is not None
    assert (found.live.revision, found.candidate) == (1, None)


def test_a_canary_that_is_aborted_leaves_no_share(approved: Workspace) -> None:
    revision = in_canary(approved)
    with approved.store.write() as tx:
        assert intervene.abort(tx, revision, "bo", "")
        (share,) = tx.execute("SELECT share FROM environments WHERE name = 'staging'").fetchone()
    assert (share, the(approved, "staging").candidate) == (0.0, None)


def test_a_frozen_environment_refuses_deployments_and_lets_rollbacks_pass(approved: Workspace) -> None:
    make_live(approved, "staging", add_version(approved))
    waiting = begin(approved)
    for person in ("bo", "cy"):
        approve(approved, person)
    with approved.store.write() as tx:
        intervene.freeze(tx, "staging", "dee", "black friday")
        planned = deployments.revision(tx, "staging", waiting.revision)
    with pytest.raises(RefusedError, match=r"staging is frozen by dee since .*: black friday\.$"):
        begin(approved)
    with pytest.raises(RefusedError, match="staging is frozen"):
        begin_approved(approved, planned, FakeJob())
    assert begin_rollback(approved, "staging", None, "bad", FakeJob()).state is S.LOADING
    assert states(approved, "staging") == [S.LOADING, S.FAILED, S.LIVE, S.RETIRED]


def test_broken_glass_passes_by_freeze_gates_and_approvals_and_is_kept(approved: Workspace) -> None:
    text = approved.config_path.read_text()
    approved.config_path.write_text(
        text.replace("[environments.staging]", '[environments.staging]\ngates = ["test/auc >= 0.8"]')
    )
    with approved.store.write() as tx:
        intervene.freeze(tx, "staging", "dee", "black friday")
    revision = begin(approved, break_glass="the live one leaks names")
    assert (revision.state, revision.approvals, revision.break_glass) == (S.LOADING, 0, "the live one leaks names")
    with approved.store.read() as db:
        assert [gate.passed for gate in deployments.gate_results(db, "staging", 2)] == [False]
        assert deployments.revision(db, "staging", 2).break_glass == "the live one leaks names"


def test_who_does_not_want_to_wait_is_refused_where_another_is_on_its_way(approved: Workspace) -> None:
    begin(approved)
    with pytest.raises(RefusedError, match=r"Revision 2 \(fraud:2\) of staging is waiting already"):
        begin(approved, when_busy="refuse")
    with approved.store.write() as tx:
        advance(tx, "staging", 2, S.ABORTED)
    assert begin(approved, when_busy="refuse").revision == 3


def test_what_mlops_toml_says_of_the_servers_holds_from_the_next_deployment_on(approved: Workspace) -> None:
    text = approved.config_path.read_text()
    approved.config_path.write_text(text.replace("[environments.staging]", "[environments.staging]\nworkers = 3"))
    assert the(approved, "staging").settings.workers == 1
    revision = begin(approved)
    assert the(approved, "staging").settings.workers == 1  # nobody has approved that either
    for person in ("bo", "cy"):
        approve(approved, person)
    assert the(approved, "staging").settings.workers == 1
    begin_approved(approved, revision_of(approved, revision.revision), FakeJob())
    assert the(approved, "staging").settings.workers == 3
    with approved.store.read() as db:
        (detail,) = db.execute("SELECT detail FROM ledger WHERE action = 'settings'").fetchone()
    assert '"workers":[1,3]' in detail.replace(" ", "")


@pytest.mark.parametrize("needs_approval", [False, True])
def test_no_deployment_opens_a_server_to_other_machines_without_a_token(
    workspace: Workspace, needs_approval: bool
) -> None:
    """mlops.toml was edited after the plan was seen: the live server would have ended, and refused to start."""
    write_config(workspace, staging="approvals = 1" if needs_approval else "")
    make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)
    planned = None
    if needs_approval:
        planned = begin(workspace)
        approve(workspace, "bo")
    text = workspace.config_path.read_text()
    workspace.config_path.write_text(text.replace("[environments.staging]", '[environments.staging]\nhost = "0.0.0.0"'))
    with pytest.raises(RefusedError, match=r"staging would listen on 0\.0\.0\.0"):
        if planned is not None:
            begin_approved(workspace, revision_of(workspace, planned.revision), FakeJob())
        else:
            begin(workspace)
    assert the(workspace, "staging").host == "127.0.0.1"
    assert states(workspace, "staging") == ([S.FAILED, S.LIVE] if needs_approval else [S.LIVE])


@pytest.mark.parametrize("is_warm", [False, True])
def test_a_deployment_gives_way_to_a_rollback_that_came_while_it_was_measured(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, is_warm: bool
) -> None:
    write_config(workspace)
    for _ in range(2):
        make_live(workspace, "staging", add_version(workspace))
    add_version(workspace)

    def measured(*args: Any, **settings: Any) -> Measured:
        rollback = begin_rollback(workspace, "staging", None, "bad", FakeJob(actor="bo"))
        if is_warm:
            with workspace.store.write() as tx:
                advance(tx, "staging", rollback.revision, S.LIVE)
        return ensure(*args, **settings)

    monkeypatch.setattr("mlops_console.delivery.begin.ensure", measured)
    with pytest.raises(RefusedError, match="bo has rolled staging back meanwhile, by revision 3"):
        begin(workspace, 3)
    assert states(workspace, "staging")[0] is (S.LIVE if is_warm else S.LOADING)


def test_a_rollback_ends_what_is_approved_but_not_begun(approved: Workspace) -> None:
    make_live(approved, "staging", add_version(approved))
    waiting = begin(approved)
    for person in ("bo", "cy"):
        approve(approved, person)
    planned = revision_of(approved, waiting.revision)
    assert begin_rollback(approved, "staging", None, "bad", FakeJob()).state is S.LOADING
    assert begin_approved(approved, planned, FakeJob()).state is S.ABORTED
    candidate = the(approved, "staging").candidate
    assert candidate is not None
    assert candidate.kind == "rollback"
