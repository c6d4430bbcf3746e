"""How much each param counts for a metric, over many runs: permutation importance of a random forest."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_console.core.text import param

LEAST = 10  # runs without which nothing is computed
FEW = 20  # runs below which the figures are little more than a guess
_TREES = 200
_FOLDS = 5
_REPEATS = 10
_SEED = 0
_WEAK = 0.1  # a rank correlation below which there is no direction to tell


@dataclass(frozen=True, slots=True)
class ParamImportance:
    """Of one param.

    Attributes:
        importance: by how much of the metric's variance the error grows when its values are shuffled among the runs;
            about 0 for a param that does not matter, above 1 is possible.
        std: the standard deviation of that over all shuffles.
        direction: "+" where the metric grows with it, "-" where it falls, "" where that can't be said: for texts with
            more than two values, and for a rank correlation below 0.1.
    """

    param: str
    importance: float
    std: float
    direction: str


@dataclass(frozen=True, slots=True)
class Importance:
    """The params from the most important one down, how many runs that is from, and the forest's R² on runs that it has
    not seen (out of bag): near 0 or below, the params don't explain the metric and the figures mean little.
    """

    runs: int
    params: tuple[ParamImportance, ...]
    score: float


def varying(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The params that don't have the same value in all runs, in the order of first appearance."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if len({param(row[name]) if name in row else None for row in rows}) > 1]


def importances(
    rows: Sequence[Mapping[str, Any]], values: Sequence[float], progress: Callable[[float], None] = lambda _: None
) -> Importance:
    """Fit the forest and shuffle.

    Five forests of 200 trees are each fitted to four fifths of the runs, and the params shuffled ten times in the fifth
    left out (as scikit-learn's `permutation_importance` does, but all ten in one prediction): shuffling what a forest
    has learnt by heart flatters the params that tell runs apart. Numbers are taken as they are; truth values and texts
    are categories, numbered in order; a run without the param is a missing value, which the forest knows.

    Args:
        rows: the params of each run, at least `LEAST` of them, some of them `varying`.
        values: the metric of each run, finite.
        progress: told how far it is, from 0 to 1.
    """
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold

    names = varying(rows)
    x = np.column_stack([_encoded(rows, name) for name in names])
    y = np.asarray(values, dtype=float)
    y = (y - y.mean()) / (y.std() or 1.0)
    drops = []
    for at, (learnt, left_out) in enumerate(KFold(_FOLDS, shuffle=True, random_state=_SEED).split(x)):
        progress(at / (_FOLDS + 1))
        forest = RandomForestRegressor(_TREES, random_state=_SEED).fit(x[learnt], y[learnt])
        drops.append(_drops(forest, x[left_out], y[left_out]))
    progress(_FOLDS / (_FOLDS + 1))
    whole = RandomForestRegressor(_TREES, random_state=_SEED, oob_score=True).fit(x, y)
    shuffles = np.concatenate(drops, axis=1)
    params = [
        ParamImportance(
            name, float(shuffles[at].mean()), float(shuffles[at].std()), _direction(rows, name, x[:, at], y)
        )
        for at, name in enumerate(names)
    ]
    return Importance(len(rows), tuple(sorted(params, key=lambda found: -found.importance)), float(whole.oob_score_))


def _drops(forest: Any, x: Any, y: Any) -> Any:
    """By how much the squared error grows with each param (a row) in each of its shuffles."""
    import numpy as np

    chance = np.random.default_rng(_SEED)
    error = ((forest.predict(x) - y) ** 2).mean()
    drops = np.empty((x.shape[1], _REPEATS))
    for at in range(x.shape[1]):
        shuffled = np.tile(x, (_REPEATS, 1, 1))
        shuffled[:, :, at] = [chance.permutation(x[:, at]) for _ in range(_REPEATS)]
        predicted = forest.predict(shuffled.reshape(-1, x.shape[1])).reshape(_REPEATS, -1)
        drops[at] = ((predicted - y) ** 2).mean(axis=1) - error
    return drops


def _encoded(rows: Sequence[Mapping[str, Any]], name: str) -> Any:
    """A column of numbers, NaN where a run has none."""
    found = [row.get(name) for row in rows]
    if all(_is_number(value) for value in found if value is not None):
        return [math.nan if value is None else _bounded(value) for value in found]
    texts = [None if name not in row else param(row[name]) for row in rows]
    order = {text: at for at, text in enumerate(sorted({text for text in texts if text is not None}))}
    return [math.nan if text is None else float(order[text]) for text in texts]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bounded(value: float) -> float:
    """As the trees hold it, which know 32 bits only."""
    return math.nan if math.isnan(value) else float(max(min(value, 3e38), -3e38))


def _direction(rows: Sequence[Mapping[str, Any]], name: str, column: Any, y: Any) -> str:
    import numpy as np
    from scipy.stats import rankdata

    there = ~np.isnan(column)
    values = [row[name] for row in rows if name in row]
    ordered = all(_is_number(value) for value in values) or len({param(value) for value in values}) == 2
    if not ordered or len(set(column[there])) < 2 or len(set(y[there])) < 2:
        return ""
    correlation = float(np.corrcoef(rankdata(column[there]), rankdata(y[there]))[0, 1])
    if abs(correlation) < _WEAK:
        return ""
    return "+" if correlation > 0 else "-"


def to_result(found: Importance, metric: str) -> dict[str, Any]:
    """As a job keeps it; NaN, which JSON does not have, as null."""
    return {
        "metric": metric,
        "runs": found.runs,
        "score": found.score if math.isfinite(found.score) else None,
        "params": [
            {"param": p.param, "importance": p.importance, "std": p.std, "direction": p.direction} for p in found.params
        ],
    }


def from_result(result: Mapping[str, Any]) -> Importance:
    """The inverse of `to_result`."""
    score = result["score"]
    params = tuple(ParamImportance(**found) for found in result["params"])
    return Importance(result["runs"], params, math.nan if score is None else score)


def caveats(found: Importance) -> tuple[str, ...]:
    """What to bear in mind when reading the figures, as sentences."""
    said = []
    if found.runs < FEW:
        said.append(f"{found.runs} runs are few: below {FEW} the figures are little more than a guess.")
    if not found.score > 0:
        said.append("The params do not explain the metric: R² on unseen runs is not above 0.")
    return tuple(said)
