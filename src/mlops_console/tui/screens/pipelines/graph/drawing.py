"""The stages and what they wait for as rows of text, in the room there is."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len

from mlops_console.core.text import duration, safe_line
from mlops_console.tui.screens.pipelines.graph.cells import HEAVY, LIGHT, Cells
from mlops_console.tui.screens.pipelines.graph.layers import MOST
from mlops_console.tui.screens.pipelines.graph.plan import Plan, planned
from mlops_console.tui.screens.pipelines.graph.stages import Edge, Node, Ranks, Waits, path_edges, ranked, shape_of
from mlops_console.tui.screens.pipelines.graph.windows import (
    HEAD,
    NAME,
    focus,
    longest,
    stage_head,
    width_of,
    windowed,
)
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit_row
from mlops_console.tui.widgets.fit import cut

SLOW = "▲"
_WAITS = "  ← "
_GUTTER = 3  # cells of one without uprights, and the one free before it


def dag_rows(nodes: Sequence[Node], width: int, height: int, selected: str = "") -> tuple[Row, ...]:
    """The stages and what they wait for in at most `height` rows of `width` cells.

    Where there is too little room, times are left out, then names are cut, then it is a list. Of what is too high,
    the rows round the selected, else the first running, else the first failed stage are shown.
    """
    if width < 1 or height < 1 or not nodes:
        return ()
    shape = shape_of(nodes)
    ranks = ranked(shape)
    known = {node.name: node for node in reversed(nodes)}
    found = [known[name] for name in ranks.waits]
    picture = None
    if not _is_too_much(ranks, width):
        picture = _drawing(planned(shape), ranks.waits, found, width, selected)
    rows, at = picture or _list(ranks.waits, found, width, selected)
    stages = Counter(at)
    looked_at = at[focus([(node.name, node.status) for node in found], selected)]
    return windowed(rows, [stages[y] for y in range(len(rows))], looked_at, width, height)


def _is_too_much(ranks: Ranks, width: int) -> bool:
    """Whether a plan isn't even tried."""
    depths = ranks.depths
    steps = sum(depths[name] - depths[other] for name, waits_for in ranks.waits.items() for other in waits_for)
    return steps > MOST or (max(depths.values()) + 1) * (HEAD + _GUTTER) - _GUTTER > width


# What a stage is called


def _head(node: Node, most: int, selected: str) -> Row:
    return stage_head(node.name, node.status, most, selected=node.name == selected, critical=node.critical)


def _time(node: Node) -> Row:
    """What follows the name: ` 1.2s`, ` cached`, ` 3m12s ▲`."""
    took = duration(node.took) if node.took is not None and math.isfinite(node.took) else ""
    known = "cached" if node.cached else took
    return (*((Ink(f" {known}", "muted"),) if known else ()), *_slow(node))


def _slow(node: Node) -> Row:
    return (Ink(f" {SLOW}", "warn"),) if node.slow else ()


# The list, where there is no room for a drawing


def _list(waits: Waits, nodes: Sequence[Node], width: int, selected: str) -> tuple[list[Row], list[int]]:
    """A row a stage, each below those it waits for, and which: `✓ train 12s  ← prepare, split  note`."""
    most = min(longest(waits), max((width - HEAD) // 2, NAME))
    times = [_time(node) for node in nodes]
    start = HEAD + most + max(map(width_of, times))
    if start + NAME > width:
        times, start = [()] * len(nodes), HEAD + most
    rows = []
    for node, time in zip(nodes, times, strict=True):
        row = fit_row((*_head(node, most, selected), *time), start)
        before = cut(", ".join(map(safe_line, waits[node.name])), max(width - start - cell_len(_WAITS), 0))
        row += (Ink(_WAITS, "axis"), Ink(before, "muted")) if before else ()
        row += (Ink(f"  {safe_line(node.note)}", "muted"),) if node.note and width_of(row) + NAME < width else ()
        rows.append(fit_row(row, width))
    return rows, list(range(len(rows)))


# The drawing


@dataclass(frozen=True, slots=True)
class _Column:
    """Where a column of the drawing begins, where the gutter right of it does, and where that ends."""

    x: int
    gutter: int
    end: int
    pitch: int

    def track(self, number: int) -> int:
        return self.gutter + 2 + number * self.pitch


def _drawing(
    plan: Plan, waits: Waits, nodes: Sequence[Node], width: int, selected: str
) -> tuple[list[Row], list[int]] | None:
    """All rows of the drawing, and on which each stage is; None if it can't be made as narrow."""
    found = _fitting(plan, nodes, width, selected)
    if found is None:
        return None
    labels, columns = found
    heavy = path_edges(waits, {node.name for node in nodes if node.critical})
    cells = _wired(plan, labels, columns, heavy)
    at = {place.name: row for place, row in plan.rows.items() if not place.lane}
    on_row: defaultdict[int, list[tuple[int, Row]]] = defaultdict(list)
    for column, names in zip(columns, plan.columns, strict=True):
        for name in names:
            on_row[at[name]].append((column.x, labels[name]))
    height = max(plan.rows.values()) + 1
    rows = [fit_row(cells.row(y, on_row[y], columns[-1].x), width) for y in range(height)]
    return rows, [at[node.name] for node in nodes]


def _wired(plan: Plan, labels: Mapping[str, Row], columns: Sequence[_Column], heavy: set[Edge]) -> Cells:
    """The lines of all edges."""
    cells = Cells()
    for edge, route in plan.routes.items():
        weight = HEAVY if edge in heavy else LIGHT
        for source, target in pairwise(route):
            column = columns[source.column]
            start = column.x if source.lane else column.x + width_of(labels[source.name]) + 1
            y, to = plan.rows[source], plan.rows[target]
            if y == to:
                cells.straight(start, column.end, y, weight)
            else:
                cells.bent(start, column.track(plan.tracks[source, target]), column.end, y, to, weight)
    return cells


def _fitting(
    plan: Plan, nodes: Sequence[Node], width: int, selected: str
) -> tuple[dict[str, Row], list[_Column]] | None:
    """The labels, as long as there is room for, and where the columns go; None if even the shortest ones don't fit."""
    most = longest(node.name for node in nodes)
    tries = [(most, _time), *((fewer, _slow) for fewer in range(most, min(most, NAME) - 1, -1))]
    for room, tail in tries:
        labels = {node.name: (*_head(node, room, selected), *tail(node)) for node in nodes}
        for pitch in (2, 1):
            columns = _columns(plan, labels, pitch)
            if columns[-1].gutter <= width:
                return labels, columns
    return None


def _columns(plan: Plan, labels: Mapping[str, Row], pitch: int) -> list[_Column]:
    """The columns, with uprights `pitch` cells apart."""
    found = []
    x = 0
    for names, tracks in zip(plan.columns, plan.gutters, strict=True):
        gutter = x + max((width_of(labels[name]) for name in names), default=0)
        found.append(_Column(x, gutter, gutter + _GUTTER + max((tracks - 1) * pitch + 1, 0), pitch))
        x = found[-1].end
    return found
