"""What a version's reference profile knows of held-out rows: answers, probabilities, and which inputs count."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops_console import start_run
from mlops_console.core.errors import ModelError
from mlops_console.core.models import ModelVersion
from mlops_console.core.profiles import FeatureProfile, ReferenceProfile
from mlops_console.drift.profiles import read_profile
from mlops_console.store import models
from mlops_console.store.workspace import Workspace
from mlops_console.tracking import held_out
from mlops_console.tracking.run import Run

RNG = np.random.default_rng(0)
ROWS = 600
X = pd.DataFrame(
    {
        "amount": RNG.normal(100, 40, ROWS),
        "noise": RNG.normal(size=ROWS),
        "country": RNG.choice(["NO", "SE", "DK"], ROWS),
    }
)
Y = pd.Series(np.where(X["amount"] + 30 * (X["country"] == "NO") > 110, "yes", "no"))
TEXTS = make_column_transformer((OneHotEncoder(), ["country"]), remainder=StandardScaler())
MODEL = make_pipeline(TEXTS, LogisticRegression(C=100)).fit(X, Y)


@pytest.fixture
def run(workspace: Workspace) -> Iterator[Run]:
    with start_run("fit", workspace=workspace) as run:
        yield run


def profile_of(workspace: Workspace, version: ModelVersion | None) -> ReferenceProfile:
    assert version is not None
    assert version.profile is not None
    return read_profile(workspace.objects, version)


def importances(profile: ReferenceProfile) -> dict[str, float]:
    return {f.name: f.importance for f in profile.features if f.importance is not None}


def feature(profile: ReferenceProfile, name: str) -> FeatureProfile:
    return next(feature for feature in profile.features if feature.name == name)


def test_a_profile_has_all_training_rows_and_the_answers_to_held_out_ones(workspace: Workspace, run: Run) -> None:
    train = pd.concat([X] * 20, ignore_index=True)  # more rows than a stored sample has
    run.log_dataset("train", train.assign(target=1))
    profile = profile_of(workspace, run.log_model(MODEL, "m", held_out=(X, Y)))
    assert profile.rows == len(train)
    assert [(f.name, f.role) for f in profile.features] == [
        ("amount", "input"),
        ("noise", "input"),
        ("country", "input"),
        ("prediction", "prediction"),
        ("probability of yes", "prediction"),
    ]
    assert sum(feature(profile, "amount").counts) == len(train)
    assert feature(profile, "prediction").rows == ROWS
    assert set(profile.sample) == {"amount", "noise", "country"}
    assert profile.held_out is not None
    assert profile.held_out.classes == ("no", "yes")
    assert profile.held_out.labels == tuple(Y)
    assert profile.held_out.predictions == tuple(MODEL.predict(X))
    np.testing.assert_allclose(profile.held_out.probabilities, MODEL.predict_proba(X), atol=1e-8)
    assert profile.held_out.inputs == {}


def test_what_counts_for_the_model_is_told_by_shuffling(workspace: Workspace, run: Run) -> None:
    run.log_dataset("train", X)
    found = importances(profile_of(workspace, run.log_model(MODEL, "m", held_out=(X, Y))))
    assert sum(found.values()) == pytest.approx(1)
    assert found["amount"] > found["country"] > 0.05 > found["noise"]


def test_without_time_or_rows_to_shuffle_the_model_itself_is_asked(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.log_dataset("train", X)
    told = importances(profile_of(workspace, run.log_model(MODEL, "m")))
    assert sum(told.values()) == pytest.approx(1)
    assert min(told["amount"], told["country"]) > told["noise"]
    monkeypatch.setattr(held_out, "_PATIENCE", 0.0)
    assert importances(profile_of(workspace, run.log_model(MODEL, "m", held_out=(X, Y)))) == told


def test_a_coefficient_counts_by_how_much_its_column_varies(workspace: Workspace, run: Run) -> None:
    frame = pd.DataFrame({"kilometres": RNG.normal(size=100), "metres": 1000 * RNG.normal(size=100)})
    run.log_dataset("train", frame)
    model = LinearRegression().fit(frame, frame["kilometres"] + 3 * frame["metres"] / 1000)
    assert importances(profile_of(workspace, run.log_model(model, "m"))) == pytest.approx(
        {"kilometres": 0.25, "metres": 0.75}, abs=0.1
    )


def test_a_regressor_keeps_its_rows_for_an_error_model(workspace: Workspace, run: Run) -> None:
    model = LinearRegression().fit(X[["amount", "noise"]].to_numpy(), X["amount"])
    rows = X[["amount", "noise"]].to_numpy()
    profile = profile_of(workspace, run.log_model(model, "m", held_out=(rows, list(X["amount"]))))
    assert profile.held_out is not None
    assert (profile.held_out.task, profile.held_out.probabilities) == ("regression", ())
    np.testing.assert_allclose(profile.held_out.inputs["x0"], X["amount"])
    assert profile.held_out.predictions == pytest.approx(profile.held_out.labels)
    assert profile.rows == 0, "no training data were logged"


def test_of_many_rows_an_even_sample_is_asked_and_always_the_same(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_out, "ROWS", 50)
    versions = [run.log_model(MODEL, "m", held_out=(X, Y)) for _ in range(2)]
    assert versions[0] is not None
    assert versions[1] is not None
    assert versions[0].profile == versions[1].profile
    found = profile_of(workspace, versions[0]).held_out
    assert found is not None
    assert len(found.labels) == 50
    assert set(found.labels) == {"yes", "no"}


def test_rows_without_an_answer_are_left_out(workspace: Workspace, run: Run) -> None:
    answers = Y.astype(object).where(np.arange(ROWS) % 3 > 0, None)
    found = profile_of(workspace, run.log_model(MODEL, "m", held_out=(X, answers))).held_out
    assert found is not None
    assert len(found.labels) == ROWS * 2 // 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((X[:10], Y[:9]), "held_out has 10 rows and 9 answers."),
        (X, "held_out takes rows and their answers, not a DataFrame."),
        ((X[["amount", "noise"]], Y), "The rows of held_out lack column 'country', which the model takes."),
        ((X, [3] * ROWS), "held_out has the answer 3, which is no class of the model ('no', 'yes')."),
        ((X, [None] * ROWS), "held_out has no row whose answer is known."),
        ((X[:0], Y[:0]), "held_out has no row whose answer is known."),
        ((X, X), "The answers of held_out have 2 dimensions, and one is needed."),
        ((3, Y), "The rows of held_out are no table"),
        (("nowhere.csv", Y), "There is no file nowhere.csv"),
        ((X.assign(amount="\x1b[2Jmuch"), Y), "This Pipeline can't predict its held-out rows"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_stores_nothing(
    workspace: Workspace, run: Run, given: Any, message: str
) -> None:
    with pytest.raises(ModelError) as raised:
        run.log_model(MODEL, "m", held_out=given)
    assert message in raised.value.message
    assert "\x1b" not in raised.value.message
    with workspace.store.read() as db:
        assert models.model_names(db) == []


def test_without_training_data_and_held_out_rows_there_is_no_profile(run: Run) -> None:
    version = run.log_model(MODEL, "m", input_example=X.head())
    assert version is not None
    assert version.profile is None
