"""A drift report in words: the banner over the list, and the report as a whole."""

from mlops_console.core.drift import DriftReport, DriftVerdict, effect_text
from mlops_console.core.performance import metric_text
from mlops_console.core.text import age, clock, duration, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.drift_words import ROLES, sentence, told
from mlops_console.tui.glyphs import State
from mlops_console.tui.screens.drift.reading import DriftState
from mlops_console.tui.screens.drift.rows import AGAINST, figure_text
from mlops_console.tui.screens.drift.trends import tested
from mlops_console.tui.widgets.chart_paint import Ink, fit_row
from mlops_console.tui.widgets.chart_paint import Row as InkRow
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.fit import wrap
from mlops_console.tui.widgets.sparkline import sparkline

_SHORT = 600.0  # seconds of a window whose ends are told to the second
_UNTESTED = glyphs.state(DriftVerdict.UNTESTED)


def verdict(state: DriftState) -> tuple[State, str]:
    """One honest sentence on the report that is looked at, or on why there is none."""
    report = state.report
    if not state.environment:
        return _UNTESTED, "mlops.toml names no environment yet, so there is no traffic to check."
    if report is None:
        return _UNTESTED, _no_report(state)
    if report.verdict is DriftVerdict.UNTESTED:
        return _UNTESTED, f"{sentence(report)}{_last_tested(state)}"
    return glyphs.state(report.verdict), sentence(report)


def _no_report(state: DriftState) -> str:
    if state.live is None:
        return f"Nothing is live in {safe_line(state.environment)}: d deploys a model version."
    if state.every:
        return f"Not checked yet: the traffic is checked every {state.every}; v does it now."
    return 'Not checked yet: press v to compare the traffic with the reference, or set every = "15m" in [monitor].'


def _last_tested(state: DriftState) -> str:
    """What still holds while the report that is looked at proves nothing."""
    report = state.report
    older = (r for r in state.reports if report and r.id < report.id and r.revision == report.revision)
    last = next((r for r in older if r.verdict is not DriftVerdict.UNTESTED), None)
    return f" Report {last.id} before it: {glyphs.state(last.verdict).text}." if last else ""


def banner(state: DriftState, now: float, width: int, height: int = 2) -> tuple[InkRow, ...]:
    """The sentence in all lines but the last; in that, what was compared with what, and when."""
    mood, said = verdict(state)
    tag = mood.text if mood is not _UNTESTED else mood.glyph
    lines = wrap(said, max(width - len(tag) - 2, 12))
    room = max(height - 1, 1)
    lines = [*lines[: room - 1], " ".join(lines[room - 1 :])]
    rows = [
        fit_row([Ink(tag if at == 0 else " " * len(tag), mood.style), Ink(f"  {text}")], width)
        for at, text in enumerate(lines)
    ]
    rows += [fit_row([], width)] * (room - len(rows))
    return (*rows, fit_row(_compared(state, now, width), width))


def _compared(state: DriftState, now: float, width: int) -> list[Ink]:
    report = state.report
    if report is None:
        return []
    stale = state.live is None or state.live.revision != report.revision
    which = f"{safe_line(report.model)}:{report.version} r{report.revision}"
    inks = [Ink(f"{which}{', no longer live' if stale else ''}", "warn" if stale else "text")]
    if not state.is_newest:
        inks.append(Ink(" · not the newest report", "warn"))
    rows = f"{report.rows:,} rows {_span(report)} against "
    against = f"{report.reference_rows:,}" if report.against == "reference" else AGAINST[report.against]
    inks.append(Ink(f" · {rows}{against} · checked {age(report.created_at, now)}", "muted"))
    if report.notes:
        inks.append(Ink(f" · {safe_line(report.notes[0], 300)}", "warn"))
    counts = [float(len(r.drifted_features)) for r in tested(state.against_reference)]
    room = min(width - sum(len(ink.text) for ink in inks) - 3, 20)
    if len(counts) > 1 and room >= 5:
        inks += [Ink(" · ", "muted"), Ink(sparkline(counts, room, low=0), "series-1")]
    return inks


def _span(report: DriftReport) -> str:
    """`12:04–13:04`, with the day where the two ends differ in it, and to the second where it is short."""
    start, end = clock(report.window_start), clock(report.window_end)
    if report.window_end - report.window_start < _SHORT:
        return f"{start[11:]}–{end[11:]}"
    if start[:10] == end[:10]:
        return f"{start[11:16]}–{end[11:16]}"
    return f"{start[5:16]}–{end[5:16]}"


def report_facts(report: DriftReport, now: float) -> list[Fact]:
    """The whole report in words."""
    state = glyphs.state(report.verdict)
    why = f": {report.untested_because}" if report.untested_because else ""
    against = "of the reference" if report.against == "reference" else f"of {AGAINST[report.against]}"
    facts = [
        Fact("report", str(report.id), "strong"),
        Fact("verdict", f"{state.text}{why}", state.style),
        *(Fact("note", note, "warn") for note in report.notes),
        Fact("model", f"{report.model}:{report.version}, revision {report.revision} of {report.environment}"),
        Fact("checked", f"{clock(report.created_at)}, {age(report.created_at, now)}"),
        Fact("window", f"{clock(report.window_start)} – {clock(report.window_end)}"),
        Fact("rows", f"{report.rows:,} against {report.reference_rows:,} {against}"),
        Fact("level", f"{report.level:g}, after correction for {len(report.features)} features"),
        Fact("least effect", f"{effect_text(report.least_effect, 'share')} of the rows"),
        *_performance_facts(report),
        Fact("Features"),
    ]
    for feature in report.features:
        mood = told(feature)
        said = feature.verdict.removeprefix(f"{feature.name}: ")
        name = f"{ROLES[feature.role]}{feature.name or '–'}"
        facts.append(Fact(name, f"{mood.glyph} {said}", mood.style))
        facts += [Fact(" ", f"{glyphs.FINDING} {finding}", "warn") for finding in feature.findings]
    if report.slices:
        facts.append(Fact("Slices"))
    for part in report.slices:
        mood = glyphs.state("drifted" if part.drifted else "stable")
        facts.append(Fact(part.slice, f"{mood.glyph} {part.verdict}", mood.style))
    return facts


def _performance_facts(report: DriftReport) -> list[Fact]:
    found = report.performance
    if found is None:
        return []
    facts = [
        Fact("Performance"),
        *(Fact(f"{metric_text(f.metric)}, estimated", figure_text(f)) for f in found.estimated),
    ]
    if found.not_estimated:
        facts.append(Fact("estimated", found.not_estimated, "warn"))
    facts += [Fact(f"{metric_text(f.metric)}, realised", figure_text(f)) for f in found.realised]
    late = f", {duration(found.delay)} late" if found.delay is not None else ""
    facts.append(Fact("labels", f"{found.labelled:,} of {found.rows:,} rows ({found.share_labelled:.0%}){late}"))
    return facts
