"""Metrics: points, and their summaries kept up to date as the points come in."""

import math
import sqlite3
from collections.abc import Iterable, Sequence
from operator import lt

from mlops_console.core.errors import NotFoundError
from mlops_console.core.runs import Curve, Point, SeriesSummary
from mlops_console.store import chunks
from mlops_console.store.changes import Topic, announce
from mlops_console.store.chunks import Columns, null, number


def ingest(tx: sqlite3.Connection, run_id: str, points: Iterable[tuple[str, int, float, float]]) -> None:
    """Add points `(metric, step, value, at)` of one run, in the order in which they were logged."""
    groups: dict[str, tuple[list[int], list[float], list[float]]] = {}
    for name, step, value, at in points:
        steps, values, ats = groups.setdefault(name, ([], [], []))
        steps.append(step)
        values.append(value)
        ats.append(at)
    append(tx, run_id, {name: Columns(*columns) for name, columns in groups.items()})


def append(tx: sqlite3.Connection, run_id: str, points: dict[str, Columns]) -> None:
    """Add points of one run, by metric, each in the order in which they were logged.

    The same step of a metric again replaces the value. NaN is kept as a point and counts, but is no extreme.
    """
    row = tx.execute("SELECT key FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no run {run_id!r}.", "'mlops-console run list' shows them.")
    for name, columns in points.items():
        _append_series(tx, row["key"], name, columns)
    announce(tx, Topic.SERIES, run_id)


def summaries(db: sqlite3.Connection, run_id: str) -> list[SeriesSummary]:
    """The summaries of a run's metrics, by name."""
    row = db.execute("SELECT key FROM runs WHERE id = ?", (run_id,)).fetchone()
    return list(summaries_of(db, [row["key"]])[row["key"]].values()) if row else []


def summaries_of(db: sqlite3.Connection, run_keys: Sequence[int]) -> dict[int, dict[str, SeriesSummary]]:
    """The summaries of several runs, by run key and metric."""
    found: dict[int, dict[str, SeriesSummary]] = {key: {} for key in run_keys}
    marks = ", ".join("?" * len(run_keys))
    for row in db.execute(f"SELECT * FROM series WHERE run_key IN ({marks}) ORDER BY name", run_keys):
        found[row["run_key"]][row["name"]] = _summary(row)
    return found


def columns(
    db: sqlite3.Connection, run_id: str, name: str, first_step: int | None = None, last_step: int | None = None
) -> Columns:
    """Every point of a metric, or of a stretch of its steps (both ends included), by step."""
    key = _key(db, run_id, name)
    return Columns([], [], []) if key is None else _exact(_rows(db, key, first_step, last_step), first_step, last_step)


def points(db: sqlite3.Connection, run_id: str, name: str) -> list[Point]:
    """Every point of a metric by step."""
    found = columns(db, run_id, name)
    return [Point(*point) for point in zip(found.steps, found.values, found.ats, strict=True)]


def curve(
    db: sqlite3.Connection,
    run_id: str,
    name: str,
    *,
    first_step: int | None = None,
    last_step: int | None = None,
    buckets: int = 1000,
) -> Curve | None:
    """A metric, or a stretch of it, as a chart with so many buckets draws it; None if there is no such metric.

    Every extreme of the stretch is among the points. No more is read than that needs: of a long stretch the figures of
    its chunks only.
    """
    key = _key(db, run_id, name)
    if key is None:
        return None
    whole = db.execute("SELECT first_step, last_step FROM series WHERE key = ?", (key,)).fetchone()
    ends = (int(whole["first_step"]), int(whole["last_step"]))
    seen = (ends[0] if first_step is None else first_step, ends[1] if last_step is None else last_step)
    found = db.execute(f"SELECT count(*), sum(count) FROM chunks WHERE {_IN_VIEW}", (key, *seen)).fetchone()
    if found[0] >= buckets // 2:  # each chunk gives up to four points: two buckets' worth
        heads = db.execute(f"SELECT {_HEAD} FROM chunks WHERE {_IN_VIEW} ORDER BY first_step", (key, *seen)).fetchall()
        return _from_afar(heads, buckets, ends)
    part = _exact(_rows(db, key, *seen), *seen)
    if len(part) <= 2 * buckets:
        every = tuple(Point(*point) for point in zip(part.steps, part.values, part.ats, strict=True))
        return Curve(every, every, len(every), sum(map(math.isnan, part.values)), True, *ends)
    return _from_near(part, buckets, ends)


_IN_VIEW = "series_key = ? AND last_step >= ? AND first_step <= ?"
_HEAD = (
    "first_step, last_step, count, finite, total, first, first_at, last, last_at, "
    "min, min_step, min_at, max, max_step, max_at"
)


def _key(db: sqlite3.Connection, run_id: str, name: str) -> int | None:
    row = db.execute(
        "SELECT s.key FROM series s JOIN runs r ON r.key = s.run_key WHERE r.id = ? AND s.name = ? AND s.count > 0",
        (run_id, name),
    ).fetchone()
    return int(row["key"]) if row else None


def _rows(db: sqlite3.Connection, key: int, first: int | None, last: int | None) -> list[sqlite3.Row]:
    least, most = -(1 << 63), (1 << 63) - 1
    view = (key, least if first is None else first, most if last is None else last)
    return db.execute(f"SELECT * FROM chunks WHERE {_IN_VIEW} ORDER BY first_step", view).fetchall()


def _exact(rows: Sequence[sqlite3.Row], first: int | None, last: int | None) -> Columns:
    steps: list[int] = []
    values: list[float] = []
    ats: list[float] = []
    for row in rows:
        part = chunks.unpack(row)
        if (first is not None and row["first_step"] < first) or (last is not None and row["last_step"] > last):
            inside = [
                at
                for at, step in enumerate(part.steps)
                if (first is None or step >= first) and (last is None or step <= last)
            ]
            part = part.part(inside[0], inside[-1] + 1) if inside else part.part(0, 0)
        steps.extend(part.steps)
        values.extend(part.values)
        ats.extend(part.ats)
    return Columns(steps, values, ats)


def _from_afar(heads: Sequence[sqlite3.Row], buckets: int, ends: tuple[int, int]) -> Curve:
    """From the figures of whole chunks; at the ends of a view they reach beyond it."""
    drawn: list[Point] = []
    means: list[Point] = []
    size = -(-len(heads) // buckets)
    for begin in range(0, len(heads), size):
        group = heads[begin : begin + size]
        first, last = group[0], group[-1]
        bucket = [
            (first["first_step"], first["first"], first["first_at"]),
            (last["last_step"], last["last"], last["last_at"]),
        ]
        extremes = [head for head in group if head["finite"]]
        if extremes:
            low = min(extremes, key=lambda head: head["min"])
            high = max(extremes, key=lambda head: head["max"])
            bucket += [(low["min_step"], low["min"], low["min_at"]), (high["max_step"], high["max"], high["max_at"])]
        drawn += [Point(step, number(value), at) for step, value, at in sorted(set(bucket), key=lambda point: point[0])]
        finite = sum(head["finite"] for head in group)
        total = sum(number(head["total"]) for head in group)
        means.append(Point(last["last_step"], total / finite if finite else number(None), last["last_at"]))
    count, finite = (sum(head[name] for head in heads) for name in ("count", "finite"))
    return Curve(tuple(drawn), tuple(means), count, count - finite, False, *ends)


def _from_near(part: Columns, buckets: int, ends: tuple[int, int]) -> Curve:
    drawn: list[Point] = []
    means: list[Point] = []
    finite = 0
    size = -(-len(part) // buckets)
    for begin in range(0, len(part), size):
        end = min(begin + size, len(part))
        found = chunks.figures(part.values[begin:end])
        finite += found.finite
        wanted = {begin, end - 1} | ({begin + found.low, begin + found.high} if found.finite else set())
        drawn += [Point(part.steps[at], part.values[at], part.ats[at]) for at in sorted(wanted)]
        mean = found.total / found.finite if found.finite else number(None)
        means.append(Point(part.steps[end - 1], mean, part.ats[end - 1]))
    return Curve(tuple(drawn), tuple(means), len(part), len(part) - finite, False, *ends)


def _append_series(tx: sqlite3.Connection, run_key: int, name: str, logged: Columns) -> None:
    known = tx.execute("SELECT * FROM series WHERE run_key = ? AND name = ?", (run_key, name)).fetchone()
    if known is None:
        tx.execute("INSERT INTO series (run_key, name) VALUES (?, ?)", (run_key, name))
        known = tx.execute("SELECT * FROM series WHERE run_key = ? AND name = ?", (run_key, name)).fetchone()
    steps = logged.steps
    if not all(map(lt, steps, steps[1:])):
        logged = chunks.merged(Columns([], [], []), logged)
    if known["count"] == 0 or logged.steps[0] > known["last_step"]:
        chunks.append(tx, known["key"], logged)
        _extend_summary(tx, known, logged)
    else:
        chunks.merge(tx, known["key"], logged)
        _recount_summary(tx, known["key"])


def _extend_summary(tx: sqlite3.Connection, known: sqlite3.Row, added: Columns) -> None:
    """All of `added` comes after what is known, so the summary follows from the old one."""
    found = chunks.figures(added.values)
    values: dict[str, float | int | None] = {
        "count": known["count"] + found.count,
        "finite": known["finite"] + found.finite,
        "total": null(number(known["total"]) + found.total),
        "last": null(added.values[-1]),
        "last_step": added.steps[-1],
    }
    if known["count"] == 0:
        values |= {"first": null(added.values[0]), "first_step": added.steps[0]}
    if found.finite:
        low, high = added.values[found.low], added.values[found.high]
        if known["min"] is None or low < known["min"]:
            values |= {"min": low, "min_step": added.steps[found.low]}
        if known["max"] is None or high > known["max"]:
            values |= {"max": high, "max_step": added.steps[found.high]}
    setters = ", ".join(f"{column} = ?" for column in values)
    tx.execute(f"UPDATE series SET {setters} WHERE key = ?", (*values.values(), known["key"]))


def _recount_summary(tx: sqlite3.Connection, key: int) -> None:
    """Steps came out of order or anew: the summary is counted from the figures of the chunks."""
    tx.execute(
        "UPDATE series SET (count, finite, total) = (SELECT sum(count), sum(finite), "
        "iif(count(total) = count(*), sum(total), NULL) FROM chunks WHERE series_key = ?1), "
        "(first, first_step) = (SELECT first, first_step FROM chunks WHERE series_key = ?1 "
        "ORDER BY first_step LIMIT 1), "
        "(last, last_step) = (SELECT last, last_step FROM chunks WHERE series_key = ?1 "
        "ORDER BY first_step DESC LIMIT 1), "
        "(min, min_step) = (SELECT min, min_step FROM chunks WHERE series_key = ?1 AND finite > 0 "
        "ORDER BY min, min_step LIMIT 1), "
        "(max, max_step) = (SELECT max, max_step FROM chunks WHERE series_key = ?1 AND finite > 0 "
        "ORDER BY max DESC, max_step LIMIT 1) WHERE key = ?1",
        (key,),
    )


def _summary(row: sqlite3.Row) -> SeriesSummary:
    return SeriesSummary(
        row["name"],
        row["count"],
        number(row["first"]),
        row["first_step"],
        number(row["last"]),
        row["last_step"],
        number(row["min"]),
        row["first_step"] if row["min_step"] is None else row["min_step"],
        number(row["max"]),
        row["first_step"] if row["max_step"] is None else row["max_step"],
        number(row["total"]) / row["finite"] if row["finite"] else math.nan,
    )
