"""Windows of live data: from when to when they are, and what is counted of them from the prediction log."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.core.profiles import HeldOut, WindowCounts
from mlops_console.core.windows import Window
from mlops_console.drift.live.counts import count_window, pack_counts
from mlops_console.drift.live.slots import slot_start
from mlops_console.drift.live.traffic import Span, Traffic, span_of
from mlops_console.drift.profiles import make_profile
from mlops_console.store import live_slots
from mlops_console.store.live_slots import LiveSlot
from mlops_console.store.predictions import EncodedRequest, PredictionLog
from mlops_console.store.workspace import Workspace

COLUMNS = (Column("amount", "float64", "numeric"), Column("country", "object", "categorical", nullable=True))
SIGNATURE = Signature(COLUMNS, "classification", ("no", "yes"), probabilities=True)
VERSION = ModelVersion("m", 1, 0.0, "0" * 64, 1, "Tree", SIGNATURE)
LIVE = Revision("production", 1, "m", 1, "deploy", RevisionState.LIVE, "ann", "", 0.0, live_at=0.5)
HELD_OUT = HeldOut("classification", ("no", "yes"), ("no", "yes"), ("no", "yes"), ((0.9, 0.1), (0.2, 0.8)))
PROFILE = make_profile(
    {"amount": np.arange(12.0), "country": np.array(["NO", "SE"] * 6, dtype=object)}, COLUMNS, held_out=HELD_OUT
)


def request(at: float, revision: int = 1, amount: float | None = None) -> EncodedRequest:
    """Three rows."""
    inputs = {"amount": [at if amount is None else amount, None, 2.5], "country": ["NO", None, "FI"]}
    outputs = {"predict": ["no", "yes", "yes"], "predict_proba": [[0.7, 0.3], [0.4, 0.6], [0.1, 0.9]]}
    return EncodedRequest(
        f"{revision}-{at}", at, revision, f"m:{revision}", 0.1, 3, json.dumps(inputs), json.dumps(outputs)
    )


@pytest.fixture
def log(workspace: Workspace) -> PredictionLog:
    """Ten requests of revision 1, of three rows each, and one of revision 2."""
    log = PredictionLog(workspace.predictions_path)
    log.append("production", [*(request(float(at)) for at in range(1, 11)), request(5.5, revision=2)])
    log.close()
    return log


@pytest.fixture
def traffic(workspace: Workspace, log: PredictionLog) -> Traffic:
    return Traffic(workspace, log, LIVE, VERSION, PROFILE, 1_000, frozenset())


def test_a_window_is_of_seconds_or_of_rows_and_not_from_before_its_revision(log: PredictionLog) -> None:
    assert span_of(log, LIVE, Window(seconds=4), 10) == Span(6, 10)
    assert span_of(log, LIVE, Window(seconds=40), 10) == Span(0.5, 10)
    span = span_of(log, LIVE, Window(rows=7), 10)
    assert (span.start, span.end, span.rows) == (pytest.approx(8), 10, 7)
    assert span.start < 8, "the oldest request is in it"
    assert span_of(log, LIVE, Window(rows=700), 10).start < 1
    assert span_of(log, replace(LIVE, revision=9), Window(rows=7), 10) == Span(0.5, 10, 7)
    assert span_of(log, LIVE, Window(seconds=4), 0.2) == Span(0.2, 0.2), "a clock that went back"


def test_rows_are_counted_with_their_predictions(traffic: Traffic) -> None:
    found = traffic.newest(Window(seconds=2), 10)
    assert (found.counts.rows, found.total, found.span) == (6, 6, Span(8, 10))
    amount, country = found.counts.features["amount"], found.counts.features["country"]
    assert (sum(amount.counts), amount.missing, amount.least, amount.greatest) == (4, 2, 2.5, 10)
    assert (country.counts, country.missing, country.new) == ((2, 0, 2), 2, {"FI": 2})
    assert found.counts.features["prediction"].counts == (2, 4, 0)
    assert sum(found.counts.features["probability of yes"].counts) == 6


def test_the_newest_rows_are_counted_to_the_row(traffic: Traffic) -> None:
    assert traffic.newest(Window(rows=7), 10).counts.rows == 7
    assert traffic.newest(Window(rows=7_000), 10).counts.rows == 30
    amount = traffic.newest(Window(rows=1), 10).counts.features["amount"]
    assert (amount.least, amount.greatest) == (2.5, 2.5), "the last row of the last request"


def test_of_too_many_rows_an_even_sample_is_counted(traffic: Traffic) -> None:
    found = replace(traffic, most=9).newest(Window(seconds=20), 20)
    assert 5 <= found.counts.rows <= 9  # one of every four of 33, without those of revision 2
    assert found.total == 4 * found.counts.rows
    assert replace(traffic, most=9).newest(Window(rows=12), 20).counts.rows == 6  # of 12, one of every two


def test_private_columns_are_not_missing_but_not_compared(traffic: Traffic) -> None:
    found = replace(traffic, private=frozenset({"country"})).newest(Window(seconds=2), 10)
    assert set(found.counts.features) == {"amount", "prediction", "probability of yes"}


def test_what_servers_have_counted_goes_first_where_it_is_all(workspace: Workspace, traffic: Traffic) -> None:
    counted = count_window(PROFILE, {"amount": [3.0] * 50, "country": ["SE"] * 50})
    window, now = Window(seconds=60), 1_000_000.0
    start = slot_start(now, 10)
    slot = LiveSlot(1, start - 50, "a", now, 50, pack_counts(counted))
    live = replace(traffic.live, live_at=now - 3_600)
    traffic = replace(traffic, live=live)
    with workspace.store.write() as tx:
        live_slots.put(tx, "production", [slot._replace(end=start - 40)])
    found = traffic.newest(window, now)
    assert (found.counts.rows, found.rows) == (50, None)
    assert found.span == Span(start - 50, now)
    traffic.log.append("production", [request(now - 55)])  # from before the first slot
    assert traffic.newest(window, now).counts.rows == 3


def test_the_window_before_is_known_of_slots_where_the_log_is_gone(workspace: Workspace, traffic: Traffic) -> None:
    now = 1_000_000.0
    counted = pack_counts(count_window(PROFILE, {"amount": [3.0] * 50, "country": ["SE"] * 50}))
    with workspace.store.write() as tx:
        slots = [LiveSlot(1, start, "a", start + 9, 50, counted) for start in (now - 110, now - 60, now - 10)]
        live_slots.put(tx, "production", slots)
    nothing = PredictionLog(workspace.root / "nothing.db")
    traffic = replace(traffic, log=nothing, live=replace(traffic.live, live_at=now - 3_600))
    for window in (Window(rows=50), Window(seconds=20)):
        current = traffic.newest(window, now)
        assert (current.counts.rows, current.span.start) == (50, now - 10)
    before = traffic.before(traffic.newest(Window(rows=50), now), Window(rows=50), week=False)
    assert before is not None
    assert (before.counts.rows, before.span.start) == (50, now - 60)
    assert traffic.before(traffic.newest(Window(seconds=20), now), Window(seconds=20), week=False) is None


def counts(traffic: Traffic, *, week: bool) -> WindowCounts | None:
    found = traffic.before(traffic.newest(Window(seconds=2), 10), Window(seconds=2), week=week)
    return None if found is None else found.counts


def test_the_window_before_is_as_long_and_ends_where_this_one_begins(traffic: Traffic) -> None:
    found = counts(traffic, week=False)
    assert found is not None
    assert (found.rows, found.features["amount"].greatest) == (6, 8)
    assert counts(traffic, week=True) is None
    before = traffic.before(traffic.newest(Window(rows=6), 10), Window(rows=6), week=False)
    assert before is not None
    assert (before.counts.rows, before.counts.features["amount"].greatest) == (6, 8)


def test_damaged_requests_are_passed_over(traffic: Traffic) -> None:
    traffic.log.append("production", [request(11.0)._replace(inputs="{")])
    found = traffic.newest(Window(seconds=2), 11)
    assert (found.counts.rows, found.rows and found.rows.damaged) == (3, 1)
