"""Replays of a real prediction log by two real models."""

import numpy as np
import pytest

from mlops_console.core.errors import ModelError
from mlops_console.core.models import Column, Signature
from mlops_console.core.replay import ReplayReport
from mlops_console.delivery.measure import replay
from mlops_console.delivery.measure.served import Served
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from tests.delivery.measure.helpers import (
    REGRESSION,
    SIGNATURE,
    add,
    classifier,
    holdout,
    log_requests,
    regressor,
    requests_of,
)


def replayed(workspace: Workspace, live: Served, candidate: Served, limit: int = 1000) -> ReplayReport:
    requests = PredictionLog(workspace.predictions_path).newest("production", limit)
    return replay.measure(live, candidate, requests)


def test_agreement_and_differences_are_those_by_hand(workspace: Workspace) -> None:
    frame = holdout(300)
    before, after = classifier(frame), classifier(frame, shift=0.4)
    log_requests(workspace, requests_of(frame))
    found = replayed(workspace, Served(workspace, add(workspace, before)), Served(workspace, add(workspace, after)))
    X = frame[["amount", "age"]]
    agree = before.predict(X) == after.predict(X)
    differences = after.predict_proba(X)[:, 1] - before.predict_proba(X)[:, 1]
    assert 0.5 < agree.mean() < 1
    assert (found.live, found.requests, found.rows, found.left_out, found.refused) == ("fraud:1", 300, 300, 0, 0)
    assert found.agreement == agree.mean()
    assert found.difference_of == "probability of 1"
    assert found.mean_difference == pytest.approx(np.abs(differences).mean())
    assert found.max_difference == pytest.approx(np.abs(differences).max())
    assert sum(found.counts) == 300
    assert len(found.edges) == len(found.counts) + 1
    expected = np.sort(np.abs(differences[~agree]))[::-1][:5]
    assert [abs(row.difference or 0) for row in found.worst] == pytest.approx(expected.tolist())
    assert all((row.live, row.candidate) == ("1", "0") for row in found.worst)
    assert set(found.worst[0].inputs) == {"amount", "age"}
    assert found.live_latency is not None
    assert found.candidate_latency is not None
    assert 0 < found.live_latency.p50 <= found.live_latency.p95 < 1
    assert found.latency_ratio == pytest.approx(found.candidate_latency.p50 / found.live_latency.p50)
    assert ReplayReport.read(found.as_json()) == found


def test_only_the_newest_requests_with_all_their_rows(workspace: Workspace) -> None:
    frame = holdout(100)
    log_requests(workspace, requests_of(frame, rows=4))
    live, candidate = (Served(workspace, add(workspace, classifier(frame, shift))) for shift in (0.0, 0.4))
    found = replayed(workspace, live, candidate, limit=10)
    newest = frame[["amount", "age"]].iloc[60:]
    agree = classifier(frame).predict(newest) == classifier(frame, 0.4).predict(newest)
    assert (found.requests, found.rows, found.agreement) == (10, 40, agree.mean())


def test_the_same_model_agrees_in_every_row(workspace: Workspace) -> None:
    frame = holdout(50)
    log_requests(workspace, requests_of(frame))
    served = Served(workspace, add(workspace, classifier(frame)))
    found = replayed(workspace, served, served)
    assert (found.agreement, found.mean_difference, found.max_difference, found.worst) == (1.0, 0.0, 0.0, ())
    assert max(found.counts) == found.counts[len(found.counts) // 2] == 50


def test_regression_agrees_up_to_the_tolerance(workspace: Workspace) -> None:
    frame = holdout(60)
    log_requests(workspace, requests_of(frame))
    before, near, far = regressor(frame), regressor(frame), regressor(frame)
    near.intercept_ += 5e-7
    far.coef_[0] += 0.5
    live, other, third = (Served(workspace, add(workspace, model, REGRESSION)) for model in (before, near, far))
    assert replayed(workspace, live, other).agreement == 1.0
    found = replayed(workspace, live, third)
    X = frame[["amount", "age"]]
    differences = far.predict(X) - before.predict(X)
    assert found.difference_of == "prediction"
    assert found.agreement == (np.abs(differences) <= 1e-6 * np.maximum(1, np.abs(before.predict(X)))).mean()
    assert found.max_difference == pytest.approx(np.abs(differences).max())


def test_requests_that_the_candidate_refuses_disagree(workspace: Workspace) -> None:
    frame = holdout(20)
    log_requests(workspace, requests_of(frame))
    live = Served(workspace, add(workspace, classifier(frame)))
    more = Signature((*SIGNATURE.inputs, Column("country", "object", "categorical")), "classification", (0, 1), True)
    found = replayed(workspace, live, Served(workspace, add(workspace, classifier(frame), more)))
    assert (found.agreement, found.refused, found.max_difference, found.latency_ratio) == (0.0, 20, None, None)
    assert {row.candidate for row in found.worst} == {"refused"}
    assert ReplayReport.read(found.as_json()) == found


def test_requests_that_the_live_version_does_not_take_say_nothing(workspace: Workspace) -> None:
    frame = holdout(20)
    log_requests(workspace, [{"amount": [1.0]}, {"amount": [1.0], "age": ["old"]}, *requests_of(frame)])
    live = Served(workspace, add(workspace, classifier(frame)))
    found = replayed(workspace, live, live)
    assert (found.requests, found.left_out, found.agreement) == (20, 2, 1.0)


def test_nothing_to_replay_is_an_error(workspace: Workspace) -> None:
    log_requests(workspace, [{"other": [1.0]}])
    live = Served(workspace, add(workspace, classifier(holdout(50))))
    with pytest.raises(ModelError, match="fraud:1 takes none of the 1 newest logged requests"):
        replayed(workspace, live, live)
