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
from mlops_console.core.runs import Curve, Point
from mlops_console.tui import themes
from mlops_console.tui.widgets.bars import horizontal_bar, percent
from mlops_console.tui.widgets.chart_paint import Row, fit, plain
from mlops_console.tui.widgets.chart_raster import Frame, Raster, ordered, strokes
from mlops_console.tui.widgets.chart_scale import (
    bounds,
    elapsed_labels,
    elapsed_ticks,
    log_ticks,
    tick_labels,
    ticks,
    time_labels,
    time_ticks,
)
from mlops_console.tui.widgets.density import Tail, densities
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
from mlops_console.tui.widgets.line_curves import Look, readout, series_of, x_range_of
from mlops_console.tui.widgets.line_rows import lay_out
from mlops_console.tui.widgets.line_shape import lines_of
from mlops_console.tui.widgets.line_zoom import Stretch, panned, zoomed_in, zoomed_out
from mlops_console.tui.widgets.sparkline import sparkline

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POINTS = st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT), max_size=60)
SIZE = st.integers(min_value=0, max_value=40)
LABEL = st.text(max_size=12)
FLOATS = st.lists(ANY_FLOAT, max_size=8)


def line_of(points: list[tuple[float, float]], label: str = "a") -> Series:
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

    @pytest.mark.parametrize(
        ("low", "high", "most", "written"),
        [
            (0, 1, 2, ("0.0s", "0.5s", "1.0s")),
            (0, 100, 4, ("0s", "30s", "1m", "1m30s")),
            (0, 20_000, 4, ("0s", "2h", "4h")),
            (0, 200_000, 5, ("0s", "12h", "1d", "1d12h", "2d")),
            (-100, 100, 7, ("-1m30s", "-1m", "-30s", "0s", "30s", "1m", "1m30s")),
        ],
    )
    def test_spans_are_written_as_people_do(self, low: float, high: float, most: int, written: tuple[str, ...]) -> None:
        assert elapsed_labels(elapsed_ticks(low, high, most)) == written

    @given(FINITE, FINITE, st.integers(0, 20))
    def test_elapsed_ticks_never_raise(self, low: float, high: float, most: int) -> None:
        low, high = sorted((low, high))
        found = elapsed_ticks(low, high, most)
        assert len(elapsed_labels(found)) == len(found)

    @pytest.mark.parametrize(
        ("low", "high", "most", "written"),
        [
            (-3, 3, 8, ("0.001", "0.01", "0.1", "1", "10", "100", "1,000")),
            (-9, 9, 6, ("1e-9", "1e-6", "0.001", "1", "1,000", "1M", "1G")),
            (-0.1, 1.4, 8, ("1", "2", "5", "10", "20")),
            (math.log10(0.82), math.log10(0.97), 3, ("0.85", "0.90", "0.95")),
        ],
    )
    def test_ticks_of_a_log_scale(self, low: float, high: float, most: int, written: tuple[str, ...]) -> None:
        assert tuple(label for _, label in log_ticks(low, high, most)) == written

    @given(st.tuples(st.floats(-323, 308), st.floats(-323, 308)), st.integers(0, 30))
    def test_log_ticks_are_few_and_inside(self, ends: tuple[float, float], most: int) -> None:
        low, high = sorted(ends)
        found = [place for place, _ in log_ticks(low, high, most)]
        assert len(found) <= max(most + 3, 2)
        assert found == sorted(found)
        assert all(low <= place <= high for place in found)


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
        lines = strokes(ordered(xs, ys), frame)
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
        dots = {dot for line in strokes(ordered(xs, ys), frame) for dot in line}
        assert (frame.column(31_234), 0) in dots

    def test_a_missing_value_leaves_a_gap(self) -> None:
        frame = Frame(0, 9, 0, 1, 20, 8)
        lines = strokes(ordered(range(10), [0, 0, 0, math.nan, 0, 0, math.inf, 0, 0, 0]), frame)
        assert len(lines) == 3


class TestLineChart:
    @settings(max_examples=150)
    @given(
        st.lists(st.tuples(LABEL, POINTS), max_size=3),
        st.lists(st.builds(Threshold, ANY_FLOAT, LABEL), max_size=2),
        st.lists(st.builds(Band, LABEL, FLOATS, FLOATS, FLOATS), max_size=2),
        st.lists(st.builds(Mark, ANY_FLOAT, LABEL), max_size=3),
        st.sampled_from(["step", "number", "time", "elapsed"]),
        st.tuples(st.booleans(), st.sampled_from([0.0, 0.6, 0.99])),
        st.none() | st.tuples(FINITE, FINITE).map(lambda ends: (min(ends), max(ends))),
        st.none() | FINITE,
        SIZE,
        SIZE,
    )
    def test_any_data_in_any_size_fills_exactly_that_size(
        self,
        lines: Any,
        limits: Any,
        bands: Any,
        marks: Any,
        x_axis: XAxis,
        look: tuple[bool, float],
        x_range: tuple[float, float] | None,
        cursor: float | None,
        width: int,
        height: int,
    ) -> None:
        data = LineData(
            tuple(line_of(points, label) for label, points in lines),
            tuple(limits),
            tuple(bands),
            tuple(marks),
            (math.nan, 0.0),
            x_axis,
            "step",
            log=look[0],
            smooth=look[1],
            x_range=x_range,
            cursor=cursor,
            head=(("metric", "1 point"), ("state",)),
        )
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

    def test_a_mark_without_room_keeps_the_first_words_of_its_label(self) -> None:
        marks = tuple(Mark(at, f"▲ r{at} breast_cancer:{at}") for at in (2, 9))
        text = plain(line_chart_rows(LineData((Series("a", [0, 10], [0, 1]),), marks=marks), 60, 10))
        assert "┊▲ r2 breast_cancer:2 " in text
        assert "┊▲ r9\n" in text.replace(" \n", "\n")

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

    def test_eight_lines_are_told_apart_and_named(self) -> None:
        names = [f"calm-otter-with-a-long-name-{index}" for index in range(8)]
        series = tuple(Series(name, [0, 1, 2], [at, at + 1.0, at]) for at, name in enumerate(names))
        text = plain(line_chart_rows(LineData(series), 100, 24))
        legend, drawn = "\n".join(text.splitlines()[:3]), "\n".join(text.splitlines()[3:])
        assert all(f"{marker} calm-" in legend and marker in drawn for marker in "ox+*#@%&")
        assert "…" in legend
        assert plain(line_chart_rows(LineData(series), 30, 8)).splitlines()[0].rstrip().endswith("+6")

    def test_eight_lines_have_eight_colours(self) -> None:
        assert len({themes.variables()[f"series-{index}"] for index in range(1, 9)}) == 8

    def test_a_log_scale_spreads_decades_evenly_and_counts_what_it_lacks(self) -> None:
        data = LineData((Series("a", range(5), [1e-3, 1.0, 1e3, 0.0, -1.0]),), log=True)
        lines = plain(line_chart_rows(data, 40, 20)).splitlines()
        assert lines[0].startswith("! 2 ≤ 0 not drawn")
        rows = [
            next(y for y, line in enumerate(lines) if f" {label}┤" in f" {line}") for label in ("1,000", "1", "0.001")
        ]
        assert abs((rows[1] - rows[0]) - (rows[2] - rows[1])) <= 1

    def test_a_log_scale_tells_that_it_has_not_seen_all(self) -> None:
        data = LineData((Series("a", range(3), [1.0, 2.0, 0.0], exact=False),), log=True)
        assert "! at least 1 ≤ 0 not drawn" in plain(line_chart_rows(data, 60, 20))

    def test_the_smoothed_line_lies_on_the_muted_raw_one(self) -> None:
        ys = [float(step % 2) for step in range(200)]
        rows = line_chart_rows(LineData((Series("a", range(200), ys),), smooth=0.9), 60, 12)
        roles = {ink.role for row in rows for ink in row if any("⠀" < c <= "⣿" for c in ink.text)}
        assert roles == {"muted", "series-1"}

    def test_means_are_smoothed_where_points_are_extremes(self) -> None:
        series = Series("a", [0, 1, 2, 3], [0.0, 9.0, 0.0, 9.0], [0, 2], [4.0, 5.0], exact=False)
        (line,) = lines_of(LineData((series,), smooth=0.5))
        assert line.smooth == pytest.approx([(0, 4.0), (2, (0.5 * 0.5 * 4 + 0.5 * 5) / 0.75)])

    def test_the_legend_has_the_values_at_the_cross_hair(self) -> None:
        series = (Series("a", [0, 5, 10], [1.0, 2.0, 3.0]), Series("b", [0, 5, 10], [4.0, 5.0, 6.0]))
        assert "o a 2  x b 5" in plain(line_chart_rows(LineData(series, cursor=4.6), 60, 12))
        assert "o a 3  x b 6" in plain(line_chart_rows(LineData(series), 60, 12))

    def test_a_part_of_the_x_axis_cuts_the_line_at_its_edges(self) -> None:
        (line,) = lines_of(LineData((Series("a", [0, 10, 20], [0.0, 10.0, 0.0]),), x_range=(5, 15)))
        assert line.points == [(5, 5.0), (10, 10.0), (15, 5.0)]
        assert line.own == [(10, 10.0)]
        (line,) = lines_of(LineData((Series("a", [0, 10], [0.0, 10.0]),), x_range=(4, 6)))
        assert line.points == pytest.approx([(4, 4.0), (6, 6.0)])

    @given(POINTS, st.tuples(FINITE, FINITE))
    def test_every_point_in_view_is_kept_and_none_outside(
        self, points: list[tuple[float, float]], ends: tuple[float, float]
    ) -> None:
        low, high = sorted(ends)
        (line,) = lines_of(LineData((line_of(points),), x_range=(low, high)))
        inside = [x for x, _ in points if math.isfinite(x) and (low <= x <= high or low == high)]
        assert sorted(x for x, _ in line.own) == sorted(inside)
        assert all(low <= x <= high or low == high for x, _ in line.points)

    @given(st.integers(1, 80), st.integers(0, 79))
    def test_a_cell_has_its_own_part_of_the_x_axis(self, width: int, column: int) -> None:
        sheet = lay_out(LineData((Series("a", [0, 100], [0.0, 1.0]),)), width, 3)
        assert sheet is not None
        column = min(column, sheet.width - 1)
        assert sheet.frame.column(sheet.middle(column)) // 2 == column


class TestZoom:
    WHOLE = Stretch(0, 1000)

    def test_in_and_out_round_the_middle_or_a_step(self) -> None:
        assert zoomed_in(self.WHOLE, self.WHOLE) == Stretch(250, 750)
        assert zoomed_in(self.WHOLE, self.WHOLE, 1000) == Stretch(500, 1000)
        assert zoomed_in(self.WHOLE, self.WHOLE, 100) == Stretch(50, 550)
        assert zoomed_out(Stretch(250, 750), self.WHOLE) == self.WHOLE
        assert zoomed_out(Stretch(0, 100), self.WHOLE) == Stretch(0, 200)

    def test_panning_stops_at_the_ends(self) -> None:
        assert panned(Stretch(0, 400), self.WHOLE, 1) == Stretch(100, 500)
        assert panned(Stretch(0, 400), self.WHOLE, -1) == Stretch(0, 400)
        assert panned(Stretch(600, 1000), self.WHOLE, 1) == Stretch(600, 1000)

    @given(
        st.lists(st.sampled_from("+-<>"), max_size=80),
        st.integers(-(2**62), 2**62),
        st.integers(0, 2**62),
        st.none() | st.integers(-(2**62), 2**62),
    )
    def test_one_never_leaves_the_whole(self, keys: list[str], first: int, length: int, at: int | None) -> None:
        whole = view = Stretch(first, first + length)
        for key in keys:
            match key:
                case "+":
                    view = zoomed_in(view, whole, at)
                case "-":
                    view = zoomed_out(view, whole, at)
                case _:
                    view = panned(view, whole, 1 if key == ">" else -1)
            assert whole.first <= view.first <= view.last <= whole.last
            assert view.length >= min(1, length)


class TestCurves:
    POINTS = tuple(Point(step * 10, float(step), 1000.0 + step * 60) for step in range(11))
    CURVE = Curve(POINTS, POINTS, 11, 0, True, 0, 100)
    ELAPSED = Look(x_axis="elapsed")

    def test_where_points_are_on_each_axis(self) -> None:
        assert list(series_of("a", self.CURVE, Look(), 900.0).xs)[:2] == [0, 10]
        assert list(series_of("a", self.CURVE, self.ELAPSED, 900.0).xs)[:2] == [100, 160]
        assert list(series_of("a", self.CURVE, self.ELAPSED, None).xs)[:2] == [0, 60]
        assert list(series_of("a", self.CURVE, Look(x_axis="time"), 900.0).xs)[:2] == [1000, 1060]

    def test_a_stretch_of_steps_on_each_axis(self) -> None:
        assert x_range_of(Stretch(15, 30), self.CURVE, Look(), None) == (15, 30)
        assert x_range_of(Stretch(15, 30), self.CURVE, self.ELAPSED, None) == (90, 180)
        assert x_range_of(Stretch(15, 130), self.CURVE, self.ELAPSED, None) is None
        assert x_range_of(None, self.CURVE, self.ELAPSED, None) is None

    def test_the_readout(self) -> None:
        assert readout(self.CURVE, Look(), None, (5, 15), 10) == "step 10: 1"
        assert readout(self.CURVE, Look(), None, (5, 25), 10) == "steps 10–20: 1 to 2"
        assert readout(self.CURVE, Look(), None, (12, 13), 12) == "step 10: 1"
        assert readout(self.CURVE, self.ELAPSED, None, (90, 130), 120) == "step 20 2m: 2"
        assert readout(Curve((), (), 0, 0, True, 0, 0), Look(), None, (0, 1), 0) == ""


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
        assert "█ current" in text
        assert "reference" in text
        assert "75.0%┤" in text
        assert "███" in text
        assert any("⠀" < c <= "⣿" for c in text.splitlines()[5])
        assert text.splitlines()[-1].split() == ["0", "1", "2", "3"]

    def test_infinite_edges_are_signs(self) -> None:
        histogram = Histogram((0.5, 0.5), (0.5, 0.5), (-math.inf, 1.0, math.inf))
        assert plain(distribution_rows(histogram, 60, 8)).splitlines()[-1].split() == ["-∞", "1", "∞"]

    def test_bins_of_unequal_width_are_drawn_as_densities(self) -> None:
        wide_last = Histogram((0.5, 0.5), (0.5, 0.5), (0.0, 1.0, 9.0))
        found = densities(wide_last.edges, wide_last.reference, wide_last.current, 9)
        assert found is not None
        assert found.reference == pytest.approx((0.5, *[0.0625] * 8))
        assert plain(distribution_rows(wide_last, 60, 8)).splitlines()[-1].split() == ["0", "2", "4", "6", "8"]

    def test_a_wide_bin_at_the_end_is_told_instead_of_drawn(self) -> None:
        tailed = Histogram((0.49, 0.3, 0.2, 0.01), (0.4, 0.3, 0.1, 0.2), (0.0, 1.0, 2.0, 4.0, 5_000.0))
        lines = plain(distribution_rows(tailed, 70, 10)).splitlines()
        assert lines[0].endswith("> 4: 20.0%, was 1.0%")
        assert "…" not in lines[0]
        assert lines[-1].split()[-1] == "4"

    def test_open_bins_are_told(self) -> None:
        found = densities((-math.inf, 0.0, 1.0, 3.0, math.inf), (0.1, 0.4, 0.4, 0.1), (0.0, 0.1, 0.1, 0.8), 6)
        assert found is not None
        assert (found.low, found.high) == (0.0, 3.0)
        assert (found.below, found.above) == (Tail(0.0, 0.1, 0.0), Tail(3.0, 0.1, 0.8))

    @given(st.lists(FINITE, min_size=2, max_size=9, unique=True), st.integers(1, 80))
    def test_densities_lose_no_row(self, edges: list[float], columns: int) -> None:
        edges.sort()
        shares = [1 / (len(edges) - 1)] * (len(edges) - 1)
        found = densities(edges, shares, shares, columns)
        if found is not None:
            tails = [tail.current for tail in (found.below, found.above) if tail is not None]
            assert sum(found.current) + sum(tails) == pytest.approx(1.0)

    def test_categories_show_bar_mark_and_both_shares(self) -> None:
        lines = plain(distribution_rows(self.CATEGORIES, 60, 5)).splitlines()
        assert lines[1].startswith("visa █")
        assert lines[1].rstrip().endswith("90.0% was  50.0%")
        assert "┃" in lines[1]

    def test_categories_without_room_are_counted(self) -> None:
        many = Histogram((0.1,) * 10, (0.1,) * 10, (), tuple(f"c{i}" for i in range(10)))
        assert "+ 7 more: 70.0%, was 70.0%" in plain(distribution_rows(many, 60, 5))

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
