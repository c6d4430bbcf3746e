"""Metrics: points, and their summaries kept up to date as the points come in."""

import math
import sqlite3
from collections.abc import Iterable, Sequence

from mlops_console.core.errors import NotFoundError
from mlops_console.core.runs import Point, SeriesSummary
from mlops_console.store.changes import Topic, announce

_NAN = float("nan")


def ingest(tx: sqlite3.Connection, run_id: str, points: Iterable[tuple[str, int, float, float]]) -> None:
    """Add points `(metric, step, value, at)` of one run, in the order in which they were logged.

    The same step of a metric again replaces the value. NaN is kept as a point and counts, but is no extreme.
    """
    row = tx.execute("SELECT key FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no run {run_id!r}.", "'mlops-console run list' shows them.")
    groups: dict[str, list[tuple[int, float, float]]] = {}
    for name, step, value, at in points:
        groups.setdefault(name, []).append((step, value, at))
    for name, group in groups.items():
        _ingest_series(tx, row["key"], name, group)
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


def points(db: sqlite3.Connection, run_id: str, name: str, buckets: int = 1000) -> list[Point]:
    """The points of a metric by step; of more than 2 x `buckets`, the least and the greatest of each bucket."""
    row = db.execute(
        "SELECT s.key, s.count FROM series s JOIN runs r ON r.key = s.run_key WHERE r.id = ? AND s.name = ?",
        (run_id, name),
    ).fetchone()
    if row is None:
        return []
    cursor = db.execute("SELECT step, value, at FROM points WHERE series_key = ? ORDER BY step", (row["key"],))
    if row["count"] <= 2 * buckets:
        return [_point(found) for found in cursor]
    return _extremes(cursor, -(-row["count"] // buckets))


def _extremes(cursor: sqlite3.Cursor, bucket: int) -> list[Point]:
    kept: list[Point] = []
    while rows := cursor.fetchmany(bucket):
        finite = [row for row in rows if row["value"] is not None] or [rows[0]]
        low = min(finite, key=lambda row: row["value"] or 0.0)
        high = max(finite, key=lambda row: row["value"] or 0.0)
        ordered = sorted({low["step"]: low, high["step"]: high}.items())
        kept.extend(_point(row) for _, row in ordered)
    return kept


def _ingest_series(tx: sqlite3.Connection, run_key: int, name: str, group: list[tuple[int, float, float]]) -> None:
    tx.execute("INSERT INTO series (run_key, name) VALUES (?, ?) ON CONFLICT DO NOTHING", (run_key, name))
    known = tx.execute("SELECT * FROM series WHERE run_key = ? AND name = ?", (run_key, name)).fetchone()
    unique = {step: (value, at) for step, value, at in group}
    appended = known["count"] == 0 or min(unique) > known["last_step"]
    tx.executemany(
        "INSERT INTO points (series_key, step, value, at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET value = excluded.value, at = excluded.at",
        [(known["key"], step, None if math.isnan(value) else value, at) for step, (value, at) in unique.items()],
    )
    if appended:
        _extend_summary(tx, known, {step: value for step, (value, _) in unique.items()})
    else:
        _recount_summary(tx, known["key"])


def _extend_summary(tx: sqlite3.Connection, known: sqlite3.Row, added: dict[int, float]) -> None:
    """All of `added` comes after what is known, so the summary follows from the old one."""
    finite = {step: value for step, value in added.items() if not math.isnan(value)}
    first, last = min(added), max(added)
    values: dict[str, float | int | None] = {
        "count": known["count"] + len(added),
        "finite": known["finite"] + len(finite),
        "total": _null(_value(known["total"]) + sum(finite.values())),
        "last": _null(added[last]),
        "last_step": last,
    }
    if known["count"] == 0:
        values |= {"first": _null(added[first]), "first_step": first}
    if finite:
        low, high = min(finite, key=lambda step: finite[step]), max(finite, key=lambda step: finite[step])
        if known["min"] is None or finite[low] < known["min"]:
            values |= {"min": finite[low], "min_step": low}
        if known["max"] is None or finite[high] > known["max"]:
            values |= {"max": finite[high], "max_step": high}
    columns = ", ".join(f"{column} = ?" for column in values)
    tx.execute(f"UPDATE series SET {columns} WHERE key = ?", (*values.values(), known["key"]))


def _recount_summary(tx: sqlite3.Connection, key: int) -> None:
    """Steps came out of order or anew: the summary is counted from the points."""
    tx.execute(
        "UPDATE series SET (count, finite, total) = "
        "(SELECT count(*), count(value), iif(count(value), sum(value), 0) FROM points WHERE series_key = ?1), "
        "(first, first_step) = (SELECT value, step FROM points WHERE series_key = ?1 ORDER BY step LIMIT 1), "
        "(last, last_step) = (SELECT value, step FROM points WHERE series_key = ?1 ORDER BY step DESC LIMIT 1), "
        "(min, min_step) = (SELECT value, step FROM points WHERE series_key = ?1 AND value IS NOT NULL "
        "ORDER BY value, step LIMIT 1), "
        "(max, max_step) = (SELECT value, step FROM points WHERE series_key = ?1 AND value IS NOT NULL "
        "ORDER BY value DESC, step LIMIT 1) WHERE key = ?1",
        (key,),
    )


def _null(value: float) -> float | None:
    return None if math.isnan(value) else value


def _value(stored: float | None) -> float:
    return _NAN if stored is None else stored


def _point(row: sqlite3.Row) -> Point:
    return Point(row["step"], _value(row["value"]), row["at"])


def _summary(row: sqlite3.Row) -> SeriesSummary:
    return SeriesSummary(
        row["name"],
        row["count"],
        _value(row["first"]),
        row["first_step"],
        _value(row["last"]),
        row["last_step"],
        _value(row["min"]),
        row["first_step"] if row["min_step"] is None else row["min_step"],
        _value(row["max"]),
        row["first_step"] if row["max_step"] is None else row["max_step"],
        _value(row["total"]) / row["finite"] if row["finite"] else _NAN,
    )
