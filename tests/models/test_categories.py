"""The categories that a signature keeps."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.models import Column, ModelRef
from mlops_console.data.profile import profile, schema
from mlops_console.models.signature import infer
from mlops_console.models.storage import save_model
from mlops_console.store.models import get
from mlops_console.store.workspace import Workspace

FRAME = pd.DataFrame(
    {"amount": [1.0, 2.0, 3.0, 4.0], "city": list("bbac"), "country": ["SE", "NO"] * 2, "level": [1, 2, 1, 2]}
)
TARGET = [1, 2, 3, 4]


def categories(
    model: Any, reference: pd.DataFrame | None = None, fitted: pd.DataFrame = FRAME
) -> dict[str, tuple[str, ...]]:
    found = infer(model.fit(fitted, TARGET), fitted, None if reference is None else dataset(reference))
    return {column.name: column.categories for column in found.inputs}


def dataset(frame: pd.DataFrame) -> DatasetVersion:
    return DatasetVersion("train", 1, "0" * 64, len(frame), frame.shape[1], schema(frame), profile(frame), None, 0.0)


def encoded(*steps: Any, columns: Any) -> Any:
    return make_pipeline(
        make_column_transformer((make_pipeline(*steps), columns), remainder="drop"), LinearRegression()
    )


@pytest.mark.parametrize(
    "columns", [["country", "city"], [2, 1], make_column_selector("c.*"), [False, True, True, False]]
)
@pytest.mark.parametrize(
    "steps", [(OneHotEncoder(),), (SimpleImputer(strategy="most_frequent"), OrdinalEncoder())], ids=["alone", "imputed"]
)
def test_an_encoder_tells_of_its_columns(steps: Any, columns: Any) -> None:
    found = categories(encoded(*steps, columns=columns))
    assert found == {"amount": (), "city": ("a", "b", "c"), "country": ("NO", "SE"), "level": ()}


def test_missing_values_and_numbers_are_no_categories() -> None:
    frame = FRAME.assign(city=["b", None, "a", np.nan])
    found = categories(encoded(OneHotEncoder(), columns=["city", "level"]), fitted=frame)
    assert found == {"amount": (), "city": ("a", "b"), "country": (), "level": ()}


def test_columns_that_an_encoder_gets_without_their_names_are_not_guessed() -> None:
    model = encoded(OneHotEncoder(sparse_output=False), StandardScaler(), OrdinalEncoder(), columns=["country", "city"])
    assert categories(model)["country"] == ("NO", "SE")


def test_what_no_encoder_knows_the_reference_tells() -> None:
    model = encoded(OneHotEncoder(), columns=["city"])
    reference = FRAME.assign(city=list("zzzz"), country=["DK", "NO", None, "NO"])
    found = categories(model, reference)
    assert (found["city"], found["country"]) == (("a", "b", "c"), ("DK", "NO"))


def test_too_many_or_too_long_ones_are_not_kept() -> None:
    frame = pd.DataFrame({"few": [f"f{i % 200}" for i in range(201)], "many": [f"m{i:03}" for i in range(201)]})
    model = make_pipeline(OneHotEncoder(), LinearRegression()).fit(frame, range(201))
    few, many = infer(model, frame).inputs
    assert (len(few.categories), many.categories) == (200, ())
    long = pd.DataFrame({"text": ["x" * 200, "y"]})
    (text,) = infer(make_pipeline(OneHotEncoder(), LinearRegression()).fit(long, [1, 2]), long).inputs
    assert text.categories == ()


def test_a_profile_with_more_categories_than_it_lists_tells_none() -> None:
    frame = pd.DataFrame({"x": np.arange(21.0), "text": [f"t{i:02}" for i in range(21)]})
    numbers = make_pipeline(make_column_transformer(("passthrough", ["x"]), ("drop", ["text"])), LinearRegression())
    model = numbers.fit(frame, range(21))
    assert infer(model, frame, dataset(frame)).inputs[1].categories == ()
    twenty = frame.head(20)
    assert len(infer(model, twenty, dataset(twenty)).inputs[1].categories) == 20


def test_the_store_gives_them_back(workspace: Workspace) -> None:
    model = encoded(OneHotEncoder(), columns=["city"]).fit(FRAME, TARGET)
    version = save_model(workspace, None, model, "fraud", FRAME)
    assert version.signature == infer(model, FRAME)
    assert version.signature.inputs[1].categories == ("a", "b", "c")


def test_a_signature_from_before_they_were_kept_has_none(workspace: Workspace) -> None:
    model = encoded(OneHotEncoder(), columns=["city"]).fit(FRAME, TARGET)
    save_model(workspace, None, model, "fraud", FRAME)
    with workspace.store.write() as tx:
        tx.execute(
            "UPDATE model_versions SET signature = (SELECT json_set(v.signature, '$.inputs', (SELECT json_group_array("
            "json_remove(value, '$.categories')) FROM json_each(v.signature, '$.inputs'))) FROM model_versions v)"
        )
    with workspace.store.read() as db:
        found = get(db, ModelRef("fraud", 1)).signature
    assert found.inputs[1] == Column("city", "object", "categorical")
