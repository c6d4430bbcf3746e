"""Runs that are purged for ever, and the objects that nobody needs after them.

A run that a model version came from stays, with all it has recorded: the version's lineage is never lost.
"""

import sqlite3
from dataclasses import dataclass

from mlops_console.store.changes import Topic, announce

_PORTION = 500  # chunks, or rows of a table, that one transaction deletes

_NEEDED = (
    "SELECT sha256 FROM artifacts UNION SELECT sha256 FROM model_versions "
    "UNION SELECT sample FROM dataset_versions WHERE sample IS NOT NULL"
)
_PURGED = (
    "r.deleted_at IS NOT NULL AND r.deleted_at <= ? "
    "AND NOT EXISTS (SELECT 1 FROM model_versions v WHERE v.run_key = r.key)"
)


@dataclass(frozen=True, slots=True)
class Trash:
    """What a purge would do: the keys and ids of the runs that go, the names of those that stay, and bytes freed."""

    runs: tuple[tuple[int, str], ...]
    kept: tuple[str, ...]
    freed: int


def contents(db: sqlite3.Connection, before: float) -> Trash:
    """The runs that were deleted before a moment (seconds since the epoch)."""
    runs = db.execute(f"SELECT r.key, r.id FROM runs r WHERE {_PURGED} ORDER BY r.key", (before,)).fetchall()
    kept = db.execute(
        "SELECT r.name FROM runs r WHERE r.deleted_at <= ? "
        "AND EXISTS (SELECT 1 FROM model_versions v WHERE v.run_key = r.key) ORDER BY r.name",
        (before,),
    )
    mine = f"SELECT r.key FROM runs r WHERE {_PURGED}"
    needed = _NEEDED.replace("FROM artifacts", f"FROM artifacts WHERE run_key NOT IN ({mine})")
    freed = db.execute(
        "SELECT coalesce(sum(size), 0) FROM (SELECT sha256, max(size) AS size FROM artifacts "
        f"WHERE run_key IN ({mine}) GROUP BY sha256) WHERE sha256 NOT IN ({needed})",
        (before, before),
    ).fetchone()[0]
    return Trash(tuple((row["key"], row["id"]) for row in runs), tuple(row["name"] for row in kept), int(freed))


def shrink(tx: sqlite3.Connection, key: int) -> bool:
    """Delete some of the points of a run; whether there are more. So no transaction is long."""
    series = "SELECT key FROM series WHERE run_key = ?"
    deleted = tx.execute(
        f"DELETE FROM chunks WHERE key IN (SELECT key FROM chunks WHERE series_key IN ({series}) LIMIT {_PORTION})",
        (key,),
    ).rowcount
    if deleted:
        return True
    return bool(
        tx.execute(
            f"DELETE FROM series WHERE key IN (SELECT key FROM series WHERE run_key = ? LIMIT {_PORTION})", (key,)
        ).rowcount
    )


def purge(tx: sqlite3.Connection, key: int, before: float) -> bool:
    """Delete a run for ever, unless it has been restored meanwhile; whether it was."""
    gone = tx.execute(f"DELETE FROM runs AS r WHERE r.key = ? AND {_PURGED}", (key, before)).rowcount
    if gone:
        tx.execute(
            "DELETE FROM experiments WHERE deleted_at IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.experiment_key = experiments.key)"
        )
        announce(tx, Topic.RUNS)
    return bool(gone)


def is_purgeable(db: sqlite3.Connection, key: int, before: float) -> bool:
    """Whether a run is still in the trash, and no version needs it."""
    return db.execute(f"SELECT 1 FROM runs r WHERE r.key = ? AND {_PURGED}", (key, before)).fetchone() is not None


def needed_objects(db: sqlite3.Connection) -> set[str]:
    """The SHA-256 of every object that an artifact, a version or a dataset refers to."""
    return {row[0] for row in db.execute(_NEEDED)}
