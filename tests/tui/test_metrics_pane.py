"""The metrics of a run: what is read of them, how they are drawn, and the keys of the chart."""

import math
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from mlops_console.core.runs import Curve, Point, Run, RunStatus, SeriesSummary
from mlops_console.store import runs, series
from mlops_console.store.workspace import Workspace
from mlops_console.tui import themes
from mlops_console.tui.screens.runs.metrics import MetricsPane, Wish
from mlops_console.tui.widgets.grid import Grid
from tests.tui.helpers import console, screen_text, until

START = 1_700_000_000.0


def points_of(values: Sequence[float], every: int = 1) -> tuple[Point, ...]:
    return tuple(Point(step * every, value, START + 60 * step) for step, value in enumerate(values))


def curve_of(points: Sequence[Point], wish: Wish) -> Curve:
    """As the store reads it, slowly: all points, or of each bucket the first, least, greatest and last."""
    first = wish.first_step if wish.first_step is not None else points[0].step
    last = wish.last_step if wish.last_step is not None else points[-1].step
    inside = [point for point in points if first <= point.step <= last]
    ends = points[0].step, points[-1].step
    if len(inside) <= 4 * wish.buckets:
        return Curve(
            tuple(inside), tuple(inside), len(inside), sum(math.isnan(point.value) for point in inside), True, *ends
        )
    size = -(-len(inside) // wish.buckets)
    kept: list[Point] = []
    means: list[Point] = []
    for at in range(0, len(inside), size):
        bucket = inside[at : at + size]
        by_value = sorted(bucket, key=lambda point: point.value)
        kept += sorted({bucket[0], by_value[0], by_value[-1], bucket[-1]}, key=lambda point: point.step)
        mean = math.fsum(point.value for point in bucket) / len(bucket)
        means.append(Point(bucket[len(bucket) // 2].step, mean, bucket[len(bucket) // 2].at))
    return Curve(tuple(kept), tuple(means), len(inside), sum(math.isnan(point.value) for point in inside), False, *ends)


def summary_of(name: str, points: Sequence[Point]) -> SeriesSummary:
    values = [point.value for point in points]
    return SeriesSummary(
        name=name,
        count=len(points),
        first=values[0],
        first_step=points[0].step,
        last=values[-1],
        last_step=points[-1].step,
        min=min(values),
        min_step=0,
        max=max(values),
        max_step=0,
        mean=math.fsum(values) / len(values),
    )


class PaneApp(App[None]):
    """Grants the pane's wishes out of what it is given."""

    def __init__(self, metrics: Mapping[str, Sequence[Point]]) -> None:
        super().__init__()
        self.metrics = dict(metrics)
        self.pane = MetricsPane()
        self.wishes: list[Wish] = []
        self.granting = True

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.variables()

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        self.pane.query_one(Grid).focus()
        self.show("one")

    def show(self, run_id: str) -> None:
        metrics = {name: summary_of(name, points) for name, points in self.metrics.items()}
        run = Run(run_id, "calm-otter", "fraud", RunStatus.RUNNING, START, START, None, metrics=metrics)
        self.pane.show_run(run)
        self.on_metrics_pane_wished()

    def on_metrics_pane_wished(self) -> None:
        wish = self.pane.wish
        self.wishes.append(wish)
        if self.granting and wish.metric:
            self.pane.show_curve(wish.metric, curve_of(self.metrics[wish.metric], wish), START)


@asynccontextmanager
async def pane_with(
    metrics: Mapping[str, Sequence[Point]], size: tuple[int, int] = (100, 30)
) -> AsyncIterator[tuple[Pilot[None], PaneApp]]:
    app = PaneApp(metrics)
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        await pilot.pause()
        yield pilot, app


def head(pilot: Pilot[None]) -> str:
    return screen_text(pilot).splitlines()[0].strip()


async def press(pilot: Pilot[None], *keys: str) -> str:
    await pilot.press(*keys)
    await pilot.pause()
    return head(pilot)


LOSS = points_of([2.0 * math.exp(-step / 3000) + 0.1 for step in range(10_001)])
SHORT = points_of([0.5 + step / 100 for step in range(41)], every=250)


class TestSaying:
    async def test_the_head_tells_what_is_drawn(self) -> None:
        async with pane_with({"loss": LOSS}) as (pilot, _):
            assert head(pilot).startswith("loss · extremes of 10,001 points")
        async with pane_with({"auc": SHORT}) as (pilot, _):
            assert head(pilot) == "auc · all 41 points"

    async def test_what_is_no_number_is_counted(self) -> None:
        values = [math.nan if step % 5 == 0 else 0.5 for step in range(40)]
        async with pane_with({"loss": points_of(values)}) as (pilot, _):
            assert head(pilot) == "loss · all 40 points · 8 NaN"

    async def test_smoothing_goes_round(self) -> None:
        async with pane_with({"auc": SHORT}) as (pilot, _):
            heads = [await press(pilot, "m") for _ in range(4)]
            assert [text.split(" · ")[1] for text in heads] == [
                "smooth 0.6",
                "smooth 0.9",
                "smooth 0.99",
                "all 41 points",
            ]

    async def test_a_log_scale_has_powers_of_ten_and_counts_what_it_leaves_out(self) -> None:
        points = points_of([0.001, 0.1, 10.0, 0.0, -3.0, 1000.0])
        async with pane_with({"loss": points}) as (pilot, _):
            assert "log" in await press(pilot, "L")
            text = screen_text(pilot)
            assert "! 2 ≤ 0 not drawn" in text
            assert all(f"{tick}┤" in text for tick in ("0.001", "0.1", "10", "1,000"))
            await pilot.press("L")
            await pilot.pause()
            assert "not drawn" not in screen_text(pilot)

    async def test_nothing_above_zero_says_how_to_go_back(self) -> None:
        async with pane_with({"loss": points_of([-1.0, -2.0])}) as (pilot, _):
            await press(pilot, "L")
            assert "L leaves it" in screen_text(pilot)

    async def test_x_by_step_relative_time_and_time(self) -> None:
        async with pane_with({"auc": SHORT}) as (pilot, _):
            assert "10k" in screen_text(pilot) or "10,000" in screen_text(pilot)
            assert "relative time" in await press(pilot, "X")
            assert "10m" in screen_text(pilot)
            assert " time " in await press(pilot, "X")
            assert "relative" not in await press(pilot, "X")

    async def test_no_number_at_all_is_said(self) -> None:
        async with pane_with({"loss": points_of([math.nan, math.nan])}) as (pilot, _):
            assert "No point is a number." in screen_text(pilot)


class TestZoom:
    async def test_zooming_reads_only_what_the_view_needs(self) -> None:
        async with pane_with({"loss": LOSS}) as (pilot, app):
            assert (app.wishes[-1].first_step, app.wishes[-1].last_step) == (None, None)
            assert "steps 2,500–7,500 of 10,000 · extremes of 5,001 points" in await press(pilot, "plus")
            assert (app.wishes[-1].first_step, app.wishes[-1].last_step) == (2500, 7500)
            assert app.wishes[-1].buckets >= 2 * 90
            assert "steps 3,750–6,250 of 10,000" in await press(pilot, "equals_sign")
            assert "steps 4,375–6,875 of 10,000" in await press(pilot, "right_square_bracket")
            assert "steps 3,750–6,250 of 10,000" in await press(pilot, "left_square_bracket")
            assert "steps 2,500–7,500 of 10,000" in await press(pilot, "minus")
            assert "steps" not in await press(pilot, "minus")
            assert (app.wishes[-1].first_step, app.wishes[-1].last_step) == (None, None)

    async def test_while_the_points_come_what_is_there_is_scaled(self) -> None:
        async with pane_with({"loss": LOSS}) as (pilot, app):
            app.granting = False
            await press(pilot, "plus", "plus")
            labels = screen_text(pilot).split("└")[1]
            assert "10k" not in labels
            assert "5,000" in labels

    async def test_one_cannot_zoom_into_nothing(self) -> None:
        async with pane_with({"auc": SHORT}) as (pilot, _):
            for _ in range(12):
                await press(pilot, "plus")
            assert int(head(pilot).split(" point")[0].split()[-1]) >= 1
            assert "steps" not in await press(pilot, "0")

    async def test_the_whole_follows_a_live_run_and_a_part_stays(self) -> None:
        async with pane_with({"auc": SHORT}) as (pilot, app):
            app.metrics["auc"] = points_of([0.5] * 81, every=250)
            app.show("one")
            await pilot.pause()
            assert "81 points" in head(pilot)
            before = await press(pilot, "plus")
            app.metrics["auc"] = points_of([0.5] * 161, every=250)
            app.show("one")
            await pilot.pause()
            assert head(pilot).split(" of ")[0] == before.split(" of ")[0]
            assert "of 40,000" in head(pilot)
            app.show("another")
            await pilot.pause()
            assert "steps" not in head(pilot)

    async def test_another_metric_keeps_the_steps_that_it_has(self) -> None:
        metrics = {"a": LOSS, "b": points_of([1.0 + step for step in range(6001)]), "c": points_of([1.0, 2.0])}
        async with pane_with(metrics) as (pilot, _):
            await press(pilot, "plus", "plus")
            assert "steps 3,750–6,250" in head(pilot)
            await press(pilot, "0", "plus", "plus", "left_square_bracket", "left_square_bracket")
            assert "steps 2,500–5,000 of 6,000" in await press(pilot, "j")
            assert await press(pilot, "j") == "c · all 2 points"

    @pytest.mark.parametrize("axis", [1, 2])
    async def test_zooming_on_a_time_axis(self, axis: int) -> None:
        async with pane_with({"auc": SHORT}) as (pilot, _):
            await press(pilot, *["X"] * axis)
            assert "steps 2,500–7,500 of 10,000 · all 21 points" in await press(pilot, "plus")


class TestCrossHair:
    async def test_it_reads_the_values_from_either_end(self) -> None:
        async with pane_with({"auc": SHORT}) as (pilot, _):
            assert await press(pilot, "comma") == "auc · step 10,000: 0.9000"
            assert "41 points" in screen_text(pilot).splitlines()[1]
            assert await press(pilot, "0") == "auc · all 41 points"
            assert await press(pilot, "full_stop") == "auc · step 0: 0.5000"
            assert await press(pilot, "X") == "auc · step 0 0s: 0.5000"

    async def test_many_points_in_a_cell_are_a_range(self) -> None:
        async with pane_with({"loss": LOSS}) as (pilot, _):
            found = await press(pilot, "full_stop")
            assert " to 2.1" in found
            assert "steps 0–" in found

    async def test_zooming_keeps_its_place(self) -> None:
        async with pane_with({"auc": SHORT}) as (pilot, _):
            await press(pilot, "comma", "plus", "plus", "plus")
            assert "step 10,000: 0.9000" in head(pilot)
            assert "steps 8,750–10,000" in screen_text(pilot).splitlines()[1]

    async def test_a_click_sets_it(self) -> None:
        async with pane_with({"auc": SHORT}) as (pilot, _):
            await pilot.click("LineChart", offset=(50, 5))
            await pilot.pause()
            assert re.match(r"auc · step [45],\d{3}: 0\.\d+", head(pilot))


class TestFull:
    async def test_the_chart_takes_the_place_of_the_figures_and_gives_it_back(self) -> None:
        async with pane_with({"a": SHORT, "b": LOSS}) as (pilot, app):
            assert "METRIC" in screen_text(pilot)
            await press(pilot, "f")
            assert "METRIC" not in screen_text(pilot)
            assert (await press(pilot, "j")).startswith("b ·")
            await press(pilot, "enter")
            assert "METRIC" in screen_text(pilot)
            await press(pilot, "enter")
            assert app.pane.leave()
            assert not app.pane.leave()
            await pilot.pause()
            assert "METRIC" in screen_text(pilot)

    async def test_what_the_machine_does_comes_last_and_in_bytes(self) -> None:
        metrics = {
            "system/memory": points_of([1.5e9, 2.1e9]),
            "system/disk_read": points_of([1000.0, 2500.0]),
            "test/f1": points_of([0.5]),
            "zeta": SHORT,
        }
        async with pane_with(metrics) as (pilot, _):
            text = screen_text(pilot)
            places = [text.rindex(name) for name in ("zeta", "test/f1", "system/disk_read", "system/memory")]
            assert places == sorted(places)
            assert "2.1 GB" in text
            assert "2.5 kB/s" in text

    @pytest.mark.parametrize("size", [(20, 6), (60, 15), (80, 24), (200, 50)])
    async def test_every_key_in_every_size(self, size: tuple[int, int]) -> None:
        async with pane_with({"a": LOSS, "b": points_of([0.0, math.nan, math.inf])}, size) as (pilot, _):
            for key in ("m", "L", "X", "plus", "right_square_bracket", "comma", "full_stop", "f", "j", "L", "0", "f"):
                await pilot.press(key)
            await pilot.pause()
            assert len(screen_text(pilot).splitlines()) == size[1]


async def test_in_the_console(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter", experiment="fraud")
        series.ingest(tx, run_id, [("loss", step, 2.0 / (step + 1), START + step) for step in range(2000)])
    async with console(workspace, "runs", size=(160, 40)) as pilot:
        await until(pilot, "loss · extremes of 2,000 points")
        assert "m Smooth" not in screen_text(pilot)
        await pilot.press("enter", "plus")
        await until(pilot, "of 1,999 · all 1,000 points")
        await until(pilot, "m Smooth")
        await pilot.press("m", "f")
        await until(pilot, "loss · smooth 0.6 · ")
        assert "METRIC" not in screen_text(pilot)
        await pilot.press("escape")
        await until(pilot, "METRIC")
        await pilot.press("colon", *"whole", "enter")
        await until(pilot, "loss · smooth 0.6 · extremes of 2,000 points")


async def test_metrics_of_one_point_are_read_and_not_drawn(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter", experiment="e")
        series.ingest(tx, run_id, [(f"test/m{number:02}", 0, 0.5, 1.0) for number in range(20)])
    async with console(workspace, "runs", size=(160, 40)) as pilot:
        text = await until(pilot, "test/m19")
        assert "┤" not in text
        with workspace.store.write() as tx:
            series.ingest(tx, run_id, [("test/m00", 1, 0.6, 2.0)])
        await until(pilot, "┤")
