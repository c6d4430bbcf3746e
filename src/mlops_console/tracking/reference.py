"""The reference profile of a model: of the training data that its run has logged, and of what is known of the model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_console.core.datasets import dtype_name, kind_of
from mlops_console.core.models import Column, Signature
from mlops_console.core.profiles import FeatureProfile, HeldOut, ReferenceProfile
from mlops_console.tracking import importances
from mlops_console.tracking.held_out import as_shares, ask

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def profile_frame(frame: "pd.DataFrame") -> ReferenceProfile:
    """The profile of all columns, each as what its dtype says."""
    from mlops_console.drift.profiles import make_profile

    columns = [Column(name, dtype := dtype_name(frame[name].dtype), kind_of(dtype)) for name in frame.columns]
    return make_profile({column.name: _array(frame[column.name], column) for column in columns}, columns)


def profile_model(
    model: Any,
    signature: Signature,
    held_out: Any,
    training: ReferenceProfile | None,
    sample: "Callable[[], Mapping[str, NDArray[Any]]]",
) -> ReferenceProfile:
    """The profile of a version.

    Args:
        held_out: (X_test, y_test) or None; see `held_out.ask`.
        training: the profile of all training rows, where it is at hand.
        sample: reads the sample of them that is stored, by column; {} where no training data were logged.

    Raises:
        ModelError: the model does not take the held-out rows, or can't have given their answers.
    """
    from mlops_console.drift.profiles import make_profile, with_model

    answers: HeldOut | None = None
    importance: Mapping[str, float] = {}
    if held_out is not None:
        answers, importance = ask(model, signature, held_out)
    found = None if training is None else _of_inputs(training, signature)
    if found is None:
        found = make_profile(sample(), signature.inputs)
    if not importance:
        spread = {feature.name: feature.std for feature in found.features if feature.std is not None}
        importance = as_shares(importances.of_inputs(model, [column.name for column in signature.inputs], spread))
    return with_model(found, held_out=answers, importance=importance)


def _of_inputs(training: ReferenceProfile, signature: Signature) -> ReferenceProfile | None:
    """The part of a profile that a model takes; None where it takes a column for something else than its dtype says."""
    known = {feature.name: feature for feature in training.features}
    features = [
        known.get(column.name, FeatureProfile(column.name, column.kind, "input", 0, 0, (0,)))
        for column in signature.inputs
    ]
    if any(feature.kind != column.kind for feature, column in zip(features, signature.inputs, strict=True)):
        return None
    sample = {
        column.name: training.sample[column.name] for column in signature.inputs if column.name in training.sample
    }
    return replace(training, features=tuple(features), sample=sample)


def _array(values: "pd.Series[Any]", column: Column) -> "NDArray[Any]":
    import numpy as np

    if column.kind == "numeric":
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    return values.to_numpy(dtype=bool) if values.dtype == bool else values.astype(object).to_numpy()
