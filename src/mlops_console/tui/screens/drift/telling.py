"""Drift reports in words, rows and lines of a chart."""

import itertools
import math
from collections.abc import Sequence

from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift
from mlops_console.core.text import age, clock, number, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.glyphs import State
from mlops_console.tui.screens.drift.reading import DriftState
from mlops_console.tui.widgets.chart_paint import Ink, fit_row
from mlops_console.tui.widgets.chart_paint import Row as InkRow
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.line_chart import LineData, Mark, Series
from mlops_console.tui.widgets.rows import Cell, Column, Row
from mlops_console.tui.widgets.sparkline import sparkline

_SHORT = 600.0  # seconds of a window whose ends are told to the second
FEW_ROWS = 100  # below it, only large shifts can be told from chance

COLUMNS = (
    Column("feature", "FEATURE", least=18, most=40, flex=1),
    Column("verdict", "VERDICT", least=9),
    Column("psi", "PSI", "right", least=6),
    Column("p", "P", "right", least=7),
    Column("statistic", "STATISTIC", "right", least=6),
    Column("test", "TEST", least=4),
    Column("m", "ROWS", "right"),
    Column("n", "REF ROWS", "right"),
    Column("kind", "KIND"),
)
_UNTESTED = glyphs.state(DriftVerdict.UNTESTED)


def feature_rows(report: DriftReport | None) -> list[Row]:
    """One row per feature: the drifted ones first, the greatest PSI first."""
    if report is None:
        return []
    order = sorted(report.features, key=lambda f: (not f.drifted, -_known(f.psi)))
    return [_row(feature) for feature in order]


def _known(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else -1.0


def told(feature: FeatureDrift) -> State:
    """Drifted, stable, or not tested at all."""
    return glyphs.state(feature.outcome)


def _row(feature: FeatureDrift) -> Row:
    state = told(feature)
    return Row(
        feature.name,
        (
            Cell(safe_line(feature.name, 200), "strong" if feature.drifted else ""),
            Cell(state.text, state.style, state.word),
            Cell(_figure(feature.psi, 3), "", feature.psi),
            Cell(p_text(feature.p_value), "", feature.p_value),
            Cell(_figure(feature.statistic, 4), "", feature.statistic),
            Cell(_TESTS.get(feature.test, safe_line(feature.test, 40)), "muted"),
            Cell(f"{feature.m:,}", "muted", feature.m),
            Cell(f"{feature.n:,}", "muted", feature.n),
            Cell(safe_line(feature.kind), "muted"),
        ),
    )


_TESTS = {"ks": "KS", "chi2": "chi²"}


def _figure(value: float | None, digits: int) -> str:
    if value is None or not math.isfinite(value) or abs(value) >= 1e6:
        return number(value)
    return f"{value:,.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"


def p_text(p: float | None) -> str:
    """A p-value with four decimals; one below that says so."""
    if p is None or math.isnan(p):
        return "–"
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def verdict(state: DriftState) -> tuple[State, str]:
    """One honest sentence on the report that is looked at, or on why there is none."""
    report = state.report
    if not state.environment:
        return _UNTESTED, "mlops.toml names no environment yet, so there is no traffic to check."
    if report is None:
        if state.live is None:
            return _UNTESTED, f"Nothing is live in {safe_line(state.environment)}: d deploys a model version."
        return _UNTESTED, "Not checked yet: press v to compare the traffic with the reference."
    if why := report.untested_because:
        return _UNTESTED, f"{why[:1].upper()}{why[1:]}: no verdict.{_last_tested(state)}"
    total, names = sum(f.tested for f in report.features), report.drifted_features
    untested = len(report.features) - total
    features = "tested features" if untested else "features"
    chance = f"beyond chance (level {report.level:g})"
    if not names:
        return glyphs.state("stable"), f"None of {total} {features} differs {chance}."
    verb = "differs" if len(names) == 1 else "differ"
    return glyphs.state("drifted"), f"{len(names)} of {total} {features} {verb} {chance}."


def _last_tested(state: DriftState) -> str:
    """What still holds while the report that is looked at proves nothing."""
    report = state.report
    older = (r for r in state.reports if report and r.id < report.id and r.revision == report.revision)
    last = next((r for r in older if r.verdict is not DriftVerdict.UNTESTED), None)
    return f" Report {last.id} before it: {glyphs.state(last.verdict).text}." if last else ""


def banner(state: DriftState, now: float, width: int) -> tuple[InkRow, InkRow]:
    """The sentence, and below it what was compared with what, and when."""
    mood, sentence = verdict(state)
    first = fit_row([Ink(mood.text if mood is not _UNTESTED else mood.glyph, mood.style), Ink(f"  {sentence}")], width)
    report = state.report
    if report is None:
        return first, fit_row([], width)
    stale = state.live is None or state.live.revision != report.revision
    which = f"{safe_line(report.model)}:{report.version} r{report.revision}"
    inks = [Ink(f"{which}{', no longer live' if stale else ''}", "warn" if stale else "text")]
    if not state.is_newest:
        inks.append(Ink(" · not the newest report", "warn"))
    if report.rows < FEW_ROWS and not report.untested_because:
        inks.append(Ink(f" · only {report.rows:,} rows: small shifts stay unseen", "warn"))
    rows = f"{report.rows:,} rows {_span(report)} against {report.reference_rows:,}"
    inks.append(Ink(f" · {rows} · checked {age(report.created_at, now)}", "muted"))
    if len(_tested(state.reports)) > 1:
        counts = [float(len(r.drifted_features)) for r in _tested(state.reports)]
        room = min(width - sum(len(ink.text) for ink in inks) - 3, 20)
        if room >= 5:
            inks += [Ink(" · ", "muted"), Ink(sparkline(counts, room, low=0), "series-1")]
    return first, fit_row(inks, width)


def _span(report: DriftReport) -> str:
    """`12:04–13:04`, with the day where the two ends differ in it, and to the second where it is short."""
    start, end = clock(report.window_start), clock(report.window_end)
    if report.window_end - report.window_start < _SHORT:
        return f"{start[11:]}–{end[11:]}"
    if start[:10] == end[:10]:
        return f"{start[11:16]}–{end[11:16]}"
    return f"{start[5:16]}–{end[5:16]}"


def _tested(newest_first: Sequence[DriftReport]) -> list[DriftReport]:
    """The reports in which something was tested, oldest first: the others are no points of a trend."""
    return [report for report in reversed(newest_first) if report.verdict is not DriftVerdict.UNTESTED]


def count_trend(reports: Sequence[DriftReport]) -> LineData:
    """How many features had drifted in each report."""
    ordered = _tested(reports)
    xs = [report.created_at for report in ordered]
    ys = [float(len(report.drifted_features)) for report in ordered]
    return LineData(
        (Series("drifted features", xs, ys),),
        include=(0.0,),
        marks=revision_marks(ordered),
        x_axis="time",
        empty="The trend begins with the first report that is tested.",
    )


def psi_trend(reports: Sequence[DriftReport], feature: str) -> LineData:
    """The PSI of one feature in each report that has it."""
    ordered = _tested(reports)
    points = [
        (report.created_at, one.psi if one.psi is not None else math.nan)
        for report in ordered
        for one in report.features
        if one.name == feature
    ]
    series = Series(feature, [x for x, _ in points], [y for _, y in points])
    return LineData(
        (series,),
        include=(0.0,),
        marks=revision_marks(ordered),
        x_axis="time",
        empty="No PSI of this feature yet.",
    )


def revision_marks(oldest_first: Sequence[DriftReport]) -> tuple[Mark, ...]:
    """Where another revision began to be checked."""
    found: list[Mark] = []
    for before, report in itertools.pairwise(oldest_first):
        if report.revision != before.revision:
            found.append(Mark(report.created_at, f"r{report.revision}"))
    return tuple(found)


def report_facts(report: DriftReport, now: float) -> list[Fact]:
    """The whole report in words."""
    state = glyphs.state(report.verdict)
    why = f": {report.untested_because}" if report.untested_because else ""
    facts = [
        Fact("report", str(report.id), "strong"),
        Fact("verdict", f"{state.text}{why}", state.style),
        Fact("model", f"{report.model}:{report.version}, revision {report.revision} of {report.environment}"),
        Fact("checked", f"{clock(report.created_at)}, {age(report.created_at, now)}"),
        Fact("window", f"{clock(report.window_start)} – {clock(report.window_end)}"),
        Fact("rows", f"{report.rows:,} against {report.reference_rows:,} of the reference"),
        Fact("level", f"{report.level:g}, after correction for {len(report.features)} features"),
        Fact("Features"),
    ]
    for feature in report.features:
        mood = told(feature)
        said = feature.verdict.removeprefix(f"{feature.name}: ")
        facts.append(Fact(feature.name or "–", f"{mood.glyph} {said}", mood.style))
    return facts
