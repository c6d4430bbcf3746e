"""Predictions in threads: batches that gather, wrong rows among good ones, and the bound of the queue."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlops_console.core.models import Column, Signature
from mlops_console.serving import engine as engine_module
from mlops_console.serving.engine import Engine
from mlops_console.serving.errors import BusyError, WrongInputError
from mlops_console.serving.inputs import Batch
from mlops_console.serving.model import Loaded
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import add_version, constant_model

SIGNATURE = Signature((Column("x", "float64", "numeric"),), "regression")


class Gated:
    """Answers twice the number, once it is let; does not take negative ones."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.entered = threading.Semaphore(0)
        self.broken = False
        self.thread = 0

    def predict(self, rows: NDArray[Any]) -> NDArray[Any]:
        self.entered.release()
        self.thread = threading.get_ident()
        assert self.let.wait(10)
        if self.broken:
            raise MemoryError
        if (rows < 0).any():
            raise ValueError("negative")
        return np.asarray(rows[:, 0] * 2)


@pytest.fixture
def gated() -> Gated:
    return Gated()


@pytest.fixture
def engine(workspace: Workspace, gated: Gated) -> Iterator[Engine]:
    """Up to eight requests may wait."""
    version = add_version(workspace, constant_model(1), SIGNATURE)
    with ThreadPoolExecutor(4) as pool:
        yield Engine(Loaded(version, gated), pool, 8)
        gated.let.set()


def rows(*values: float) -> Batch:
    return Batch(len(values), {"x": list(values)})


async def ask_while_busy(
    engine: Engine, gated: Gated, batches: list[Batch], busy_with: Batch | None = None
) -> list[Any]:
    """The answers to all of them, or their errors: the first call is under way while they come."""
    loop = asyncio.get_running_loop()
    first = loop.create_task(engine.predict(busy_with or rows(0.0)))
    await loop.run_in_executor(None, gated.entered.acquire)
    others = [loop.create_task(engine.predict(batch)) for batch in batches]
    await asyncio.sleep(0)  # each of them has begun
    gated.let.set()
    await first
    return await asyncio.gather(*others, return_exceptions=True)


async def test_what_comes_while_one_is_predicted_becomes_one_batch(engine: Engine, gated: Gated) -> None:
    answers = await ask_while_busy(engine, gated, [rows(1.0), rows(2.0, 3.0), rows(4.0)])
    assert [answer["predict"].tolist() for answer in answers] == [[2.0], [4.0, 6.0], [8.0]]
    assert list(engine.batches) == [1, 4]
    assert engine.waiting == 0


async def test_a_wrong_request_does_not_fail_the_others(engine: Engine, gated: Gated) -> None:
    good, wrong, other = await ask_while_busy(engine, gated, [rows(1.0), rows(-1.0, 2.0), rows(3.0)])
    assert (good["predict"].tolist(), other["predict"].tolist()) == ([2.0], [6.0])
    assert isinstance(wrong, WrongInputError)
    assert "can't predict these rows: negative" in wrong.message
    assert (await engine.predict(rows(5.0)))["predict"].tolist() == [10.0]


async def test_beyond_the_bound_of_the_queue_a_request_is_sent_away(engine: Engine, gated: Gated) -> None:
    answers = await ask_while_busy(engine, gated, [rows(float(number)) for number in range(9)])
    assert [answer["predict"].tolist() for answer in answers[:8]] == [[2.0 * number] for number in range(8)]
    assert isinstance(answers[8], BusyError)
    assert (answers[8].status, answers[8].headers) == (503, ((b"retry-after", b"1"),))
    assert answers[8].message == "8 requests wait for fraud:1 already: try again."


async def test_a_batch_has_no_more_rows_than_it_should(
    engine: Engine, gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "MOST_ROWS", 4)
    large = rows(*range(6))
    answers = await ask_while_busy(engine, gated, [rows(1.0, 2.0), rows(3.0, 4.0), rows(5.0), large, rows(6.0)])
    assert [len(answer["predict"]) for answer in answers] == [2, 2, 1, 6, 1]
    assert list(engine.batches) == [1, 4, 1, 6, 1]


async def test_what_nobody_waits_for_any_more_is_not_predicted(engine: Engine, gated: Gated) -> None:
    loop = asyncio.get_running_loop()
    first = loop.create_task(engine.predict(rows(0.0)))
    await loop.run_in_executor(None, gated.entered.acquire)
    gone = loop.create_task(engine.predict(rows(-1.0)))
    stays = loop.create_task(engine.predict(rows(2.0)))
    await asyncio.sleep(0)
    gone.cancel()
    gated.let.set()
    assert (await stays)["predict"].tolist() == [4.0]
    assert (await first)["predict"].tolist() == [0.0]
    assert list(engine.batches) == [1, 1]


@pytest.mark.parametrize("quick", [False, True])
async def test_a_slow_model_does_not_hold_up_the_event_loop(
    engine: Engine, gated: Gated, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    for bound in ("AT_ONCE", "IN_LOOP"):
        monkeypatch.setattr(engine_module, bound, 10.0 if quick else 0.0)
    gated.let.set()
    engine.warm_up(rows(1.0, 2.0))
    assert engine.answers_at_once(1) is quick
    assert not engine.answers_at_once(1_000)
    assert engine.answer(rows(3.0))["predict"].tolist() == [6.0]
    answers = await asyncio.gather(*(engine.predict(rows(float(number))) for number in range(3)))
    assert [answer["predict"].tolist() for answer in answers] == [[0.0], [2.0], [4.0]]
    assert engine.batches[-1] == 3
    assert (gated.thread == threading.get_ident()) is quick


async def test_an_unexpected_end_reaches_all_who_wait(engine: Engine, gated: Gated) -> None:
    gated.broken = True
    loop = asyncio.get_running_loop()
    first = loop.create_task(engine.predict(rows(0.0)))
    await loop.run_in_executor(None, gated.entered.acquire)
    others = [loop.create_task(engine.predict(rows(1.0))) for _ in range(2)]
    await asyncio.sleep(0)
    gated.let.set()
    for task in (first, *others):
        with pytest.raises(MemoryError):
            await task
