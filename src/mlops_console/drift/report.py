"""A drift report: what an environment has answered lately, beside the data its model was trained on."""

from typing import TYPE_CHECKING, Any

from mlops_console.core.config import Monitor
from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.drift import Against, DriftReport
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.models import ModelRef, ModelVersion
from mlops_console.core.windows import Window
from mlops_console.drift.features import compare
from mlops_console.drift.window import read_window, span_of
from mlops_console.store import deployments, models
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

if TYPE_CHECKING:
    from numpy.typing import NDArray


def live_version(workspace: Workspace, environment: str) -> tuple[Revision, ModelVersion]:
    """What is live in an environment, and can be compared with its reference data.

    Raises:
        NotFoundError: nothing is live there.
        UsageError: the live version has no reference data.
    """
    with workspace.store.read() as db:
        revisions = deployments.revisions(db, environment)
        live = next((r for r in revisions if r.state is RevisionState.LIVE), None)
        if live is None:
            raise NotFoundError(
                f"Nothing is live in {environment!r}, so there is no traffic to check.",
                f"'mlops-console deploy MODEL {environment}' makes a version serve there.",
            )
        version = models.get(db, ModelRef(live.model, live.version))
    if version.reference is None:
        raise UsageError(
            f"{version.ref} has no reference data to compare its traffic with.",
            "Call run.log_dataset('train', frame) before run.log_model in the training script.",
        )
    return live, version


def make_report(
    workspace: Workspace,
    environment: str,
    window: Window,
    monitor: Monitor,
    now: float,
    against: Against = "reference",
) -> DriftReport:
    """Compare the newest traffic of an environment with what its version was trained on. Stores nothing.

    Args:
        window: how much of the traffic: the newest seconds, or the newest rows.
        monitor: how the verdict is made.
        now: end of the window, seconds since the epoch.
        against: what the window is compared with.

    Raises:
        NotFoundError, UsageError: see `live_version`.
        StoreError: the reference data are missing or damaged.
    """
    live, version = live_version(workspace, environment)
    log = PredictionLog(workspace.predictions_path)
    span = span_of(log, live, window, now)
    reference = _read_reference(workspace, version)
    found, rows = read_window(log, environment, live.revision, version.signature.inputs, span)
    features = compare(reference, found, version.signature.inputs, monitor.settings)
    reference_rows = max((len(values) for values in reference.values()), default=0)
    return DriftReport(
        environment=environment,
        model=version.model,
        version=version.version,
        revision=live.revision,
        window_start=span.start,
        window_end=span.end,
        rows=rows,
        reference_rows=reference_rows,
        level=monitor.level,
        drifted=any(feature.drifted for feature in features),
        created_at=now,
        features=features,
        against=against,
        least_effect=monitor.effect,
    )


def _read_reference(workspace: Workspace, version: ModelVersion) -> "dict[str, NDArray[Any]]":
    from mlops_console.data.samples import read_sample

    assert version.reference is not None
    return read_sample(workspace.objects, version.reference.sample)
