"""An environment whose traffic is written into the prediction log by the test."""

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlops_console.core.deployments import Revision
from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.core.predictions import Label, Prediction
from mlops_console.core.profiles import HeldOut
from mlops_console.data.samples import pack_sample
from mlops_console.drift.profiles import make_profile, pack_profile
from mlops_console.store import datasets, deploying, models
from mlops_console.store.predictions import EncodedRequest, PredictionLog
from mlops_console.store.workspace import Workspace
from tests.answered import log_rows
from tests.delivery.helpers import add_live, add_server

SIGNATURE = Signature(
    (
        Column("amount", "float64", "numeric"),
        Column("hour", "int64", "numeric"),
        Column("country", "object", "categorical", nullable=True),
    ),
    "regression",
)


def rows(count: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Rows of the same distribution, but for `amount`, which is `shift` standard deviations further up."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": rng.normal(shift, size=count),
            "hour": rng.integers(0, 24, count),
            "country": rng.choice(["NO", "SE", "DK", None], count),
        }
    )


def add_version(workspace: Workspace, reference: pd.DataFrame | None) -> ModelVersion:
    """A version with this reference data; its file is never read."""
    named = None
    if reference is not None:
        sample = workspace.objects.put_bytes(pack_sample(reference))
        with workspace.store.write() as tx:
            dataset = datasets.add_version(
                tx, "train", sha256=sample, rows=len(reference), columns=3, schema={}, profile={}, sample=sample
            )
        named = (dataset.dataset, dataset.version)
    with workspace.store.write() as tx:
        return models.add_version(
            tx, "fraud", sha256="0" * 64, size=1, estimator="Tree", signature=SIGNATURE, reference=named
        )


def make_live(workspace: Workspace, version: ModelVersion) -> Revision:
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 8100)
        revision = add_live(tx, "production", version)
        add_server(tx, "production", revision.revision)
        return revision


def send(workspace: Workspace, frame: pd.DataFrame, revision: int, at: float | None = None) -> None:
    """Log these rows as answered, all at once (now)."""
    records: list[Mapping[str, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")
    moment = time.time() if at is None else at
    log_rows(workspace, "production", [Prediction(moment, revision, record, {"predict": 0.0}) for record in records])


def columns(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """As `drift.profiles` takes them."""
    return {name: frame[name].astype(object).to_numpy() for name in frame.columns}


def add_classifier(workspace: Workspace, reference: pd.DataFrame) -> ModelVersion:
    """A version with a reference profile, that was right in 90 % of 500 held-out rows and says so."""
    signature = Signature(SIGNATURE.inputs, "classification", ("no", "yes"), probabilities=True)
    predictions, chances, labels = answers(500, 0.9)
    found = HeldOut("classification", ("no", "yes"), tuple(predictions), tuple(labels), tuple(map(tuple, chances)))
    profile = make_profile(columns(reference), signature.inputs, held_out=found)
    content = workspace.objects.put_bytes(pack_profile(profile))
    with workspace.store.write() as tx:
        return models.add_version(
            tx, "fraud", sha256="0" * 64, size=1, estimator="Tree", signature=signature, profile=content
        )


def answers(count: int, right: float) -> tuple[list[str], list[list[float]], list[str]]:
    """Predictions, their probabilities, which all are 0.9, and labels, of which that share agrees."""
    predictions = ["yes" if row % 2 else "no" for row in range(count)]
    chances = [[0.1, 0.9] if row % 2 else [0.9, 0.1] for row in range(count)]
    agrees = np.random.default_rng(0).random(count) < right
    labels = [p if same else {"yes": "no", "no": "yes"}[p] for p, same in zip(predictions, agrees, strict=True)]
    return predictions, chances, labels


def answer(workspace: Workspace, frame: pd.DataFrame, revision: int, right: float) -> None:
    """Log these rows as answered by a classifier, and their labels, of which that share agrees."""
    predictions, chances, labels = answers(len(frame), right)
    outputs = json.dumps({"predict": predictions, "predict_proba": chances})
    inputs = json.dumps({name: frame[name].astype(object).where(frame[name].notna(), None).to_list() for name in frame})
    log = PredictionLog(workspace.predictions_path)
    log.append(
        "production", [EncodedRequest("all", time.time(), revision, "fraud:1", 0.1, len(frame), inputs, outputs)]
    )
    log.close()
    log.add_labels(Label("all", row, value) for row, value in enumerate(labels))
