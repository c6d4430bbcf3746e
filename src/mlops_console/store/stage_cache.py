"""What stages have made out of what, and what they have logged on their runs meanwhile."""

import json
import sqlite3
import time

from mlops_console.core.stage_cache import CachedStage, Inputs, KeptFile, Out
from mlops_console.store.changes import Topic, announce

_SELECT = (
    "SELECT c.*, coalesce(m.name, c.made_in) AS run_name FROM stage_cache c "
    "JOIN runs r ON r.key = c.run_key LEFT JOIN runs m ON m.id = c.made_in "
    "WHERE (r.deleted_at IS NULL OR r.deleted_at > 0) AND "  # 0: its purge has begun
)
_LEFT = "left by"  # in the place of a fingerprint: the outs of a stage that are not kept
_OF_TRIAL = "EXISTS (SELECT 1 FROM tags WHERE run_key = c.run_key AND name = 'sweep_of')"
_KEPT = f"c.fingerprint NOT LIKE '{_LEFT} %'"


def find(db: sqlite3.Connection, fingerprint: str) -> CachedStage | None:
    """What was made of these inputs, with its files."""
    row = db.execute(f"{_SELECT} c.fingerprint = ?", (fingerprint,)).fetchone()
    return _cached(db, row) if row else None


def last(db: sqlite3.Connection, pipeline: str, stage: str) -> CachedStage | None:
    """What a stage has made last that is kept, without its files; by a trial only where there is nothing else."""
    row = db.execute(
        f"{_SELECT} c.pipeline = ? AND c.stage = ? AND {_KEPT} ORDER BY {_OF_TRIAL}, c.used_at DESC LIMIT 1",
        (pipeline, stage),
    ).fetchone()
    return _cached(None, row) if row else None


def knows(db: sqlite3.Connection, sha256: str, path: str) -> bool:
    """Whether the content of a file was made by a stage and is kept, or is what a stage has left at this path."""
    return (
        db.execute(
            "SELECT 1 FROM stage_cache_files f JOIN stage_cache c ON c.key = f.cache_key "
            f"WHERE f.sha256 = ? AND ({_KEPT} OR f.path = ?) LIMIT 1",
            (sha256, path),
        ).fetchone()
        is not None
    )


def put(tx: sqlite3.Connection, run_id: str, pipeline: str, found: CachedStage, *, is_kept: bool = True) -> None:
    """Keep what a stage of this run has made; what was made of the same inputs before makes room for it.

    Args:
        is_kept: else it is only remembered until the stage leaves something else, and never found by its inputs.
    """
    fingerprint = found.inputs.fingerprint if is_kept else f"{_LEFT} {pipeline}/{found.stage}"
    tx.execute("DELETE FROM stage_cache WHERE fingerprint = ?", (fingerprint,))
    outs = {path: {"sha256": out.sha256, "is_folder": out.is_folder} for path, out in found.outs.items()}
    key = tx.execute(
        "INSERT INTO stage_cache (fingerprint, run_key, made_in, pipeline, stage, inputs, outs, took, used_at) "
        "SELECT ?, key, id, ?, ?, ?, ?, ?, ? FROM runs WHERE id = ?",
        (
            fingerprint,
            pipeline,
            found.stage,
            found.inputs.to_json(),
            json.dumps(outs),
            found.took,
            time.time(),
            run_id,
        ),
    ).lastrowid
    tx.executemany(
        "INSERT INTO stage_cache_files (cache_key, path, sha256, size, executable) VALUES (?, ?, ?, ?, ?)",
        [(key, file.path, file.sha256, file.size, file.executable) for file in found.files],
    )


def hand_over(tx: sqlite3.Connection, found: CachedStage, run_id: str, pipeline: str, stage: str) -> None:
    """A run has what another one has made: it keeps that alive from now on, and gets what was logged with it."""
    row = tx.execute(
        "SELECT r.key AS source, c.stage, t.key AS target FROM stage_cache c JOIN runs r ON r.key = c.run_key, runs t "
        "WHERE c.key = ? AND t.id = ?",
        (found.key, run_id),
    ).fetchone()
    _copy_records(tx, row["source"], row["stage"], row["target"], stage)
    tx.execute(
        "UPDATE stage_cache SET run_key = ?, pipeline = ?, stage = ?, used_at = ? WHERE key = ?",
        (row["target"], pipeline, stage, time.time(), found.key),
    )
    announce(tx, Topic.RUNS, run_id)
    announce(tx, Topic.SERIES, run_id)


def record(tx: sqlite3.Connection, run_id: str, stage: str, kind: str, names: list[str]) -> None:
    """Note what a stage has logged: `kind` is metric, param, tag, artifact or input (of which the name is the role)."""
    tx.executemany(
        "INSERT OR IGNORE INTO stage_records (run_key, stage, kind, name) SELECT key, ?, ?, ? FROM runs WHERE id = ?",
        [(stage, kind, name, run_id) for name in names],
    )


def records(db: sqlite3.Connection, run_id: str) -> list[tuple[str, str]]:
    """What the stages of a run have logged, as pairs of kind and name."""
    rows = db.execute(
        "SELECT DISTINCT s.kind, s.name FROM stage_records s JOIN runs r ON r.key = s.run_key WHERE r.id = ?", (run_id,)
    )
    return [(row["kind"], row["name"]) for row in rows]


def _copy_records(tx: sqlite3.Connection, source: int, of: str, target: int, stage: str) -> None:
    names = {"source": source, "of": of, "target": target, "stage": stage}
    tx.execute(
        "INSERT OR IGNORE INTO stage_records (run_key, stage, kind, name) "
        "SELECT :target, :stage, kind, name FROM stage_records WHERE run_key = :source AND stage = :of",
        names,
    )
    for kind, table, column in (
        ("param", "params", "name"),
        ("tag", "tags", "name"),
        ("artifact", "artifacts", "path"),
        ("input", "run_inputs", "role"),
    ):
        _copy_rows(tx, table, "run_key", _named(kind, column), names)
    _copy_rows(tx, "series", "run_key", _named("metric", "name"), names)
    for name, key in tx.execute(
        f"SELECT name, key FROM series WHERE run_key = :source AND {_named('metric', 'name')}", names
    ).fetchall():
        new = tx.execute("SELECT key FROM series WHERE run_key = ? AND name = ?", (target, name)).fetchone()["key"]
        _copy_rows(tx, "chunks", "series_key", "true", {"source": key, "target": new})


def _named(kind: str, column: str) -> str:
    return f"{column} IN (SELECT name FROM stage_records WHERE run_key = :source AND stage = :of AND kind = '{kind}')"


def _copy_rows(tx: sqlite3.Connection, table: str, owner: str, which: str, names: dict[str, object]) -> None:
    """Give another owner the same rows; what it has already under these names makes room."""
    columns = [
        row["name"]
        for row in tx.execute(f"SELECT name FROM pragma_table_info('{table}') WHERE name NOT IN ('key', ?)", (owner,))
    ]
    listed = ", ".join(columns)
    tx.execute(
        f"INSERT OR REPLACE INTO {table} ({owner}, {listed}) SELECT :target, {listed} FROM {table} "
        f"WHERE {owner} = :source AND {which}",
        names,
    )


def _cached(db: sqlite3.Connection | None, row: sqlite3.Row) -> CachedStage:
    files: list[sqlite3.Row] = []
    if db is not None:
        files = db.execute("SELECT * FROM stage_cache_files WHERE cache_key = ?", (row["key"],)).fetchall()
    return CachedStage(
        row["key"],
        row["made_in"],
        row["run_name"],
        row["stage"],
        Inputs.from_json(row["inputs"]),
        {path: Out(**out) for path, out in json.loads(row["outs"]).items()},
        row["took"],
        tuple(KeptFile(f["path"], f["sha256"], f["size"], bool(f["executable"])) for f in files),
    )
