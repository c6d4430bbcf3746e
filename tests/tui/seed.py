"""A workspace with something in every view, made through the store's own functions."""

import math
import random
import time
from dataclasses import replace
from typing import Any

from mlops_console.core.alerts import Severity
from mlops_console.core.deployments import RevisionState
from mlops_console.core.drift import DriftReport, FeatureDrift, Histogram, SliceDrift
from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.core.performance import Figure, Performance, SlicePerformance
from mlops_console.core.plans import GateResult
from mlops_console.core.predictions import Prediction
from mlops_console.core.runs import Provenance, RunStatus
from mlops_console.store import alerts, datasets, deploying, drift, jobs, ledger, models, runs, series
from mlops_console.store.workspace import Workspace
from tests.answered import log_rows
from tests.delivery.helpers import add_server, advance

HOSTILE = "\x1b]52;c;AAAA\x07\x1b[2J[/x][@click=app.quit]\u202eevil"
FEATURES = ("amount", "hour", "merchant_distance_km", "customer_age", "n_last_24h", "is_foreign", "channel")

CONFIG = """
[project]
name = "fraud-detection"

[pipelines.train.stages.fit]
run = "python fit.py"

[models.fraud]
metric = "test/average_precision"

[environments.staging]
model = "fraud"
port = 8101

[environments.production]
model = "fraud"
port = 8100
requires = "staging"
"""

SIGNATURE = Signature(
    tuple(
        Column(name, "object" if name == "channel" else "float64", "categorical" if name == "channel" else "numeric")
        for name in FEATURES
    ),
    "classification",
    (False, True),
    True,
)


def seed(workspace: Workspace, versions: int = 3, reports: int = 8, hostile: bool = False) -> None:
    """Runs, versions, two environments, traffic, drift that turns, jobs, alerts and a ledger."""
    (workspace.root / "mlops.toml").write_text(CONFIG)
    made = [add_version(workspace, number, hostile) for number in range(1, versions + 1)]
    deploy(workspace, "staging", made[-1], "try the newest")
    deploy(workspace, "production", made[0], HOSTILE if hostile else "first release")
    deploy(workspace, "production", made[-1], "better on the holdout")
    for number in range(reports):
        add_report(workspace, number, shift=min(max(number - 3, 0) * 0.6, 3.0), ago=(reports - number) * 900.0)
    add_traffic(workspace, "production", 300)
    add_work(workspace, hostile)


def add_version(workspace: Workspace, number: int, hostile: bool = False) -> ModelVersion:
    """A finished run with a metric series, and the model version it has stored."""
    generator = random.Random(number)
    with workspace.store.write() as tx:
        run = runs.create(
            tx,
            name=HOSTILE
            if hostile
            else ("calm-otter", "brave-fox", "dim-heron", "wild-lynx")[number % 4] + f"-{number}",
            experiment="fraud",
            provenance=Provenance(user="ana", command="python fit.py", git_commit="a1b2c3d4e5f6a7b8", git_dirty=True),
        )
        runs.set_params(tx, run, {"learning_rate": 0.05 * number, "max_depth": 6, "class_weight": "balanced"})
        now = time.time()
        best = 0.78 + 0.03 * number
        for name in ("test/average_precision", "test/roc_auc"):
            points = [
                (name, step, best - 0.3 * math.exp(-step / 20) + generator.gauss(0, 0.002), now - 100 + step)
                for step in range(100)
            ]
            series.ingest(tx, run, points)
        runs.finish(tx, run, RunStatus.SUCCEEDED)
        data = datasets.add_version(
            tx, "transactions", sha256=f"{number:064x}", rows=10_000, columns=7, schema={}, profile={}, sample="ab" * 32
        )
        version = models.add_version(
            tx,
            "fraud",
            sha256=f"{number:064x}",
            size=412_345 * number,
            estimator="HistGradientBoostingClassifier",
            signature=SIGNATURE,
            run_id=run,
            reference=(data.dataset, data.version),
            description=HOSTILE if hostile else "",
            packages={"scikit-learn": "1.7.2", "numpy": "2.3.1"},
        )
        if number == 1:
            models.set_alias(tx, "fraud", "champion", 1)
        ledger.append(tx, "ana", "train", "train", "succeeded", {"run": run, "model": version.ref})
    return version


def deploy(workspace: Workspace, environment: str, version: ModelVersion, reason: str) -> None:
    """A revision that became live."""
    with workspace.store.write() as tx:
        port = {"production": 8100, "staging": 8101}[environment]
        deploying.ensure_environment(tx, environment, version.model, "127.0.0.1", port)
        revision = deploying.add_revision(
            tx,
            environment,
            version,
            kind="deploy",
            actor="ana",
            reason=reason,
            gates=[GateResult("test/average_precision >= 0.80", True, "0.870")],
        )
        advance(tx, environment, revision.revision, RevisionState.LOADING, RevisionState.LIVE)
        add_server(tx, environment, revision.revision)
        ledger.append(tx, "ana", "deploy", environment, "live", {"revision": revision.revision, "model": version.ref})


def add_report(workspace: Workspace, number: int, shift: float, ago: float, **other: Any) -> int:
    """A report in which the first features are shifted by so many standard deviations; `other` of its fields."""
    report = make_report(number, shift, time.time() - ago)
    with workspace.store.write() as tx:
        return drift.add_report(tx, replace(report, **other))


def make_report(number: int, shift: float, at: float) -> DriftReport:
    """Of the last of three versions, with a prediction, performance that falls as the features move, and slices."""
    features = (*(_feature(name, shift if n < 3 else 0.0) for n, name in enumerate(FEATURES)), _prediction(shift))
    return DriftReport(
        0, "production", "fraud", 3, 2, at - 3600, at, 1204, 10_000, 0.01,
        any(feature.drifted for feature in features), at, features,
        performance=_performance(number, shift), slices=_slices(shift),
    )  # fmt: skip


def _feature(name: str, shift: float) -> FeatureDrift:
    if name == "channel":
        histogram = Histogram((0.5, 0.3, 0.2), (0.48, 0.31, 0.21), (), ("web", "app", "branch"))
        return FeatureDrift(
            name, "categorical", "chi2", 10_000, 1204, 1.2, 0.55, 0.001, False,
            "channel shows no shift beyond chance; 1,204 rows; a shift of 4.1 % would have been seen", histogram,
            effect=0.021, threshold=0.1, smallest_shift=0.041, importance=0.02,
            findings=("a new category: kiosk (0.2 % of the rows)",),
        )  # fmt: skip
    histogram = Histogram(_bell(9.5, 3.0), _bell(9.5 + 2 * shift, 3.0), tuple(10.0 * i for i in range(21)))
    drifted = shift > 1
    said = f"{name} has {f'moved by {shift:.2f} σ' if drifted else 'not moved'}"
    return FeatureDrift(
        name, "numeric", "ks", 10_000, 1204, 0.02 + shift / 5, 0.00001 if drifted else 0.4231, 0.004 + shift**2 / 8,
        drifted, f"{said}; 1,204 rows; a shift of 0.12 σ would have been seen", histogram,
        effect=shift or 0.05, threshold=0.5, smallest_shift=0.12, unit="σ", importance=0.3 if drifted else 0.05,
        findings=("3.4 % of the values are above the greatest of the reference (18,400)",) if drifted else (),
    )  # fmt: skip


def _prediction(shift: float) -> FeatureDrift:
    shares = (0.93 - shift / 100, 0.07 + shift / 100)
    return FeatureDrift(
        "prediction", "categorical", "chi2", 2_000, 1204, 0.9, 0.34, 0.002, False,
        "prediction shows no shift beyond chance; 1,204 rows; a shift of 3.0 % of the rows would have been seen",
        Histogram((0.93, 0.07), shares, (), ("False", "True")), "prediction", shift / 100, 0.1, 0.03,
    )  # fmt: skip


def _performance(number: int, shift: float) -> Performance:
    def figure(metric: str, value: float, half: float) -> Figure:
        return Figure(metric, value, value - half, value + half)

    lost = shift / 20
    return Performance(
        "classification",
        1204,
        520,
        (figure("accuracy", 0.921 - lost * 0.8, 0.012), figure("recall", 0.74 - lost, 0.03)),
        (figure("accuracy", 0.915 - lost, 0.02), figure("recall", 0.73 - lost * 1.2, 0.05)) if number else (),
        {"accuracy": 0.925, "recall": 0.75},
        7_500.0,
        (
            SlicePerformance("channel = app", 361, 140, figure("accuracy", 0.88 - lost, 0.03), None),
            SlicePerformance(
                "0 ≤ amount < 100", 802, 350, figure("accuracy", 0.94, 0.01), figure("accuracy", 0.93, 0.02)
            ),
        ),
    )


def _slices(shift: float) -> tuple[SliceDrift, ...]:
    names = ("amount", "hour") if shift > 1 else ()
    said = "amount has moved by 0.9 σ; 361 rows" if names else "none of 7 features differs beyond chance; 361 rows"
    return (SliceDrift("channel = app", 361, bool(names), names, said),)


def _bell(middle: float, width: float) -> tuple[float, ...]:
    values = [math.exp(-(((i - middle) / width) ** 2) / 2) for i in range(20)]
    return tuple(value / sum(values) for value in values)


def add_traffic(workspace: Workspace, environment: str, count: int) -> None:
    """Requests over the last twenty minutes, more of them lately."""
    now = time.time()
    rows = [Prediction(now - 1 - 1190 * (at / count) ** 2, 2, {"amount": 1.0}, {}) for at in range(count)]
    log_rows(workspace, environment, rows)


def add_work(workspace: Workspace, hostile: bool = False) -> None:
    """A running and a queued job, a running run, and two alerts."""
    with workspace.store.write() as tx:
        job = jobs.enqueue(tx, "train", HOSTILE if hostile else "train", {"pipeline": "train"}, "ana")
        jobs.claim(tx, job)
        jobs.set_progress(tx, job, 0.42, HOSTILE if hostile else "stage fit: fold 3 of 5")
        jobs.enqueue(tx, "check_drift", "production", {}, "worker")
        runs.create(tx, name="keen-swift-9", experiment="fraud", job_id=job)
        message = HOSTILE if hostile else "3 of 7 features drifted: amount, hour, merchant_distance_km."
        alerts.open_alert(tx, "drift", "production", Severity.WARNING, message)
        alerts.open_alert(tx, "job", "train", Severity.CRITICAL, "Job 4 failed: stage fit ended with exit code 1.")
