"""The deployments view: environments, their revisions, and what r and d act on."""

from dataclasses import replace

import pytest

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.models import ModelRef
from mlops_console.store import deployments, models
from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.deployments.rows import (
    can_return_to,
    kind,
    live_for,
    revision_facts,
    revision_rows,
)
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import seed

LIVE = Revision("production", 2, "fraud", 3, "deploy", RevisionState.LIVE, "ana", "why", 100.0, 110.0)
RETIRED = replace(LIVE, revision=1, version=1, state=RevisionState.RETIRED, ended_at=140.0)
FAILED = replace(LIVE, revision=3, state=RevisionState.FAILED, live_at=None, error="file is damaged")


def test_rows_tell_state_by_glyph_and_word_and_the_error() -> None:
    rows = revision_rows([FAILED, LIVE, RETIRED], 170.0)
    assert [row.cells[2].text for row in rows] == ["✗ failed", "▲ live", "▽ retired"]
    assert rows[0].cells[-2].text == "file is damaged"
    assert (live_for(LIVE, 170.0), live_for(RETIRED, 170.0), live_for(FAILED, 170.0)) == (60.0, 30.0, None)


def test_only_what_has_served_can_be_gone_back_to() -> None:
    assert [can_return_to(revision) for revision in (LIVE, RETIRED, FAILED)] == [False, True, False]
    assert any("Press r, then y" in fact.value for fact in revision_facts(RETIRED, (), 170.0))


def test_a_rollback_says_to_what() -> None:
    assert kind(replace(LIVE, kind="rollback", restores=1)) == "rollback to 1"


async def test_the_view_shows_cards_revisions_and_gates(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "deployments", (160, 40)) as pilot:
        text = await until(pilot, "test/average_precision >= 0.80")
        for part in ("staging ─", "production ─", "http://127.0.0.1:8100", "▲ live", "▽ retired", "first release"):
            assert part in text, part
        await pilot.press("tab")
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


async def test_e_shows_the_next_environment_and_the_store_is_followed(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "deployments") as pilot:
        await until(pilot, "Revisions of production")
        await pilot.press("e")
        await until(pilot, "Revisions of staging")
        with workspace.store.write() as tx:
            version = models.get(tx, ModelRef("fraud", 1))
            deployments.add_revision(tx, "staging", version, kind="rollback", actor="bo", reason="slow", restores=1)
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
