"""Shares in bins of unequal width, as they are where all columns of a chart are equally wide."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_console.tui.widgets.chart_scale import position

_WIDE = 1 / 3  # of the range: an outer bin from here on squeezes all others together, and is flat itself


@dataclass(frozen=True, slots=True)
class Tail:
    """What lies beyond an end of the picture, in both samples."""

    edge: float
    reference: float
    current: float


@dataclass(frozen=True, slots=True)
class Densities:
    """The shares of both samples in columns of one width, from `low` to `high`."""

    low: float
    high: float
    reference: tuple[float, ...]
    current: tuple[float, ...]
    below: Tail | None = None
    above: Tail | None = None


def are_even(edges: Sequence[float]) -> bool:
    """Whether all bins have one width: a share is a density then."""
    widths = [high - low for low, high in itertools.pairwise(edges)]
    return bool(widths) and max(widths) - min(widths) <= max(widths) * 0.01


def densities(
    edges: Sequence[float], reference: Sequence[float], current: Sequence[float], columns: int
) -> Densities | None:
    """The shares spread evenly over their bins, and gathered in `columns` of one width.

    An outer bin that is open or wide, as that from the last quantile to the greatest value, is told as a tail instead.
    None where there is no range of a finite width.
    """
    first, last = 0, min(len(reference), len(current))
    while first < last and not math.isfinite(edges[first]):
        first += 1
    while first < last and not math.isfinite(edges[last]):
        last -= 1
    first += _is_wide(edges[first : last + 1], 0)
    last -= _is_wide(edges[first : last + 1], -2)
    if columns < 1 or first >= last or not 0 < edges[last] - edges[first] < math.inf:
        return None
    inner = edges[first : last + 1]
    return Densities(
        inner[0],
        inner[-1],
        _spread(inner, reference[first:last], columns),
        _spread(inner, current[first:last], columns),
        Tail(inner[0], sum(reference[:first]), sum(current[:first])) if first else None,
        Tail(inner[-1], sum(reference[last:]), sum(current[last:])) if edges[last + 1 :] else None,
    )


def _is_wide(edges: Sequence[float], at: int) -> bool:
    """Whether the outer bin that begins at edge number `at` is, beside enough others."""
    return len(edges) > 3 and edges[at + 1 if at >= 0 else -1] - edges[at] > (edges[-1] - edges[0]) * _WIDE


def _spread(edges: Sequence[float], shares: Sequence[float], columns: int) -> tuple[float, ...]:
    """What each column has of the bins that it covers; a bin without width is in one column."""
    found = [0.0] * columns
    for start, end, share in zip(edges, edges[1:], shares, strict=False):
        left, right = (position(edge, edges[0], edges[-1]) * columns for edge in (start, end))
        first = min(int(left), columns - 1)
        if right - left < 1e-9:
            found[first] += share
            continue
        for column in range(first, min(math.ceil(right), columns)):
            overlap = min(right, column + 1) - max(left, column)
            found[column] += share * max(overlap, 0.0) / (right - left)
    return tuple(found)
