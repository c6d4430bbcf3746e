"""Marked runs side by side."""

import math
import random
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input

from mlops_console.core.comparison import Entry, Line, compare
from mlops_console.core.runs import Curve, Point, Provenance, Run, RunStatus, SeriesSummary
from mlops_console.store import jobs, runs, series
from mlops_console.store.workspace import Workspace
from mlops_console.tracking.diff_stat import DiffStat
from mlops_console.tui.screens.runs.comparing.chart import drawn_runs
from mlops_console.tui.screens.runs.comparing.parallel_axes import axis_of, parallel
from mlops_console.tui.screens.runs.comparing.parallel_rows import parallel_rows
from mlops_console.tui.screens.runs.comparing.reading import MOST, Compared, read_comparison, read_curves
from mlops_console.tui.screens.runs.comparing.table import table
from mlops_console.tui.widgets.chart_paint import plain
from tests.tui.helpers import console, screen_text, until

CONFIG = '[project]\nname = "fraud"\n[models.fraud]\nmetric = "val/auc"\n'


def add_runs(workspace: Workspace, count: int) -> list[str]:
    """AUC grows with depth, and falls at the last step."""
    chance = random.Random(1)
    ids = []
    (workspace.root / "mlops.toml").write_text(CONFIG)
    with workspace.store.write() as tx:
        for at in range(count):
            depth = at % 9 + 1
            ids.append(runs.create(tx, name=f"otter-{at}", experiment="fraud"))
            runs.set_params(tx, ids[-1], {"depth": depth, "lr": chance.random(), "fixed": 3})
            points = [("val/auc", step, depth / 10 - (step == 9) / 100, 1.0 + step) for step in range(10)]
            series.ingest(tx, ids[-1], [*points, ("train/loss", 0, 0.5, 1.0), ("train/loss", 1, 0.4, 2.0)])
            runs.finish(tx, ids[-1], RunStatus.SUCCEEDED)
    return ids


async def compared(pilot: Pilot[None], count: int) -> str:
    await until(pilot, "otter-0")
    await pilot.press(*["space"] * count, "c")
    return await until(pilot, "Params that differ")


def a_run(name: str, value: float = 0.5, commit: str | None = None, **params: Any) -> Run:
    summary = SeriesSummary("auc", 1, value, 0, value, 0, value, 0, value, 0, value)
    origin = Provenance(git_commit=commit)
    return Run(name, name, "fraud", RunStatus.SUCCEEDED, 1.0, 1.0, 2.0, params, {"auc": summary}, provenance=origin)


def cells(found: list[Run], stats: dict[str, DiffStat] | None = None, everything: bool = False) -> dict[str, list[str]]:
    source = table(Compared(tuple(found), compare(found, {})), stats, everything)
    return {row.key: [cell.text for cell in row.cells[1:]] for row in source.rows(0, 99)}


def test_the_table_marks_the_best_and_leaves_out_what_is_the_same() -> None:
    found = [a_run("a", 0.5, lr=0.1, seed=1), a_run("b", 0.9, lr=0.2, seed=1)]
    rows = cells(found)
    assert rows["metric auc"] == ["0.5000", "▲ 0.9000"]
    assert "param seed" not in rows
    assert cells(found, everything=True)["param seed"] == ["1", "1"]


def test_the_commits_of_the_others_are_counted_against_the_first() -> None:
    found = [a_run("a", commit="1" * 40), a_run("b", commit="2" * 40), a_run("c")]
    assert cells(found)["git diff"] == ["compared with", "asking git…", "–"]
    stat = DiffStat("3 files changed, 10 insertions(+), 2 deletions(-)", ("x | 2",))
    assert cells(found, {"2" * 40: stat})["git diff"][1] == "3 files +10 -2"
    stat = DiffStat("1 file changed, 2 deletions(-)", ("x | 2",))
    assert cells(found, {"2" * 40: stat})["git diff"][1] == "1 file +0 -2"
    unknown = DiffStat("git does not know 222 here")
    assert cells(found, {"2" * 40: unknown})["git diff"][1] == "git does not know 222 here"
    assert "git diff" not in cells([a_run("a"), a_run("b")])
    assert cells([a_run("a"), a_run("b", commit="1" * 40)])["git diff"] == ["–", "the first has no commit"]


def test_names_and_values_are_drawn_as_plain_text() -> None:
    source = table(Compared((r := a_run("\x1b[2J", x="\x1b]52;c;a\x07"), r), compare([r, a_run("b")], {})), None, True)
    drawn = [column.title for column in source.columns] + [c.text for row in source.rows(0, 99) for c in row.cells]
    assert not any("\x1b" in text or "\x07" in text for text in drawn)


def test_more_runs_than_can_be_told_apart_are_the_best() -> None:
    found = [a_run(str(at), at / 100) for at in range(20)]
    line = compare(found, {}).metrics[0]
    assert [run.name for run in drawn_runs(found, line)] == [str(at) for at in range(12, 20)]
    less = compare(found, {"auc": "minimize"}).metrics[0]
    assert [run.name for run in drawn_runs(found, less)] == [str(at) for at in range(8)]


def test_of_very_many_runs_the_newest_are_compared(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        ids = [runs.create(tx, name=f"otter-{at}", experiment="fraud") for at in range(MOST + 5)]
        for at, run_id in enumerate(ids):
            tx.execute("UPDATE runs SET started_at = ? WHERE id = ?", (float(at + 1), run_id))
    found = read_comparison(workspace, (*ids, "gone")).compared
    assert [run.id for run in found.runs] == ids[5:]


def test_curves_are_read_for_the_runs_that_have_them(workspace: Workspace) -> None:
    ids = add_runs(workspace, 2)
    curves = read_curves(workspace, [*ids, "gone"][:2], "val/auc", 500).curves
    assert set(curves) == set(ids)
    assert isinstance(curves[ids[0]], Curve)
    assert curves[ids[0]].points[0] == Point(0, 0.1, 1.0)
    assert not read_curves(workspace, ids, "nonsense", 500).curves


class TestAxes:
    def line(self, *values: Any) -> Line:
        return compare([a_run(str(at), **({} if v == "–" else {"x": v})) for at, v in enumerate(values)], {}).params[0]

    def test_numbers_are_on_a_range(self) -> None:
        axis = axis_of(self.line(1, 3, 2.0, "–"))
        assert (axis.label, axis.places) == ("x", (0.0, 1.0, 0.5, None))
        assert axis.ticks == ((0.0, "1"), (1.0, "3"))

    def test_decades_are_logarithmic(self) -> None:
        axis = axis_of(self.line(1e-4, 1e-2, 1e-3))
        assert axis.label == "x log"
        assert axis.places == pytest.approx((0, 1, 0.5))

    def test_texts_and_truth_values_are_evenly_spaced(self) -> None:
        axis = axis_of(self.line("sgd", "adam", "lion", "sgd"))
        assert axis.places == (1.0, 0.0, 0.5, 1.0)
        assert [text for _, text in axis.ticks] == ["adam", "lion", "sgd"]
        assert axis_of(self.line(True, False)).in_plot
        assert axis_of(self.line(1, "a")).in_plot

    def test_what_is_no_number_has_no_place(self) -> None:
        assert axis_of(self.line(math.nan, 1, 2, math.inf, 10**400)).places == (None, 0.0, 1.0, None, None)
        assert axis_of(self.line(math.nan, math.inf)).places == (None, None)
        assert axis_of(self.line(-1.7e308, 1.7e308, 0)).places == (0.0, 1.0, 0.5)
        assert axis_of(self.line(3, "–")).places == (0.5, None)
        assert axis_of(Line("x", (Entry(None, "–", there=False),))).places == (None,)


class TestParallelRows:
    def drawn(self, width: int = 80, height: int = 20, chosen: int | None = 1, **params: Any) -> str:
        found = [
            a_run(
                str(at), at / 10, lr=0.1 * at, optimizer=["adam", "sgd"][at % 2], **({"p": at} if at else {}), **params
            )
            for at in range(8)
        ]
        rows = parallel_rows(parallel(compare(found, {}), "auc", chosen), width, height)
        assert len(rows) == height
        assert {sum(cell_len(ink.text) for ink in row) for row in rows} == {width}
        return plain(rows)

    def test_axes_have_names_and_ends(self) -> None:
        text = self.drawn()
        head, labels, above, *_, below = text.splitlines()
        assert head.startswith("solid: the best 2 of 8 runs by auc")
        assert labels.split() == ["lr", "optimizer", "p", "auc"]
        assert above.split() == ["0.7000", "7", "0.7000"]
        assert below.split() == ["0", "1", "0"]
        assert "┤adam" in text or "●adam" in text
        assert "┤sgd" in text or "●sgd" in text

    def test_the_chosen_run_is_on_each_axis(self) -> None:
        assert self.drawn(chosen=1).count("●") == 4
        assert self.drawn(chosen=0).count("●") == 3  # it has no p
        assert "●" not in self.drawn(chosen=None)

    def test_axes_without_room_are_counted(self) -> None:
        assert self.drawn(width=40).startswith("no room for 1 param")
        assert "auc" in self.drawn(width=40).splitlines()[1]

    @pytest.mark.parametrize("size", [(1, 1), (23, 20), (24, 8), (80, 7), (300, 60), (25, 9)])
    def test_every_size_is_filled(self, size: tuple[int, int]) -> None:
        self.drawn(*size)

    def test_nothing_to_draw_is_said(self) -> None:
        same = [a_run("a"), a_run("b")]
        text = plain(parallel_rows(parallel(compare(same, {}), "auc", None), 80, 20))
        assert "differ in no param" in text
        assert "No room" in plain(parallel_rows(parallel(compare([a_run("a", x=1), a_run("b")], {}), "auc", 0), 40, 5))


async def test_tabs_share_runs_and_metric(workspace: Workspace) -> None:
    add_runs(workspace, 3)
    async with console(workspace, "runs", size=(100, 30)) as pilot:
        text = await compared(pilot, 3)
        assert "▲ 0.3000" in text
        assert "fixed" not in text
        await pilot.press("a")
        await until(pilot, "fixed")
        await pilot.press("tab")
        text = await until(pilot, "val/auc · 3 runs")
        await until(pilot, "otter-2 0.2900")
        await pilot.press("j", "m", "X")
        await until(pilot, "train/loss · smooth 0.6 · relative time · 3 runs")
        await pilot.press("tab")
        await until(pilot, "of 3 runs by train/loss")
        await pilot.press("left_square_bracket")
        await until(pilot, "of 3 runs by val/auc")
        assert "●" in screen_text(pilot)
        await pilot.press("tab", "tab")
        await until(pilot, "Params")
        await pilot.press("escape")
        await until(pilot, "STARTED")


async def test_copying_and_writing(workspace: Workspace) -> None:
    add_runs(workspace, 2)
    target = workspace.root / "compare.csv"
    async with console(workspace, "runs", size=(100, 30)) as pilot:
        await compared(pilot, 2)
        await pilot.press("y")
        await until(pilot, "Copied the table as Markdown")
        assert pilot.app.clipboard.startswith("|  | otter-1 | otter-0 |\n")
        assert "**0.2000**" in pilot.app.clipboard
        assert "fixed" not in pilot.app.clipboard

        await pilot.press("w")
        await until(pilot, "Write the comparison")
        await pilot.press("enter")
        await until(pilot, "The comparison is in")
        assert target.read_text().startswith('"kind","name","figure","otter-1","otter-0"\n')

        target.write_text("mine")
        await pilot.press("w")
        await until(pilot, "Write the comparison")
        await pilot.press("enter")
        await until(pilot, "is there already")
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert target.read_text() == "mine"
        await pilot.press("w")
        await until(pilot, "Write the comparison")
        await pilot.press("enter")
        await until(pilot, "is there already")
        await pilot.press("down", "enter")
        for _ in range(100):
            await pilot.pause(0.02)
            if target.read_text() != "mine":
                break
        assert target.read_text().startswith('"kind"')


async def test_what_cannot_be_written_is_told(workspace: Workspace) -> None:
    add_runs(workspace, 2)
    async with console(workspace, "runs", size=(100, 30)) as pilot:
        await compared(pilot, 2)
        for name, told in (("x.txt", "is no format"), ("no/x.json", "can't be written")):
            await pilot.press("w")
            await until(pilot, "Write the comparison")
            pilot.app.screen.query_one(Input).value = name
            await pilot.press("enter")
            await until(pilot, told)


async def test_importance_is_asked_for_and_shown(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = add_runs(workspace, 12)
    result = {
        "metric": "metrics.val/auc.max",
        "runs": 12,
        "score": 0.9,
        "params": [
            {"param": "depth", "importance": 1.2, "std": 0.1, "direction": "+"},
            {"param": "[/b]lr", "importance": -0.01, "std": 0.2, "direction": ""},
        ],
    }
    monkeypatch.setattr("mlops_console.worker.client.ensure_worker", lambda workspace: None)
    async with console(workspace, "runs", size=(110, 30)) as pilot:
        await compared(pilot, 12)
        await pilot.press("shift+tab")
        await until(pilot, "Nothing is reckoned yet")
        await pilot.press("i")
        await until(pilot, "Reckon which params count")
        await until(pilot, "from 12 runs")
        await pilot.press("y")
        await until(pilot, "waits for the worker")
        with workspace.store.write() as tx:
            (job,) = jobs.open_jobs(tx)
            assert (job.action, job.request["metric"]) == ("importance", "metrics.val/auc.max")
            assert set(job.request["runs"]) == set(ids)
            jobs.claim(tx, job.id)
            jobs.set_progress(tx, job.id, 0.5, "fitting 2 params")
        await until(pilot, "fitting 2 params 50%")
        with workspace.store.write() as tx:
            jobs.finish(tx, job.id, jobs.JobState.SUCCEEDED, result=result)
        await until(pilot, "from 12 runs · R² on unseen runs 0.9000")
        for text in ("12 runs are few", "1.2000", "↑ grows with it", "[/b]lr"):
            await until(pilot, text)


async def test_few_marked_runs_are_reckoned_from_all(workspace: Workspace) -> None:
    add_runs(workspace, 3)
    async with console(workspace, "runs", size=(100, 30)) as pilot:
        await compared(pilot, 2)
        await pilot.press("shift+tab")
        await until(pilot, "From all ended runs that have it, as 2 are compared")
        await pilot.press("i")
        await until(pilot, "at least 10 ended runs")


async def test_read_only_reckons_nothing(workspace: Workspace) -> None:
    add_runs(workspace, 2)
    async with console(workspace, "runs", size=(100, 30), read_only=True) as pilot:
        await compared(pilot, 2)
        await pilot.press("i")
        await until(pilot, "read-only")


async def test_names_that_make_no_file_are_told(workspace: Workspace) -> None:
    add_runs(workspace, 2)
    async with console(workspace, "runs", size=(100, 30)) as pilot:
        await compared(pilot, 2)
        await pilot.press("w")
        await until(pilot, "Write the comparison")
        pilot.app.screen.query_one(Input).value = "."
        await pilot.press("enter")
        await until(pilot, "is no format")
