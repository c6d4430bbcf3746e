"""How much each feature counts for a fitted scikit-learn model, as far as the model itself says."""

from typing import Any

from mlops_console.core.plots import BARS, Bars


def plot(model: Any) -> Bars | None:
    """The features that count most: by `feature_importances_`, else by the size of the coefficients (the mean over the
    classes where there are several); None where the last step of the model has neither.
    """
    import numpy as np

    last = _last(model)
    title = "Feature importances"
    found = getattr(last, "feature_importances_", None)
    if found is None:
        title = "Feature importances: size of the coefficients"
        found = getattr(last, "coef_", None)
        if found is None:
            return None
        found = np.abs(found.toarray() if hasattr(found, "toarray") else found)
    values = np.asarray(found, dtype=float)
    if values.ndim == 2:
        values = values.mean(axis=0)
    if values.ndim != 1 or not np.isfinite(values).all():
        return None
    names = _names(model, len(values))
    most = np.argsort(-np.abs(values), kind="stable")[:BARS]
    if len(values) > BARS:
        title += f" (the first {BARS} of {len(values):,})"
    return Bars(title, [(names[at], float(values[at])) for at in most])


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
