"""Whether a candidate was trained on other data than the live version."""

from typing import Any

from mlops_console.core.drift import DriftSettings, DriftVerdict
from mlops_console.core.errors import ModelError
from mlops_console.core.models import DatasetReference, ModelVersion
from mlops_console.data.samples import read_sample
from mlops_console.drift.features import compare
from mlops_console.store.workspace import Workspace


def measure(
    workspace: Workspace, candidate: ModelVersion, live: ModelVersion, settings: DriftSettings
) -> dict[str, Any]:
    """The drift of the candidate's reference data from the live version's, by the tests that traffic is judged by.

    Raises:
        ModelError: one of them has no reference data.
        StoreError: a sample is missing or damaged.
    """
    after, before = _reference(candidate), _reference(live)
    features = compare(
        read_sample(workspace.objects, before.sample),
        read_sample(workspace.objects, after.sample),
        candidate.signature.inputs,
        settings,
    )
    drifted = [feature.name for feature in features if feature.drifted]
    state = DriftVerdict.DRIFTED if drifted else DriftVerdict.STABLE
    if not any(feature.tested for feature in features):
        state = DriftVerdict.UNTESTED
    return {
        "state": state.value,
        "drifted": drifted,
        "candidate": f"{after.dataset}:{after.version}",
        "live": f"{before.dataset}:{before.version}",
    }


def _reference(version: ModelVersion) -> DatasetReference:
    if version.reference is None:
        raise ModelError(
            f"{version.ref} has no reference data.",
            "Call run.log_dataset('train', frame) before run.log_model in the training script.",
        )
    return version.reference
