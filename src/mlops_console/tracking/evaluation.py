"""What a fitted scikit-learn model is worth on rows whose answers are known: metrics, and plots that explain them.

With two classes the positive one is `classes_[1]`. With more, precision, recall and F1 are the unweighted mean over the
classes (macro), ROC AUC and average precision the unweighted mean of each class against the rest (ovr).
"""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_console.core import plots
from mlops_console.core.errors import MlopsError
from mlops_console.core.plots import Lines, Matrix, Plot
from mlops_console.tracking import importances

if TYPE_CHECKING:
    import numpy as np

# What scikit-learn and models of others raise over data or classes that they can't take.
FAILURES = (MlopsError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError)
_OF_CLASSES = ("precision", "recall", "f1")
_OF_SCORES = ("roc_auc", "average_precision", "log_loss")
_NO_SCORES = "the model has neither predict_proba nor a decision_function with one column a class"


@dataclass(slots=True)
class Evaluation:
    """The metrics and plots by their names, and what could not be computed, with the reason.

    `failure` tells why there is nothing at all: the model does not even predict these rows.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    plots: dict[str, Plot] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failure: str = ""

    def measure(self, name: str, compute: Callable[[], Any]) -> None:
        """Add a metric, or note why there is none."""
        try:
            found = float(compute())
        except FAILURES as error:
            self.left_out[name] = _reason(error)
            return
        if math.isnan(found):
            self.left_out[name] = "it is not defined on these rows"
        else:
            self.metrics[name] = found

    def draw(self, name: str, make: Callable[[], Plot | None]) -> None:
        """Add a plot, or note why there is none; one that a model has no use for is just not there."""
        try:
            found = make()
        except FAILURES as error:
            self.left_out[name] = _reason(error)
            return
        if found is not None:
            self.plots[name] = found


def evaluate(model: Any, X: Any, y: Any) -> Evaluation:
    """Metrics and plots of a fitted classifier or regressor; of any other estimator there are none.

    Args:
        model: a scikit-learn estimator, also a pipeline or a search.
        X: rows as the model takes them.
        y: the true answer of each row.

    Classification gives accuracy, precision, recall, f1, roc_auc, average_precision and log_loss, regression r2, mae
    and rmse. Where a model has no probabilities its decision function takes their place (but for log_loss). What can't
    be computed for this model and these rows is left out and noted.
    """
    from sklearn.base import is_classifier, is_regressor

    found = Evaluation()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metrics that are not defined: they are noted
        measure = _classification if is_classifier(model) else _regression if is_regressor(model) else None
        if measure is not None:
            try:
                predicted = model.predict(X)
            except FAILURES as error:
                return Evaluation(failure=_reason(error))
            measure(model, X, y, predicted, found)
        found.draw("feature_importances", lambda: importances.plot(model))
    return found


def _regression(model: Any, X: Any, y: Any, predicted: Any, found: Evaluation) -> None:
    from sklearn import metrics

    found.measure("r2", lambda: metrics.r2_score(y, predicted))
    found.measure("mae", lambda: metrics.mean_absolute_error(y, predicted))
    found.measure("rmse", lambda: math.sqrt(metrics.mean_squared_error(y, predicted)))


def _classification(model: Any, X: Any, y: Any, predicted: Any, found: Evaluation) -> None:
    import numpy as np
    from sklearn import metrics

    true = np.asarray(y)
    found.measure("accuracy", lambda: metrics.accuracy_score(true, predicted))
    try:
        classes = _classes(model, true)
    except FAILURES as error:
        found.left_out |= dict.fromkeys((*_OF_CLASSES, *_OF_SCORES), _reason(error))
        return
    average = {"average": "binary", "pos_label": classes[1]} if len(classes) == 2 else {"average": "macro"}
    for name in _OF_CLASSES:
        compute = getattr(metrics, f"{name}_score")
        found.measure(name, lambda compute=compute: compute(true, predicted, zero_division=0, **average))  # type: ignore[misc]
    found.draw("confusion_matrix", lambda: _confusion(true, predicted, classes))
    try:
        scores = _Scores.of(model, X, true, classes)
    except FAILURES as error:
        found.left_out |= dict.fromkeys(_OF_SCORES, _reason(error))
        return
    found.measure("roc_auc", lambda: scores.mean(metrics.roc_auc_score))
    found.measure("average_precision", lambda: scores.mean(metrics.average_precision_score))
    found.measure("log_loss", lambda: metrics.log_loss(true, scores.probabilities(), labels=classes))
    found.draw("roc_curve", lambda: _roc_curve(scores))
    found.draw("precision_recall_curve", lambda: _precision_recall_curve(scores))


@dataclass(frozen=True, slots=True)
class _Scores:
    """Of each row how much it looks like each class: one column a class, one for the positive class of two."""

    true: "np.ndarray[Any, Any]"
    classes: "np.ndarray[Any, Any]"
    columns: "np.ndarray[Any, Any]"
    proba: "np.ndarray[Any, Any] | None"

    @classmethod
    def of(cls, model: Any, X: Any, true: Any, classes: Any) -> "_Scores":
        import numpy as np

        proba = None
        if hasattr(model, "predict_proba"):
            proba = columns = np.asarray(model.predict_proba(X))
        elif hasattr(model, "decision_function") and getattr(model, "decision_function_shape", "ovr") != "ovo":
            columns = np.asarray(model.decision_function(X))
        else:
            raise ValueError(_NO_SCORES)
        if columns.ndim == 2 and columns.shape[1] == 2 == len(classes):
            columns = columns[:, 1]
        columns = columns.reshape(len(true), -1)
        if columns.shape[1] != (1 if len(classes) == 2 else len(classes)):
            raise ValueError(_NO_SCORES)
        return cls(true, classes, columns, proba)

    def each(self) -> Iterator[tuple[Any, Any, Any]]:
        """Every class that counts, whether each row is of it, and how much it looks like it."""
        counting = self.classes[1:] if len(self.classes) == 2 else self.classes
        for at, name in enumerate(counting):
            yield name, self.true == name, self.columns[:, at]

    def mean(self, metric: Callable[[Any, Any], float]) -> float:
        """The mean of a metric of two classes over each class against the rest."""
        found = []
        for name, is_of, score in self.each():
            if not is_of.any() or is_of.all():
                raise ValueError(f"{'no' if not is_of.any() else 'every'} row is of class {_label(name)}")
            found.append(metric(is_of, score))
        return sum(found) / len(found)

    def probabilities(self) -> Any:
        if self.proba is None:
            raise ValueError("the model has no predict_proba")
        return self.proba


def _classes(model: Any, true: Any) -> Any:
    """The classes that the model knows, in the order of its scores.

    Raises:
        ValueError: it has several outputs, or a row is of a class that it does not know.
    """
    import numpy as np

    classes = getattr(model, "classes_", None)
    if true.ndim != 1 or isinstance(classes, list):
        raise ValueError("the model has several outputs")
    classes = np.unique(true) if classes is None else np.asarray(classes)
    unknown = sorted({_label(name) for name in np.unique(true[~np.isin(true, classes)])})
    if unknown:
        raise ValueError(f"the model does not know the class {unknown[0]}")
    return classes


def _confusion(true: Any, predicted: Any, classes: Any) -> Plot:
    from sklearn.metrics import confusion_matrix

    rows = confusion_matrix(true, predicted, labels=classes).tolist()
    return Matrix("Confusion: rows true, columns predicted", [_label(name) for name in classes], rows)


def _roc_curve(scores: _Scores) -> Plot | None:
    from sklearn.metrics import auc, roc_curve

    def curve(is_of: Any, score: Any) -> tuple[Any, Any, str]:
        false_positive, true_positive, _ = roc_curve(is_of, score)
        return false_positive, true_positive, f"AUC {auc(false_positive, true_positive):.4f}"

    return _curves(scores, curve, "ROC curve", "false positive rate", "true positive rate", diagonal=True)


def _precision_recall_curve(scores: _Scores) -> Plot | None:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    def curve(is_of: Any, score: Any) -> tuple[Any, Any, str]:
        precision, recall, _ = precision_recall_curve(is_of, score)
        return recall[::-1], precision[::-1], f"AP {average_precision_score(is_of, score):.4f}"

    return _curves(scores, curve, "Precision and recall", "recall", "precision", diagonal=False)


def _curves(
    scores: _Scores,
    curve: Callable[[Any, Any], tuple[Any, Any, str]],
    title: str,
    x_label: str,
    y_label: str,
    *,
    diagonal: bool,
) -> Plot | None:
    """A line for each class that both has rows and leaves some: the most frequent ones where there are many."""
    usable = [(name, is_of, score) for name, is_of, score in scores.each() if is_of.any() and not is_of.all()]
    usable.sort(key=lambda entry: -int(entry[1].sum()))
    lines = []
    for name, is_of, score in usable[: plots.LINES]:
        xs, ys, figure = curve(is_of, score)
        lines.append((f"{_label(name)}: {figure}", *plots.reduced(xs.tolist(), ys.tolist())))
    if len(usable) > plots.LINES:
        title += f" of the {plots.LINES} most frequent of {len(usable)} classes"
    return Lines(title, x_label, y_label, lines, diagonal) if lines else None


def _label(name: Any) -> str:
    return str(name)[: plots.TEXT]


def _reason(error: Exception) -> str:
    text = error.message if isinstance(error, MlopsError) else str(error)
    return text.partition("\n")[0][:200] or type(error).__name__
