"""A workspace with something in every view, made through the store's own functions."""

import math
import random
import time

from mlops_console.core.alerts import Severity
from mlops_console.core.deployments import RevisionState
from mlops_console.core.drift import DriftReport, FeatureDrift, Histogram
from mlops_console.core.models import Column, ModelVersion, Signature
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


def add_report(workspace: Workspace, number: int, shift: float, ago: float) -> int:
    """A report in which the first features are shifted by so many standard deviations."""
    now = time.time() - ago
    features = tuple(_feature(name, shift if at < 3 else 0.0) for at, name in enumerate(FEATURES))
    with workspace.store.write() as tx:
        return drift.add_report(
            tx,
            DriftReport(
                0, "production", "fraud", 3, 2, now - 3600, now, 1204, 10_000, 0.01,
                any(feature.drifted for feature in features), now, features,
            ),
        )  # fmt: skip


def _feature(name: str, shift: float) -> FeatureDrift:
    if name == "channel":
        histogram = Histogram((0.5, 0.3, 0.2), (0.48, 0.31, 0.21), (), ("web", "app", "branch"))
        return FeatureDrift(
            name, "categorical", "chi2", 10_000, 1204, 1.2, 0.55, 0.001, False, "As the reference.", histogram
        )
    histogram = Histogram(_bell(9.5, 3.0), _bell(9.5 + 2 * shift, 3.0), tuple(10.0 * i for i in range(21)))
    drifted = shift > 1
    verdict = f"Shifted by {shift:.1f} standard deviations." if drifted else "As the reference."
    return FeatureDrift(
        name, "numeric", "ks", 10_000, 1204, 0.02 + shift / 5, 0.00001 if drifted else 0.4231, 0.004 + shift**2 / 8,
        drifted, verdict, histogram,
    )  # fmt: skip


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
