"""Runs that are purged for ever, and the files that nobody needs after them.

A run that a model version came from stays, with all it has recorded: the version's lineage is never lost.
"""

import sqlite3
from dataclasses import dataclass

from mlops_console.store.changes import Topic, announce

CONDEMNED = 0.0  # `deleted_at` of a run whose purge has begun: half of it may be gone, so it can't come back

_PORTION = 500  # chunks, or series, that one transaction deletes

_VERSIONED = "EXISTS (SELECT 1 FROM model_versions v WHERE v.run_key = r.key)"
_PURGED = f"r.deleted_at IS NOT NULL AND r.deleted_at <= ? AND NOT {_VERSIONED}"


@dataclass(frozen=True, slots=True)
class Trash:
    """What a purge would do: the keys and ids of the runs that go, the names of those that stay, and the versions that
    came from each of these."""

    runs: tuple[tuple[int, str], ...]
    kept: tuple[str, ...]
    versions: tuple[str, ...] = ()


def contents(db: sqlite3.Connection, before: float) -> Trash:
    """The runs that were deleted before a moment (seconds since the epoch)."""
    runs = db.execute(f"SELECT r.key, r.id FROM runs r WHERE {_PURGED} ORDER BY r.key", (before,)).fetchall()
    kept = db.execute(
        "SELECT r.name, group_concat(m.name || ':' || v.version, ', ') AS versions FROM runs r "
        "JOIN model_versions v ON v.run_key = r.key JOIN models m ON m.key = v.model_key "
        "WHERE r.deleted_at <= ? GROUP BY r.key ORDER BY r.name",
        (before,),
    ).fetchall()
    return Trash(
        tuple((row["key"], row["id"]) for row in runs),
        tuple(row["name"] for row in kept),
        tuple(row["versions"] for row in kept),
    )


def condemn(tx: sqlite3.Connection, key: int, before: float) -> bool:
    """Begin to purge a run, unless it has been restored meanwhile, or a version came from it; whether it goes."""
    return bool(
        tx.execute(f"UPDATE runs AS r SET deleted_at = ? WHERE r.key = ? AND {_PURGED}", (CONDEMNED, key, before))
        .rowcount
    )  # fmt: skip


def shrink(tx: sqlite3.Connection, key: int) -> bool:
    """Delete some of the points of a condemned run; whether there may be more. So no transaction is long."""
    deleted = 0
    for text in (
        "DELETE FROM chunks WHERE key IN (SELECT c.key FROM series s JOIN chunks c ON c.series_key = s.key "
        "WHERE s.run_key = ? LIMIT ?)",
        "DELETE FROM series WHERE key IN (SELECT key FROM series WHERE run_key = ? LIMIT ?)",
    ):
        deleted += tx.execute(text, (key, _PORTION - deleted)).rowcount
    return deleted == _PORTION


def purge(tx: sqlite3.Connection, key: int) -> list[str]:
    """Delete a condemned run for ever; the log files that only its stages had written, relative to the workspace."""
    logs = tx.execute(
        "SELECT log FROM stage_runs s WHERE run_key = ?1 AND log <> '' "
        "AND NOT EXISTS (SELECT 1 FROM stage_runs o WHERE o.log = s.log AND o.run_key <> ?1)",
        (key,),
    ).fetchall()
    tx.execute("DELETE FROM runs WHERE key = ?", (key,))
    announce(tx, Topic.RUNS)
    return [row["log"] for row in logs]


def forget_experiments(tx: sqlite3.Connection) -> None:
    """Delete the experiments in the trash that have no runs left."""
    tx.execute("DELETE FROM experiments WHERE deleted_at IS NOT NULL AND key NOT IN (SELECT experiment_key FROM runs)")


def needed_objects(db: sqlite3.Connection, without: float = -1.0) -> set[str]:
    """The SHA-256 of every object that an artifact, a cached stage, a version or a dataset refers to.

    Args:
        without: leave out what only the runs refer to that a purge of those deleted before this moment deletes.
    """
    rows = db.execute(
        "SELECT a.sha256 FROM artifacts a WHERE a.run_key NOT IN "
        f"(SELECT r.key FROM runs r WHERE {_PURGED}) "
        "UNION SELECT f.sha256 FROM stage_cache_files f JOIN stage_cache c ON c.key = f.cache_key "
        f"WHERE c.run_key NOT IN (SELECT r.key FROM runs r WHERE {_PURGED}) "
        "UNION SELECT sha256 FROM model_versions "
        "UNION SELECT input_example FROM model_versions WHERE input_example IS NOT NULL "
        "UNION SELECT profile FROM model_versions WHERE profile IS NOT NULL "
        "UNION SELECT sample FROM dataset_versions WHERE sample IS NOT NULL "
        "UNION SELECT sha256 FROM compiled_models WHERE sha256 IS NOT NULL",
        (without, without),
    )
    return {row[0] for row in rows}


def known_ids(db: sqlite3.Connection) -> set[str]:
    """The ids of all runs, also of those in the trash."""
    return {row[0] for row in db.execute("SELECT id FROM runs")}
