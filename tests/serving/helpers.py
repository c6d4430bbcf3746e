"""Small models in a workspace, and real server processes that serve them."""

import functools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops_console.core.deployments import Environment, Revision, RevisionState, RolloutPlan
from mlops_console.core.models import Column, CompiledModel, ModelVersion, Signature
from mlops_console.models.compiling import compile_model
from mlops_console.models.probes import Row
from mlops_console.store import compiled, deploying, deployments, models
from mlops_console.store.workspace import Workspace
from tests.forked import Forked
from tests.support import free_port, wait_for

FRAUD = Signature(
    (
        Column("amount", "float64", "numeric"),
        Column("count", "int64", "numeric"),
        Column("country", "object", "categorical", nullable=True),
    ),
    "classification",
    (0, 1),
    True,
)
ROW = {"amount": 12.5, "count": 3, "country": "NO"}


def fraud_model() -> Any:
    """A pipeline on a number, a whole number and a category that may be missing."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(size=200),
            "count": rng.integers(0, 9, 200),
            "country": rng.choice(["NO", "SE", None], 200),
        }
    )
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["country"]), remainder="passthrough")
    return make_pipeline(encoder, LogisticRegression()).fit(frame, (frame.amount > 0).astype(int))


def constant_model(label: int) -> Any:
    """A model that answers its own number, so that an answer tells which model gave it."""
    return DummyClassifier(strategy="constant", constant=label).fit([[0.0], [1.0]], [label, label + 1])


def constant_signature(label: int) -> Signature:
    return Signature((Column("x", "float64", "numeric"),), "classification", (label, label + 1), True)


def add_version(
    workspace: Workspace, estimator: Any, signature: Signature, example: Any = None, name: str = "fraud"
) -> ModelVersion:
    content = skops.io.dumps(estimator)
    sha256 = workspace.objects.put_bytes(content)
    with workspace.store.write() as tx:
        return models.add_version(
            tx,
            name,
            sha256=sha256,
            size=len(content),
            estimator=type(estimator).__name__,
            signature=signature,
            input_example=None if example is None else workspace.objects.put_bytes(json.dumps(example).encode()),
        )


def add_constant(workspace: Workspace, label: int) -> ModelVersion:
    return add_version(workspace, constant_model(label), constant_signature(label), [{"x": 1.0}])


def add_compiled_constant(workspace: Workspace, label: int) -> ModelVersion:
    """As `add_constant`, with a compiled form, so that its servers need not import scikit-learn."""
    model, form, content = _compiled_constant(label)
    version = add_version(workspace, model, constant_signature(label), [{"x": 1.0}])
    form = replace(form, sha256=workspace.objects.put_bytes(content), size=len(content))
    with workspace.store.write() as tx:
        compiled.record(tx, version.model, version.version, form)
    return version


@functools.cache
def _compiled_constant(label: int) -> tuple[LogisticRegression, CompiledModel, bytes]:
    model = LogisticRegression().fit([[0.0], [1.0]], [label, label + 1])
    model.coef_[:], model.intercept_[:] = 0.0, -50.0
    rows: list[Row] = [{"x": float(x)} for x in range(-5, 6)]
    form, content = compile_model(model, constant_signature(label), rows, lambda *_: None)
    assert content is not None, form.reason
    return model, form, content


def add_revision(
    workspace: Workspace, version: ModelVersion, port: int, kind: str = "deploy", rollout: RolloutPlan | None = None
) -> Revision:
    """The next revision of production, in state `loading`."""
    with workspace.store.write() as tx:
        if deployments.environment(tx, "production") is None:
            deploying.ensure_environment(tx, "production", version.model, "127.0.0.1", port)
        found = deploying.add_revision(tx, "production", version, kind=kind, actor="ann", reason="", rollout=rollout)
        deploying.advance(tx, "production", found.revision, RevisionState.LOADING, "ann")
        return deployments.revision(tx, "production", found.revision)


def go_live(workspace: Workspace, number: int, state: RevisionState = RevisionState.LIVE) -> None:
    with workspace.store.write() as tx:
        assert deploying.advance(tx, "production", number, state, "ann")


def environment(workspace: Workspace) -> Environment:
    with workspace.store.read() as db:
        found = deployments.environment(db, "production")
    assert found is not None
    return found


def revision(workspace: Workspace, number: int) -> Revision:
    with workspace.store.read() as db:
        return deployments.revision(db, "production", number)


@dataclass(frozen=True, slots=True)
class Server:
    workspace: Workspace
    process: Forked
    url: str

    def swap(self, version: ModelVersion) -> Revision:
        """Make the server serve a version; returns when it does, or has failed."""
        port = int(self.url.rsplit(":", 1)[1])
        return self.settle(add_revision(self.workspace, version, port).revision)

    def settle(self, number: int) -> Revision:
        """Make a revision live as soon as it is prepared; returns when it serves, or has failed."""
        if self.prepared(number):
            go_live(self.workspace, number)
            wait_for(lambda: environment(self.workspace).observed == number, 20, f"revision {number}")
        return revision(self.workspace, number)

    def prepared(self, number: int) -> bool:
        """Wait until the server has a revision in memory; False if it could not be loaded."""

        def seen() -> bool | None:
            servers = environment(self.workspace).processes
            if revision(self.workspace, number).state.is_final:
                return False
            return True if servers and all(server.prepared == number for server in servers) else None

        wait_for(lambda: seen() is not None, 20, f"revision {number}")
        return not revision(self.workspace, number).state.is_final


@contextmanager
def serving(workspace: Workspace, version: ModelVersion, port: int | None = None) -> Iterator[Server]:
    """A server process that answers with `version`, as revision 1 of production."""
    port = port or free_port()
    add_revision(workspace, version, port)
    process = start(workspace)
    server = Server(workspace, process, f"http://127.0.0.1:{port}")
    try:
        server.settle(1)
        assert process.poll() is None, (workspace.logs_dir / "server.log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(20)


def start(workspace: Workspace, number: int = 0) -> Forked:
    """A server process of production; its log is in the workspace."""
    log = workspace.logs_dir / "server.log"
    words = (str(workspace.root), "production", str(number))
    return Forked("mlops_console.serving", *words, cwd=Path.cwd(), environment=os.environ, stdout=log, stderr=log)


def error_of(response: httpx.Response) -> str:
    """The one sentence of an error."""
    content = response.json()
    assert list(content) == ["error"]
    sentence: str = content["error"]
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence
