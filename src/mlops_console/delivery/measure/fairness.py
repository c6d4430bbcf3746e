"""Differences between groups, by fairlearn's definitions.

Selection rate: the share of a group that is predicted positive; true and false positive rate: that of its positive and
of its negative rows, 0 where it has none. A difference is that of the largest and the least rate of all groups, a ratio
the least by the largest. Equalized odds take the worse of the two rates.
"""

import math
from typing import TYPE_CHECKING, Any

from mlops_console.delivery.measure.dataset import Answers, Evaluation, labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_GROUPS = 1_000

_SELECTION, _TRUE, _FALSE = "selection_rate", "true_positive_rate", "false_positive_rate"


def measure(evaluation: Evaluation, answers: Answers) -> dict[str, Any]:
    """By column: the groups with their rates, and the figures of them all; or the problem."""
    return {"columns": {column: _column(evaluation, answers, column) for column in evaluation.sensitive}}


def _column(evaluation: Evaluation, answers: Answers, column: str) -> dict[str, Any]:
    import pandas as pd

    if column not in answers.frame:
        return _problem(f"{evaluation.version.ref} has no column {column}")
    if answers.classes != 2:
        return _problem("fairness is for models with two classes")
    codes, values = pd.factorize(labels(answers.frame[column]), sort=True)
    if len(values) > MOST_GROUPS:
        return _problem(f"{column} has {len(values):,} values; at most {MOST_GROUPS:,} groups are compared")
    positive, predicted = answers.true == 1, answers.predicted == 1
    groups = {
        value: {
            "rows": int((codes == code).sum()),
            _SELECTION: _share(predicted[codes == code]),
            _TRUE: _share(predicted[(codes == code) & positive]),
            _FALSE: _share(predicted[(codes == code) & ~positive]),
        }
        for code, value in enumerate(values.tolist())
    }
    return {"problem": "", "groups": groups, "figures": figures(groups)}


def figures(groups: dict[str, dict[str, float]]) -> dict[str, float | None]:
    """The figures of groups with their rates; None for a ratio of nothing but zeros."""
    difference = {rate: _difference(groups, rate) for rate in (_SELECTION, _TRUE, _FALSE)}
    ratio = {rate: _ratio(groups, rate) for rate in (_SELECTION, _TRUE, _FALSE)}
    odds = ratio[_TRUE] if math.isnan(ratio[_FALSE]) else min(ratio[_TRUE], ratio[_FALSE])  # nobody has false positives
    return {
        "demographic_parity_difference": difference[_SELECTION],
        "demographic_parity_ratio": _known(ratio[_SELECTION]),
        "equalized_odds_difference": max(difference[_TRUE], difference[_FALSE]),
        "equalized_odds_ratio": _known(odds),
        "equal_opportunity_difference": difference[_TRUE],
    }


def _problem(reason: str) -> dict[str, Any]:
    return {"problem": reason, "groups": {}, "figures": {}}


def _share(chosen: "NDArray[Any]") -> float:
    return float(chosen.mean()) if len(chosen) else 0.0


def _difference(groups: dict[str, dict[str, float]], rate: str) -> float:
    rates = [group[rate] for group in groups.values()]
    return max(rates) - min(rates)


def _ratio(groups: dict[str, dict[str, float]], rate: str) -> float:
    rates = [group[rate] for group in groups.values()]
    return min(rates) / max(rates) if max(rates) else math.nan


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
