"""Reference profiles: what a version's traffic is compared with, without its training data at hand."""

import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import StoreError, UsageError
from mlops_console.core.models import Column, ModelVersion
from mlops_console.core.profiles import FORMAT, FeatureProfile, HeldOut, ReferenceProfile
from mlops_console.drift.labels import count_labels, floats_of, label, plain
from mlops_console.store.objects import Objects

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS = 100  # of a number, at quantiles
LABELS = 1_000  # of a category that have a bin of their own
SAMPLE_ROWS = 200
CLASSES = 10  # a classifier of more has no profile of its probabilities
_SEED = 20_240_229

PREDICTION = "prediction"


def make_profile(
    columns: "Mapping[str, NDArray[Any]]",
    signature_columns: Sequence[Column],
    *,
    held_out: HeldOut | None = None,
    importance: Mapping[str, float] | None = None,
) -> ReferenceProfile:
    """Profile the training data and the held-out predictions of a model.

    Args:
        columns: arrays of shape (rows,), all of the same length; None and NaN are missing.
        signature_columns: which of them the model takes. One that `columns` does not have is profiled as of no rows.
        held_out: what the model has answered on rows that it was not trained on.
        importance: of each input, 0 to 1.
    """
    import numpy as np

    nothing = np.empty(0, dtype=object)
    taken = {column.name: columns.get(column.name, nothing) for column in signature_columns}
    features = tuple(_profile(c.name, taken[c.name], numeric=c.kind == "numeric") for c in signature_columns)
    rows = max((len(values) for values in taken.values()), default=0)
    sample = _sample({name: values for name, values in taken.items() if len(values)}, rows)
    return with_model(ReferenceProfile(rows, features, sample), held_out=held_out, importance=importance)


def with_model(
    profile: ReferenceProfile, *, held_out: HeldOut | None = None, importance: Mapping[str, float] | None = None
) -> ReferenceProfile:
    """A profile of inputs alone, with what is known of the model that takes them; see `make_profile`."""
    importance = importance or {}
    features = [replace(feature, importance=importance.get(feature.name)) for feature in profile.features]
    inputs = {feature.name for feature in features}
    for name, values in prediction_columns(held_out) if held_out else ():
        if name not in inputs:  # an input of that name goes first
            numeric = values.dtype.kind == "f"
            features.append(replace(_profile(name, values, numeric=numeric), role="prediction"))
    return replace(profile, features=tuple(features), held_out=held_out)


def prediction_columns(held_out: HeldOut) -> "Iterator[tuple[str, NDArray[Any]]]":
    """What is profiled of predictions, by name: "prediction", which is an object array where it is a class; of a
    classifier of two classes the probability of the second one, of up to 10 that of each."""
    import numpy as np

    predictions = np.empty(len(held_out.predictions), dtype=np.float64 if held_out.task == "regression" else object)
    predictions[:] = held_out.predictions
    yield PREDICTION, predictions
    probabilities = np.array(held_out.probabilities, dtype=np.float64)
    for position, name in probability_names(held_out.classes):
        if probabilities.ndim == 2:
            yield name, probabilities[:, position]


def probability_names(classes: Sequence[Any]) -> list[tuple[int, str]]:
    """The probabilities that are profiled: the position of the class among `classes`, and the name."""
    if len(classes) > CLASSES:
        return []
    first = 1 if len(classes) == 2 else 0
    return [(position, f"probability of {label(classes[position])}") for position in range(first, len(classes))]


def pack_profile(profile: ReferenceProfile) -> bytes:
    """A profile as compressed JSON; the same bytes for the same profile."""
    return zlib.compress(json.dumps(asdict(profile), separators=(",", ":"), allow_nan=False).encode(), 9)


def unpack_profile(content: bytes) -> ReferenceProfile:
    """What `pack_profile` has packed.

    Raises:
        StoreError: it is damaged, or of a newer mlops-console.
    """
    try:
        stored = json.loads(zlib.decompress(content))
        version = stored["format"]
        if version > FORMAT:
            raise StoreError(
                f"The reference profile is of format {version}, and this mlops-console knows up to {FORMAT}.",
                "Update mlops-console.",
            )
        held_out = stored["held_out"]
        return ReferenceProfile(
            stored["rows"],
            tuple(_feature(feature) for feature in stored["features"]),
            {name: tuple(values) for name, values in stored["sample"].items()},
            None if held_out is None else _held_out(held_out),
            version,
        )
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"The reference profile is damaged: {error}.", "Bring it back from a backup, or store the model anew."
        ) from None


def read_profile(objects: Objects, version: ModelVersion) -> ReferenceProfile:
    """The profile of a version. Without one, or where it was made without the training data at hand, these are read
    from the stored reference sample.

    Raises:
        UsageError: the version has no reference data.
        StoreError: they are missing or damaged.
    """
    found = unpack_profile(objects.read_checked(version.profile)) if version.profile is not None else None
    if found is not None and (found.rows or version.reference is None):
        return found
    if version.reference is None:
        raise UsageError(
            f"{version.ref} has no reference data to compare its traffic with.",
            "Call run.log_dataset('train', frame) before run.log_model in the training script.",
        )
    from mlops_console.data.samples import read_sample

    inputs = read_sample(objects, version.reference.sample)
    importance = {f.name: f.importance for f in found.features if f.importance is not None} if found else None
    held_out = found.held_out if found else None
    return make_profile(inputs, version.signature.inputs, held_out=held_out, importance=importance)


def _profile(name: str, values: "NDArray[Any]", *, numeric: bool) -> FeatureProfile:
    return _profile_numbers(name, values) if numeric else _profile_labels(name, values)


def _profile_numbers(name: str, values: "NDArray[Any]") -> FeatureProfile:
    """Bins at quantiles, equal ones merged. Where many rows have the least value, what is below it has its own bin, as
    what is above the greatest one has: so a constant still tells below, it and above."""
    import numpy as np

    numbers, _ = floats_of(values)
    present = np.sort(numbers[np.isfinite(numbers)])
    rows, n = len(numbers), len(present)
    if n == 0:
        return FeatureProfile(name, "numeric", "input", rows, rows, (0,))
    at = np.ceil(np.arange(1, BINS) * (n / BINS)).astype(np.int64) - 1
    edges = np.unique(present[at])
    if edges[0] == present[0]:
        edges = np.concatenate([[np.nextafter(edges[0], -np.inf)], edges])
    upto = np.searchsorted(present, edges, side="right")
    counts = np.diff(np.concatenate([[0], upto, [n]]))
    mean, std = _moments(present)
    return FeatureProfile(
        name,
        "numeric",
        "input",
        rows,
        rows - n,
        tuple(counts.tolist()),
        tuple(edges.tolist()),
        distinct=1 + int(np.count_nonzero(present[1:] != present[:-1])),
        mean=mean,
        std=std,
        least=float(present[0]),
        greatest=float(present[-1]),
    )


def _moments(values: "NDArray[np.float64]") -> tuple[float | None, float | None]:
    """Mean and standard deviation (of the population); None where they are beyond what a float can hold."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(values.mean()), float(values.std())
    return (mean if math.isfinite(mean) else None, std if math.isfinite(std) else None)


def _profile_labels(name: str, values: "NDArray[Any]") -> FeatureProfile:
    labels, counts = count_labels(values)
    counted = (*counts[:LABELS], sum(counts[LABELS:]))
    missing = len(values) - sum(counts)
    return FeatureProfile(
        name, "categorical", "input", len(values), missing, counted, labels=tuple(labels[:LABELS]), distinct=len(labels)
    )


def _sample(columns: "Mapping[str, NDArray[Any]]", rows: int) -> dict[str, tuple[Any, ...]]:
    """Up to 200 rows, each with the same chance, in the order they stand; the same ones every time."""
    import numpy as np

    chosen = np.arange(rows)
    if rows > SAMPLE_ROWS:
        chosen = np.sort(np.random.default_rng(_SEED).choice(rows, size=SAMPLE_ROWS, replace=False))
    return {name: tuple(plain(value) for value in values[chosen].tolist()) for name, values in columns.items()}


def _feature(stored: Mapping[str, Any]) -> FeatureProfile:
    lists = {name: tuple(stored[name]) for name in ("counts", "edges", "labels")}
    return FeatureProfile(**{**stored, **lists})


def _held_out(stored: Mapping[str, Any]) -> HeldOut:
    lists = {name: tuple(stored[name]) for name in ("classes", "predictions", "labels")}
    probabilities = tuple(tuple(row) for row in stored["probabilities"])
    inputs = {name: tuple(values) for name, values in stored["inputs"].items()}
    return HeldOut(**{**stored, **lists, "probabilities": probabilities, "inputs": inputs})
