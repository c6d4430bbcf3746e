"""What real servers count of their traffic, read back from the store."""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from mlops_console.core.deployments import RevisionState, RolloutPlan, ServerSettings
from mlops_console.core.models import ModelVersion
from mlops_console.core.profiles import HeldOut, ReferenceProfile, WindowCounts
from mlops_console.core.windows import Window, parse_window
from mlops_console.drift.profiles import make_profile, pack_profile
from mlops_console.drift.slots import read_slots
from mlops_console.serving import live_windows
from mlops_console.serving.inputs import Batch
from mlops_console.serving.live_windows import LiveWindows
from mlops_console.serving.prediction_log import Answered
from mlops_console.store import deploying, live_slots
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import (
    FRAUD,
    ROW,
    Server,
    add_revision,
    add_version,
    environment,
    fraud_model,
    go_live,
    serving,
    start,
)
from tests.support import free_port, wait_for

HOUR = parse_window("1h")


def profile() -> ReferenceProfile:
    rng = np.random.default_rng(0)
    columns = {
        "amount": rng.normal(size=500),
        "count": rng.integers(0, 9, 500),
        "country": rng.choice(np.array(["NO", "SE"], dtype=object), 500),
    }
    answers = tuple((rng.random(200) > 0.5).astype(int).tolist())
    chances = tuple((1 - chance, chance) for chance in rng.random(200).tolist())
    held_out = HeldOut("classification", (0, 1), answers, answers, chances)
    return make_profile(columns, FRAUD.inputs, held_out=held_out)


PROFILE = profile()


def profiled(workspace: Workspace, name: str = "fraud") -> ModelVersion:
    """A version with a reference profile."""
    version = add_version(workspace, fraud_model(), FRAUD, [ROW], name)
    sha256 = workspace.objects.put_bytes(pack_profile(PROFILE))
    with workspace.store.write() as tx:
        tx.execute("UPDATE model_versions SET profile = ? WHERE version = ?", (sha256, version.version))
    return replace(version, profile=sha256)


def ask(url: str, rows: Sequence[dict[str, Any]], client: httpx.Client | None = None) -> str:
    """Have rows answered; by which revision they were."""
    answer = (client or httpx).post(f"{url}/invocations", json={"dataframe_records": list(rows)})
    assert answer.status_code == 200
    return answer.headers["x-revision"]


def counted(workspace: Workspace, revision: int = 1, window: Window = HOUR) -> WindowCounts | None:
    with workspace.store.read() as db:
        found = read_slots(db, "production", revision, PROFILE, window, time.time() + 1)
    return found.counts if found else None


def wait_for_rows(workspace: Workspace, rows: int, revision: int = 1) -> WindowCounts:
    def seen() -> WindowCounts | None:
        found = counted(workspace, revision)
        return found if found is not None and found.rows >= rows else None

    return wait_for(seen, 15, f"{rows} rows")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_windows, "_WRITE_EVERY", 0.0)


def test_every_answered_row_is_counted_also_those_that_are_not_logged(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        port = free_port()
        settings = ServerSettings(sample=0.0, private=("country",))
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", port, settings)
    with serving(workspace, profiled(workspace), port) as server, httpx.Client() as client:
        for number in range(40):
            ask(server.url, [{**ROW, "amount": float(number)}], client)
        ask(server.url, [{**ROW, "country": country} for country in ("NO", "xyzzy", None)], client)
        found = wait_for_rows(workspace, 43)
    assert found.rows == 43
    assert found.features["amount"].greatest == 39.0
    assert found.features["country"].counts == (*_in_order("NO", 41), 1)
    assert (found.features["country"].missing, found.features["country"].new) == (1, {})
    assert sum(found.features["prediction"].counts) == 43
    assert sum(found.features["probability of 1"].counts) == 43
    assert set(found.sample) == {"amount", "count"}  # of private columns no value is kept
    stored = sqlite3.connect(workspace.store.path).execute("SELECT counts FROM live_slots").fetchall()
    assert stored


def _in_order(label: str, rows: int) -> tuple[int, int]:
    labels = next(feature.labels for feature in PROFILE.features if feature.name == "country")
    return (rows, 0) if labels[0] == label else (0, rows)
