"""Forests that are asked tree by tree: scikit-learn begins a parallel job for each call, which for a few rows takes
five times as long as the trees do."""

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlops_console.models.nameless import parts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FEW = 256  # rows: with more, a forest may use several cores
_METHODS = {
    "RandomForestClassifier": "predict_proba",
    "ExtraTreesClassifier": "predict_proba",
    "RandomForestRegressor": "predict",
    "ExtraTreesRegressor": "predict",
}


def tree_by_tree(estimator: Any, agrees: Callable[[], bool]) -> bool:
    """Let the fitted forests in an estimator answer few rows tree by tree, in place: the same sums in the same order.

    Args:
        agrees: whether its answers are those from before. It is asked once there is a forest that was changed; where
            they are not, all is as it was, and the result is False.
    """
    found = [(part, method) for part in parts(estimator) if (method := _method(part)) is not None]
    for forest, method in found:
        setattr(forest, method, functools.partial(_mean, weakref.ref(forest), method))
    if not found or agrees():
        return True
    for forest, method in found:
        delattr(forest, method)
    return False


def _method(part: Any) -> str | None:
    """What a forest is asked by; None for all else, and for one with several outputs."""
    if type(part).__module__ != "sklearn.ensemble._forest" or getattr(part, "n_outputs_", None) != 1:
        return None
    return _METHODS.get(type(part).__name__)


def _mean(whose: "weakref.ref[Any]", method: str, rows: Any) -> "NDArray[np.float64]":
    """The trees' mean answer to an array of shape (rows, columns). `whose`: the forest, which must not hold itself, as
    one that is served no more would stay in memory."""
    import numpy as np

    forest = whose()
    assert forest is not None, "it is its own method"
    its_own = functools.partial(getattr(type(forest), method), forest)
    if not isinstance(rows, np.ndarray) or len(rows) > _FEW:
        answer: NDArray[np.float64] = its_own(rows)
        return answer
    first, *others = forest.estimators_
    try:
        total: NDArray[np.float64] = np.zeros((), np.float64) + getattr(first, method)(rows)
    except ValueError:  # it does not take them: let it say so in its own words
        return its_own(rows)  # type: ignore[no-any-return]
    rows = np.asarray(rows, dtype=np.float32)
    for tree in others:
        total += getattr(tree, method)(rows, check_input=False)
    total /= len(forest.estimators_)
    return total
