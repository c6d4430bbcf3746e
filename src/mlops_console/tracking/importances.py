"""How much each feature counts for a fitted scikit-learn model, as far as the model itself says."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_console.core.plots import BARS, Bars


def plot(model: Any) -> Bars | None:
    """The features that count most: by `feature_importances_`, else by the size of the coefficients (the mean over the
    classes where there are several); None where the last step of the model has neither.
    """
    import numpy as np

    title = "Feature importances"
    values = _figures(model, "feature_importances_")
    if values is None:
        title = "Feature importances: size of the coefficients"
        values = _figures(model, "coef_")
    if values is None:
        return None
    names = _names(model, len(values))
    most = np.argsort(-np.abs(values), kind="stable")[:BARS]
    if len(values) > BARS:
        title += f" (the first {BARS} of {len(values):,})"
    return Bars(title, [(names[at], float(values[at])) for at in most])


def of_inputs(model: Any, inputs: Sequence[str], spread: Mapping[str, float]) -> dict[str, float]:
    """The same figures by the columns that the model takes: what a step has made of a column counts for the column.

    Args:
        inputs: the columns.
        spread: their standard deviations: a coefficient counts by as much as its column varies. Where a step has scaled
            them before it does so already.

    Returns:
        {} where the model tells nothing, or names what no column is known by.
    """
    values = _figures(model, "feature_importances_")
    scaled = values is not None or hasattr(_fitted(model), "steps")
    if values is None:
        values = _figures(model, "coef_")
    if values is None:
        return {}
    found = dict.fromkeys(inputs, 0.0)
    for at, (name, value) in enumerate(zip(_names(model, len(values)), values.tolist(), strict=True)):
        column = name if name in found else _made_of(name, inputs)
        if not column and len(values) == len(inputs):
            column = inputs[at]
        if not column:
            return {}
        found[column] += abs(value) * (1.0 if scaled else spread.get(column, 1.0))
    return found


def _made_of(name: str, inputs: Sequence[str]) -> str:
    """The column that a step has made `cat__country_NO` of; "" if it is none of them."""
    own = name.partition("__")[2] or name
    return max((column for column in inputs if own == column or own.startswith(f"{column}_")), key=len, default="")


def _figures(model: Any, attribute: str) -> Any:
    """One figure a feature of the last step, or None."""
    import numpy as np

    found = getattr(_last(model), attribute, None)
    if found is None:
        return None
    if attribute == "coef_":
        found = np.abs(found.toarray() if hasattr(found, "toarray") else found)
    values = np.asarray(found, dtype=float)
    if values.ndim == 2:
        values = values.mean(axis=0)
    return values if values.ndim == 1 and np.isfinite(values).all() else None


def _fitted(model: Any) -> Any:
    """What a search or a model with a transformed target has in it."""
    for name in ("best_estimator_", "regressor_"):
        model = getattr(model, name, model)
    return model


def _last(model: Any) -> Any:
    model = _fitted(model)
    steps = getattr(model, "steps", None)
    return _last(steps[-1][1]) if steps else model


def _names(model: Any, count: int) -> list[str]:
    """What the last step calls its features; x0, x1, … where nobody knows."""
    model = _fitted(model)
    for given in (getattr(_last(model), "feature_names_in_", None), _given_by_steps(model)):
        if given is not None and len(given) == count:
            return [str(name) for name in given]
    return [f"x{at}" for at in range(count)]


def _given_by_steps(model: Any) -> Any:
    """The names that the steps before the last one give out; not every transformer knows how to name what it makes."""
    names = getattr(model, "feature_names_in_", None)
    if len(getattr(model, "steps", ())) < 2:
        return names
    try:
        return model[:-1].get_feature_names_out()
    except (AttributeError, ValueError, TypeError, NotImplementedError):
        return None
