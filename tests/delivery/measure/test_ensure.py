"""Gates that need measuring: by the real process, kept in the store, and told in the plan."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sklearn.metrics import recall_score

from mlops_console.core.errors import ConfigError, JobStopped, RefusedError
from mlops_console.core.models import Column, Signature
from mlops_console.core.plans import GateResult, Plan
from mlops_console.delivery.begin import begin_deploy
from mlops_console.delivery.measure.ensure import ensure
from mlops_console.delivery.plans import plan_deploy
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import FakeJob
from tests.delivery.measure.helpers import (
    add,
    classifier,
    configure,
    go_live,
    holdout,
    log_of,
    log_requests,
    requests_of,
    write_holdout,
)
from tests.support import wait_for


def gates(plan: Plan) -> dict[str, GateResult]:
    return {gate.gate: gate for gate in plan.gates}


def stored(workspace: Workspace) -> list[tuple[str, str, float]]:
    with workspace.store.read() as db:
        return [tuple(row) for row in db.execute("SELECT kind, context, at FROM measurements ORDER BY kind")]


def test_every_kind_of_gate_is_measured_once_and_shown_with_its_figure(workspace: Workspace) -> None:
    frame = holdout()
    write_holdout(workspace, frame)
    before, after = classifier(frame), classifier(frame, shift=0.05)
    go_live(workspace, add(workspace, before, reference=frame))
    log_requests(workspace, requests_of(frame.head(40)))
    add(workspace, after, reference=holdout(seed=5))
    texts = (
        "slices.country.recall.min >= 0.6",
        "slices.country.recall.min >= live - 0.2",
        "slices.city.accuracy.New York > 0.5",
        "fairness.gender.demographic_parity_difference <= 0.9",
        "latency.p95 <= 2 s",
        "latency.p50 <= live * 50",
        "size <= 20 MB",
        "signature == compatible",
        "example == passes",
        "data.drift == none",
        "replay.agreement >= 50%",
    )
    configure(workspace, *texts)
    plan = plan_deploy(workspace, "fraud:2", "production")
    found = gates(plan)
    assert list(found) == list(texts)
    assert all(gate.passed for gate in plan.gates), (plan.gates, log_of(workspace))
    assert plan.refused is None
    recalls = {
        str(country): recall_score(part.is_fraud, after.predict(part[["amount", "age"]]))
        for country, part in frame.groupby("country")
        if len(part) >= 30
    }
    worst = str(min(recalls, key=recalls.__getitem__))
    rows = (frame.country == worst).sum()
    assert found["slices.country.recall.min >= 0.6"].figure == (
        f"{recalls[worst]:.4f} in {worst} ({rows} rows); left out: LI (10 rows, at least 30 are needed)"
    )
    assert ", live 0." in found["slices.country.recall.min >= live - 0.2"].figure
    assert "(scikit-learn)" in found["latency.p95 <= 2 s"].figure
    assert found["data.drift == none"].figure == "none, train:2 against train:1"
    assert found["example == passes"].figure == "2 rows"
    assert re.fullmatch(r"\d+\.\d\d% of 40 rows, \d+ requests", found["replay.agreement >= 50%"].figure)
    agree = (
        before.predict(frame[["amount", "age"]].head(40)) == after.predict(frame[["amount", "age"]].head(40))
    ).mean()
    assert plan.replay is not None
    assert (plan.replay.rows, plan.replay.agreement) == (40, agree)
    assert {kind for kind, _, _ in stored(workspace)} == {
        "slices", "fairness", "latency", "size", "example", "data_drift", "replay"
    }  # fmt: skip
    at = stored(workspace)
    assert [gate.figure for gate in plan_deploy(workspace, "fraud:2", "production").gates] == [
        gate.figure for gate in plan.gates
    ]
    assert stored(workspace) == at


def test_the_gates_of_the_docs_are_all_measured(workspace: Workspace) -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    (example,) = re.findall(r"```toml\n(\[datasets\.holdout\].*?)```", page, re.DOTALL)
    workspace.config_path.write_text(f'[project]\nname = "x"\n{example}')
    frame = holdout()
    (workspace.root / "data").mkdir()
    frame.to_csv(workspace.root / "data" / "holdout.csv", index=False)
    go_live(workspace, add(workspace, classifier(frame), reference=frame))
    log_requests(workspace, requests_of(frame.head(20)))
    add(workspace, classifier(frame, 0.1), reference=frame)
    plan = plan_deploy(workspace, "fraud:2", "production")
    metric, *others = [gate.figure for gate in plan.gates]
    assert metric == "the candidate has no metric test/roc_auc"
    assert len(others) == 10
    assert not [figure for figure in others if "measured" in figure]


def test_nothing_to_measure_costs_nothing(workspace: Workspace) -> None:
    frame = holdout()
    write_holdout(workspace, frame)
    go_live(workspace, add(workspace, classifier(frame)))
    add(workspace, classifier(frame))
    configure(workspace, "slices.country.recall.min >= 0.1", "size <= live * 2")
    config = workspace.config()
    ensure(workspace, config, "production", "fraud:2")
    taken = [_seconds(lambda: ensure(workspace, config, "production", "fraud:2")) for _ in range(20)]
    assert sorted(taken)[10] < 0.05
    configure(workspace, "test/auc >= 0.9", "signature == compatible")
    config = workspace.config()
    assert not ensure(workspace, config, "production", "fraud:2").contexts


@pytest.mark.long
def test_a_new_state_of_the_dataset_is_measured_anew_and_an_old_one_is_known(workspace: Workspace) -> None:
    first, second = holdout(), holdout(seed=7)
    configure(workspace, "slices.country.recall.min >= 0.1")
    model = classifier(first)
    add(workspace, model)
    figures = []
    for frame in (first, second, first):
        write_holdout(workspace, frame)
        figures.append(plan_deploy(workspace, "fraud:1", "production").gates[0].figure)
    assert figures[0] == figures[2] != figures[1]
    assert [context for _, context, _ in stored(workspace)] == ["holdout:1 is_fraud", "holdout:2 is_fraud"]


def test_a_deployment_that_a_slice_refuses_changes_nothing(workspace: Workspace) -> None:
    frame = holdout()
    frame.loc[frame.country == "AT", "is_fraud"] = 1  # of which the model misses many
    write_holdout(workspace, frame)
    configure(workspace, "slices.country.recall.min >= 0.95")
    add(workspace, classifier(frame))
    with pytest.raises(RefusedError, match=r"fraud:1 does not pass 1 of 1 gates of production: slices.*in AT \("):
        begin_deploy(workspace, "fraud:1", "production", "", FakeJob())
    with workspace.store.read() as db:
        assert deployments.revisions(db, "production") == []
        assert deployments.environment(db, "production") is None


def test_what_can_not_be_measured_does_not_pass_and_is_told(workspace: Workspace) -> None:
    frame = holdout()
    add(workspace, classifier(frame))
    configure(workspace, "slices.country.recall.min >= 0.1", "size <= 5 MB")
    found = gates(plan_deploy(workspace, "fraud:1", "production"))
    assert found["size <= 5 MB"].passed
    assert found["slices.country.recall.min >= 0.1"] == GateResult(
        "slices.country.recall.min >= 0.1", False, "could not be measured: holdout.csv is not there"
    )
    write_holdout(workspace, frame.drop(columns="age"))
    figure = gates(plan_deploy(workspace, "fraud:1", "production"))["slices.country.recall.min >= 0.1"].figure
    assert figure == "could not be measured: holdout:1 has no column age, which fraud:1 needs"
    write_holdout(workspace, frame.drop(columns="country"))
    figure = gates(plan_deploy(workspace, "fraud:1", "production"))["slices.country.recall.min >= 0.1"].figure
    assert figure == "holdout:2 has no column country"


def test_a_damaged_model_file_does_not_pass(workspace: Workspace) -> None:
    version = add(workspace, classifier(holdout()))
    path = workspace.objects.path(version.sha256)
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    configure(workspace, "example == passes")
    (gate,) = plan_deploy(workspace, "fraud:1", "production").gates
    assert not gate.passed
    assert gate.figure.startswith("could not be measured: The file of fraud:1 is missing or damaged.")


def test_gates_beside_the_live_version_hold_where_nothing_is_live(workspace: Workspace) -> None:
    add(workspace, classifier(holdout()))
    configure(workspace, "replay.agreement >= 0.9", "data.drift == none", "signature == compatible", "size <= live")
    plan = plan_deploy(workspace, "fraud:1", "production")
    assert plan.refused is None
    assert [gate.figure for gate in plan.gates[:3]] == ["nothing is live yet"] * 3
    assert plan.gates[3].figure.endswith(", nothing is live yet")
    assert plan.replay is None


def test_a_replay_gate_without_traffic_does_not_pass(workspace: Workspace) -> None:
    go_live(workspace, add(workspace, classifier(holdout())))
    add(workspace, classifier(holdout()))
    configure(workspace, "replay.agreement >= 0.9")
    (gate,) = plan_deploy(workspace, "fraud:2", "production").gates
    assert (gate.passed, gate.figure) == (False, "could not be measured: production has no logged requests")


@pytest.mark.long
def test_a_replay_is_made_anew_when_the_log_has_grown_by_half(workspace: Workspace) -> None:
    frame = holdout(40)
    go_live(workspace, add(workspace, classifier(frame)))
    add(workspace, classifier(frame, 0.3))
    configure(workspace, "replay.agreement >= 0.1")
    log_requests(workspace, requests_of(frame.head(10)))
    assert _replayed(workspace) == 10
    log_requests(workspace, requests_of(frame.head(3)))
    _date_measurements(workspace, ago=3.5)
    assert _replayed(workspace) == 10
    log_requests(workspace, requests_of(frame.head(6)))
    _date_measurements(workspace, ago=6.5)
    assert _replayed(workspace) == 19


@pytest.mark.long
def test_a_replay_is_made_anew_after_ten_minutes(workspace: Workspace) -> None:
    frame = holdout(40)
    go_live(workspace, add(workspace, classifier(frame)))
    add(workspace, classifier(frame, 0.3))
    configure(workspace, "replay.agreement >= 0.1")
    log_requests(workspace, requests_of(frame.head(10)), ago=5000)
    assert _replayed(workspace) == 10
    log_requests(workspace, requests_of(frame.head(1)), ago=4000)
    assert _replayed(workspace) == 10
    _date_measurements(workspace, ago=601)
    assert _replayed(workspace) == 11


@pytest.mark.long
def test_no_replay_where_glass_is_broken(workspace: Workspace) -> None:
    frame = holdout(40)
    go_live(workspace, add(workspace, classifier(frame)))
    add(workspace, classifier(frame))
    log_requests(workspace, requests_of(frame))
    configure(workspace, "size <= 1 B")
    plan = plan_deploy(workspace, "fraud:2", "production", break_glass="3 a.m.")
    assert (plan.refused, plan.replay, plan.gates[0].figure) == (None, None, "not measured")
    assert stored(workspace) == []


def test_a_killed_measuring_is_told_and_leaves_nothing_half_written(workspace: Workspace) -> None:
    frame = holdout(200)
    go_live(workspace, add(workspace, classifier(frame)))
    add(workspace, classifier(frame))
    log_requests(workspace, requests_of(frame))
    configure(workspace, "size <= 5 MB", "replay.agreement >= 0.9")
    plans: list[Plan] = []

    def make() -> None:
        plans.append(plan_deploy(workspace, "fraud:2", "production"))
        workspace.store.close()

    thread = threading.Thread(target=make)
    thread.start()
    process = wait_for(_measuring)
    assert process is not None
    process.kill()
    thread.join()
    (plan,) = plans
    assert [gate.figure for gate in plan.gates] == [
        "could not be measured: the measuring process was killed by SIGKILL"
    ] * 2
    assert plan.refused is not None
    assert "No replay: the measuring process was killed by SIGKILL." in plan.notes
    assert stored(workspace) == []
    assert plan_deploy(workspace, "fraud:2", "production").refused is None


def test_a_measuring_that_takes_too_long_is_ended(workspace: Workspace) -> None:
    add(workspace, classifier(holdout()))
    configure(workspace, "size <= 5 MB")
    measured = ensure(workspace, workspace.config(), "production", "fraud:1", limit=0.1)
    assert measured.problems == {("size", "fraud:1"): "it took longer than 0.1s"}
    assert _measuring() is None


def test_a_measuring_that_can_not_be_started_is_told(workspace: Workspace) -> None:
    add(workspace, classifier(holdout()))
    configure(workspace, "size <= 5 MB")
    (workspace.logs_dir / "measure.log").mkdir()
    (gate,) = plan_deploy(workspace, "fraud:1", "production").gates
    assert gate.figure == "could not be measured: the measuring process can't be started: Is a directory"


def test_a_stop_ends_the_measuring(workspace: Workspace) -> None:
    add(workspace, classifier(holdout()))
    configure(workspace, "size <= 5 MB")
    with pytest.raises(JobStopped):
        begin_deploy(workspace, "fraud:1", "production", "", FakeJob(stop=True))
    assert _measuring() is None
    with workspace.store.read() as db:
        assert deployments.revisions(db, "production") == []


@pytest.mark.parametrize(
    ("gate", "more", "message"),
    [
        (
            "slices.contry.recall.min >= 0.5",
            "",
            "The gate 'slices.contry.recall.min >= 0.5' names the column 'contry', which "
            "environments.production.evaluate.slices does not list, did you mean 'country'?",
        ),
        ("fairness.country.demographic_parity_ratio >= 0.5", "", "evaluate.sensitive does not list"),
        ("latency.p99 <= 5 ms", "", "There is no gate on 'latency.p99', did you mean 'latency.p95'?"),
    ],
)
def test_what_mlops_toml_does_not_say_is_an_error(workspace: Workspace, gate: str, more: str, message: str) -> None:
    add(workspace, classifier(holdout()))
    configure(workspace, gate, more=more)
    with pytest.raises(ConfigError) as caught:
        plan_deploy(workspace, "fraud:1", "production")
    assert message in caught.value.message


def test_a_signature_that_needs_more_is_not_compatible(workspace: Workspace) -> None:
    frame = holdout()
    go_live(workspace, add(workspace, classifier(frame)))
    inputs = (
        Column("amount", "int64", "numeric"),
        Column("country", "object", "categorical"),
        Column("city", "object", "categorical", nullable=True),
    )
    add(workspace, classifier(frame), Signature(inputs, "classification", (0, 1), False))
    configure(workspace, "signature == compatible")
    (gate,) = plan_deploy(workspace, "fraud:2", "production").gates
    assert gate.figure == (
        "it no longer takes age, takes whole numbers only for amount, needs country too, no longer gives probabilities"
    )
    assert not gate.passed


@pytest.mark.long
def test_other_training_data_have_drifted(workspace: Workspace) -> None:
    frame, moved = holdout(), holdout(seed=3)
    moved["amount"] += 2.0
    go_live(workspace, add(workspace, classifier(frame), reference=frame))
    add(workspace, classifier(frame), reference=moved)
    add(workspace, classifier(frame))
    configure(workspace, "data.drift == none")
    (gate,) = plan_deploy(workspace, "fraud:2", "production").gates
    assert (gate.passed, gate.figure) == (False, "amount drifted, train:2 against train:1")
    (gate,) = plan_deploy(workspace, "fraud:3", "production").gates
    assert (gate.passed, gate.figure) == (False, "could not be measured: fraud:3 has no reference data")


@pytest.mark.long
def test_latency_and_size_are_those_of_the_loaded_model(workspace: Workspace) -> None:
    from sklearn.ensemble import RandomForestClassifier

    frame = holdout(2000)
    rng = np.random.default_rng(0)
    small = classifier(frame)
    large = RandomForestClassifier(200, n_jobs=1, random_state=0).fit(
        frame[["amount", "age"]], rng.integers(0, 2, len(frame))
    )
    go_live(workspace, add(workspace, small))
    version = add(workspace, large)
    configure(workspace, "latency.p50 <= live", "size <= live", "size <= 1 MB")
    ensured = ensure(workspace, workspace.config(), "production", version.ref)
    with workspace.store.read() as db:
        slow, quick = (ensured.result(db, "latency", found) for found in (version, _version(workspace, 1)))
        size = ensured.result(db, "size", version)
    assert slow is not None
    assert quick is not None
    assert size is not None
    assert slow["p50"] > 3 * quick["p50"] > 0
    assert size["file"] == version.size
    assert size["memory"] > 5_000_000
    assert [gate.passed for gate in plan_deploy(workspace, version.ref, "production").gates] == [False] * 3


def _version(workspace: Workspace, number: int) -> Any:
    from mlops_console.core.models import ModelRef
    from mlops_console.store import models

    with workspace.store.read() as db:
        return models.get(db, ModelRef("fraud", number))


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _measuring() -> psutil.Process | None:
    """The measuring process that is a child of this one, once it has begun with its work."""
    for child in psutil.Process().children():
        if child.is_running() and "mlops_console.delivery.measure" in child.cmdline():
            return child
    return None


def _replayed(workspace: Workspace) -> int:
    plan = plan_deploy(workspace, "fraud:2", "production")
    assert plan.replay is not None
    return plan.replay.rows


def _date_measurements(workspace: Workspace, ago: float) -> None:
    with workspace.store.write() as tx:
        tx.execute("UPDATE measurements SET at = ?", (time.time() - ago,))
