"""`mlops.served`: what a script gets of the served rows."""

import datetime as dt

import pytest

import mlops_console as mlops
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.predictions import Label, Prediction
from mlops_console.core.retraining import RetrainingWindow
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from tests.answered import log_rows
from tests.drift.helpers import add_version, make_live

START = dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC)


@pytest.fixture
def answered(workspace: Workspace) -> Workspace:
    """Ten rows, a minute apart from 12:01 on; each has its number as amount and as label."""
    make_live(workspace, add_version(workspace, None))
    rows = [
        Prediction(START.timestamp() + 60 * i, 1, {"amount": i, "hour": i, "country": None}, {"predict": 0.0})
        for i in range(1, 11)
    ]
    log_rows(workspace, "production", rows)
    PredictionLog(workspace.predictions_path).add_labels(Label(f"r{i}", 0, i + 1) for i in range(10))
    return workspace


def labels(workspace: Workspace, *environment: str, **span: object) -> list[int]:
    found = mlops.served(*environment, workspace=workspace, **span)  # type: ignore[arg-type]
    assert found is not None
    assert found.hour.dtype == "int64"  # as in the signature
    return found.label.tolist()


def test_times_in_every_form(answered: Workspace) -> None:
    assert labels(answered, "production") == [*range(1, 11)]
    assert labels(answered, "production", start="2026-03-03T12:07:00Z") == [8, 9, 10]
    assert labels(answered, "production", start=START, end=START + dt.timedelta(minutes=2)) == [1, 2]
    assert labels(answered, "production", start=START.timestamp() + 540) == [10]


def test_the_window_of_a_stage(answered: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mlops.served(workspace=answered) is None
    begin = START.timestamp()
    for name, value in RetrainingWindow("production", begin, begin + 180, 3, 3, "").variables.items():
        monkeypatch.setenv(name, value)
    assert labels(answered) == [1, 2, 3]
    assert labels(answered, end=begin + 60) == [1]
    assert labels(answered, "production") == [*range(1, 11)]


def test_what_makes_no_sense(answered: Workspace) -> None:
    with pytest.raises(NotFoundError, match="Nothing is live in 'staging'"):
        mlops.served("staging", workspace=answered)
    with pytest.raises(UsageError, match="a time of served rows 'noon' is no time"):
        mlops.served("production", start="noon", workspace=answered)
