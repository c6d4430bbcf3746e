"""The texts above a chart: its head line, and the legend of its lines and limits."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from mlops_console.core.text import number, safe_line
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit_row, series_role
from mlops_console.tui.widgets.fit import cut
from mlops_console.tui.widgets.line_data import LineData
from mlops_console.tui.widgets.line_shape import Line

MARKERS = "ox+*#@%&"
_LEAST = 8  # cells that a label keeps before whole entries are left out
_BETWEEN = "  "
_DOT = " · "


class _Entry(NamedTuple):
    glyph: str
    label: str
    figure: str
    role: str

    def text(self, most: int) -> str:
        """Without the glyph; the label cut in the middle to `most` cells."""
        return f"{cut(self.label, most)} {self.figure}".strip()

    def width(self, most: int) -> int:
        return cell_len(self.glyph) + 1 + cell_len(self.text(most))


def head_rows(data: LineData, width: int, most: int) -> tuple[Row, ...]:
    """At most `most` rows; of each the parts between dots, as many as there is room for, the first one always."""
    return tuple(_head_row(parts, width, "muted" if at else "strong") for at, parts in enumerate(data.head[:most]))


def _head_row(parts: Sequence[str], width: int, role: str) -> Row:
    inks: list[Ink] = []
    left = width
    for part in parts:
        text = safe_line(part)
        left -= cell_len(text) + (len(_DOT) if inks else 0)
        if inks and left < 0:
            break
        inks += [Ink(_DOT, "axis"), Ink(text, "muted")] if inks else [Ink(text, role)]
    return fit_row(inks, width)


def legend_rows(data: LineData, lines: Sequence[Line], width: int, most: int) -> tuple[Row, ...]:
    """At most `most` rows: each line with its marker and figure, then limits, bands and what the scale leaves out.

    Where there is no room labels are cut to equal lengths, then entries are left out and counted. () for one bare
    line.
    """
    entries = _entries(data, lines)
    if not entries or most < 1:
        return ()
    label = min(max(cell_len(entry.label) for entry in entries), width)
    while label > _LEAST and len(_wrapped(entries, label, width)) > most:
        label -= 1
    rows = _wrapped(entries, label, width)
    more = sum(len(row) for row in rows[most:])
    rows = rows[:most]
    while more and rows[-1] and _width(rows[-1], label) + len(_BETWEEN) + len(f"+{more}") > width:
        rows[-1].pop()
        more += 1
    tails = [[Ink(f"{_BETWEEN}+{more}", "muted")] if more and row is rows[-1] else [] for row in rows]
    return tuple(fit_row([*_inks(row, label), *tail], width) for row, tail in zip(rows, tails, strict=True))


def _entries(data: LineData, lines: Sequence[Line]) -> list[_Entry]:
    found: list[_Entry] = []
    if len(data.series) > 1:
        for index, (series, line) in enumerate(zip(data.series, lines, strict=True)):
            marker = MARKERS[index % len(MARKERS)]
            figure = number(line.figure) if data.figures else ""
            found.append(_Entry(marker, safe_line(series.label), figure, series_role(index)))
    found.extend(_Entry("╌", safe_line(limit.label), "", "threshold") for limit in data.thresholds if limit.label)
    for band in data.bands:
        glyph, role = ("╌", "threshold") if band.is_limit else ("·", "band")
        found += [_Entry(glyph, safe_line(band.label), "", role)] if band.label else []
    left_out = sum(line.left_out for line in lines)
    if left_out:
        least = "" if all(series.exact for series in data.series) else "at least "
        found.append(_Entry("!", "", f"{least}{left_out:,} ≤ 0 not drawn", "warn"))
    return found


def _wrapped(entries: Sequence[_Entry], label: int, width: int) -> list[list[_Entry]]:
    rows: list[list[_Entry]] = [[]]
    for entry in entries:
        if rows[-1] and _width([*rows[-1], entry], label) > width:
            rows.append([])
        rows[-1].append(entry)
    return rows


def _width(row: Sequence[_Entry], label: int) -> int:
    return sum(entry.width(label) for entry in row) + len(_BETWEEN) * max(len(row) - 1, 0)


def _inks(row: Sequence[_Entry], label: int) -> list[Ink]:
    inks: list[Ink] = []
    for entry in row:
        gap = _BETWEEN if inks else ""
        inks += [Ink(f"{gap}{entry.glyph} ", entry.role), Ink(entry.text(label))]
    return inks


def drawable(lines: Sequence[Line]) -> bool:
    """Whether any line has a point in view."""
    return any(math.isfinite(y) for line in lines for _, y in line.points)
