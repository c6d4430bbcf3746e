"""Models whose probabilities or errors are known, and rows that they have answered."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_console.core.models import Column, Signature
from mlops_console.core.profiles import HeldOut
from mlops_console.drift.live.rows import LiveRows

BINARY = Signature(
    (Column("x", "float64", "numeric"), Column("country", "object", "categorical", nullable=True)),
    "classification",
    (0, 1),
    probabilities=True,
)
THREE = Signature(BINARY.inputs, "classification", ("a", "b", "c"), probabilities=True)
NUMBER = Signature(BINARY.inputs, "regression")


class Answers:
    """What a model says of rows, as plain arrays of shape (rows,)."""

    def __init__(self, x: NDArray[Any], chances: NDArray[Any] | None, predicted: list[Any], true: list[Any]) -> None:
        self.x = x
        self.chances = chances
        self.predicted = predicted
        self.true = true

    def held_out(self, signature: Signature) -> HeldOut:
        chances = () if self.chances is None else tuple(map(tuple, self.chances.tolist()))
        inputs = {"x": tuple(self.x.tolist())} if signature.task == "regression" else {}
        return HeldOut(signature.task, signature.classes, tuple(self.predicted), tuple(self.true), chances, inputs)

    def live(self, labels: Sequence[Any] | None = None, **columns: Sequence[Any]) -> LiveRows:
        labels = self.true if labels is None else labels
        return live(self.predicted, self.chances, labels, {"x": self.x, **columns})


def live(
    predictions: Sequence[Any], chances: NDArray[Any] | None, labels: Sequence[Any], columns: Mapping[str, Any]
) -> LiveRows:
    """Rows whose labels came after a minute. A column that is not given has no values."""
    count = len(predictions)
    none = np.full(count, None, dtype=object)
    inputs = {name: np.asarray(columns.get(name, none)) for name in ("x", "country")}
    delays = np.where([label is None for label in labels], np.nan, 60.0)
    return LiveRows(inputs, objects(predictions), chances, objects(labels), delays)


def objects(values: Sequence[Any]) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))


def two_classes(rows: int, seed: int | Sequence[int], shift: float = 0.0) -> Answers:
    """An overconfident model: twice as sure as it should be. `shift` makes the second class the more frequent one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1, rows)
    chances = 1 / (1 + np.exp(-3 * x))
    true = rng.random(rows) < 1 / (1 + np.exp(-1.5 * x))
    return Answers(
        x, np.column_stack([1 - chances, chances]), (chances > 0.5).astype(int).tolist(), true.astype(int).tolist()
    )


def numbers(rows: int, seed: int, shift: float = 0.0) -> Answers:
    """A regressor whose errors grow with the distance of x from 0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1, rows)
    predicted = 2 * x
    return Answers(x, None, predicted.tolist(), (predicted + rng.normal(size=rows) * (0.5 + np.abs(x))).tolist())
