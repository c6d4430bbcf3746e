"""What a version is worth on each value of a column, by scikit-learn's metrics.

With two classes the positive one is the second of the signature's; with more, recall, precision, F1 and ROC AUC are the
unweighted mean over the classes (macro), ROC AUC of each class against the rest.
"""

import math
import warnings
from typing import TYPE_CHECKING, Any

from mlops_console.delivery.measure.dataset import Answers, Evaluation, labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_ROWS = 30  # of a slice that is judged
MOST_VALUES = 1_000  # of a column


def measure(evaluation: Evaluation, answers: Answers) -> dict[str, Any]:
    """By column: the slices, each with its rows, its metrics and why some of them are not defined; or the problem."""
    return {"columns": {column: _column(evaluation, answers, column) for column in evaluation.slices}}


def _column(evaluation: Evaluation, answers: Answers, column: str) -> dict[str, Any]:
    import pandas as pd

    if column not in answers.frame:
        return {"problem": f"{evaluation.version.ref} has no column {column}", "slices": {}}
    codes, values = pd.factorize(labels(answers.frame[column]), sort=True)
    if len(values) > MOST_VALUES:
        return {"problem": f"{column} has {len(values):,} values; at most {MOST_VALUES:,} are looked at", "slices": {}}
    slices = {value: _slice(answers, codes == code) for code, value in enumerate(values.tolist())}
    return {"problem": "", "slices": slices}


def _slice(answers: Answers, rows: "NDArray[Any]") -> dict[str, Any]:
    count = int(rows.sum())
    if count < LEAST_ROWS:
        return {"rows": count, "metrics": {}, "undefined": _all(f"{count} rows, at least {LEAST_ROWS} are needed")}
    true, predicted = answers.true[rows], answers.predicted[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metrics that are not defined: they are told
        if not answers.classes:
            metrics, undefined = _regression(true, predicted)
        else:
            chances = None if answers.chances is None else answers.chances[rows]
            metrics, undefined = _classification(true, predicted, chances, answers.classes)
    return {"rows": count, "metrics": metrics, "undefined": undefined}


def _all(reason: str) -> dict[str, str]:
    names = ("recall", "precision", "f1", "accuracy", "roc_auc", "mae", "rmse", "r2")
    return dict.fromkeys(names, reason)


def _regression(true: "NDArray[Any]", predicted: "NDArray[Any]") -> tuple[dict[str, float], dict[str, str]]:
    from sklearn import metrics

    found = {
        "mae": float(metrics.mean_absolute_error(true, predicted)),
        "rmse": math.sqrt(metrics.mean_squared_error(true, predicted)),
    }
    undefined = dict.fromkeys(("recall", "precision", "f1", "accuracy", "roc_auc"), "the model is for regression")
    if (true == true[0]).all():
        return found, undefined | {"r2": "its target is the same in all rows"}
    return found | {"r2": float(metrics.r2_score(true, predicted))}, undefined


def _classification(
    true: "NDArray[Any]", predicted: "NDArray[Any]", chances: "NDArray[Any] | None", classes: int
) -> tuple[dict[str, float], dict[str, str]]:
    from sklearn import metrics

    average: dict[str, Any] = {"average": "binary", "pos_label": 1} if classes == 2 else {"average": "macro"}
    found = {"accuracy": float(metrics.accuracy_score(true, predicted))}
    undefined = dict.fromkeys(("mae", "rmse", "r2"), "the model is for classification")
    for name in ("recall", "precision", "f1"):
        compute = getattr(metrics, f"{name}_score")
        value = float(compute(true, predicted, zero_division=math.nan, **average))
        if math.isnan(value):
            undefined[name] = "no row is positive" if name != "precision" else "no row is predicted positive"
        else:
            found[name] = value
    if chances is None:
        return found, undefined | {"roc_auc": "the model gives no probabilities"}
    present = set(true.tolist())
    if len(present) < classes:
        return found, undefined | {"roc_auc": "not every class has rows"}
    if classes == 2:
        return found | {"roc_auc": float(metrics.roc_auc_score(true, chances[:, 1]))}, undefined
    each = [metrics.roc_auc_score(true == code, chances[:, code]) for code in range(classes)]
    return found | {"roc_auc": float(sum(each) / classes)}, undefined
