"""How long versions take for one row."""

import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlops_console.core.errors import ModelError
from mlops_console.core.models import ModelVersion
from mlops_console.data.samples import read_sample
from mlops_console.delivery.measure.served import Served
from mlops_console.models.compiling import fitting
from mlops_console.serving.inputs import Batch, from_records
from mlops_console.store.workspace import Workspace

_ROUNDS = 300
_WARM_UP = 30


def measure(workspace: Workspace, versions: Sequence[Served]) -> dict[str, dict[str, Any]]:
    """Median and 95 % quantile of the predictions of single rows, by version: in this process, without HTTP.

    They take turns, so that what else the machine does is the same for all.

    Raises:
        ModelError: a version has neither an input example nor reference data, or does not take them.
    """
    batches = {served.version.ref: itertools.cycle(list(_rows(workspace, served.version))) for served in versions}
    taken: dict[str, list[float]] = {served.version.ref: [] for served in versions}
    for _ in range(_WARM_UP + _ROUNDS):
        for served in versions:
            taken[served.version.ref].append(seconds(served, next(batches[served.version.ref])))
    return {
        served.version.ref: {**quantiles(taken[served.version.ref][_WARM_UP:]), "form": served.form}
        for served in versions
    }


def seconds(served: Served, batch: Batch) -> float:
    """The time of one prediction."""
    begun = time.perf_counter()
    served.predict(batch)
    return time.perf_counter() - begun


def quantiles(taken: Sequence[float]) -> dict[str, float]:
    import numpy as np

    p50, p95 = np.quantile(taken, (0.5, 0.95))
    return {"p50": float(p50), "p95": float(p95)}


def _rows(workspace: Workspace, version: ModelVersion) -> Iterator[Batch]:
    """Batches of one row: of the input example, else of the reference data."""
    records: list[Mapping[str, Any]] = []
    if version.input_example is not None:
        records = json.loads(workspace.objects.read_checked(version.input_example))
    elif version.reference is not None:
        sample = read_sample(workspace.objects, version.reference.sample)
        names = [column.name for column in version.signature.inputs if column.name in sample]
        values = zip(*(sample[name][:_ROUNDS].tolist() for name in names), strict=True)
        records = list(fitting(version.signature, (dict(zip(names, row, strict=True)) for row in values)))
    if not records:
        raise ModelError(
            f"{version.ref} has neither an input example nor reference data to be asked with.",
            "Give run.log_model an input_example.",
        )
    for record in records:
        yield from_records(version.signature, [record])
