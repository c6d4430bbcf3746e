"""Which served rows a retraining should use, and what a script gets of them."""

import time
from collections.abc import Iterable

import pandas as pd
import pytest

from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.models import Column, Signature
from mlops_console.core.predictions import Label, Prediction
from mlops_console.drift.retraining import propose, served_rows, window
from mlops_console.store import drift, models
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from tests.answered import log_rows
from tests.drift.helpers import add_version, make_live

NOON = time.mktime((2026, 3, 3, 12, 0, 0, 0, 0, -1))
NOW = NOON + 3600


def answer(workspace: Workspace, count: int, start: float = NOON, labelled: Iterable[int] | None = None) -> None:
    """Answer a row a second from `start` on, row `i` with amount i; label i + 0.5."""
    rows = [
        Prediction(start + i, 1, {"amount": i, "hour": None, "country": f"c{i}"}, {"predict": 0.0})
        for i in range(count)
    ]
    log_rows(workspace, "production", rows)
    found = range(count) if labelled is None else labelled
    PredictionLog(workspace.predictions_path).add_labels(Label(f"r{i}", 0, i + 0.5) for i in found)


def report(workspace: Workspace, at: float, *drifted: str, tested: bool = True, revision: int = 1) -> None:
    """A report of the ten minutes before `at`."""
    features = tuple(
        FeatureDrift(name, "numeric", "ks", 99, 99, 0.5, 0.01 if tested else None, 0.1, name in drifted, "told")
        for name in ("amount", "hour", "country")
    )
    found = DriftReport(0, "production", "fraud", 1, revision, at - 600, at, 99, 99, 0.01, bool(drifted), at, features)
    with workspace.store.write() as tx:
        drift.add_report(tx, found)


@pytest.fixture
def live(workspace: Workspace) -> Workspace:
    make_live(workspace, add_version(workspace, None))
    return workspace


class TestProposal:
    def test_it_begins_with_the_drift_that_goes_on(self, live: Workspace) -> None:
        answer(live, 3600, labelled=range(3000))
        report(live, NOON + 1000, "hour")  # a drift that went by
        report(live, NOON + 1600)
        report(live, NOON + 2200, "amount")
        report(live, NOON + 2300, tested=False)  # says nothing
        report(live, NOON + 2800, "amount", "hour", "country")
        found = propose(live, "production", NOW)
        assert (found.start, found.end, found.rows, found.labelled) == (NOON + 1600, NOW, 1999, 1399)
        assert found.reason == (
            "the 1,399 labelled rows since 12:26, the start of the window in which amount began to move; "
            "600 have no label yet and are left out"
        )
        assert found.refused is None

    def test_a_log_that_is_kept_for_less_long_is_taken_whole(self, live: Workspace) -> None:
        answer(live, 200, start=NOON + 1800)
        report(live, NOON + 1700, "amount", "hour")
        found = propose(live, "production", NOW)
        assert (found.rows, found.labelled) == (200, 200)
        assert found.reason == (
            "the 200 labelled rows since 12:29, where the prediction log begins (amount and hour had moved before)"
        )

    def test_traffic_that_moved_from_its_beginning_on_had_not_moved_before(self, live: Workspace) -> None:
        answer(live, 200, start=NOON + 1800)
        report(live, NOON + 1900, "amount")  # nobody asked in its first minutes
        found = propose(live, "production", NOW)
        assert (found.rows, found.labelled) == (200, 200)
        assert found.reason == (
            "the 200 labelled rows since 12:29, the start of the window in which amount began to move"
        )

    def test_without_drift_it_is_the_whole_log(self, live: Workspace) -> None:
        answer(live, 101, labelled=range(100))
        report(live, NOON + 600, "amount", revision=7)  # of another one
        found = propose(live, "production", NOW)
        assert (found.rows, found.labelled) == (101, 100)
        assert "(nothing has drifted); 1 has no label yet and is left out" in found.reason

    def test_an_empty_log_is_refused(self, live: Workspace) -> None:
        found = propose(live, "production", NOW)
        assert (found.rows, found.labelled) == (0, 0)
        assert "at least 100 labelled rows" in (found.refused or "")

    def test_nothing_live_is_one_sentence(self, workspace: Workspace) -> None:
        with pytest.raises(NotFoundError, match="Nothing is live in 'production'"):
            propose(workspace, "production", NOW)


def test_a_window_that_somebody_has_named(live: Workspace) -> None:
    answer(live, 100, labelled=[0, 1])
    found = window(live, "production", NOON, NOON + 50)
    assert (found.rows, found.labelled) == (50, 1)  # the row at its very start is not in it
    assert found.reason.startswith("the 1 labelled row from 12:00 to 2026-03-03 12:00; 49 have")


class TestRows:
    def test_the_columns_of_the_signature_and_the_label(self, live: Workspace) -> None:
        answer(live, 50, labelled=[3, 1, 40])
        found = served_rows(live, "production", NOON, NOON + 30)
        assert list(found.columns) == ["amount", "hour", "country", "label"]
        assert found.dtypes[["amount", "hour"]].tolist() == ["float64", "float64"]
        assert (found.amount.tolist(), found.country.tolist()) == ([1.0, 3.0], ["c1", "c3"])
        assert (found.label.tolist(), found.hour.isna().all()) == ([1.5, 3.5], True)

    def test_what_a_version_with_other_columns_has_answered_is_missing(self, live: Workspace) -> None:
        rows = [
            Prediction(NOON + i, 1, {"amount": amount, "hour": 1, "country": "c"}, {"predict": 0.0})
            for i, amount in enumerate(["small", 2.5, "3.5"])
        ]
        log_rows(live, "production", rows)
        PredictionLog(live.predictions_path).add_labels(Label(f"r{i}", 0, 1) for i in range(3))
        found = served_rows(live, "production", NOON - 1, NOW)
        assert found is not None
        assert found.amount.fillna(-1).tolist() == [-1, 2.5, 3.5]

    def test_no_rows_are_an_empty_frame(self, live: Workspace) -> None:
        found = served_rows(live, "production", NOON, NOW)
        assert isinstance(found, pd.DataFrame)
        assert (list(found.columns), len(found)) == (["amount", "hour", "country", "label"], 0)

    def test_an_input_called_label_is_one_sentence(self, workspace: Workspace) -> None:
        with workspace.store.write() as tx:
            signature = Signature((Column("label", "float64", "numeric"),), "regression")
            version = models.add_version(tx, "fraud", sha256="0" * 64, size=1, estimator="Tree", signature=signature)
        make_live(workspace, version)
        with pytest.raises(UsageError, match="fraud:1 has an input called 'label'"):
            served_rows(workspace, "production", NOON, NOW)
