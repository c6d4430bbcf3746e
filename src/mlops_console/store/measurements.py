"""What was measured of model versions for their gates."""

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_console.core.models import ModelVersion
from mlops_console.store.changes import Topic, announce

_KEY = "(SELECT v.key FROM model_versions v JOIN models m ON m.key = v.model_key WHERE m.name = ? AND v.version = ?)"


@dataclass(frozen=True, slots=True)
class Measurement:
    at: float
    result: Mapping[str, Any]


def get(db: sqlite3.Connection, version: ModelVersion, kind: str, context: str) -> Measurement | None:
    """The newest measurement of this kind in this context; None where there is none."""
    row = db.execute(
        f"SELECT at, result FROM measurements WHERE model_version_key = {_KEY} AND kind = ? AND context = ?",
        (version.model, version.version, kind, context),
    ).fetchone()
    return Measurement(row["at"], json.loads(row["result"])) if row else None


def of_version(db: sqlite3.Connection, version: ModelVersion) -> dict[tuple[str, str], Measurement]:
    """All that was measured of a version, by kind and context."""
    rows = db.execute(
        f"SELECT kind, context, at, result FROM measurements WHERE model_version_key = {_KEY} ORDER BY kind, context",
        (version.model, version.version),
    )
    return {(row["kind"], row["context"]): Measurement(row["at"], json.loads(row["result"])) for row in rows}


def put(tx: sqlite3.Connection, version: ModelVersion, kind: str, context: str, result: Mapping[str, Any]) -> None:
    """Keep a measurement, in place of the one before of this kind in this context."""
    tx.execute(
        "INSERT OR REPLACE INTO measurements (model_version_key, kind, context, at, result) "
        f"VALUES ({_KEY}, ?, ?, ?, ?)",
        (version.model, version.version, kind, context, time.time(), json.dumps(result)),
    )
    announce(tx, Topic.MODELS, version.model)
