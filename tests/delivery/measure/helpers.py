"""Projects with real small models, a dataset and logged requests."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_console.core.deployments import RevisionState
from mlops_console.core.models import Column, ModelRef, ModelVersion, Signature
from mlops_console.data.samples import pack_sample
from mlops_console.store import datasets, deploying, models
from mlops_console.store.predictions import EncodedRequest, PredictionLog
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import add_version
from tests.support import free_port

SIGNATURE = Signature(
    (Column("amount", "float64", "numeric"), Column("age", "int64", "numeric")), "classification", (0, 1), True
)
REGRESSION = Signature(SIGNATURE.inputs, "regression")
EXAMPLE = [{"amount": 1.0, "age": 30}, {"amount": -1.0, "age": 60}]

TOML = """
[project]
name = "fraud-detection"
[datasets.holdout]
path = "holdout.csv"
target = "is_fraud"
[environments.production]
model = "fraud"
port = {port}
gates = {gates}
{more}
[environments.production.evaluate]
dataset = "holdout"
slices = ["country", "city"]
sensitive = ["gender"]
"""


def configure(workspace: Workspace, *gates: str, more: str = "") -> None:
    text = TOML.format(port=free_port(), gates=json.dumps(gates), more=more)
    workspace.config_path.write_text(text)


def holdout(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Rows whose truth depends on the amount, in AT less than elsewhere; LI has few rows."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(size=rows).round(4),
            "age": rng.integers(18, 90, rows),
            "country": rng.choice(["AT", "CH", "DE"], rows),
            "city": rng.choice(np.array(["New York", "Bern", None], dtype=object), rows),
            "gender": rng.choice(["f", "m", "x"], rows, p=[0.5, 0.45, 0.05]),
        }
    )
    frame.loc[: min(9, rows - 1), "country"] = "LI"
    noise = np.where(frame.country == "AT", 1.5, 0.3) * rng.normal(size=rows)
    frame["is_fraud"] = (frame.amount + noise > 0).astype(int)
    return frame


def write_holdout(workspace: Workspace, frame: pd.DataFrame) -> None:
    frame.to_csv(workspace.root / "holdout.csv", index=False)


def classifier(frame: pd.DataFrame, shift: float = 0.0) -> Any:
    return LogisticRegression().fit(frame[["amount", "age"]], (frame.amount > shift).astype(int))


def regressor(frame: pd.DataFrame) -> Any:
    return LinearRegression().fit(frame[["amount", "age"]], frame.amount * 2 + frame.age)


def add(
    workspace: Workspace, model: Any, signature: Signature = SIGNATURE, reference: pd.DataFrame | None = None
) -> ModelVersion:
    """The next version of fraud, with an input example; with `reference` as what it was trained on."""
    version = add_version(workspace, model, signature, EXAMPLE)
    if reference is None:
        return version
    sample = workspace.objects.put_bytes(pack_sample(reference))
    with workspace.store.write() as tx:
        found = datasets.add_version(
            tx, "train", sha256=sample, rows=len(reference), columns=1, schema={}, profile={}, sample=sample
        )
        tx.execute(
            "UPDATE model_versions SET reference_key = (SELECT key FROM dataset_versions WHERE version = ?) "
            "WHERE version = ?",
            (found.version, version.version),
        )
        return models.get(tx, ModelRef(version.model, version.version))


def go_live(workspace: Workspace, version: ModelVersion) -> None:
    """Version becomes the live one of production; no server is there."""
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", version.model, "127.0.0.1", 1)
        found = deploying.add_revision(tx, "production", version, kind="deploy", actor="ann", reason="")
        for state in (RevisionState.LOADING, RevisionState.LIVE):
            deploying.advance(tx, "production", found.revision, state, "ann")


def log_requests(workspace: Workspace, requests: list[dict[str, list[Any]]], ago: float = 0.0) -> None:
    """Requests to production, one a second, the newest `ago` seconds ago; what was answered does not matter."""
    log = PredictionLog(workspace.predictions_path)
    now = time.time() - ago
    encoded = [
        EncodedRequest(
            f"request-{at}",
            now - len(requests) + at,
            1,
            "fraud:1",
            0.001,
            len(next(iter(columns.values()))),
            json.dumps(columns),
            json.dumps({"predict": [0] * len(next(iter(columns.values())))}),
        )
        for at, columns in enumerate(requests)
    ]
    log.append("production", encoded)
    log.close()


def requests_of(frame: pd.DataFrame, rows: int = 1) -> list[dict[str, list[Any]]]:
    """The rows of a frame as requests of so many rows each."""
    parts = (frame.iloc[at : at + rows] for at in range(0, len(frame), rows))
    return [{name: part[name].tolist() for name in ("amount", "age")} for part in parts]


def log_of(workspace: Workspace) -> str:
    path: Path = workspace.logs_dir / "measure.log"
    return path.read_text() if path.exists() else ""
