"""Categories that training did not know."""

from dataclasses import replace
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.serving.errors import WrongInputError
from mlops_console.serving.inputs import Batch
from mlops_console.serving.model import Loaded
from mlops_console.serving.unseen import unseen, unseen_header, unseen_words

SIGNATURE = Signature(
    (
        Column("country", "object", "categorical", True, ("NO", "SE")),
        Column("note", "object", "categorical"),
    ),
    "regression",
)


def batch(*countries: str | None) -> Batch:
    return Batch(len(countries), {"country": list(countries), "note": ["anything"] * len(countries)})


def test_known_and_missing_values_are_not_told() -> None:
    assert unseen(SIGNATURE, batch("NO", None, "SE")) == {}


def test_up_to_five_others_are_told_in_their_order_and_once() -> None:
    found = unseen(SIGNATURE, batch("XX", "NO", *"gfedcbagfe", "XX"))
    assert found == {"country": ["XX", "g", "f", "e", "d"]}


def test_the_header_is_percent_encoded_and_bounded() -> None:
    found = {"the country": ["a&b=c", "line\nbreak", "Ø", "\x00"]}
    header = unseen_header(found)
    assert header == b"the%20country=a%26b%3Dc&the%20country=line%0Abreak&the%20country=%C3%98&the%20country=%00"
    assert parse_qsl(header.decode()) == [("the country", value) for value in found["the country"]]
    long = unseen_header({f"column{i}": ["Ø" * 1_000_000] for i in range(50)})
    assert 300 < len(long) <= 1_000
    assert all(value == "Ø" * 30 + "…" + "Ø" * 29 for _, value in parse_qsl(long.decode()))


def test_an_estimator_that_raises_names_column_and_value() -> None:
    frame = pd.DataFrame({"amount": np.arange(4.0), "country": ["NO", "SE"] * 2})
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="error"), ["country"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression()).fit(frame, [0, 1, 0, 1])
    columns = (Column("amount", "float64", "numeric"), Column("country", "object", "categorical", False, ("NO", "SE")))
    signature = Signature(columns, "classification", (0, 1), True)
    loaded = Loaded(ModelVersion("fraud", 1, 0.0, "", 0, "Pipeline", signature), model)
    with pytest.raises(WrongInputError) as caught:
        loaded.predict(Batch(2, {"amount": [1.0, 2.0], "country": ["NO", "XX"]}))
    assert caught.value.message.startswith("fraud:1 can't predict these rows: Found unknown categories ")
    assert caught.value.message.endswith(". Training did not know country 'XX'.")


def test_an_error_without_unseen_categories_has_no_word_of_them() -> None:
    assert unseen_words({}) == ""
    assert unseen_words({"a\x1b": ["x"], "b": ["y", "z"]}) == " Training did not know a␛ 'x'; b 'y', 'z'."
    assert len(unseen_words({f"column{i}": ["x"] for i in range(1_000)})) < 400


def test_a_column_without_known_categories_is_not_judged() -> None:
    plain = replace(SIGNATURE, inputs=tuple(replace(column, categories=()) for column in SIGNATURE.inputs))
    assert unseen(plain, batch("XX")) == {}
