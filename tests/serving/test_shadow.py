"""What is noted of the copies that a shadow answers."""

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from mlops_console.core.deployments import ServerSettings
from mlops_console.core.models import ModelVersion
from mlops_console.serving import application
from mlops_console.serving.application import Application
from mlops_console.serving.engine import Engine
from mlops_console.serving.metrics import Metrics
from mlops_console.serving.model import Loaded
from mlops_console.serving.prediction_log import PredictionWriter
from mlops_console.serving.routing import Routing, Served, Slot
from mlops_console.serving.stats import Stats
from mlops_console.serving.tokens import Gatekeeper
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import add_constant, constant_model

BODY = b'{"dataframe_records": [{"x": 1.0}]}'
TICK = 0.01  # seconds of the clock, each time that it is looked at


class Uncounted:
    """In place of the counters, whose files stay open for as long as the process lives."""

    def count(self, *_: object) -> None:
        pass

    predicted = waiting = count


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": BODY}


async def send(message: dict[str, Any]) -> None:
    pass


def test_a_copy_is_timed_as_a_request_is(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading and answering, which only the live version does, are most of a request to a quick model: without their
    time no copy would ever be too slow."""
    ticks = itertools.count()
    monkeypatch.setattr(application.time, "perf_counter", lambda: TICK * next(ticks))
    version = add_constant(workspace, 0)
    with ThreadPoolExecutor(1) as pool:
        live, shadow = (Served(revision, engine(version, pool)) for revision in (1, 2))
        stats = Stats()
        log = PredictionWriter(PredictionLog(tmp_path / "none.db"), "production", ServerSettings(sample=0.0))
        served = Application(
            Slot("production", Routing(live, shadow, mirror=True)),
            log,
            stats,
            cast(Metrics, Uncounted()),
            Gatekeeper(),
            ServerSettings(),
            lambda: b"",
            lambda signature, body: {},
        )

        async def ask() -> dict[str, Any]:
            await served({"method": "POST", "path": "/invocations", "headers": []}, receive, send)
            async with asyncio.timeout(10):
                while len(stats.told(0.0)["arms"]) < 2:
                    await asyncio.sleep(0)
            return stats.told(0.0)

        told = asyncio.run(ask())
    assert told["mirrored"] == [1, 1]
    assert told["arms"]["1"] == told["arms"]["2"]


def engine(version: ModelVersion, pool: ThreadPoolExecutor) -> Engine:
    """One that answers at once."""
    found = Engine(Loaded(version, constant_model(0)), pool, 10)
    found._quickest = 0.0
    return found
