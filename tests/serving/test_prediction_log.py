"""Answered requests on their way into the log, written by the real thread into a real file."""

import contextlib
import json
import logging
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_console.core.deployments import ServerSettings
from mlops_console.core.predictions import Label
from mlops_console.serving import prediction_log
from mlops_console.serving.inputs import Batch
from mlops_console.serving.prediction_log import Answered, PredictionWriter
from mlops_console.store.predictions import EncodedRequest, PredictionLog
from tests.support import wait_for

ALWAYS = (0.0, 1e12)
Opening = Callable[..., PredictionWriter]


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    return PredictionLog(tmp_path / "predictions.db")


@pytest.fixture
def opened(log: PredictionLog) -> Iterator[Opening]:
    """Makes writers of production, and ends them."""
    with contextlib.ExitStack() as stack:

        def open_one(start: bool = True, **settings: Any) -> PredictionWriter:
            writer = PredictionWriter(log, "production", ServerSettings(**settings))
            if start:
                writer.start()
                stack.callback(writer.close)
            return writer

        yield open_one


def answered(request_id: str = "a", columns: dict[str, list[Any]] | None = None, at: float | None = None) -> Answered:
    columns = columns or {"amount": [1.5, None], "secret": ["xyzzy-1", "xyzzy-2"]}
    rows = len(next(iter(columns.values())))
    outputs = {"predict": np.arange(rows), "predict_proba": np.full((rows, 2), 0.5)}
    return Answered(time.time() if at is None else at, request_id, 3, "fraud:7", 0.004, Batch(rows, columns), outputs)


def test_a_request_is_written_whole(opened: Opening, log: PredictionLog) -> None:
    writer = opened()
    at = time.time()
    writer.put(answered("a", at=at))
    (found,) = wait_for(lambda: log.newest("production", 9))
    assert (found.id, found.at, found.revision, found.model, found.latency, found.rows) == (
        "a",
        at,
        3,
        "fraud:7",
        0.004,
        2,
    )
    assert found.inputs == {"amount": [1.5, None], "secret": ["xyzzy-1", "xyzzy-2"]}
    assert found.outputs == {"predict": [0, 1], "predict_proba": [[0.5, 0.5], [0.5, 0.5]]}


def test_closing_writes_all_that_waits(opened: Opening, log: PredictionLog) -> None:
    writer = opened()
    for number in range(5_000):
        writer.put(answered(str(number)))
    writer.close()
    assert log.count("production", *ALWAYS) == 10_000
    assert {found.id for found in log.newest("production", 10_000)} == {str(number) for number in range(5_000)}


@pytest.mark.parametrize(
    ("outputs", "logged"),
    [
        (np.array(["yes", "no"]), ["yes", "no"]),
        (np.array(["yes", 3], dtype=object), ["yes", 3]),
        (np.array([True, False]), [True, False]),
        (np.array([1.5, np.nan], dtype=np.float32), [1.5, None]),
        (np.arange(4, dtype=np.int8)[::2], [0, 2]),
        (np.array([[1, 2], [3, 4]], order="F"), [[1, 2], [3, 4]]),
        (np.array([1.5, 2.5], dtype=np.longdouble), ["1.5", "2.5"]),
        (np.array(["\ud800", "x"], dtype=object), ["\ud800", "x"]),
        (np.array([2**70, 1], dtype=object), [2**70, 1]),
    ],
)
def test_any_output_can_be_written(opened: Opening, log: PredictionLog, outputs: Any, logged: list[Any]) -> None:
    opened().put(answered()._replace(outputs={"predict": outputs}))
    (found,) = wait_for(lambda: log.newest("production", 9))
    assert found.outputs == {"predict": logged}


def test_private_columns_never_reach_the_disk(opened: Opening, log: PredictionLog) -> None:
    writer = opened(private=("secret", "not there"))
    for number in range(1_000):
        writer.put(answered(str(number)))
    wait_for(lambda: log.count("production", *ALWAYS) == 2_000)
    files = list(log.path.parent.iterdir())
    assert {file.name for file in files} >= {"predictions.db", "predictions.db-wal"}
    assert not [file for file in files if b"xyzzy" in file.read_bytes() or b"secret" in file.read_bytes()]
    assert log.newest("production", 1)[0].inputs == {"amount": [1.5, None]}


def test_a_sample_is_a_share_of_the_requests(opened: Opening, log: PredictionLog) -> None:
    random.seed(5)
    writer = opened(sample=0.25)
    for number in range(8_000):
        writer.put(answered(str(number), {"x": [number % 2]}))
    writer.close()
    kept = [found.inputs["x"][0] for found in log.newest("production", 8_000)]
    assert abs(len(kept) - 2_000) < 200  # five standard deviations
    assert abs(sum(kept) - 1_000) < 150  # whatever the content


@pytest.mark.parametrize(("sample", "rows"), [(0.0, 0), (1.0, 100)])
def test_a_sample_of_nothing_and_of_all(opened: Opening, log: PredictionLog, sample: float, rows: int) -> None:
    writer = opened(sample=sample)
    for _ in range(100):
        writer.put(answered(columns={"x": [1]}))
    writer.close()
    assert log.count("production", *ALWAYS) == rows


def test_what_waits_is_bounded_and_the_rest_is_told(
    opened: Opening, log: PredictionLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(prediction_log, "MOST_ROWS", 100)
    writer = opened(start=False)
    for _ in range(80):
        writer.put(answered())
    with caplog.at_level(logging.WARNING):
        writer.start()
        writer.close()
    assert log.count("production", *ALWAYS) == 100
    assert caplog.messages == ["60 served rows are not in the prediction log. Too many waited."]


def test_a_log_that_can_not_be_written_is_told_and_tried_again(
    opened: Opening, log: PredictionLog, caplog: pytest.LogCaptureFixture
) -> None:
    log.path.write_bytes(b"damaged" * 1000)
    writer = opened()
    writer.put(answered())
    with caplog.at_level(logging.WARNING):
        wait_for(lambda: [text for text in caplog.messages if "2 served rows are not in" in text and "damaged" in text])
    log.path.unlink()
    writer.put(answered("b"))
    assert wait_for(lambda: log.newest("production", 9))[0].id == "b"


def test_the_log_is_tidied_when_the_server_starts(opened: Opening, log: PredictionLog) -> None:
    now = time.time()
    content = '{"x": [1]}'
    log.append(
        "production",
        [EncodedRequest(f"{age}", now - age, 1, "fraud:7", 0.1, 1, content, content) for age in (7_300, 7_100)],
    )
    log.append("staging", [EncodedRequest("s", now - 7_300, 1, "fraud:7", 0.1, 1, content, content)])
    log.add_labels([Label("7300", 0, 1), Label("7100", 0, 1)])
    log.close()
    opened(keep=7_200.0)
    wait_for(lambda: [found.id for found in log.newest("production", 9)] == ["7100"])
    assert log.count("staging", *ALWAYS) == 1
    assert len(list(log.labelled("production", *ALWAYS))) == 1


def test_the_log_is_kept_to_its_size_under_traffic(opened: Opening, log: PredictionLog) -> None:
    writer = opened(keep_size=1_000_000)
    for number in range(20_000):
        writer.put(answered(str(number), {"x": ["y" * 200]}))
        if number % 1_000 == 0:
            wait_for(lambda: not writer._waiting)
    writer.close()
    with contextlib.closing(sqlite3.connect(log.path)) as db:
        pages, free = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
    assert (pages - free) * 4096 < 2_000_000  # and not the 7 MB that were written
    assert log.newest("production", 1)[0].id == "19999"


def test_two_servers_write_one_log(log: PredictionLog) -> None:
    writers = [PredictionWriter(PredictionLog(log.path), name, ServerSettings()) for name in ("staging", "production")]
    for writer in writers:
        writer.start()
    for number in range(3_000):
        for writer in writers:
            writer.put(answered(f"{number}"))
    for writer in writers:
        writer.close()
    assert [log.count(name, *ALWAYS) for name in ("staging", "production")] == [6_000, 6_000]


def test_what_is_written_is_json_for_anybody(opened: Opening, log: PredictionLog) -> None:
    writer = opened()
    writer.put(answered())
    writer.close()
    with contextlib.closing(sqlite3.connect(log.path)) as db:
        inputs, outputs = db.execute("SELECT inputs, outputs FROM requests").fetchone()
        assert db.execute("SELECT json_extract(inputs, '$.amount[0]') FROM requests").fetchone() == (1.5,)
    assert json.loads(inputs)["amount"] == [1.5, None]
    assert json.loads(outputs)["predict"] == [0, 1]
