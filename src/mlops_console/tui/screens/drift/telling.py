"""A drift report in words: the banner over the list, and the report as a whole."""

from collections.abc import Sequence

from rich.cells import cell_len

from mlops_console.core.drift import DriftReport, DriftVerdict
from mlops_console.core.performance import metric_text
from mlops_console.core.text import age, safe_line
from mlops_console.drift import wording
from mlops_console.tui import glyphs
from mlops_console.tui.drift_words import named, told
from mlops_console.tui.glyphs import State
from mlops_console.tui.screens.drift.reading import DriftState
from mlops_console.tui.screens.drift.trends import tested
from mlops_console.tui.widgets.chart_paint import Ink, fit_row
from mlops_console.tui.widgets.chart_paint import Row as InkRow
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.fit import wrap
from mlops_console.tui.widgets.sparkline import sparkline

_UNTESTED = glyphs.state(DriftVerdict.UNTESTED)
_DOT = " · "


def verdict(state: DriftState, most: int = 1_000) -> tuple[State, str]:
    """One honest sentence on the report that is looked at, or on why there is none; `most`: as of `sentence`."""
    report = state.report
    if not state.environment:
        return _UNTESTED, "mlops.toml names no environment yet, so there is no traffic to check."
    if report is None:
        return _UNTESTED, _no_report(state)
    said = wording.sentence(report, most)
    if report.verdict is DriftVerdict.UNTESTED:
        return _UNTESTED, f"{said}{_last_tested(state)}"
    return glyphs.state(report.verdict), said


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
    room = max(height - 1, 1)
    mood, _ = verdict(state)
    tag = mood.text if mood is not _UNTESTED else mood.glyph
    wide = max(width - len(tag) - 2, 12)
    lines = _lines(state, wide, room)
    lines = [*lines[: room - 1], " ".join(lines[room - 1 :])]
    rows = [
        fit_row([Ink(tag if at == 0 else " " * len(tag), mood.style), Ink(f"  {text}")], width)
        for at, text in enumerate(lines)
    ]
    rows += [fit_row([], width)] * (room - len(rows))
    return (*rows, fit_row(_compared(state, now, width), width))


def _lines(state: DriftState, width: int, most: int) -> list[str]:
    """The sentence in as many lines as there are, with what else has moved only where it has room."""
    said = wrap(verdict(state)[1], width)
    return said if len(said) <= most else wrap(verdict(state, width * most - most)[1], width)


def _compared(state: DriftState, now: float, width: int) -> list[Ink]:
    """As much of it as there is room for, the most important parts first; no part is cut."""
    report = state.report
    if report is None:
        return []
    stale = state.live is None or state.live.revision != report.revision
    which = f"{safe_line(report.model, 60)}:{report.version} r{report.revision}"
    of = "reference rows" if report.against == "reference" else f"of {wording.AGAINST[report.against]}"
    parts = [
        (0, Ink(f"{which}{', no longer live' if stale else ''}", "warn" if stale else "text")),
        *([(1, Ink("not the newest report", "warn"))] if not state.is_newest else []),
        (2, Ink(f"{report.rows:,} rows {wording.span(report)}", "muted")),
        (5, Ink(f"against {report.reference_rows:,} {of}", "muted")),
        (3, Ink(f"checked {age(report.created_at, now)}", "muted")),
        *([(4, Ink(safe_line(report.notes[0], 300), "warn"))] if report.notes else []),
    ]
    while len(parts) > 1 and _width([ink for _, ink in parts]) > width:
        parts.remove(max(parts, key=lambda part: part[0]))
    inks = [ink for _, ink in parts]
    counts = [float(len(r.drifted_features)) for r in tested(state.against_reference)]
    title = "drifted features "
    room = min(width - _width(inks) - len(_DOT) - len(title), 20)
    if len(counts) > 1 and room >= 5:
        inks += [Ink(title + sparkline(counts, room, low=0), "muted")]
    return [part for ink in inks for part in (Ink(_DOT, "muted"), ink)][1:]


def _width(inks: Sequence[Ink]) -> int:
    return sum(cell_len(ink.text) for ink in inks) + len(_DOT) * (len(inks) - 1)


def report_facts(report: DriftReport, now: float) -> list[Fact]:
    """The whole report in words."""
    state = glyphs.state(report.verdict)
    why = f": {report.untested_because}" if report.untested_because else ""
    found = wording.facts(report)
    found["Checked"] += f", {age(report.created_at, now)}"
    facts = [
        Fact("verdict", f"{state.text}{why}", state.style),
        *(Fact("note", note, "warn") for note in report.notes),
        *(Fact(name.lower(), value) for name, value in found.items()),
        *_performance_facts(report),
        Fact("Features"),
    ]
    for feature in report.features:
        mood = told(feature)
        said = feature.verdict.removeprefix(f"{feature.name}: ")
        facts.append(Fact(named(feature) or "–", f"{mood.glyph} {said}", mood.style))
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
    return [
        Fact("Performance"),
        *(Fact(f"{metric_text(f.metric)}, estimated", wording.interval(f)) for f in found.estimated),
        *(Fact(f"{metric_text(f.metric)}, realised", wording.interval(f)) for f in found.realised),
        *(Fact("", said) for said in wording.performance_facts(found)),
    ]
