"""Charts: what they draw is a pure function of data and size; the widget repaints only what changed."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.geometry import Region

from mlops_console.core.drift import Histogram
from mlops_console.tui import themes
from mlops_console.tui.widgets.bars import horizontal_bar, percent
from mlops_console.tui.widgets.chart_paint import Row, fit, plain
from mlops_console.tui.widgets.chart_raster import Frame, Raster, strokes
from mlops_console.tui.widgets.chart_scale import bounds, tick_labels, ticks, time_labels, time_ticks
from mlops_console.tui.widgets.histogram import distribution_rows
from mlops_console.tui.widgets.line_chart import (
    Band,
    LineChart,
    LineData,
    Mark,
    Series,
    Threshold,
    XAxis,
    line_chart_rows,
)
from mlops_console.tui.widgets.sparkline import sparkline

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POINTS = st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT), max_size=60)
SIZE = st.integers(min_value=0, max_value=40)
LABEL = st.text(max_size=12)


def series_of(points: list[tuple[float, float]], label: str = "a") -> Series:
    return Series(label, [x for x, _ in points], [y for _, y in points])


def assert_size(rows: tuple[Row, ...], width: int, height: int) -> None:
    if width < 1 or height < 1:
        assert rows == ()
        return
    assert len(rows) == height
    for row in rows:
        assert sum(cell_len(ink.text) for ink in row) == width


class TestScale:
    @given(st.tuples(FINITE, FINITE), st.integers(0, 30), st.booleans())
    def test_ticks_are_few_ordered_and_inside(self, ends: tuple[float, float], most: int, whole: bool) -> None:
        low, high = sorted(ends)
        found = ticks(low, high, most, whole)
        assert len(found) <= max(most + 1, 2)
        assert list(found) == sorted(found)
        assert all(low <= value <= high for value in found)
        assert len(tick_labels(found)) == len(found)

    @pytest.mark.parametrize(
        ("low", "high", "most", "written"),
        [
            (0, 1, 5, ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")),
            (0.9, 0.95, 3, ("0.90", "0.92", "0.94")),
            (0, 100_000, 5, ("0", "20k", "40k", "60k", "80k", "100k")),
            (0, 4e-7, 2, ("0", "2e-7", "4e-7")),
            (-2, 2, 2, ("-2", "0", "2")),
            (1_000_000, 1_000_004, 2, ("1,000,000", "1,000,002", "1,000,004")),
        ],
    )
    def test_ticks_are_written_as_people_do(self, low: float, high: float, most: int, written: tuple[str, ...]) -> None:
        assert tick_labels(ticks(low, high, most)) == written

    def test_whole_ticks_of_a_short_run(self) -> None:
        assert ticks(0, 2, 20, whole=True) == (0, 1, 2)

    @given(st.lists(ANY_FLOAT, max_size=20))
    def test_bounds_hold_every_finite_value(self, values: list[float]) -> None:
        finite = [value for value in values if math.isfinite(value)]
        found = bounds(values)
        assert (found is None) == (not finite)
        if found:
            assert found[0] <= min(finite)
            assert max(finite) <= found[1]
            assert found[0] < found[1]

    @given(FINITE, FINITE, st.integers(0, 20))
    def test_time_ticks_never_raise(self, low: float, high: float, most: int) -> None:
        low, high = sorted((low, high))
        found = time_ticks(low, high, most)
        assert len(time_labels(found)) == len(found)

    def test_time_ticks_are_round(self) -> None:
        assert all(value % 600 == 0 for value in time_ticks(1_700_000_000, 1_700_003_600, 6))


class TestRaster:
    @given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=200), st.integers(1, 80), st.integers(1, 40))
    def test_minimum_and_maximum_are_always_drawn(
        self, points: list[tuple[float, float]], columns: int, rows: int
    ) -> None:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        x_bounds, y_bounds = bounds(xs), bounds(ys)
        assert x_bounds is not None
        assert y_bounds is not None
        frame = Frame(*x_bounds, *y_bounds, columns * 2, rows * 4)
        raster = Raster(columns, rows)
        lines = strokes(xs, ys, frame)
        for line in lines:
            raster.draw(line, 0)
        for extreme in (min(ys), max(ys)):
            assert any(raster.has((frame.column(x), frame.row(extreme))) for x, y in points if y == extreme)
        assert sum(len(line) for line in lines) <= 2 * frame.columns

    def test_one_spike_among_a_million_like_points_is_kept(self) -> None:
        xs = [float(x) for x in range(50_000)]
        ys = [0.0] * 50_000
        ys[31_234] = 9.0
        frame = Frame(0, 49_999, 0, 9, 40, 16)
        dots = {dot for line in strokes(xs, ys, frame) for dot in line}
        assert (frame.column(31_234), 0) in dots

    def test_a_missing_value_leaves_a_gap(self) -> None:
        frame = Frame(0, 9, 0, 1, 20, 8)
        lines = strokes(range(10), [0, 0, 0, math.nan, 0, 0, math.inf, 0, 0, 0], frame)
        assert len(lines) == 3


class TestLineChart:
    @settings(max_examples=150)
    @given(
        st.lists(st.tuples(LABEL, POINTS), max_size=3),
        st.lists(st.builds(Threshold, ANY_FLOAT, LABEL), max_size=2),
        st.lists(st.builds(Band, ANY_FLOAT, ANY_FLOAT, LABEL), max_size=2),
        st.lists(st.builds(Mark, ANY_FLOAT, LABEL), max_size=3),
        st.sampled_from(["step", "number", "time"]),
        SIZE,
        SIZE,
    )
    def test_any_data_in_any_size_fills_exactly_that_size(
        self, lines: Any, limits: Any, bands: Any, marks: Any, x_axis: XAxis, width: int, height: int
    ) -> None:
        series = tuple(series_of(points, label) for label, points in lines)
        data = LineData(series, tuple(limits), tuple(bands), tuple(marks), (math.nan, 0.0), x_axis, "step")
        assert_size(line_chart_rows(data, width, height), width, height)

    def test_axes_ticks_and_line(self) -> None:
        rows = line_chart_rows(LineData((Series("a", [0, 5, 10], [0.0, 1.0, 0.5]),), x_label="step"), 40, 10)
        text = plain(rows)
        assert "0.0┤" in text
        assert "1.0┤" in text
        assert "└" in text
        assert text.splitlines()[-1].split() == ["0", "5", "10"] or "step" in text

    def test_several_series_are_told_apart_without_colour(self) -> None:
        data = LineData((Series("loss", [0, 1, 2], [3, 2, 1]), Series("auc", [0, 1, 2], [0.1, 0.2, 0.3])))
        lines = plain(line_chart_rows(data, 60, 12)).splitlines()
        assert lines[0].startswith("o loss 1  x auc 0.3000")
        assert "o" in "".join(lines[1:])
        assert "x" in "".join(lines[1:])

    def test_a_limit_far_from_the_data_is_in_view(self) -> None:
        data = LineData((Series("psi", [0, 1], [0.01, 0.02]),), (Threshold(0.2, "limit 0.2"),))
        text = plain(line_chart_rows(data, 50, 10))
        assert "╌╌╌" in text
        assert "╌ limit 0.2" in text

    def test_a_single_point_is_more_than_a_single_dot(self) -> None:
        text = plain(line_chart_rows(LineData((Series("a", [3], [4.0]),)), 40, 8))
        dots = sum((ord(c) - 0x2800).bit_count() for c in text if "⠀" < c <= "⣿")
        assert dots == 9

    def test_a_constant_series_is_a_level_line(self) -> None:
        text = plain(line_chart_rows(LineData((Series("a", list(range(40)), [4.0] * 40),)), 40, 8))
        assert len([line for line in text.splitlines() if any("⠀" < c <= "⣿" for c in line)]) == 1

    def test_nothing_to_draw_says_so(self) -> None:
        data = LineData((Series("a", [1], [math.nan]),), empty="No points yet.")
        assert "No points yet." in plain(line_chart_rows(data, 40, 5))

    def test_marks_carry_their_label(self) -> None:
        data = LineData((Series("a", [0, 10], [0, 1]),), marks=(Mark(5, "r12"),))
        assert "┊r12" in plain(line_chart_rows(data, 40, 10))

    def test_hostile_labels_are_made_visible(self) -> None:
        bad = "\x1b]52;c;AAAA\x07[/x]\n"
        data = LineData(
            (Series(bad, [0, 1], [0, 1]), Series("b", [0, 1], [1, 0])),
            (Threshold(0.5, bad),),
            marks=(Mark(0.5, bad),),
            x_label=bad,
        )
        text = plain(line_chart_rows(data, 120, 12))
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "[/x]" in text


class TestSparkline:
    def test_a_rise(self) -> None:
        assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"

    def test_gaps_and_averages(self) -> None:
        assert sparkline([0, math.nan, 8], 5)[1] == " "
        assert len(sparkline(list(range(1000)), 12)) == 12

    @given(st.lists(ANY_FLOAT, max_size=50), SIZE)
    def test_never_raises(self, values: list[float], width: int) -> None:
        assert len(sparkline(values, width)) == min(len(values), width)


class TestDistribution:
    NUMERIC = Histogram((0.25, 0.5, 0.25), (0.0, 0.25, 0.75), (0.0, 1.0, 2.0, 3.0))
    CATEGORIES = Histogram((0.5, 0.5), (0.9, 0.1), (), ("visa", "amex"))

    @settings(max_examples=150)
    @given(
        st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT, LABEL), max_size=60),
        st.booleans(),
        st.lists(ANY_FLOAT, max_size=61),
        SIZE,
        SIZE,
    )
    def test_any_histogram_in_any_size_fills_exactly_that_size(
        self, bins: Any, labelled: bool, edges: list[float], width: int, height: int
    ) -> None:
        reference, current = tuple(b[0] for b in bins), tuple(b[1] for b in bins)
        labels = tuple(b[2] for b in bins) if labelled else ()
        histogram = Histogram(reference, current, tuple(edges), labels)
        assert_size(distribution_rows(histogram, width, height), width, height)

    def test_numeric_bins_show_both_samples_and_edges(self) -> None:
        text = plain(distribution_rows(self.NUMERIC, 50, 12))
        assert "█ now" in text
        assert "reference" in text
        assert "75.0%┤" in text
        assert "███" in text
        assert any("⠀" < c <= "⣿" for c in text.splitlines()[5])
        assert text.splitlines()[-1].split() == ["0", "1", "2", "3"]

    def test_infinite_edges_are_signs(self) -> None:
        histogram = Histogram((0.5, 0.5), (0.5, 0.5), (-math.inf, 1.0, math.inf))
        assert plain(distribution_rows(histogram, 60, 8)).splitlines()[-1].split() == ["-∞", "1", "∞"]

    def test_categories_show_bar_mark_and_both_shares(self) -> None:
        lines = plain(distribution_rows(self.CATEGORIES, 60, 5)).splitlines()
        assert lines[1].startswith("visa █")
        assert lines[1].rstrip().endswith("90.0% was  50.0%")
        assert "┃" in lines[1]

    def test_categories_without_room_are_counted(self) -> None:
        many = Histogram((0.1,) * 10, (0.1,) * 10, (), tuple(f"c{i}" for i in range(10)))
        assert "+ 7 more: 70.0% now, 70.0% before" in plain(distribution_rows(many, 60, 5))

    def test_a_small_share_is_not_nothing(self) -> None:
        assert horizontal_bar(0.0001, 1, 10).strip()
        assert not horizontal_bar(0, 1, 10).strip()
        assert percent(0.0001) == "<0.1%"


@given(st.text(max_size=30), st.integers(0, 30), st.sampled_from(["left", "right", "center"]))
def test_fit_is_exact_in_terminal_cells(text: str, width: int, align: Any) -> None:
    assert cell_len(fit(text, width, align)) == width


class ChartApp(App[None]):
    CSS = "LineChart { width: 60; height: 12; }"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.variables()

    def compose(self) -> ComposeResult:
        yield LineChart(LineData((Series("a", [0, 1, 2, 3], [0.0, 1.0, 0.5, 0.25]),)))


class TestWidget:
    async def test_equal_data_repaints_nothing_and_a_new_point_only_its_cells(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with ChartApp().run_test(notifications=True, tooltips=True) as pilot:
            chart = pilot.app.query_one(LineChart)
            await pilot.pause()
            asked: list[tuple[Region, ...]] = []
            monkeypatch.setattr(chart, "refresh", lambda *regions, **_: asked.append(regions))
            chart.show(LineData((Series("a", [0, 1, 2, 3], [0.0, 1.0, 0.5, 0.25]),)))
            assert asked == []
            chart.show(LineData((Series("a", [0, 1, 2, 3], [0.0, 1.0, 0.5, 0.5]),)))
            assert len(asked) == 1
            assert asked[0]
            assert all(region.height == 1 for region in asked[0])
            assert sum(region.area for region in asked[0]) < 60 * 12 / 3

    @pytest.mark.parametrize("no_color", [False, True])
    async def test_draws_in_the_widget_also_without_colour(
        self, monkeypatch: pytest.MonkeyPatch, no_color: bool
    ) -> None:
        if no_color:
            monkeypatch.setenv("NO_COLOR", "1")
        async with ChartApp().run_test(size=(80, 24), notifications=True, tooltips=True) as pilot:
            await pilot.pause()
            chart = pilot.app.query_one(LineChart)
            text = "\n".join(chart.render_line(y).text for y in range(12))
            assert "1.0┤" in text
            await pilot.resize_terminal(20, 5)
            await pilot.pause()
            assert chart.render_line(0).cell_length == chart.size.width
