"""The points of a series, packed: some thousand in a row of the store, with the figures of the whole.

A chart from afar reads those figures only; one from near reads the few chunks in view. The chunks of a series are in
order of their steps and never overlap. New points become a chunk of their own, and swallow the one before while that
is not much larger: so a series has few small chunks, and a point is written some ten times at the most.
"""

import bisect
import math
import sqlite3
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MOST = 1024  # points of a chunk

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Columns:
    """Points by step, column by column. NaN values are NaN."""

    steps: Sequence[int]
    values: Sequence[float]
    ats: Sequence[float]  # seconds since the epoch

    def __len__(self) -> int:
        return len(self.steps)

    def __add__(self, other: "Columns") -> "Columns":
        return Columns([*self.steps, *other.steps], [*self.values, *other.values], [*self.ats, *other.ats])

    def part(self, begin: int, end: int) -> "Columns":
        return Columns(self.steps[begin:end], self.values[begin:end], self.ats[begin:end])


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some points: how many, and where the least and the greatest are. `low` and `high` are -1 if all are NaN."""

    count: int
    finite: int
    total: float  # of those that are not NaN; NaN for inf - inf
    low: int
    high: int


def figures(values: Sequence[float]) -> Figures:
    """The figures of values in a list; NaN counts, but is no extreme."""
    total = sum(values)
    if math.isnan(total):
        finite = [value for value in values if not math.isnan(value)]
        total = sum(finite) if finite else 0.0
    else:
        finite = values  # type: ignore[assignment]
    if not finite:
        return Figures(len(values), 0, 0.0, -1, -1)
    return Figures(len(values), len(finite), total, values.index(min(finite)), values.index(max(finite)))


def write(tx: sqlite3.Connection, series_key: int, points: Columns) -> None:
    """Add points whose steps ascend and come after, or between, those of all other chunks."""
    pieces = -(-len(points) // MOST)
    size = -(-len(points) // pieces)
    tx.executemany(
        "INSERT INTO chunks (series_key, first_step, last_step, stride, count, finite, total, first, first_at, last, "
        "last_at, min, min_step, min_at, max, max_step, max_at, data) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(series_key, points.part(begin, begin + size)) for begin in range(0, len(points), size)],
    )


def append(tx: sqlite3.Connection, series_key: int, points: Columns) -> None:
    """Add points that come after all others, together with the small chunks at the end."""
    while len(points) < MOST:
        tail = tx.execute(
            "SELECT * FROM chunks WHERE series_key = ? ORDER BY first_step DESC LIMIT 1", (series_key,)
        ).fetchone()
        if tail is None or tail["count"] > 2 * len(points) or tail["count"] + len(points) > MOST:
            break
        tx.execute("DELETE FROM chunks WHERE key = ?", (tail["key"],))
        points = unpack(tail) + points
    write(tx, series_key, points)


def merge(tx: sqlite3.Connection, series_key: int, points: Columns) -> None:
    """Add points anywhere: a step that is there already gets the new value. Only chunks that are touched are read."""
    known = tx.execute(
        "SELECT key, first_step FROM chunks WHERE series_key = ? AND first_step <= ? ORDER BY first_step",
        (series_key, points.steps[-1]),
    ).fetchall()
    begins = [row["first_step"] for row in known]
    begin = 0
    while begin < len(points):
        at = max(bisect.bisect_right(begins, points.steps[begin]) - 1, 0)
        following = begins[at + 1] if at + 1 < len(begins) else None
        end = len(points) if following is None else bisect.bisect_left(points.steps, following, begin)
        part = points.part(begin, end)
        if known:
            old = tx.execute("SELECT * FROM chunks WHERE key = ?", (known[at]["key"],)).fetchone()
            tx.execute("DELETE FROM chunks WHERE key = ?", (old["key"],))
            part = merged(unpack(old), part)
        write(tx, series_key, part)
        begin = end


def merged(old: Columns, new: Columns) -> Columns:
    """Both by step; where both have a step, the new value."""
    found = dict(zip(old.steps, zip(old.values, old.ats, strict=True), strict=True))
    found.update(zip(new.steps, zip(new.values, new.ats, strict=True), strict=True))
    steps = sorted(found)
    return Columns(steps, [found[step][0] for step in steps], [found[step][1] for step in steps])


def unpack(row: sqlite3.Row) -> Columns:
    """The points of a row of `chunks`."""
    count, stride, data = row["count"], row["stride"], row["data"]
    if stride is not None:
        first = row["first_step"]
        steps: Sequence[int] = range(first, first + count * stride, stride) if stride else [first]
    else:
        steps, data = _array("q", data[: 8 * count]), data[8 * count :]
    return Columns(steps, _array("d", data[: 8 * count]), _array("d", data[8 * count :]))


def null(value: float) -> float | None:
    """NaN has no other word in SQLite than NULL."""
    return None if math.isnan(value) else value


def number(stored: float | None) -> float:
    return _NAN if stored is None else stored


def _row(series_key: int, points: Columns) -> tuple[object, ...]:
    steps, values, ats = points.steps, points.values, points.ats
    found = figures(values)
    stride = _stride(steps)
    low, high = found.low, found.high
    data = (b"" if stride is not None else _bytes("q", steps)) + _bytes("d", values) + _bytes("d", ats)
    return (
        series_key,
        steps[0],
        steps[-1],
        stride,
        found.count,
        found.finite,
        null(found.total),
        null(values[0]),
        ats[0],
        null(values[-1]),
        ats[-1],
        *((None, None, None) if low < 0 else (values[low], steps[low], ats[low])),
        *((None, None, None) if high < 0 else (values[high], steps[high], ats[high])),
        data,
    )


def _stride(steps: Sequence[int]) -> int | None:
    """The distance of the steps where it is always the same; None where it is not."""
    if isinstance(steps, range):
        return steps.step
    stride = steps[1] - steps[0] if len(steps) > 1 else 0
    if stride >= 1 << 63:
        return None
    if len(steps) > 1 and steps[-1] - steps[0] != stride * (len(steps) - 1):
        return None
    return stride if len(steps) == 1 or list(steps) == list(range(steps[0], steps[-1] + 1, stride)) else None


def _bytes(kind: str, numbers: Sequence[float]) -> bytes:
    packed = numbers if isinstance(numbers, array) and numbers.typecode == kind else array(kind, numbers)
    if sys.byteorder == "big":
        packed = array(kind, packed)
        packed.byteswap()
    return packed.tobytes()


def _array(kind: str, data: bytes) -> "array[Any]":
    found: array[Any] = array(kind, data)
    if sys.byteorder == "big":
        found.byteswap()
    return found
