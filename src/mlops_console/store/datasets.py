"""Datasets, their versions, and which run read which."""

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from mlops_console.core.datasets import DatasetVersion, RunInput
from mlops_console.store.changes import Topic, announce

_SELECT = "SELECT v.*, d.name AS dataset FROM dataset_versions v JOIN datasets d ON d.key = v.dataset_key"


def add_version(
    tx: sqlite3.Connection,
    dataset: str,
    *,
    sha256: str,
    rows: int,
    columns: int,
    schema: Mapping[str, str],
    profile: Mapping[str, Any],
    sample: str | None,
) -> DatasetVersion:
    """The version of a dataset with this content: a new one, or the one that has it already."""
    tx.execute("INSERT INTO datasets (name) VALUES (?) ON CONFLICT DO NOTHING", (dataset,))
    key = tx.execute("SELECT key FROM datasets WHERE name = ?", (dataset,)).fetchone()["key"]
    tx.execute(
        "INSERT INTO dataset_versions "
        "(dataset_key, version, sha256, rows, columns, schema, profile, sample, created_at) "
        "SELECT ?1, 1 + coalesce(max(version), 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM dataset_versions "
        "WHERE dataset_key = ?1 ON CONFLICT (dataset_key, sha256) DO NOTHING",
        (
            key,
            sha256,
            rows,
            columns,
            json.dumps(dict(schema)),
            json.dumps(dict(profile)),
            sample,
            time.time(),
        ),
    )
    announce(tx, Topic.DATASETS, dataset)
    return _version(tx.execute(f"{_SELECT} WHERE v.dataset_key = ? AND v.sha256 = ?", (key, sha256)).fetchone())


def add_run_input(tx: sqlite3.Connection, run_id: str, role: str, version: DatasetVersion) -> None:
    """Record that a run has read a dataset version as `role`."""
    tx.execute(
        "INSERT INTO run_inputs (run_key, role, dataset_version_key) SELECT r.key, ?, v.key FROM runs r, "
        "dataset_versions v JOIN datasets d ON d.key = v.dataset_key WHERE r.id = ? AND d.name = ? AND v.version = ? "
        "ON CONFLICT DO UPDATE SET dataset_version_key = excluded.dataset_version_key",
        (role, run_id, version.dataset, version.version),
    )
    announce(tx, Topic.RUNS, run_id)


def run_inputs(db: sqlite3.Connection, run_id: str) -> list[RunInput]:
    """What a run has read, by role."""
    rows = db.execute(
        "SELECT v.*, d.name AS dataset, i.role FROM run_inputs i JOIN runs r ON r.key = i.run_key "
        "JOIN dataset_versions v ON v.key = i.dataset_version_key JOIN datasets d ON d.key = v.dataset_key "
        "WHERE r.id = ? ORDER BY i.role",
        (run_id,),
    )
    return [RunInput(row["role"], _version(row)) for row in rows]


def versions(db: sqlite3.Connection, dataset: str | None = None) -> list[DatasetVersion]:
    """The versions of one dataset or of all, newest first."""
    rows = db.execute(f"{_SELECT} WHERE ?1 IS NULL OR d.name = ?1 ORDER BY v.created_at DESC, v.key DESC", (dataset,))
    return [_version(row) for row in rows]


def _version(row: sqlite3.Row) -> DatasetVersion:
    return DatasetVersion(
        row["dataset"],
        row["version"],
        row["sha256"],
        row["rows"],
        row["columns"],
        json.loads(row["schema"]),
        json.loads(row["profile"]),
        row["sample"],
        row["created_at"],
    )
