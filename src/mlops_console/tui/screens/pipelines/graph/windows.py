"""What all pictures of stages share: how a stage is called, and which rows are shown where there are too many."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from mlops_console.core.runs import RunStatus
from mlops_console.core.text import safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit_row
from mlops_console.tui.widgets.fit import cut

HEAD = 3  # cells before a name: cursor, glyph, space
NAME = 6  # cells of a name that are always shown, if it is that long


def stage_head(name: str, status: str, most: int, *, selected: bool, critical: bool = False) -> Row:
    """The cursor or its room, the glyph of the state, and the name in at most `most` cells: `▌✓ prepare`."""
    state = glyphs.state(status or "none")
    role = "accent" if selected else "strong" if critical else "text" if status else "muted"
    return (
        Ink(glyphs.CURSOR if selected else " ", "accent"),
        Ink(f"{state.glyph} ", state.style),
        Ink(cut(safe_line(name), most), role),
    )


def longest(names: Iterable[str]) -> int:
    """The cells of the longest name."""
    return max(cell_len(safe_line(name)) for name in names)


def width_of(row: Iterable[Ink]) -> int:
    """The cells of a row."""
    return sum(cell_len(ink.text) for ink in row)


def focus(stages: Iterable[tuple[str, str]], selected: str) -> int:
    """Which of the stages, told by name and status, is looked at: the selected, a running, a failed, or the first."""
    found = list(enumerate(stages))
    chosen = [at for at, (name, _) in found if name == selected]
    running = [at for at, (_, status) in found if status == RunStatus.RUNNING]
    failed = [at for at, (_, status) in found if status in (RunStatus.FAILED, RunStatus.LOST)]
    return (*chosen, *running, *failed, 0)[0]


def windowed(rows: Sequence[Row], stages: Sequence[int], at: int, width: int, height: int) -> tuple[Row, ...]:
    """At most `height` of the rows, round the one at `at`; `stages` tells how many stages each row holds.

    The first and the last one say how many stages are beyond them.
    """
    if len(rows) <= height:
        return tuple(rows)
    if height < 3:
        return (rows[at], _more(sum(stages) - stages[at], width))[:height]
    start = min(max(at - height // 2, 0), len(rows) - height)
    stop = start + height
    found = list(rows[start:stop])
    if start:
        found[0] = _more(sum(stages[: start + 1]), width)
    if stop < len(rows):
        found[-1] = _more(sum(stages[stop - 1 :]), width)
    return tuple(found)


def _more(count: int, width: int) -> Row:
    return fit_row([Ink(f" … {count} more" if count else " …", "muted")], width)
