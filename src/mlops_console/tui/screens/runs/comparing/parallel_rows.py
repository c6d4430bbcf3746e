"""Parallel coordinates as rows of text: a pure function of their data and size.

Ordinary lines are dotted and the best ones solid, so that they can be told apart without colours; the chosen one is
thick and has a ● on each axis.
"""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from mlops_console.core.text import safe_line
from mlops_console.tui.screens.runs.comparing.parallel_axes import Axis, Parallel
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit, fit_row, message_rows, row_of
from mlops_console.tui.widgets.chart_raster import Dot, Raster

_LEAST_GAP = 12  # cells from one axis to the next
_LEAST_HEIGHT = 8  # rows
_OWNERS = ("muted", "accent", "strong")  # by what they draw: ordinary lines, the best, the chosen
_ORDINARY, _BEST, _CHOSEN = range(3)
_DOTTED = 3  # every third dot of an ordinary line


def parallel_rows(data: Parallel, width: int, height: int) -> tuple[Row, ...]:
    """The picture in exactly `height` rows of `width` cells; axes without room are left out and counted."""
    if width < 1 or height < 1:
        return ()
    if not data.axes or width < 2 * _LEAST_GAP or height < _LEAST_HEIGHT:
        return message_rows(safe_line(data.empty or "No room for parallel coordinates."), width, height)
    axes, left_out = _fitting(data.axes, width)
    columns = _columns(len(axes), width)
    gap = columns[1] - columns[0]
    missing = f"no room for {left_out} {'param' if left_out == 1 else 'params'} · " if left_out else ""
    head = (Ink(missing, "warn"), Ink(safe_line(data.head), "muted"))
    labels = _texts([(x, axis.label) for x, axis in zip(columns, axes, strict=True)], gap, width, "strong")
    ends = [_texts(_ends(axes, columns, place), gap, width, "muted") for place in (1.0, 0.0)]
    plot = _plot(data, axes, columns, width, height - 4)
    return (fit_row(head, width), labels, ends[0], *plot, ends[1])


def _fitting(axes: Sequence[Axis], width: int) -> tuple[Sequence[Axis], int]:
    """As many as there is room for, always with the last one; and how many are left out."""
    room = max(width // _LEAST_GAP, 2)
    if len(axes) <= room:
        return axes, 0
    return [*axes[: room - 1], axes[-1]], len(axes) - room


def _columns(count: int, width: int) -> list[int]:
    """The column of cells of each axis: half a gap from both edges."""
    gap = width / count
    return [int(gap * (at + 0.5)) for at in range(count)]


def _ends(axes: Sequence[Axis], columns: Sequence[int], place: float) -> list[tuple[int, str]]:
    return [
        (x, text)
        for x, axis in zip(columns, axes, strict=True)
        if not axis.in_plot
        for at, text in axis.ticks
        if at == place
    ]


def _texts(texts: Sequence[tuple[int, str]], gap: int, width: int, role: str) -> Row:
    """Each text centred on its axis, cut in the middle to the gap between two axes."""
    inks: list[Ink] = []
    at = 0
    for x, text in texts:
        wide = min(cell_len(shown := safe_line(text)), gap - 1)
        start = max(min(x - wide // 2, width - wide), at)
        inks += [Ink(" " * (start - at)), Ink(fit(shown, wide), role)]
        at = start + wide
    return fit_row(inks, width)


def _plot(data: Parallel, axes: Sequence[Axis], columns: Sequence[int], width: int, height: int) -> list[Row]:
    raster = Raster(width, height)
    for owner, runs in _layers(data, len(axes[0].places)):
        for start, end in _segments(axes, columns, runs, height):
            _draw(raster, start, end, owner)
    cells = [[raster.character(x, y) or " " for x in range(width)] for y in range(height)]
    roles = [[_OWNERS[max(raster.owner(x, y), 0)] for x in range(width)] for y in range(height)]
    for x, axis in zip(columns, axes, strict=True):
        _draw_axis(axis, x, columns[1] - columns[0], cells, roles)
        place = axis.places[data.chosen] if data.chosen is not None else None
        if place is not None:
            y = _dot(x, place, height)[1] // 4
            cells[y][x], roles[y][x] = "●", "strong"
    return [row_of(line, role) for line, role in zip(cells, roles, strict=True)]


def _layers(data: Parallel, runs: int) -> list[tuple[int, list[int]]]:
    """Who is drawn, the most important ones last."""
    ordinary = [run for run in range(runs) if run not in data.best and run != data.chosen]
    best = [run for run in sorted(data.best) if run != data.chosen]
    return [(_ORDINARY, ordinary), (_BEST, best), (_CHOSEN, [] if data.chosen is None else [data.chosen])]


def _segments(
    axes: Sequence[Axis], columns: Sequence[int], runs: Sequence[int], height: int
) -> Iterator[tuple[Dot, Dot]]:
    """The lines from axis to axis, each once; a run without a value on one of two axes has a gap there."""
    seen: set[tuple[Dot, Dot]] = set()
    for run in runs:
        for at in range(len(axes) - 1):
            one, other = axes[at].places[run], axes[at + 1].places[run]
            if one is None or other is None:
                continue
            segment = (_dot(columns[at], one, height), _dot(columns[at + 1], other, height))
            if segment not in seen:
                seen.add(segment)
                yield segment


def _dot(column: int, place: float, height: int) -> Dot:
    return column * 2, round((1 - place) * (height * 4 - 1))


def _draw(raster: Raster, start: Dot, end: Dot, owner: int) -> None:
    if owner == _ORDINARY:
        length = end[0] - start[0]
        for x in range(0, length + 1, _DOTTED):
            raster.draw(((start[0] + x, start[1] + round((end[1] - start[1]) * x / length)),), owner)
        return
    raster.draw((start, end), owner)
    if owner == _CHOSEN:
        down = 1 if max(start[1], end[1]) < raster.height * 4 - 1 else -1
        raster.draw(((start[0], start[1] + down), (end[0], end[1] + down)), owner)


def _draw_axis(axis: Axis, x: int, gap: int, cells: list[list[str]], roles: list[list[str]]) -> None:
    height, width = len(cells), len(cells[0])
    for y in range(height):
        cells[y][x], roles[y][x] = "│", "axis"
    if not axis.in_plot:
        return
    taken: set[int] = set()
    for place, text in axis.ticks:
        y = _dot(x, place, height)[1] // 4
        if y in taken:
            continue
        taken.add(y)
        cells[y][x] = "┤"
        shown = safe_line(text)
        room = min(gap - 3, width - x - 1)
        shown = fit(shown, min(cell_len(shown), room)) if room > 1 else ""
        if cell_len(shown) != len(shown):  # characters of two cells have no place in a grid of single ones
            shown = "".join(c if cell_len(c) == 1 else "?" for c in shown)[:room]
        for offset, character in enumerate(shown):
            cells[y][x + 1 + offset], roles[y][x + 1 + offset] = character, "text"
