"""Performance of a regressor without labels: a second model that knows how far off the first one is.

It learns the absolute and the squared error on held-out rows from the inputs and the prediction, and its mean over a
window's rows is their expected error (NannyML documentation, "How it works", "Direct Loss Estimation"). It holds while
equal rows have equal errors: it sees a window of harder rows, not that the same rows now have other labels.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.models import Column
from mlops_console.core.performance import Figure
from mlops_console.drift.labels import label
from mlops_console.drift.live.rows import to_array
from mlops_console.drift.performance.intervals import of_magnitude
from mlops_console.drift.performance.outcomes import Outcomes, some_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FOLDS = 5
_MOST_CATEGORIES = 100  # of a column, the most frequent ones; all others are one
_LOOKED_AT = 5_000  # rows of a window that the folds are asked of
_SEED = 20_240_229


@dataclass(frozen=True, slots=True, eq=False)
class _ExpectedErrors:
    """What the errors of a window's rows are expected to be, in one of two powers.

    Attributes:
        errors: of each row, shape (rows,); NaN where there is no prediction.
        looked_at: places of the rows that the models of the folds were asked of.
        by_fold: their answers, shape (folds, looked at): each was trained without a fifth of the held-out rows.
        noise: variance of an error, as a share of the square of its expected value.
        held_out: how many rows it was learnt from.
    """

    errors: "NDArray[np.float64]"
    looked_at: "NDArray[np.intp]"
    by_fold: "NDArray[np.float64]"
    noise: float
    held_out: int

    def mean(self, chosen: "NDArray[np.bool_]") -> tuple[float, float]:
        """The expected mean error of these rows, and its standard deviation. Its parts: the noise of the rows, and what
        other held-out rows would have taught: the greater one of the noise there and of what the folds disagree by
        (the jackknife over groups: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, 11.5)."""
        errors = self.errors[chosen]
        square = self.noise * float((errors**2).mean())
        asked = self.by_fold[:, chosen[self.looked_at]]
        disagreement = (_FOLDS - 1) * float(asked.mean(axis=1).var()) if asked.shape[1] else 0.0
        learnt = max(square / self.held_out, disagreement)
        return float(errors.mean()), math.sqrt(square / len(errors) + learnt)


class ErrorEstimator:
    """Estimates the MAE and the RMSE of a window's rows that have a finite answer.

    In an interval is the figure that the labels of these rows will show, in 95 % of windows.

    Args:
        inputs: of the held-out rows, by column.
        held_out: their outcomes; those without an answer or a label are not learnt from.
        columns: of the model. One that was not kept of the held-out rows, or that the window has no value of, is not
            learnt from.
        live_inputs: of the window, by column, as `live_rows.LiveRows` has them.
        live: their outcomes.
    """

    def __init__(
        self,
        inputs: Mapping[str, Sequence[Any]],
        held_out: Outcomes,
        columns: Sequence[Column],
        live_inputs: "Mapping[str, NDArray[Any]]",
        live: Outcomes,
    ) -> None:
        import numpy as np
        import pandas as pd
        from threadpoolctl import threadpool_limits

        learnt = [c for c in columns if c.name in inputs and not pd.isna(live_inputs[c.name]).all()]
        raw = {c.name: to_array(inputs[c.name], numeric=c.kind == "numeric") for c in learnt}
        then, now = _features(learnt, raw, live_inputs)
        usable, self._answered = held_out.is_usable, live.is_scored
        features = np.column_stack([held_out.predicted, *then])[usable]
        errors = np.abs(held_out.predicted - held_out.true)[usable]
        asked = np.column_stack([live.predicted, *now])
        categorical = [False, *(c.kind == "categorical" for c in learnt)]
        with threadpool_limits(1, user_api="openmp"):  # so few rows: threads would only wait for each other
            self._absolute = _learn(features, errors, asked, self._answered, categorical)
            self._squared = _learn(features, errors**2, asked, self._answered, categorical)

    def figures(self, chosen: "NDArray[np.bool_]") -> tuple[Figure, ...]:
        """MAE and RMSE; () where none of the rows has an answer."""
        mae = self.main_figure(chosen)
        if mae is None:
            return ()
        square, deviation = self._squared.mean(chosen & self._answered)
        root = math.sqrt(square)
        return mae, of_magnitude("rmse", root, deviation / (2 * root) if root else 0.0)

    def main_figure(self, chosen: "NDArray[np.bool_]") -> Figure | None:
        """The MAE."""
        answered = chosen & self._answered
        return of_magnitude("mae", *self._absolute.mean(answered)) if answered.any() else None


def _learn(
    features: "NDArray[np.float64]",
    errors: "NDArray[np.float64]",
    live: "NDArray[np.float64]",
    answered: "NDArray[np.bool_]",
    categorical: Sequence[bool],
) -> _ExpectedErrors:
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingRegressor

    def model_of(kept: "NDArray[np.bool_]") -> "Callable[[NDArray[np.float64]], NDArray[np.float64]]":
        model = HistGradientBoostingRegressor(
            max_iter=30, learning_rate=0.15, max_leaf_nodes=8, min_samples_leaf=30, max_bins=_MOST_CATEGORIES + 1,
            categorical_features=categorical, early_stopping=False, random_state=_SEED,
        ).fit(features[kept], errors[kept])  # fmt: skip
        return lambda asked: np.maximum(model.predict(asked), 0.0) if len(asked) else np.empty(0)

    folds = np.random.default_rng(_SEED).permutation(len(errors)) % _FOLDS
    looked_at = some_of(np.flatnonzero(answered), _LOOKED_AT)
    unseen, by_fold = np.empty(len(errors)), np.empty((_FOLDS, len(looked_at)))
    for fold in range(_FOLDS):
        model = model_of(folds != fold)
        unseen[folds == fold] = model(features[folds == fold])
        by_fold[fold] = model(live[looked_at])
    expected = np.full(len(live), np.nan)
    expected[answered] = model_of(np.ones(len(errors), dtype=bool))(live[answered])
    level = float((unseen**2).mean())
    noise = float(((errors - unseen) ** 2).mean()) / level if level else 0.0
    return _ExpectedErrors(expected, looked_at, by_fold, noise, len(errors))


def _features(
    columns: Sequence[Column], then: "Mapping[str, NDArray[Any]]", now: "Mapping[str, NDArray[Any]]"
) -> "tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]":
    """Both sides as numbers: a category is its place among the most frequent held-out ones, all others are NaN."""
    import numpy as np
    import pandas as pd

    sides: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])
    for column in columns:
        if column.kind == "numeric":
            for side, values in zip(sides, (then, now), strict=True):
                side.append(np.where(np.isfinite(values[column.name]), values[column.name], np.nan))
            continue
        labels = [
            [None if missing else label(v) for v, missing in zip(values.tolist(), pd.isna(values), strict=True)]
            for values in (then[column.name], now[column.name])
        ]
        frequent = pd.Series(labels[0], dtype=object).value_counts().index[:_MOST_CATEGORIES]
        places = {name: float(place) for place, name in enumerate(frequent)}
        for side, found in zip(sides, labels, strict=True):
            side.append(np.array([places.get(name, math.nan) for name in found], dtype=np.float64))
    return sides
