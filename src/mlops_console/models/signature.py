"""What a model takes and gives, inferred from the model and rows that it is meant for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from mlops_console.core.datasets import DatasetVersion, dtype_name, kind_of
from mlops_console.core.errors import ModelError, UsageError
from mlops_console.core.models import Column, Signature
from mlops_console.models.categories import of_encoders, of_profile

if TYPE_CHECKING:
    import pandas as pd


def infer(model: Any, example: "pd.DataFrame | None" = None, reference: DatasetVersion | None = None) -> Signature:
    """The signature of a fitted model.

    Columns are those that the model was fitted with, in its order, where it knows their names; else the example's.
    Types come from the example, else from the reference, else they are float64. A column is nullable where the example
    or the reference has a missing value in it. The categories of a text are those of the model's encoder, else of the
    reference.

    Args:
        model: with `predict`.
        example: rows as the model takes them; columns that it does not take are left out.
        reference: the data that it was trained with, a target among them or not.

    Raises:
        UsageError: the example does not have the columns that the model takes.
        ModelError: the model has several outputs.
    """
    known = of_encoders(model)
    columns = tuple(
        _column(name, example, reference, known.get(name, ())) for name in input_names(model, example, reference)
    )
    task, classes = _task(model)
    return Signature(columns, task, classes, probabilities=task == "classification" and hasattr(model, "predict_proba"))


def input_names(model: Any, example: "pd.DataFrame | None", reference: DatasetVersion | None) -> list[str]:
    """The columns that the model takes, in its order.

    Raises:
        UsageError: the example does not have them, or too many or too few.
    """
    known = [str(name) for name in getattr(model, "feature_names_in_", ())]
    count = getattr(model, "n_features_in_", None)
    if known:
        missing = [] if example is None else [name for name in known if name not in example.columns]
        if missing:
            raise UsageError(
                f"The input example lacks {_listed(missing)}, with which the model was fitted.",
                "Give some rows of the data that the model takes.",
            )
        return known
    if example is not None:
        if count is not None and example.shape[1] != count:
            raise UsageError(
                f"The input example has {example.shape[1]} columns, but the model takes {count}.",
                "Give some rows of the data that the model takes, without the target.",
            )
        return list(example.columns)
    if reference is not None and reference.columns == count:
        return list(reference.schema)
    if count is None:
        raise UsageError("The model does not tell what it takes.", "Give log_model an input_example.")
    return [f"x{number}" for number in range(count)]


def _column(
    name: str, example: "pd.DataFrame | None", reference: DatasetVersion | None, categories: tuple[str, ...]
) -> Column:
    """`categories` are those of the model's encoder; where it has none the reference tells."""
    dtype, nullable = "float64", False
    known = reference.schema.get(name) if reference else None
    if reference is not None and known is not None:
        dtype, nullable = known, bool(reference.profile[name]["missing"])
        categories = categories or of_profile(reference.profile[name])
    if example is not None:
        shown = dtype_name(example[name].dtype)
        nullable = nullable or bool(example[name].isna().any())
        # A head of 20, 31, 42 says int64 where the data have fractions or gaps further down.
        if not (shown.startswith(("int", "uint")) and known is not None and known.startswith("float")):
            dtype = shown
    return Column(name, dtype, kind_of(dtype), nullable, categories if dtype == "object" else ())


def _task(model: Any) -> tuple[Literal["classification", "regression"], tuple[Any, ...]]:
    classes = getattr(model, "classes_", None)
    if classes is None:
        return "regression", ()
    if isinstance(classes, list):
        raise ModelError("A classifier with several outputs can't be stored.", "Store a model for each output.")
    return "classification", tuple(classes.tolist())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:3])
    return f"column{'s' if len(names) > 1 else ''} {shown}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")
