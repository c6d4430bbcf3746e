"""What is inferred of a model's inputs and outputs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.errors import UsageError
from mlops_console.core.models import Column
from mlops_console.models.signature import infer

FRAME = pd.DataFrame({"b": [1, 2, 3, 4], "a": [0.5, 1.5, 2.5, 3.5]})


def _dataset(**columns: tuple[str, int]) -> DatasetVersion:
    """A version whose columns have these types and so many missing values."""
    schema = {name: dtype for name, (dtype, _) in columns.items()}
    profile = {name: {"missing": missing} for name, (_, missing) in columns.items()}
    return DatasetVersion("train", 1, "0" * 64, 100, len(columns), schema, profile, None, 0.0)


def test_columns_come_in_the_models_order() -> None:
    model = LinearRegression().fit(FRAME, [1, 2, 3, 4])
    signature = infer(model, FRAME[["a", "b"]].assign(extra=1))
    assert signature.inputs == (Column("b", "int64", "numeric"), Column("a", "float64", "numeric"))
    assert (signature.task, signature.classes, signature.probabilities) == ("regression", (), False)


def test_classes_are_plain_values() -> None:
    signature = infer(LogisticRegression().fit(FRAME, [0, 1, 0, 1]), FRAME)
    assert (signature.task, signature.classes, signature.probabilities) == ("classification", (0, 1), True)
    assert type(signature.classes[0]) is int
    assert infer(LogisticRegression().fit(FRAME, ["x", "y"] * 2), FRAME).classes == ("x", "y")
    assert not infer(LinearSVC().fit(FRAME, [0, 1, 0, 1]), FRAME).probabilities


def test_without_an_example_the_training_data_tell() -> None:
    model = LinearRegression().fit(FRAME, [1, 2, 3, 4])
    reference = _dataset(a=("float32", 3), b=("int64", 0), target=("int64", 0))
    assert infer(model, None, reference).inputs == (
        Column("b", "int64", "numeric"),
        Column("a", "float32", "numeric", nullable=True),
    )


def test_without_anything_the_model_tells() -> None:
    named = LinearRegression().fit(FRAME, [1, 2, 3, 4])
    assert [column.name for column in infer(named).inputs] == ["b", "a"]
    nameless = LinearRegression().fit(FRAME.to_numpy(), [1, 2, 3, 4])
    assert infer(nameless).inputs == (Column("x0", "float64", "numeric"), Column("x1", "float64", "numeric"))
    assert [column.name for column in infer(nameless, FRAME).inputs] == ["b", "a"]
    assert [c.name for c in infer(nameless, None, _dataset(u=("float64", 0), v=("float64", 0))).inputs] == ["u", "v"]


def test_a_model_that_tells_nothing_needs_an_example() -> None:
    class Mute:
        def predict(self, rows: object) -> object:
            return rows

    with pytest.raises(UsageError, match="does not tell what it takes"):
        infer(Mute())
    assert len(infer(Mute(), FRAME).inputs) == 2


def test_a_head_of_whole_numbers_is_no_proof_of_integers() -> None:
    model = LinearRegression().fit(FRAME, [1, 2, 3, 4])
    (column, _) = infer(model, FRAME, _dataset(b=("float64", 7), a=("float64", 0))).inputs
    assert column == Column("b", "float64", "numeric", nullable=True)


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        (["x", "y", "x", "y"], "object", "categorical"),
        (pd.Categorical(["x", "y", "x", "y"]), "object", "categorical"),
        ([True, False, True, False], "bool", "categorical"),
        (pd.array([1, 2, 3, 4], dtype="Int32"), "int32", "numeric"),
        (np.array([1, 2, 3, 4], dtype=np.uint8), "uint8", "numeric"),
    ],
)
def test_types(values: object, dtype: str, kind: str) -> None:
    class Taker:
        def predict(self, rows: object) -> object:
            return rows

    (column,) = infer(Taker(), pd.DataFrame({"a": values})).inputs
    assert (column.dtype, column.kind) == (dtype, kind)
