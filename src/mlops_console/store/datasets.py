"""Datasets, their versions, and which run read which."""

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from mlops_console.core.datasets import DatasetVersion, ReadingRun, RunInput, Verdict, VersionRow, Violation
from mlops_console.core.errors import NotFoundError
from mlops_console.core.text import did_you_mean
from mlops_console.store.changes import Topic, announce
from mlops_console.store.database import damage_told

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


def set_verdict(tx: sqlite3.Connection, version: DatasetVersion, verdict: Verdict) -> None:
    """Keep with a version whether it held what was expected of it."""
    violations = [[v.column, v.expectation, v.rows, v.examples, v.message] for v in verdict.violations]
    told = {"expected": verdict.expected, "violations": violations, "checked_at": verdict.checked_at}
    tx.execute(
        "UPDATE dataset_versions SET verdict = ? WHERE version = ? "
        "AND dataset_key = (SELECT key FROM datasets WHERE name = ?)",
        (json.dumps(told), version.version, version.dataset),
    )
    announce(tx, Topic.DATASETS, version.dataset)


def add_run_input(
    tx: sqlite3.Connection, run_id: str, role: str, version: DatasetVersion, *, logged: bool = True
) -> None:
    """Record that a run has read a dataset version as `role`.

    Args:
        logged: whether its script says so. What a script says is never replaced by what its pipeline knows.
    """
    tx.execute(
        "INSERT INTO run_inputs (run_key, role, dataset_version_key, logged) SELECT r.key, ?, v.key, ? FROM runs r, "
        "dataset_versions v JOIN datasets d ON d.key = v.dataset_key WHERE r.id = ? AND d.name = ? AND v.version = ? "
        "ON CONFLICT DO UPDATE SET dataset_version_key = excluded.dataset_version_key, logged = excluded.logged "
        "WHERE excluded.logged >= run_inputs.logged",
        (role, logged, run_id, version.dataset, version.version),
    )
    announce(tx, Topic.RUNS, run_id)
    announce(tx, Topic.DATASETS, version.dataset)


def run_inputs(db: sqlite3.Connection, run_id: str) -> list[RunInput]:
    """What a run has read, by role."""
    rows = db.execute(
        "SELECT v.*, d.name AS dataset, i.role, i.logged FROM run_inputs i JOIN runs r ON r.key = i.run_key "
        "JOIN dataset_versions v ON v.key = i.dataset_version_key JOIN datasets d ON d.key = v.dataset_key "
        "WHERE r.id = ? ORDER BY i.role",
        (run_id,),
    )
    return [RunInput(row["role"], _version(row), bool(row["logged"])) for row in rows]


def versions(db: sqlite3.Connection, dataset: str | None = None) -> list[DatasetVersion]:
    """The versions of one dataset or of all, newest first."""
    rows = db.execute(f"{_SELECT} WHERE ?1 IS NULL OR d.name = ?1 ORDER BY v.created_at DESC, v.key DESC", (dataset,))
    return [_version(row) for row in rows]


def find(db: sqlite3.Connection, dataset: str, sha256: str) -> DatasetVersion | None:
    """The version of a dataset with this content."""
    row = db.execute(f"{_SELECT} WHERE d.name = ? AND v.sha256 = ?", (dataset, sha256)).fetchone()
    return _version(row) if row else None


def get(db: sqlite3.Connection, dataset: str, number: int | None = None) -> DatasetVersion:
    """A version by its number; without one the newest.

    Raises:
        NotFoundError: there is no such version.
    """
    row = db.execute(
        f"{_SELECT} WHERE d.name = ?1 AND (?2 IS NULL OR v.version = ?2) ORDER BY v.version DESC LIMIT 1",
        (dataset, number),
    ).fetchone()
    if row is not None:
        return _version(row)
    known = names(db)
    if dataset in known and number is not None:
        raise NotFoundError(
            f"There is no {dataset}:{number}.", f"'mlops-console dataset show {dataset}' shows the newest."
        )
    raise NotFoundError(
        f"No version of a dataset {dataset!r} is known{did_you_mean(dataset, known) or '.'}",
        "'mlops-console dataset list' shows what there is; 'dataset scan' reads a dataset of mlops.toml.",
    )


def before(db: sqlite3.Connection, version: DatasetVersion) -> DatasetVersion | None:
    """The version before another one."""
    row = db.execute(
        f"{_SELECT} WHERE d.name = ? AND v.version < ? ORDER BY v.version DESC LIMIT 1",
        (version.dataset, version.version),
    ).fetchone()
    return _version(row) if row else None


def names(db: sqlite3.Connection) -> list[str]:
    """The datasets that have a version."""
    return [row[0] for row in db.execute("SELECT name FROM datasets ORDER BY name")]


def rows(db: sqlite3.Connection, limit: int, *, newest_only: bool = False) -> list[VersionRow]:
    """The versions of all datasets without what makes them large: by dataset, newest first."""
    found = db.execute(
        "SELECT d.name AS dataset, v.version, v.rows, v.columns, v.created_at, v.verdict, (SELECT r.name FROM "
        "run_inputs i JOIN runs r ON r.key = i.run_key WHERE i.dataset_version_key = v.key AND r.deleted_at IS NULL "
        "ORDER BY i.run_key DESC LIMIT 1) AS read_by FROM dataset_versions v JOIN datasets d ON d.key = v.dataset_key "
        "WHERE NOT ?1 OR v.version = (SELECT max(n.version) FROM dataset_versions n WHERE n.dataset_key = d.key) "
        "ORDER BY d.name, v.version DESC LIMIT ?2",
        (newest_only, limit),
    )
    return [
        VersionRow(
            row["dataset"],
            row["version"],
            row["rows"],
            row["columns"],
            row["created_at"],
            _verdict(row["verdict"]),
            row["read_by"] or "",
        )
        for row in found
    ]


def reading_runs(db: sqlite3.Connection, version: DatasetVersion, limit: int = 200) -> list[ReadingRun]:
    """The runs that have read a version, newest first; not those in the trash."""
    found = db.execute(
        "SELECT r.id, r.name, e.name AS experiment, r.status, i.role, r.created_at FROM dataset_versions v "
        "JOIN datasets d ON d.key = v.dataset_key JOIN run_inputs i ON i.dataset_version_key = v.key "
        "JOIN runs r ON r.key = i.run_key JOIN experiments e ON e.key = r.experiment_key "
        "WHERE d.name = ? AND v.version = ? AND r.deleted_at IS NULL ORDER BY i.run_key DESC LIMIT ?",
        (version.dataset, version.version, limit),
    )
    return [ReadingRun(*row) for row in found]


def _verdict(text: str | None) -> Verdict | None:
    if text is None:
        return None
    found = json.loads(text)
    violations = (
        Violation(column, expectation, rows, tuple((row, value) for row, value in examples), message)
        for column, expectation, rows, examples, message in found["violations"]
    )
    expected = tuple((column, expectation) for column, expectation in found["expected"])
    return Verdict(expected, tuple(violations), found["checked_at"])


@damage_told("a dataset version")
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
        _verdict(row["verdict"]),
    )
