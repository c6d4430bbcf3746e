"""Files that runs have kept."""

import sqlite3
import time

from mlops_console.core.errors import NotFoundError
from mlops_console.core.runs import Artifact
from mlops_console.store.changes import Topic, announce


def add(tx: sqlite3.Connection, run_id: str, path: str, sha256: str, size: int) -> None:
    """Record an object as artifact `path` of a run; one of the same path is replaced."""
    tx.execute(
        "INSERT INTO artifacts (run_key, path, sha256, size, created_at) "
        "SELECT key, ?, ?, ?, ? FROM runs WHERE id = ? "
        "ON CONFLICT DO UPDATE SET sha256 = excluded.sha256, size = excluded.size, created_at = excluded.created_at",
        (path, sha256, size, time.time(), run_id),
    )
    announce(tx, Topic.RUNS, run_id)


def get(db: sqlite3.Connection, run_id: str, path: str) -> Artifact:
    """An artifact of a run by its path.

    Raises:
        NotFoundError: the run has none of this path.
    """
    for found in listing(db, run_id):
        if found.path == path:
            return found
    raise NotFoundError(f"Run {run_id} has no artifact {path!r}.", "'mlops-console run show' tells what it has kept.")


def listing(db: sqlite3.Connection, run_id: str) -> list[Artifact]:
    """The artifacts of a run, by path."""
    rows = db.execute(
        "SELECT a.* FROM artifacts a JOIN runs r ON r.key = a.run_key WHERE r.id = ? ORDER BY a.path",
        (run_id,),
    )
    return [Artifact(row["path"], row["sha256"], row["size"], row["created_at"]) for row in rows]
