"""An environment whose traffic is written into the prediction log by the test."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlops_console.core.deployments import Revision
from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.core.predictions import Prediction
from mlops_console.data.samples import pack_sample
from mlops_console.store import datasets, deploying, models
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
