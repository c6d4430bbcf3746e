"""Figures and sentences of what rules look at."""

import math
from dataclasses import replace

import pytest

from mlops_console.core.alert_readings import of_disk, of_ended, of_report, of_running, of_traffic
from mlops_console.core.alert_settings import LATENCIES
from mlops_console.core.drift import Against, DriftReport, FeatureDrift
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.performance import Figure, Performance
from mlops_console.core.traffic import BOUNDS, Traffic


def feature(name: str, p_value: float | None = 0.5, drifted: bool = False, **rest: object) -> FeatureDrift:
    values: dict[str, object] = {"n": 1000, "m": 500} | rest
    return FeatureDrift(
        name, "numeric", "ks", values.pop("n"), values.pop("m"), None, p_value, None, drifted, "", **values
    )  # type: ignore[arg-type]


def report(
    *features: FeatureDrift, performance: Performance | None = None, against: Against = "reference"
) -> DriftReport:
    return DriftReport(
        7, "production", "fraud", 3, 1, rows=500, reference_rows=1000, features=features, against=against,
        drifted=any(f.drifted for f in features), performance=performance,
    )  # fmt: skip


def readings(found: DriftReport) -> dict[str, tuple[float, str]]:
    return {seen.on: (round(seen.readings[""].value, 6), seen.readings[""].text) for seen in of_report(found)}


def test_drift_is_told_with_its_features() -> None:
    found = readings(report(feature("amount", 1e-9, drifted=True), feature("age")))
    assert found["drift"] == (
        1.0,
        "amount has drifted in production from what fraud:3 was trained on (1 of 2 features, 500 rows, report 7).",
    )
    assert readings(report(feature("age")))["drift"][0] == 0.0


def test_what_was_not_tested_or_not_against_training_says_nothing() -> None:
    assert "drift" not in readings(report(feature("age", None)))
    assert of_report(report(feature("age", 1e-9, drifted=True), against="previous")) == ()
    assert of_report(DriftReport()) == ()


@pytest.mark.parametrize(
    ("figures", "reference", "loss"),
    [
        ({"estimated": (Figure("accuracy", 0.7, 0.65, 0.75),)}, {"accuracy": 0.9}, 0.15),
        ({"estimated": (Figure("accuracy", 0.88, 0.8, 0.95),)}, {"accuracy": 0.9}, -0.05),
        ({"estimated": (Figure("mae", 3.0, 2.5, 3.5),)}, {"mae": 2.0}, 0.25),
        # what was seen counts more than what is thought
        ({"estimated": (Figure("f1", 0.9, 0.9, 0.9),), "realised": (Figure("f1", 0.5, 0.4, 0.6),)}, {"f1": 0.9}, 0.3),
        # the worst of several
        ({"estimated": (Figure("f1", 0.9, 0.8, 0.9), Figure("accuracy", 0.5, 0.4, 0.6))},
         {"f1": 0.9, "accuracy": 0.9}, 0.286338),
    ],
)  # fmt: skip
def test_a_loss_is_what_even_the_good_end_of_the_interval_lacks(
    figures: dict[str, tuple[Figure, ...]], reference: dict[str, float], loss: float
) -> None:
    performance = Performance("classification", 500, 0, reference=reference, **figures)
    value, told = readings(report(feature("x"), performance=performance))["performance"]
    assert value == loss
    assert "on held-out rows it was" in told


def test_the_interval_of_the_held_out_rows_counts_too() -> None:
    figure = Figure("accuracy", 0.7, 0.62, 0.78)
    performance = Performance("classification", 500, 0, (figure,), reference={"accuracy": 0.9})
    known = replace(performance, reference_bounds={"accuracy": (0.84, 0.94)})
    assert readings(report(feature("x"), performance=performance))["performance"][0] == 0.12
    assert readings(report(feature("x"), performance=known))["performance"] == (
        0.1,  # 0.2 less the root of 0.06² + 0.08²
        "accuracy in production is estimated at 0.7000 (0.6200 to 0.7800), on held-out rows it was 0.9000 "
        "(0.8400 to 0.9400): worse by at least 0.1000",
    )


def test_rmse_is_looked_at_only_where_a_rule_names_it() -> None:
    figures = (Figure("mae", 2.1, 2.0, 2.2), Figure("rmse", 9.0, 8.0, 10.0))
    performance = Performance("regression", 500, 0, figures, reference={"mae": 2.0, "rmse": 3.0})
    (seen,) = of_report(report(performance=performance))
    assert (seen.readings[""], seen.readings["mae"].value) == (seen.readings["mae"], pytest.approx(0.0))
    assert seen.readings["rmse"].value == pytest.approx(8 / 3 - 1)


def test_without_a_reference_no_performance_is_judged() -> None:
    performance = Performance("regression", 500, 0, (Figure("mae", 3, 2, 4),), reference={"mae": 0.0})
    assert "performance" not in readings(report(feature("x"), performance=performance))


def test_data_quality_is_the_worst_share() -> None:
    found = readings(report(feature("age", m=400), feature("country", new_rows=150)))["data_quality"]
    assert found == (0.3, "30.0% of the values of country in production are categories never seen before (500 values)")
    found = readings(report(feature("age", m=100)))["data_quality"]
    assert found == (0.8, "80.0% of the values of age in production are missing beyond those of training (500 rows)")
    assert readings(report(feature("age", n=500, m=250)))["data_quality"][0] == 0.0  # missing as in training
    found = readings(report(feature("country", m=400, new_rows=350)))["data_quality"]
    assert found == (
        0.875,
        "87.5% of the values of country in production are categories never seen before (400 values)",
    )


def test_traffic_has_error_rate_and_latencies() -> None:
    latency = [0] * (len(BOUNDS) + 1)
    latency[20], latency[60] = 90, 10
    error_rate, slow = of_traffic("production", Traffic(100, 5, tuple(latency)))
    assert error_rate.readings[""].value == 0.05
    assert error_rate.readings[""].text == ("5.0% of the requests to production fail (100 requests in the last minute)")
    assert slow.readings["p50"].value < 0.001 < 1 < slow.readings["p99"].value == slow.readings[""].value


def test_too_little_traffic_tells_nothing() -> None:
    for seen in of_traffic("production", Traffic(19, 19)):
        assert all(math.isnan(reading.value) for reading in seen.readings.values())
        assert set(seen.readings) == ({""} if seen.on == "error_rate" else {"", *LATENCIES})


def test_jobs_that_end_and_jobs_that_are_slow() -> None:
    job = Job(4, "train", "train", {}, JobState.RUNNING, "ann", 0.0, started_at=1000.0)
    failed = of_ended(job, JobState.FAILED, "exit code 1")
    assert failed is not None
    assert failed.readings[""].text == "Job 4 (train train) failed: exit code 1"
    assert of_ended(job, JobState.STOPPED, None) is None
    slow = of_running(job, [60.0, 50.0, 70.0], 1180.0)
    assert slow is not None
    assert slow.readings[""].value == 3.0
    assert slow.readings[""].text == "Job 4 (train train) has been running for 3m00s; 1m00s is usual"
    short = of_running(job, [1.0, 1.0, 1.0], 1020.0)
    assert short is not None
    assert short.readings[""].value == 0.0, "some seconds more are no news"
    assert of_running(job, [60.0, 60.0], 9e9) is None, "two are no custom"


def test_the_disk() -> None:
    assert of_disk(400_000_000).readings[""].text == "The disk of .mlops has 400.0 MB left"
