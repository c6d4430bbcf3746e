"""What is told of a scikit-learn estimator: what it is called, its params as plain values, its cross-validation."""

import json
import math
import reprlib
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any

TEXT = 500  # characters of a param's value
PARAMS = 1000  # of one estimator
_ITEMS = 50  # of a list or dict that is kept as such
_NAME = 240  # characters of a param's name

_repr = reprlib.Repr()
_repr.maxlist = _repr.maxtuple = _repr.maxset = _repr.maxfrozenset = _repr.maxdict = 20
_repr.maxstring = _repr.maxother = TEXT


def is_model(estimator: Any) -> bool:
    """Whether a fit of it is worth a record by itself; what only prepares data is not, unless in a pipeline."""
    from sklearn.base import is_classifier, is_regressor

    predicts = hasattr(estimator, "predict") or is_classifier(estimator) or is_regressor(estimator)
    return predicts or not hasattr(estimator, "transform")


def fitted_model(estimator: Any) -> Any:
    """What a search has found; any other estimator itself."""
    return getattr(estimator, "best_estimator_", estimator)


def title(estimator: Any) -> str:
    """The name of its class, with what a search or a pipeline is about: GridSearchCV(Pipeline(SVC))."""
    steps = getattr(estimator, "steps", None)
    inner = steps[-1][1] if isinstance(steps, list) and steps else getattr(estimator, "estimator", None)
    name = type(estimator).__name__
    return f"{name}({title(inner)})" if hasattr(inner, "get_params") and not isinstance(inner, type) else name


def params(estimator: Any) -> dict[str, Any]:
    """Its params and those of what it is made of, as `pipeline_step__C`; what is no plain value as its text."""
    found = estimator.get_params(deep=True)
    names = sorted(found, key=lambda name: name.count("__"))[:PARAMS]
    return {name[:_NAME]: plain(found[name]) for name in names}


def best_params(search: Any) -> dict[str, Any]:
    """What a search has found best, as `best/C`; {} where it has chosen nothing."""
    found = getattr(search, "best_params_", None)
    if not isinstance(found, Mapping):
        return {}
    return {f"best/{name}"[:_NAME]: plain(value) for name, value in found.items()}


def plain(value: Any) -> Any:
    """A value that JSON can hold: a number, a short text, a short list or dict of them; of anything else its text."""
    if isinstance(value, list | tuple | dict):
        found = _plain(value, 2)
        return found if len(json.dumps(found)) <= 2 * TEXT else _text(value)
    return _plain(value, 0)


def _plain(value: Any, deep: int) -> Any:
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        return _cut(f"{value.__module__}.{value.__qualname__}")
    if deep and isinstance(value, list | tuple) and len(value) <= _ITEMS:
        return [_plain(item, deep - 1) for item in value]
    if deep and isinstance(value, dict) and len(value) <= _ITEMS:
        return {_cut(str(name)): _plain(item, deep - 1) for name, item in value.items()}
    return _text(value)


def folds(search: Any) -> Iterator[tuple[str, list[float]]]:
    """Of each scorer its name and the scores of the best candidate, fold by fold."""
    best = getattr(search, "best_index_", None)
    for name, key in _scorers(search):
        if best is not None:
            columns = (search.cv_results_[f"split{fold}_test_{key}"] for fold in range(search.n_splits_))
            yield name, [float(column[best]) for column in columns]


def candidates(search: Any) -> Iterator[tuple[str, list[float]]]:
    """Of each scorer its name and the mean score of every candidate, in the order in which they were tried."""
    for name, key in _scorers(search):
        yield name, [float(score) for score in search.cv_results_[f"mean_test_{key}"]]


def scorer_name(scoring: Any, estimator: Any) -> str:
    """What the one scorer of a cross-validation is called, as `scoring` was given; None is the estimator's own."""
    from sklearn.base import is_classifier, is_regressor

    if isinstance(scoring, str):
        return scoring
    if scoring is None:
        return "accuracy" if is_classifier(estimator) else "r2" if is_regressor(estimator) else "score"
    function = getattr(scoring, "_score_func", scoring)  # as make_scorer keeps it
    return str(getattr(function, "__name__", "score"))


def _scorers(search: Any) -> Iterator[tuple[str, str]]:
    """Of each scorer its name, and what it is called in `cv_results_`."""
    for key in search.cv_results_:
        if key.startswith("mean_test_"):
            name = key.removeprefix("mean_test_")
            yield (scorer_name(search.scoring, search.estimator) if name == "score" else name), name


def _text(value: Any) -> str:
    return _cut(_repr.repr(value) if isinstance(value, list | tuple | dict | set | frozenset | bytes) else repr(value))


def _cut(text: str) -> str:
    text = " ".join(text.split()) if "\n" in text else text
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"
