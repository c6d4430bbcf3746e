"""What came of compiling model versions, and the jobs that compile them."""

import json
import sqlite3
from typing import Any

from mlops_console.core.jobs import Turn
from mlops_console.core.models import CompiledModel
from mlops_console.store import jobs
from mlops_console.store.changes import Topic, announce

ACTION = "compile_model"
_BEHIND = -10  # the priority: nobody waits for it, as scikit-learn serves meanwhile

_KEY = (
    "(SELECT v.key FROM model_versions v JOIN models m ON m.key = v.model_key WHERE m.name = :model "
    "AND v.version = :version)"
)


def queue(tx: sqlite3.Connection, model: str, version: int, actor: str) -> int | None:
    """Queue the job that compiles a new version, once; its id, or None where it was queued before."""
    ref = f"{model}:{version}"
    key = f"compile:{ref}"
    if jobs.with_key(tx, key) is not None:
        return None
    return jobs.enqueue(tx, ACTION, ref, {"model_ref": ref}, actor, Turn(_BEHIND, key=key))


def record(tx: sqlite3.Connection, model: str, version: int, found: CompiledModel) -> None:
    """Keep what came of compiling a version, in place of what was known before."""
    tx.execute(
        "INSERT OR REPLACE INTO compiled_models (model_version_key, state, created_at, sha256, size, rows, "
        f"worst_difference, worst, reason) VALUES ({_KEY}, :state, :created_at, :sha256, :size, :rows, "
        ":worst_difference, :worst, :reason)",
        {
            "model": model,
            "version": version,
            "state": found.state,
            "created_at": found.created_at,
            "sha256": found.sha256,
            "size": found.size,
            "rows": found.rows,
            "worst_difference": found.worst_difference,
            "worst": None if found.worst is None else json.dumps(found.worst),
            "reason": found.reason,
        },
    )
    announce(tx, Topic.MODELS, model)


def get(db: sqlite3.Connection, model: str, version: int) -> CompiledModel | None:
    """What came of compiling a version; None where that has not happened yet."""
    row = db.execute(
        f"SELECT * FROM compiled_models WHERE model_version_key = {_KEY}", {"model": model, "version": version}
    ).fetchone()
    return None if row is None else _compiled(row)


def _compiled(row: sqlite3.Row) -> CompiledModel:
    worst: dict[str, Any] | None = None if row["worst"] is None else json.loads(row["worst"])
    return CompiledModel(
        row["state"],
        row["created_at"],
        row["sha256"],
        row["size"],
        row["rows"],
        row["worst_difference"],
        worst,
        row["reason"],
    )
