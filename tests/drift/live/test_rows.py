"""Live rows with their answers and labels."""

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlops_console.core.predictions import Label
from mlops_console.drift.live.rows import LiveRows, read_live_rows, to_array
from mlops_console.store.predictions import EncodedRequest, PredictionLog
from tests.drift.answered import BINARY, NUMBER


def request(name: str, at: float, rows: list[tuple[Any, Any, Any]], revision: int = 1) -> EncodedRequest:
    """Rows as x, the answer and its probabilities."""
    xs, answers, chances = zip(*rows, strict=True)
    inputs = {"x": xs, "country": ["NO"] * len(rows)}
    outputs = {"predict": answers, "predict_proba": chances}
    return EncodedRequest(name, at, revision, "m:1", 0.1, len(rows), json.dumps(inputs), json.dumps(outputs))


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    log = PredictionLog(tmp_path / "predictions.db")
    log.append(
        "production",
        [
            request("a", 10, [(1.5, 0, [0.9, 0.1]), (None, 1, [0.2, 0.8])]),
            request("b", 20, [(2.5, 1, [0.4, 0.6])]),
            request("other", 21, [(9.9, 1, [0.0, 1.0])], revision=2),
            request("late", 99, [(9.9, 1, [0.0, 1.0])]),
        ],
    )
    log.close()
    return log


def read(log: PredictionLog, most: int = 1_000) -> LiveRows:
    return read_live_rows(log, "production", 1, BINARY, 0.0, 50.0, most)


def label(log: PredictionLog, name: str, row: int, value: Any, at: float) -> None:
    log.add_labels([Label(name, row, value)])
    with closing(sqlite3.connect(log.path)) as db, db:
        db.execute("UPDATE labels SET at = ? WHERE request_id = ? AND row = ?", (at, name, row))


def test_rows_have_inputs_answers_and_probabilities(log: PredictionLog) -> None:
    rows = read(log)
    assert rows.rows == 3
    np.testing.assert_array_equal(rows.inputs["x"], [1.5, np.nan, 2.5])
    assert rows.inputs["country"].tolist() == ["NO"] * 3
    assert rows.predictions.tolist() == [0, 1, 1]
    assert rows.probabilities is not None
    np.testing.assert_array_equal(rows.probabilities, [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    assert rows.labels.tolist() == [None, None, None]
    assert np.isnan(rows.delays).all()


def test_labels_are_joined_by_request_and_row(log: PredictionLog) -> None:
    label(log, "a", 1, 1, 70.0)
    label(log, "a", 7, 0, 70.0)  # of no row
    label(log, "b", 0, 0, 5.0)  # by a clock that is behind
    rows = read(log)
    assert rows.labels.tolist() == [None, 1, 0]
    np.testing.assert_array_equal(rows.delays, [np.nan, 60.0, 0.0])


def test_many_rows_are_sampled_evenly(log: PredictionLog) -> None:
    log.append("production", [request(f"n{n}", 30 + n / 100, [(n, 1, [0.5, 0.5])] * 2) for n in range(100)])
    log.close()
    label(log, "n99", 0, 1, 100.0)
    rows = read(log, most=51)
    assert rows.rows == 51  # one of every four of 204
    assert np.abs(np.diff(rows.inputs["x"][2:])).max() <= 4
    assert rows.probabilities is not None
    assert rows.probabilities.shape == (51, 2)


def test_damaged_requests_and_labels_are_told(log: PredictionLog, caplog: pytest.LogCaptureFixture) -> None:
    label(log, "a", 0, 1, 70.0)
    with closing(sqlite3.connect(log.path)) as db, db:
        db.execute("UPDATE requests SET outputs = '[' WHERE request_id = 'b'")
        db.execute("UPDATE labels SET label = '{'")
    with caplog.at_level(logging.WARNING):
        rows = read(log)
    assert rows.rows == 2
    assert rows.damaged == 2
    assert rows.labels.tolist() == [None, None]
    assert caplog.messages == ["2 requests or labels in the prediction log are damaged: they are not measured."]


def test_a_window_without_rows_is_empty(tmp_path: Path) -> None:
    rows = read(PredictionLog(tmp_path / "none.db"))
    assert rows.rows == 0
    assert rows.probabilities is not None
    assert rows.probabilities.shape == (0, 2)


def test_what_is_no_probability_of_each_class_is_none(log: PredictionLog) -> None:
    log.append("production", [request("odd", 40, [(1, 1, [0.5]), (1, 1, "high"), (1, 1, [None, 1.0]), (1, 1, None)])])
    log.close()
    rows = read(log)
    assert rows.probabilities is not None
    np.testing.assert_array_equal(rows.probabilities[3:], [[np.nan] * 2, [np.nan] * 2, [np.nan, 1.0], [np.nan] * 2])


def test_a_model_without_probabilities_has_none(log: PredictionLog) -> None:
    assert read_live_rows(log, "production", 1, NUMBER, 0.0, 50.0, 9).probabilities is None


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([1, 2]) | st.just({})))
@example(["6"])
def test_what_is_no_number_is_missing(values: list[Any]) -> None:
    found = to_array(values, numeric=True)
    assert found.shape == (len(values),)
    for value, number in zip(values, found, strict=True):
        if isinstance(value, int | float) and abs(value) < 1e300:
            assert number == float(value)
        elif isinstance(value, str):  # a text may hold a number
            assert np.isnan(number) or number == float(value)
        elif not isinstance(value, int | float):
            assert np.isnan(number)
    assert to_array(values, numeric=False).shape == (len(values),)
