"""Bars of categories: the share of each now, with the reference's share as a mark on the same scale."""

import math
from collections.abc import Sequence

from rich.cells import cell_len

from mlops_console.core.drift import Histogram
from mlops_console.core.text import safe_line
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit, fit_row

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_REFERENCE = "┃"
_UNIT = "  in % of the rows"


def share(value: float) -> float:
    """A share as drawn: between 0 and 1, anything else is 0."""
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


def percent(value: float) -> str:
    """12.3 %, but 0 % and < 0.1 % are told apart."""
    value = share(value)
    return "<0.1%" if 0 < value < 0.001 else f"{value:.1%}"


def horizontal_bar(value: float, top: float, width: int) -> str:
    """A bar of `value` / `top` of `width` cells, exact to an eighth of a cell, padded to `width`."""
    if width < 1:
        return ""
    eighths = round(share(value / top if top > 0 else 0.0) * width * 8)
    if value > 0 and eighths == 0:
        eighths = 1
    whole, part = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[part] if part else "")).ljust(width)


def progress_bar(fraction: float | None, width: int) -> str:
    """`━━━━──────  42%` with a bar of `width` cells; "" while nothing is known of how far a thing is."""
    if not fraction:
        return ""
    filled = round(share(fraction) * width)
    return f"{'━' * filled}{'─' * (width - filled)} {share(fraction):>4.0%}"


def paired_bar_rows(histogram: Histogram, width: int, height: int) -> tuple[Row, ...]:
    """A legend, then one row per category: label, bar with the reference's mark, both shares.

    Categories that don't fit are counted in the last row; without room for both, the legend goes first.
    """
    if width < 1 or height < 1:
        return ()
    pairs = _pairs(histogram)
    head = [fit_row(legend(_REFERENCE, width), width)] if height >= 3 else []
    room = height - len(head)
    cut = len(pairs) > room
    shown = pairs[: room - 1] if cut and room > 1 else pairs[:room]
    labels = min(max((cell_len(label) for label, _, _ in shown), default=0), max(width // 3, 1))
    top = max((max(reference, current) for _, reference, current in pairs), default=0.0) or 1.0
    rows: list[Row] = [*head, *(_bar_row(*pair, labels, top, width) for pair in shown)]
    if cut and room > 1:
        rows.append((Ink(fit(_rest(pairs[len(shown) :]), width)),))
    return (*rows, *((Ink(" " * width),) for _ in range(height - len(rows))))


def legend(reference: str, width: int) -> list[Ink]:
    """What the bar and the reference's glyph stand for, and where there is room what their lengths are."""
    inks = [Ink("█ ", "current"), Ink("current  "), Ink(f"{reference} ", "reference"), Ink("reference")]
    used = sum(cell_len(ink.text) for ink in inks)
    return inks + [Ink(_UNIT, "muted")] * (used + len(_UNIT) <= width)


def _pairs(histogram: Histogram) -> list[tuple[str, float, float]]:
    labels: Sequence[str] = histogram.labels
    return [
        (safe_line(label, 200), share(reference), share(current))
        for label, reference, current in zip(labels, histogram.reference, histogram.current, strict=False)
    ]


def _bar_row(label: str, reference: float, current: float, labels: int, top: float, width: int) -> Row:
    text = f"{percent(current):>6} was {percent(reference):>6}"
    if width < labels + len(text) + 6:
        text = f"{percent(current):>6}" if width >= labels + 12 else ""
    room = max(width - labels - 1 - (len(text) + 1 if text else 0), 0)
    bar = horizontal_bar(current, top, room)
    mark = min(int(reference / top * room), room - 1) if room else 0
    inks = [Ink(fit(label, min(labels, width))), Ink(" " if labels < width else "")]
    if room:
        role = "overlap" if bar[mark] == "█" else "reference"
        inks += [Ink(bar[:mark], "current"), Ink(_REFERENCE, role), Ink(bar[mark + 1 :], "current")]
    if text:
        inks.append(Ink(f" {text}", "text"))
    return tuple(inks)


def _rest(pairs: list[tuple[str, float, float]]) -> str:
    reference, current = sum(pair[1] for pair in pairs), sum(pair[2] for pair in pairs)
    return f"+ {len(pairs)} more: {percent(current)}, was {percent(reference)}"
