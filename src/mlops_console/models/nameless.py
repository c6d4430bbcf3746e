"""Estimators that take arrays instead of frames: for one row, checking the names of a frame takes scikit-learn ten
times as long as the prediction."""

from collections.abc import Callable, Iterator
from typing import Any

_NAMES = "feature_names_in_"


def without_names(estimator: Any, agrees: Callable[[], bool]) -> bool:
    """Make a fitted estimator take arrays, in place; False where it needs the names, and is as it was.

    Args:
        agrees: whether its answers to an array are those that it gave to a frame. It is asked without names.
    """
    holders = [(part, getattr(part, _NAMES)) for part in parts(estimator) if _NAMES in vars(part)]
    for part, _ in holders:
        delattr(part, _NAMES)
    if agrees():
        return True
    for part, names in holders:
        setattr(part, _NAMES, names)
    return False


def parts(estimator: Any) -> Iterator[Any]:
    """The estimator and all that it is made of."""
    return _parts(estimator, set())


def _parts(value: Any, seen: set[int]) -> Iterator[Any]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item, seen)
    elif hasattr(value, "get_params") and hasattr(value, "__dict__"):
        yield value
        for item in list(vars(value).values()):
            yield from _parts(item, seen)
