"""A drift report: what an environment has answered lately, beside the data its model was trained on."""

from typing import TYPE_CHECKING, Any

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.drift import DriftReport
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.models import ModelRef, ModelVersion
from mlops_console.drift.features import compare
from mlops_console.drift.window import read_window
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


def window_of(live: Revision, seconds: float, now: float) -> tuple[float, float]:
    """The newest `seconds` of traffic, not from before the revision went live."""
    return max(now - seconds, live.live_at or live.created_at), now


def make_report(workspace: Workspace, environment: str, seconds: float, level: float, now: float) -> DriftReport:
    """Compare the newest `seconds` of an environment's traffic with its version's reference sample. Stores nothing.

    Args:
        level: false discovery rate over the features, between 0 and 1.
        now: end of the window, seconds since the epoch.

    Raises:
        NotFoundError, UsageError: see `live_version`.
        StoreError: the reference sample is missing or damaged.
    """
    live, version = live_version(workspace, environment)
    start, end = window_of(live, seconds, now)
    reference = _read_reference(workspace, version)
    log = PredictionLog(workspace.predictions_path)
    window, rows = read_window(log, environment, live.revision, version.signature, start, end)
    features = compare(reference, window, version.signature.inputs, level)
    reference_rows = max((len(values) for values in reference.values()), default=0)
    return DriftReport(
        id=0,
        environment=environment,
        model=version.model,
        version=version.version,
        revision=live.revision,
        window_start=start,
        window_end=end,
        rows=rows,
        reference_rows=reference_rows,
        level=level,
        drifted=any(feature.drifted for feature in features),
        created_at=now,
        features=features,
    )


def _read_reference(workspace: Workspace, version: ModelVersion) -> "dict[str, NDArray[Any]]":
    from mlops_console.data.samples import read_sample

    assert version.reference is not None
    return read_sample(workspace.objects, version.reference.sample)
