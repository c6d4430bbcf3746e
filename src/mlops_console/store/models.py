"""Models, their versions and aliases."""

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mlops_console.core.errors import NotFoundError
from mlops_console.core.models import Column, DatasetReference, ModelRef, ModelVersion, Signature
from mlops_console.store.changes import Topic, announce
from mlops_console.store.database import damage_told

_SELECT = """
    SELECT v.*, m.name AS model, r.id AS run_id, d.name AS reference_dataset, dv.version AS reference_version,
        dv.sample AS reference_sample, dv.rows AS reference_rows,
        (SELECT json_group_array(a.alias) FROM aliases a
            WHERE a.model_key = v.model_key AND a.version = v.version) AS aliases
    FROM model_versions v JOIN models m ON m.key = v.model_key LEFT JOIN runs r ON r.key = v.run_key
    LEFT JOIN dataset_versions dv ON dv.key = v.reference_key LEFT JOIN datasets d ON d.key = dv.dataset_key
"""


def add_version(
    tx: sqlite3.Connection,
    model: str,
    *,
    sha256: str,
    size: int,
    estimator: str,
    signature: Signature,
    run_id: str | None = None,
    input_example: str | None = None,
    reference: tuple[str, int] | None = None,
    description: str = "",
    packages: Mapping[str, str] | None = None,
    profile: str | None = None,
) -> ModelVersion:
    """Store the next version of a model, which is made where it is new.

    Args:
        reference: dataset name and version whose sample is the reference for drift.
        profile: object with the reference profile.
    """
    now = time.time()
    tx.execute("INSERT INTO models (name, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (model, now))
    key = tx.execute("SELECT key FROM models WHERE name = ?", (model,)).fetchone()["key"]
    last = tx.execute("SELECT coalesce(max(version), 0) FROM model_versions WHERE model_key = ?", (key,)).fetchone()[0]
    tx.execute(
        "INSERT INTO model_versions (model_key, version, created_at, sha256, size, estimator, signature, "
        "input_example, description, packages, profile, run_key, reference_key) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "(SELECT key FROM runs WHERE id = ?), (SELECT dv.key FROM dataset_versions dv JOIN datasets d "
        "ON d.key = dv.dataset_key WHERE d.name = ? AND dv.version = ?))",
        (
            key,
            last + 1,
            now,
            sha256,
            size,
            estimator,
            json.dumps(asdict(signature)),
            input_example,
            description,
            json.dumps(dict(packages or {})),
            profile,
            run_id,
            *(reference or (None, None)),
        ),
    )
    announce(tx, Topic.MODELS, model)
    return get(tx, ModelRef(model, last + 1))


def get(db: sqlite3.Connection, ref: ModelRef) -> ModelVersion:
    """A version by number or by alias.

    Raises:
        NotFoundError: there is no such model, version or alias.
    """
    if ref.alias is not None:
        condition, value = (
            "v.version = (SELECT a.version FROM aliases a WHERE a.model_key = v.model_key AND a.alias = ?)",
            ref.alias,
        )
    else:
        condition, value = "v.version = ?", str(ref.version)
    row = db.execute(f"{_SELECT} WHERE m.name = ? AND {condition}", (ref.model, value)).fetchone()
    if row is None:
        raise _not_found(db, ref)
    return _version(row)


def versions(db: sqlite3.Connection, model: str | None = None) -> list[ModelVersion]:
    """The versions of one model or of all, newest first."""
    rows = db.execute(f"{_SELECT} WHERE ?1 IS NULL OR m.name = ?1 ORDER BY m.name, v.version DESC", (model,))
    return [_version(row) for row in rows]


def of_run(db: sqlite3.Connection, run_id: str) -> list[ModelVersion]:
    """The versions that a run has stored."""
    return [_version(row) for row in db.execute(f"{_SELECT} WHERE r.id = ? ORDER BY v.key", (run_id,))]


def model_names(db: sqlite3.Connection) -> list[str]:
    return [row["name"] for row in db.execute("SELECT name FROM models ORDER BY name")]


def set_alias(tx: sqlite3.Connection, model: str, alias: str, version: int | None) -> None:
    """Point an alias at a version; None takes the alias away.

    Raises:
        NotFoundError: there is no such model or version.
    """
    if version is None:
        tx.execute(
            "DELETE FROM aliases WHERE alias = ? AND model_key = (SELECT key FROM models WHERE name = ?)",
            (alias, model),
        )
    else:
        get(tx, ModelRef(model, version))
        tx.execute(
            "INSERT INTO aliases (model_key, alias, version) SELECT key, ?, ? FROM models WHERE name = ? "
            "ON CONFLICT DO UPDATE SET version = excluded.version",
            (alias, version, model),
        )
    announce(tx, Topic.MODELS, model)


def aliases(db: sqlite3.Connection, model: str) -> dict[str, int]:
    """The aliases of a model, with the versions that they point at."""
    rows = db.execute(
        "SELECT a.alias, a.version FROM aliases a JOIN models m ON m.key = a.model_key WHERE m.name = ?", (model,)
    )
    return {row["alias"]: row["version"] for row in rows}


def check_known(db: sqlite3.Connection, model: str) -> None:
    """Raise `NotFoundError` if no version of a model was ever stored."""
    names = model_names(db)
    if model not in names:
        known = f"Known are: {', '.join(names)}." if names else "No model is stored yet: 't' in the console trains one."
        raise NotFoundError(f"There is no model {model!r}.", known)


def _not_found(db: sqlite3.Connection, ref: ModelRef) -> NotFoundError:
    check_known(db, ref.model)
    known = ", ".join(f"{v.ref}{''.join(f' @{alias}' for alias in v.aliases)}" for v in versions(db, ref.model)[:10])
    hint = f"The newest are: {known}."
    if ref.alias is not None:
        hint += f" 'mlops-console model alias {ref.model}:VERSION {ref.alias}' makes the alias."
    return NotFoundError(f"There is no version {str(ref)!r}.", hint)


@damage_told("a model version")
def _version(row: sqlite3.Row) -> ModelVersion:
    reference = None
    if row["reference_sample"] is not None:
        reference = DatasetReference(
            row["reference_dataset"], row["reference_version"], row["reference_sample"], row["reference_rows"]
        )
    return ModelVersion(
        row["model"],
        row["version"],
        row["created_at"],
        row["sha256"],
        row["size"],
        row["estimator"],
        _signature(json.loads(row["signature"])),
        row["run_id"],
        row["input_example"],
        reference,
        row["description"],
        json.loads(row["packages"]),
        tuple(sorted(json.loads(row["aliases"]))),
        row["profile"],
    )


def _signature(data: dict[str, Any]) -> Signature:
    inputs = tuple(Column.of(column) for column in data["inputs"])
    return Signature(inputs, data["task"], tuple(data["classes"]), data["probabilities"])
