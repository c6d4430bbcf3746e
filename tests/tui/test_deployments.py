"""The deployments view: environments, their revisions, and what r and d act on."""

from dataclasses import replace

import pytest

from mlops_console.core.deployments import Approval, Revision, RevisionChange, RevisionState, RolloutPlan
from mlops_console.core.models import ModelRef
from mlops_console.core.plans import GateResult
from mlops_console.core.traffic import Traffic
from mlops_console.store import deploying, models
from mlops_console.store.workspace import Workspace
from mlops_console.tui import glyphs
from mlops_console.tui.screens.deployments.canary_facts import canary_facts
from mlops_console.tui.screens.deployments.reading import Life
from mlops_console.tui.screens.deployments.rows import (
    can_return_to,
    columns,
    kind,
    live_for,
    revision_facts,
    revision_rows,
)
from tests.delivery.helpers import advance
from tests.tui.helpers import console, screen_text, until
from tests.tui.rollouts import add_canary, spread, tell_arms
from tests.tui.seed import seed

LIVE = Revision("production", 2, "fraud", 3, "deploy", RevisionState.LIVE, "ana", "why", 100.0, 110.0)
RETIRED = replace(LIVE, revision=1, version=1, state=RevisionState.RETIRED, ended_at=140.0)
FAILED = replace(LIVE, revision=3, state=RevisionState.FAILED, live_at=None, error="file is damaged")


def cells(revision: Revision, given: int = 0) -> dict[str, str]:
    """The texts of its row by column."""
    rows = revision_rows([revision], {(revision.environment, revision.revision): given}, 170.0)
    return {column.key: cell.text for column, cell in zip(columns([revision]), rows[0].cells, strict=True)}


def test_rows_tell_state_by_glyph_and_word_and_the_error() -> None:
    assert [cells(revision)["state"] for revision in (FAILED, LIVE, RETIRED)] == ["✗ failed", "▲ live", "▽ retired"]
    assert [cells(revision)["reason"] for revision in (FAILED, LIVE)] == ["why · file is damaged", "why"]
    assert (live_for(LIVE, 170.0), live_for(RETIRED, 170.0), live_for(FAILED, 170.0)) == (60.0, 30.0, None)


def test_every_state_has_a_glyph_of_its_own_and_its_word() -> None:
    told = [glyphs.revision_state(replace(LIVE, state=state)) for state in RevisionState]
    assert all(state.glyph != "·" for state in told)
    assert len({state.text for state in told}) == len(RevisionState)


def test_a_canary_has_its_share_and_a_shadow_its_name() -> None:
    canary = replace(LIVE, state=RevisionState.CANARY, rollout=RolloutPlan("canary", (0.05, 1.0)), step=0)
    assert cells(canary)["state"] == "◑ canary 5%"
    shadow = replace(canary, rollout=RolloutPlan("shadow"))
    assert cells(shadow)["state"] == "◑ shadow"
    life = Life(changes=(RevisionChange(RevisionState.CANARY, 100.0, "rollout", ""),))
    told = [[f.value for f in revision_facts(revision, life, 170.0)][-1] for revision in (canary, shadow)]
    assert told == [f"◑ {word} by rollout" for word in ("canary 5%", "shadow")]


def test_approvals_have_a_column_where_any_are_needed() -> None:
    assert "approvals" not in cells(LIVE)
    assert cells(replace(LIVE, approvals=2), given=1)["approvals"] == "1/2"


def test_broken_glass_marks_its_revision() -> None:
    broken = replace(LIVE, break_glass="the shop [b]is[/b] down")
    assert cells(broken)["kind"] == "deploy ⚠ broken glass"
    assert ("⚠ broken glass", broken.break_glass) in [(f.name, f.value) for f in revision_facts(broken, None, 170.0)]


def test_only_what_has_served_can_be_gone_back_to() -> None:
    assert [can_return_to(revision) for revision in (LIVE, RETIRED, FAILED)] == [False, True, False]
    assert any("Press r, then y" in fact.value for fact in revision_facts(RETIRED, Life(), 170.0))


def test_the_facts_tell_gates_approvals_and_life() -> None:
    waiting = replace(LIVE, state=RevisionState.WAITING, live_at=None, approvals=2, expires_at=1e9)
    life = Life(
        (GateResult("auc >= 0.8", False, "0.7"),),
        (Approval("bo", 120.0, "fine"),),
        (RevisionChange(RevisionState.WAITING, 100.0, "ana", "it needs 2 approvals"),),
    )
    facts = [f"{fact.name}|{fact.value}" for fact in revision_facts(waiting, life, 170.0)]
    assert "✗ not passed|auc >= 0.8: 0.7" in facts
    assert "Approvals, 1 of 2|" in facts
    assert any(fact.startswith("bo|") and fact.endswith(": fine") for fact in facts)
    assert any("Press A to approve it before" in fact and "ana, who asked for it, can't" in fact for fact in facts)
    assert any(fact.endswith("|◔ waiting by ana: it needs 2 approvals") for fact in facts)


def test_a_rollback_says_to_what() -> None:
    assert kind(replace(LIVE, kind="rollback", restores=1)) == "rollback to 1"


async def test_the_view_shows_cards_revisions_and_gates(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "deployments", (160, 40)) as pilot:
        text = await until(pilot, "test/average_precision >= 0.80")
        for part in ("staging ─", "production ─", "scikit-learn", "▲ live", "▽ retired", "first release"):
            assert part in text, part
        await pilot.press("tab", "tab", "tab")
        text = await until(pilot, "fraud:3 answers as scikit-learn.")
        assert "Process 1" in text
        await until(pilot, "curl http://127.0.0.1:8100/v2/health/ready")


async def test_r_goes_back_to_the_selected_revision(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "deployments") as pilot:
        await until(pilot, "Revisions of production")
        view = pilot.app.main.view  # type: ignore[attr-defined]
        assert (view.selection.environment, view.selection.revision) == ("production", None)
        await pilot.press("j")
        assert view.selection.revision == 1
        assert view.selection.command == "mlops-console rollback production --to 1"


async def test_the_timeline_tells_what_was_live_when(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "deployments", (160, 40)) as pilot:
        await until(pilot, "Revisions of production")
        await pilot.press("tab")
        text = await until(pilot, "→ now")
        assert "fraud:3 r2" in text
        assert "fraud:1 r1" in text


async def test_a_canary_is_followed_step_by_step(workspace: Workspace) -> None:
    seed(workspace)
    number = add_canary(workspace, steps=(0.1, 0.5, 1.0), hold=60.0, min_requests=20)
    async with console(workspace, "deployments", (160, 44)) as pilot:
        await until(pilot, "canary 10%")
        await pilot.press("tab", "tab")
        text = await until(pilot, "It is judged once it has answered 20 more requests.")
        assert "in steps: 10%, 50%, 100%" in text
        tell_arms(workspace, {number: Traffic(90, 80, spread(0.001, 90)), 2: Traffic(900, 0, spread(0.001, 900))})
        text = await until(pilot, "▼ worse: 88.89% of 90, live 0.00% of 900")
        assert "90 requests, 88.9% errors, p50 1.01 ms" in text
        with workspace.store.write() as tx:
            why = "it is worse: errors"
            advance(tx, "production", number, RevisionState.ABORTED, reason=why)
        await until(pilot, "ended      it is worse: errors")


def test_each_step_is_told_with_what_ended_it() -> None:
    """Whatever the reasons are: nothing is read out of them."""
    plan = RolloutPlan("canary", (0.1, 0.5, 1.0), 60.0)
    found = replace(LIVE, rollout=plan, step=1)
    changes = (
        RevisionChange(RevisionState.CANARY, 100.0, "rollout", ""),
        RevisionChange(RevisionState.CANARY, 110.0, "bo", "looked after it: fine after 10 s"),
        RevisionChange(RevisionState.LIVE, 130.0, "rollout", "held"),
    )
    told = [fact.value for fact in canary_facts(found, changes, None, 200.0)][-2:]
    assert told == [
        "10% of the traffic for 10s: looked after it: fine after 10 s",
        "50% of the traffic for 20s: live, held",
    ]
    now = [fact.value for fact in canary_facts(found, changes[:2], None, 200.0)][-1]
    assert now == "50% of the traffic for 1m30s, so far"
    shadow = replace(found, rollout=RolloutPlan("shadow"))
    assert [f.value for f in canary_facts(shadow, changes[:1], None, 100.0)][-1].startswith("a copy of the traffic for")


async def test_e_shows_the_next_environment_and_the_store_is_followed(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "deployments") as pilot:
        await until(pilot, "Revisions of production")
        await pilot.press("e")
        await until(pilot, "Revisions of staging")
        with workspace.store.write() as tx:
            version = models.get(tx, ModelRef("fraud", 1))
            found = deploying.add_revision(
                tx, "staging", version, kind="rollback", actor="bo", reason="slow", restores=1
            )
            advance(tx, "staging", found.revision, RevisionState.LOADING)
        text = await until(pilot, "rollback to 1")
        assert "◐ loading" in text
        assert "◐ loading fraud:1 r2" in text  # the card says it too


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (80, 24), (200, 50)])
async def test_hostile_text_in_any_terminal(workspace: Workspace, size: tuple[int, int]) -> None:
    seed(workspace, hostile=True)
    async with console(workspace, "deployments", size) as pilot:
        await until(pilot, "production")
        await pilot.press("j", "enter")
        await pilot.pause()
        assert not set("\x1b\x07\u202e") & set(screen_text(pilot))


async def test_an_empty_store_teaches_the_first_step(workspace: Workspace) -> None:
    async with console(workspace, "deployments") as pilot:
        text = await until(pilot, "Nothing was ever deployed here")
        assert "Press d to deploy" in text
