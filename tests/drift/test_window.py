"""Windows of live data."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from mlops_console.core.models import Column, Signature
from mlops_console.drift import window
from mlops_console.drift.window import Span, read_window
from mlops_console.store.predictions import EncodedRequest, PredictionLog

SIGNATURE = Signature(
    (Column("amount", "float64", "numeric"), Column("country", "object", "categorical", nullable=True)), "regression"
)


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    """Ten requests of revision 1, of three rows each, and one of revision 2."""
    log = PredictionLog(tmp_path / "predictions.db")
    inputs = '{"amount": [%d, null, 2.5], "country": ["NO", null, "SE"]}'
    outputs = '{"predict": [1, 2, 3]}'
    requests = [EncodedRequest("", at, 1, "m:1", 0.1, 3, inputs % at, outputs) for at in range(1, 11)]
    log.append("production", [*requests, EncodedRequest("", 5.5, 2, "m:2", 0.1, 3, inputs % 99, outputs)])
    log.close()
    return log


def test_a_window_has_the_rows_of_a_revision_as_columns(log: PredictionLog) -> None:
    columns, rows = read_window(log, "production", 1, SIGNATURE.inputs, Span(1.0, 3.0))
    assert rows == 6
    np.testing.assert_array_equal(columns["amount"], [2, np.nan, 2.5, 3, np.nan, 2.5])
    assert list(columns["country"]) == ["NO", None, "SE"] * 2


def test_a_large_window_is_sampled_over_its_whole_time(log: PredictionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "MOST_ROWS", 9)
    columns, rows = read_window(log, "production", 1, SIGNATURE.inputs, Span(0.0, 20.0))
    assert rows == 8  # every fourth of 33, without the one of revision 2
    np.testing.assert_array_equal(columns["amount"], [1, np.nan, 2.5, 5, 2.5, 8, np.nan, 2.5])


def test_a_column_that_is_not_logged_has_no_values(log: PredictionLog) -> None:
    private = Signature((*SIGNATURE.inputs, Column("name", "object", "categorical")), "regression")
    columns, rows = read_window(log, "production", 1, private.inputs, Span(0.0, 20.0))
    assert list(columns["name"]) == [None] * rows


def test_damaged_requests_are_told(log: PredictionLog, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(log.path)) as db, db:
        db.execute("UPDATE requests SET inputs = '{' WHERE at < 3")
    with caplog.at_level(logging.WARNING):
        _, rows = read_window(log, "production", 1, SIGNATURE.inputs, Span(0.0, 20.0))
    assert rows == 24
    assert caplog.messages == ["2 requests in the prediction log are damaged: they are not compared."]
