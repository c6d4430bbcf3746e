"""The heat map, features × reports, as rows of text: a pure function of what was read and of the size."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len

from mlops_console.core.deployments import Revision
from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift, effect_text
from mlops_console.core.text import clock, safe_line
from mlops_console.tui.drift_words import named, told
from mlops_console.tui.screens.drift.rows import key_of
from mlops_console.tui.screens.drift.trends import revision_glyph
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit, fit_row, message_rows, row_of
from mlops_console.tui.widgets.chart_scale import time_labels
from mlops_console.tui.widgets.fit import cut, wrap

_NAMES = 28  # cells of a name at the most
_APART = 8  # cells from one time to the next
_TOLD = 5  # more rows on the cell under the cursor, where nothing else needs them


class Shade(NamedTuple):
    glyph: str
    role: str
    word: str


STABLE = Shade("·", "ok", "stable")
NEAR = Shade("░", "ok", "near")
DRIFTED = Shade("▒", "warn", "drifted")
TWICE = Shade("▓", "warn", "2 ×")
FOURFOLD = Shade("█", "bad", "4 ×")
UNTESTED = Shade("?", "muted", "untested")
MISSING = Shade(" ", "text", "")
SHADES = (STABLE, NEAR, DRIFTED, TWICE, FOURFOLD)


def shade(feature: FeatureDrift | None) -> Shade:
    """How far beyond the threshold a feature is."""
    if feature is None:
        return MISSING
    if feature.outcome is DriftVerdict.UNTESTED:
        return UNTESTED
    ratio = feature.effect / feature.threshold if feature.effect is not None and feature.threshold else 0.0
    if not feature.drifted:
        return NEAR if ratio >= 0.5 else STABLE
    return FOURFOLD if ratio >= 4 else TWICE if ratio >= 2 else DRIFTED


@dataclass(frozen=True, slots=True)
class HeatData:
    """What the map shows.

    Attributes:
        reports: those against the reference, oldest first.
        features: whose rows there are, by their keys, and what they are called.
        selected: the key of the selected one.
        cursor: the number of the report under the cursor; `looked`: of the one that is looked at.
        revisions: of the environment, newest first.
    """

    reports: tuple[DriftReport, ...] = ()
    features: tuple[tuple[str, str], ...] = ()
    selected: str = ""
    cursor: int = 0
    looked: int = 0
    revisions: tuple[Revision, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The map laid out for a size.

    Attributes:
        reports: the newest ones, as many as there is room for.
        gutter: cells of the names; `wide`: of one report.
        first, count: which features are in sight.
        parts: which rows besides those of the features there are.
        told: how many rows tell of the cell under the cursor.
    """

    reports: tuple[DriftReport, ...]
    gutter: int
    wide: int
    first: int
    count: int
    parts: frozenset[str]
    told: int

    def report_at(self, x: int) -> DriftReport | None:
        """Whose cell is at this place."""
        column = (x - self.gutter) // self.wide
        return self.reports[column] if 0 <= column < len(self.reports) else None


def lay_out(data: HeatData, width: int, height: int) -> Sheet | None:
    """Where everything goes; None if there is nothing to draw."""
    if not data.reports or not data.features or width < 8 or height < 1:
        return None
    names = max(cell_len(name) for _, name in data.features)
    gutter = min(names, _NAMES, width // 3) + 2
    room = width - gutter
    wide = 3 if len(data.reports) * 3 <= room else 2 if len(data.reports) * 2 < room else 1
    room -= wide < 3  # the bracket behind the cursor, which may be on the last one
    reports = data.reports[-(room // wide) :]
    parts: set[str] = set()
    left = height
    told = int(height >= 2)
    left -= told
    for part, least in (("line", 4), ("times", 6), ("marks", 7), ("legend", 9)):
        if left > 1 and height >= least and (part != "marks" or _changes(reports)):
            parts.add(part)
            left -= 1
    keys = [key for key, _ in data.features]
    at = keys.index(data.selected) if data.selected in keys else 0
    count = min(left, len(keys))
    first = max(min(at - count // 2, len(keys) - count), 0)
    return Sheet(reports, gutter, wide, first, count, frozenset(parts), told + min(left - count, _TOLD) if told else 0)


def heat_rows(data: HeatData, width: int, height: int) -> tuple[Row, ...]:
    """Exactly `height` rows of `width` cells."""
    if width < 1 or height < 1:
        return ()
    sheet = lay_out(data, width, height)
    if sheet is None:
        return message_rows("The map begins with the first report against the reference.", width, height)
    rows: list[Row] = []
    if "legend" in sheet.parts:
        rows.append(_legend(width))
    if "marks" in sheet.parts:
        rows.append(_marks(data, sheet, width))
    known = [{key_of(feature): feature for feature in report.features} for report in sheet.reports]
    for key, name in data.features[sheet.first : sheet.first + sheet.count]:
        rows.append(_feature_row(data, sheet, known, key, name, width))
    if "line" in sheet.parts:
        rows.append(_axis(data, sheet, width))
    if "times" in sheet.parts:
        rows.append(_times(sheet, width))
    rows += _told(data, width, sheet.told)
    return tuple(rows + [fit_row([], width)] * (height - len(rows)))


def _legend(width: int) -> Row:
    """What each sign says; what says it itself has to give way first."""
    inks = [ink for s in SHADES for ink in (Ink(f"{s.glyph} ", s.role), Ink(f"{s.word}  ", "muted"))]
    inks[-1] = Ink(f"{FOURFOLD.word} the limit", "muted")
    for more in (
        [Ink(f"  {UNTESTED.glyph} {UNTESTED.word}", "muted")],
        [Ink("  ◆", "accent"), Ink(" cursor", "muted")],
        [Ink("  ◇", "accent"), Ink(" this report", "muted")],
    ):
        inks += more if sum(cell_len(ink.text) for ink in (*inks, *more)) <= width else []
    return fit_row(inks, width)


def _changes(reports: Sequence[DriftReport]) -> dict[int, int]:
    """Which revision began to be checked with which column."""
    return {
        at: report.revision
        for at, (before, report) in enumerate(itertools.pairwise(reports), 1)
        if report.revision != before.revision
    }


def _marks(data: HeatData, sheet: Sheet, width: int) -> Row:
    """`▲7` where revision 7 was deployed, `▼8` where 8 was a way back."""
    known = {revision.revision: revision for revision in data.revisions}
    cells = [" "] * width
    free = 0
    for column, number in _changes(sheet.reports).items():
        start = sheet.gutter + column * sheet.wide
        revision = known.get(number)
        text = f"{revision_glyph(revision) if revision else '▲'}r{number}"
        for offset, character in enumerate(text if start >= free and start + len(text) <= width else text[:1]):
            if start + offset < width and (start >= free or offset == 0):
                cells[start + offset] = character
        free = start + len(text)
    return row_of(cells, ["mark"] * width)


def _feature_row(
    data: HeatData, sheet: Sheet, known: Sequence[Mapping[str, FeatureDrift]], key: str, name: str, width: int
) -> Row:
    selected = key == data.selected
    texts, roles = [" "], ["text"]  # the cells, from the one before the first report on
    cursor: tuple[int, Shade] | None = None
    for report, features in zip(sheet.reports, known, strict=True):
        found = shade(features.get(key))
        if selected and report.id == data.cursor:
            cursor = len(texts), found
        texts += found.glyph * sheet.wide if found.glyph in "░▒▓█" else fit(found.glyph, sheet.wide, "center")
        roles += [found.role] * sheet.wide
    if cursor is not None:
        _put_cursor(texts, roles, *cursor, sheet.wide)
    inks = [
        Ink("▌" if selected else " ", "accent"),
        Ink(fit(name, sheet.gutter - 2), "strong" if selected else "text"),
    ]
    return fit_row([*inks, *row_of(texts, roles)], width)


def _put_cursor(texts: list[str], roles: list[str], at: int, found: Shade, wide: int) -> None:
    """Brackets round the report whose cells begin at `at`; where these are narrow, on those of its neighbours."""
    start = at - (wide == 1)
    texts += " " * (start + 3 - len(texts))
    roles += ["text"] * (len(texts) - len(roles))
    texts[start : start + 3] = "[", found.glyph, "]"
    roles[start : start + 3] = "accent", found.role, "accent"


def _axis(data: HeatData, sheet: Sheet, width: int) -> Row:
    """The axis with ◆ below the cursor and ◇ below the report that is looked at; how many features are out of sight."""
    more = len(data.features) - sheet.count
    note = f"+{more}" if more else ""
    line: list[Ink] = [Ink(fit(note, sheet.gutter - 1, "right"), "muted"), Ink("└", "axis")]
    for at, report in enumerate(sheet.reports):
        glyph = "◆" if report.id == data.cursor else "◇" if report.id == data.looked else ""
        tick = "┬" if at % _every(sheet) == 0 else "─"
        text = fit(glyph or tick, sheet.wide, "center").replace(" ", "─")
        line.append(Ink(text, "accent" if glyph else "axis"))
    return fit_row(line, width)


def _every(sheet: Sheet) -> int:
    return -(-_APART // sheet.wide)


def _times(sheet: Sheet, width: int) -> Row:
    chosen = range(0, len(sheet.reports), _every(sheet))
    labels = time_labels([sheet.reports[at].window_end for at in chosen])
    cells = [" "] * width
    for at, label in zip(chosen, labels, strict=True):
        start = max(sheet.gutter + at * sheet.wide + sheet.wide // 2 - len(label) // 2, 0)
        if start + len(label) <= width:
            cells[start : start + len(label)] = label
    return (Ink("".join(cells), "muted"),)


def _told(data: HeatData, width: int, height: int) -> list[Row]:
    """The cell under the cursor in words: in one row, or where there are more of them in whole sentences."""
    report = next((report for report in data.reports if report.id == data.cursor), None)
    if report is None:
        return [fit_row([], width)] * height
    feature = next((one for one in report.features if key_of(one) == data.selected), None)
    if height <= 2 or feature is None:
        return [_told_shortly(report, feature, width)][:height]
    where = f"{report.model}:{report.version} r{report.revision}, report {report.id}"
    state = told(feature)
    rows = [
        fit_row([Ink(f"◆ {clock(report.window_end)[:16]}  ", "accent"), Ink(safe_line(where, 100), "muted")], width),
        *(
            fit_row([Ink(f"{state.glyph} " if at == 0 else "  ", state.style), Ink(text)], width)
            for at, text in enumerate(wrap(safe_line(feature.verdict, 400), width - 2))
        ),
    ]
    if len(rows) < height:
        rows.append(fit_row([Ink("  enter", "accent"), Ink(" shows it in this report", "muted")], width))
    return rows[:height]


def _told_shortly(report: DriftReport, feature: FeatureDrift | None, width: int) -> Row:
    """In one row; of what has no room the revision goes first, then the limit, then the middle of the name."""
    when = clock(report.window_end)[5:16]
    if feature is None:
        return fit_row([Ink(when, "muted"), Ink(" · not in this report", "muted")], width)
    state = told(feature)
    moved = f" {effect_text(feature.effect, feature.unit)}" if feature.effect is not None else ""
    limit = f", limit {effect_text(feature.threshold, feature.unit)}" if feature.threshold is not None else ""
    revision = f" r{report.revision}"
    for left_out in ((), (revision,), (revision, limit)):
        beside = [text for text in (when, revision, f"  {state.text}", moved, limit) if text not in left_out]
        room = width - 1 - sum(map(cell_len, beside))
        if room >= min(cell_len(named(feature)), _NAMES // 2):
            break
    return fit_row(
        [
            Ink(f"{when}{revision if revision in beside else ''}", "muted"),
            Ink(f" {cut(named(feature), max(room, 1))}", "strong"),
            Ink(f" {state.text}", state.style),
            Ink(moved),
            Ink(limit if limit in beside else "", "muted"),
        ],
        width,
    )
