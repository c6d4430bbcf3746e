"""Drift reports as rows of tables."""

import math
from collections.abc import Sequence

from mlops_console.core.drift import DriftReport, FeatureDrift, SliceDrift
from mlops_console.core.performance import Figure, SlicePerformance, metric_text
from mlops_console.core.text import age, clock, number, safe_line
from mlops_console.drift import wording
from mlops_console.tui import glyphs
from mlops_console.tui.drift_words import named, told
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

COLUMNS = (
    Column("feature", "FEATURE", least=16, most=40, flex=1),
    Column("verdict", "VERDICT", least=9),
    Column("moved", "MOVED BY", "right", least=6),
    Column("limit", "LIMIT", "right", least=6),
    Column("importance", "IMPORTANCE", "right"),
    Column("sees", "SEEN FROM", "right", least=6),
    Column("p", "P", "right", least=7),
    Column("test", "TEST", least=4),
    Column("m", "VALUES", "right"),
    Column("n", "REFERENCE VALUES", "right"),
    Column("statistic", "STATISTIC", "right", least=6),
    Column("psi", "PSI", "right", least=6),
    Column("role", "ROLE"),
    Column("kind", "KIND"),
)
REPORT_COLUMNS = (
    Column("id", "REPORT", "right"),
    Column("checked", "CHECKED", least=8),
    Column("verdict", "VERDICT", least=9),
    Column("drifted", "DRIFTED", "right"),
    Column("window", "WINDOW", least=11),
    Column("rows", "ROWS", "right"),
    Column("against", "AGAINST", least=9),
    Column("model", "MODEL", least=6, flex=1),
    Column("revision", "REV", "right"),
)
SLICE_COLUMNS = (
    Column("slice", "SLICE", least=26, most=60, flex=1),
    Column("realised", "REALISED (95 %)", "right"),
    Column("estimated", "ESTIMATED (95 %)", "right"),
    Column("drift", "VERDICT", least=9),
    Column("metric", "METRIC", most=12),
    Column("rows", "ROWS", "right"),
    Column("labelled", "LABELLED", "right"),
    Column("features", "DRIFTED FEATURES", least=8),
)


def key_of(feature: FeatureDrift) -> str:
    """Which row is its own: an input may have the name of a prediction."""
    return feature.name if feature.role == "input" else f"{feature.name}\0{feature.role}"


def feature_rows(report: DriftReport | None) -> list[Row]:
    """One row per feature, the one to look at first on top."""
    return [_feature_row(feature) for feature in report.features] if report else []


def _feature_row(feature: FeatureDrift) -> Row:
    state = told(feature)
    weight = feature.importance
    return Row(
        key_of(feature),
        (
            Cell(named(feature), "strong" if feature.drifted else "", feature.name),
            Cell(state.text, state.style, state.word),
            Cell(wording.effect(feature.effect, feature), "", feature.effect),
            Cell(wording.effect(feature.threshold, feature), "muted", feature.threshold),
            Cell("–" if weight is None else f"{weight:.0%}", "", weight),
            Cell(wording.effect(feature.smallest_shift, feature), "muted", feature.smallest_shift),
            Cell(wording.probability(feature.p_value), "muted", feature.p_value),
            Cell(safe_line(wording.name_of_test(feature.test), 40), "muted"),
            Cell(f"{feature.m:,}", "muted", feature.m),
            Cell(f"{feature.n:,}", "muted", feature.n),
            Cell(_figure(feature.statistic, 4), "muted", feature.statistic),
            Cell(_figure(feature.psi, 3), "muted", feature.psi),
            Cell(feature.role, "muted"),
            Cell(safe_line(feature.kind), "muted"),
        ),
    )


def _figure(value: float | None, digits: int) -> str:
    if value is None or not math.isfinite(value) or abs(value) >= 1e6:
        return number(value)
    return f"{value:,.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"


def report_source(reports: Sequence[DriftReport], now: float) -> ListSource:
    """The reports, newest first; the key is the report's number."""
    return ListSource(REPORT_COLUMNS, [_report_row(report, now) for report in reports])


def _report_row(report: DriftReport, now: float) -> Row:
    state = glyphs.state(report.verdict)
    count = len(report.drifted_features)
    return Row(
        str(report.id),
        (
            Cell(str(report.id), "muted", report.id),
            Cell(f"{clock(report.created_at)[5:16]} {age(report.created_at, now):>8}", "", report.created_at),
            Cell(state.text, state.style),
            Cell(wording.drifted_count(report), "", count),
            Cell(wording.span(report), "muted", report.window_end),
            Cell(f"{report.rows:,}", "muted", report.rows),
            Cell(wording.AGAINST[report.against], "muted"),
            Cell(f"{safe_line(report.model)}:{report.version}"),
            Cell(str(report.revision), "muted", report.revision),
        ),
    )


def slice_source(report: DriftReport | None) -> ListSource:
    """Every slice with what the model is worth in it and how it has drifted, the worst first."""
    if report is None:
        return ListSource(SLICE_COLUMNS)
    worth = {part.slice: part for part in (report.performance.slices if report.performance else ())}
    drift = {part.slice: part for part in report.slices}
    names = dict.fromkeys([*worth, *drift])
    return ListSource(SLICE_COLUMNS, [_slice_row(name, worth.get(name), drift.get(name)) for name in names])


def _slice_row(name: str, worth: SlicePerformance | None, drift: SliceDrift | None) -> Row:
    state = glyphs.state("drifted" if drift.drifted else "stable") if drift else glyphs.state("untested")
    figure = (worth.realised or worth.estimated) if worth else None
    rows = worth.rows if worth else drift.rows if drift else 0
    features = ", ".join(safe_line(feature, 60) for feature in drift.drifted_features) if drift else ""
    return Row(
        name,
        (
            Cell(safe_line(name, 200), "strong" if drift and drift.drifted else ""),
            _figure_cell(worth.realised if worth else None),
            _figure_cell(worth.estimated if worth else None),
            Cell(state.text, state.style, state.word),
            Cell(metric_text(figure.metric) if figure else "–", "muted"),
            Cell(f"{rows:,}", "muted", rows),
            Cell(f"{worth.labelled:,}" if worth else "–", "muted", worth.labelled if worth else None),
            Cell(features),
        ),
    )


def _figure_cell(figure: Figure | None) -> Cell:
    return Cell(wording.interval(figure), "", figure.value) if figure else Cell("–")
