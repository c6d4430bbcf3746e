"""The models view: versions, their details, and comparing them."""

import time
from dataclasses import replace

import pytest
from rich.style import Style

from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.models.compare import comparison
from mlops_console.tui.screens.models.reading import Models, read_models
from mlops_console.tui.screens.models.rows import (
    columns,
    metric_facts,
    model_rows,
    param_facts,
    signature_facts,
    version_facts,
)
from mlops_console.tui.widgets.fit import Placed
from mlops_console.tui.widgets.grid_paint import LinePaint
from mlops_console.tui.widgets.rows import Row
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import SIGNATURE, seed


def found(workspace: Workspace, **options: bool) -> Models:
    seed(workspace, **options)
    return read_models(workspace).models


def test_rows_name_versions_newest_first_with_where_they_are_live(workspace: Workspace) -> None:
    models = found(workspace)
    rows = model_rows(models, time.time())
    assert [row.key for row in rows] == ["fraud:3", "fraud:2", "fraud:1"]
    assert rows[0].cells[2].text == "▲ production, staging"
    assert rows[2].cells[3].text == "@champion"
    assert "test/average_precision" in [column.title for column in columns(models)]


def test_the_metric_is_that_of_mlops_toml_else_the_commonest(workspace: Workspace) -> None:
    assert found(workspace).metrics["fraud"].metric == "test/average_precision"
    (workspace.root / "mlops.toml").unlink()
    assert read_models(workspace).models.metrics["fraud"].metric.startswith("test/")


def test_details_tell_run_reference_signature_and_figures(workspace: Workspace) -> None:
    row = found(workspace).rows[0]
    facts = {fact.name: fact.value for fact in version_facts(row)}
    assert facts["dataset"] == "transactions v3"
    assert facts["commit"] == "a1b2c3d4e5f6, with changes not committed"
    assert "test/roc_auc" in {fact.name for fact in metric_facts(row)}
    assert ("max_depth", "6") in {(fact.name, fact.value) for fact in param_facts(row)}
    inputs = {fact.name: fact.value for fact in signature_facts(SIGNATURE)}
    assert inputs["channel"] == "object, categorical"
    assert inputs["classes"] == "false, true"


def test_comparing_marks_the_best_figure_and_puts_differences_first(workspace: Workspace) -> None:
    models = found(workspace)
    source = comparison(models.rows, {"test/average_precision": "maximize"})
    rows = [row for row in source.rows(0, 99) if row]
    best = next(row for row in rows if row.key == "metric test/average_precision")
    assert [cell.style for cell in best.cells[1:]] == ["ok", "", ""]
    assert best.cells[1].text.startswith("▲")
    params = [row.key for row in rows if row.key.startswith("param")]
    assert params[0] == "param learning_rate"
    assert comparison(models.rows[:1], {}).count == 0


@pytest.mark.parametrize("width", [80, 200])
async def test_both_environments_in_which_a_version_is_live_are_named(workspace: Workspace, width: int) -> None:
    seed(workspace)
    async with console(workspace, "models", (width, 24)) as pilot:
        await until(pilot, "▲ production, staging ")


def test_more_environments_than_there_is_room_for_are_counted(workspace: Workspace) -> None:
    models = found(workspace)
    row = replace(models.rows[0], live_in=("production", "staging", "canary"))
    cells = model_rows(replace(models, rows=(row,)), time.time())[0].cells
    paint = LinePaint(26, columns(models), (Placed(2, 3, 23, 0),), Style(), lambda _: Style())
    assert paint.row(Row("", cells), "", False).text.strip() == "▲ production +2"


async def test_the_view_selects_what_d_deploys(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "models", (160, 40)) as pilot:
        await until(pilot, "HistGradientBoosting")
        await pilot.press("j")
        selection = pilot.app.main.view.selection  # type: ignore[attr-defined]
        assert (selection.model_ref, selection.model) == ("fraud:2", "fraud")
        await pilot.press("tab")
        await until(pilot, "test/roc_auc")


async def test_marked_versions_are_compared(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "models", (80, 24)) as pilot:
        await until(pilot, "fraud:3")
        await pilot.press("space", "space", "c")
        text = await until(pilot, "learning_rate")
        assert "▲ 0.8" in text
        await pilot.press("escape")
        await until(pilot, "@champion")


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (200, 50)])
async def test_hostile_text_in_any_terminal(workspace: Workspace, size: tuple[int, int]) -> None:
    seed(workspace, hostile=True)
    async with console(workspace, "models", size) as pilot:
        await until(pilot, "fraud:3") if size[1] > 10 else await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause()
        assert not set("\x1b\x07\u202e") & set(screen_text(pilot))


async def test_an_empty_store_teaches_the_first_step(workspace: Workspace) -> None:
    async with console(workspace, "models") as pilot:
        await until(pilot, "Press t to train")
