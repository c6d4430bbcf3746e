"""Storing and loading models: what is kept, and what is refused."""

import io
import json
import pickle
import time
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlops_console.core.errors import ModelError, NotFoundError, UsageError
from mlops_console.core.models import ModelRef, ModelVersion
from mlops_console.models.storage import load_model, prepare, save_model
from mlops_console.store import models
from mlops_console.store.workspace import Workspace

X, Y = load_iris(return_X_y=True, as_frame=True)
TREE = "sklearn.tree._tree.Tree"


class Foreign(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A type that is not scikit-learn's."""

    def fit(self, rows: Any, labels: Any) -> "Foreign":
        self.classes_ = np.unique(labels)
        return self

    def predict(self, rows: Any) -> Any:
        return np.repeat(self.classes_[:1], len(rows))


def _stored(workspace: Workspace, content: bytes) -> ModelVersion:
    """A version whose file has this content."""
    version = save_model(workspace, None, LinearRegression().fit(X, Y), "fraud", X)
    return replace(version, sha256=workspace.objects.put_bytes(content))


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=1000),
        SGDClassifier(loss="log_loss"),
        LinearRegression(),
        SVC(),
        KNeighborsClassifier(algorithm="brute"),
        MLPClassifier((3,), max_iter=2000, tol=1e-2, random_state=0),
        DecisionTreeClassifier(),
        DecisionTreeRegressor(),
        RandomForestClassifier(5),
        RandomForestRegressor(5),
        ExtraTreesClassifier(5),
        GradientBoostingClassifier(n_estimators=3),
        HistGradientBoostingClassifier(max_iter=3),
        HistGradientBoostingRegressor(max_iter=3),
        IsolationForest(n_estimators=5),
        BaggingRegressor(n_estimators=3, max_features=0.5),
        AdaBoostClassifier(n_estimators=3),
        StackingClassifier([("a", RandomForestClassifier(3)), ("b", DecisionTreeClassifier())]),
        make_pipeline(StandardScaler(), FunctionTransformer(np.log1p), RandomForestClassifier(3)),
        make_pipeline(StandardScaler(), IsolationForest(n_estimators=3, max_features=0.5)),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_models_of_scikit_learn_come_back(workspace: Workspace, model: Any) -> None:
    fitted = model.fit(X.abs(), Y)
    version = save_model(workspace, None, fitted, "iris", X.abs().head())
    loaded = load_model(workspace, version)
    np.testing.assert_array_equal(loaded.predict(X.abs()), fitted.predict(X.abs()))


def test_categories_and_gaps_come_back(workspace: Workspace) -> None:
    frame = pd.DataFrame({"n": [1.0, np.nan, 3.0, 4.0] * 10, "c": ["a", "b", None, "a"] * 10})
    labels = ["yes", "no", "no", "yes"] * 10
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["c"]), remainder="passthrough")
    model = make_pipeline(encoder, HistGradientBoostingClassifier(max_iter=3)).fit(frame, labels)
    version = save_model(workspace, None, model, "mixed", frame.head(4))
    assert version.signature.classes == ("no", "yes")
    assert [(c.name, c.dtype, c.kind, c.nullable) for c in version.signature.inputs] == [
        ("n", "float64", "numeric", True),
        ("c", "object", "categorical", True),
    ]
    assert load_model(workspace, version).predict(frame).tolist() == model.predict(frame).tolist()
    example = json.loads(workspace.objects.read_checked(version.input_example or ""))
    assert example[1] == {"n": None, "c": "b"}
    assert example[2] == {"n": 3.0, "c": None}


def test_categories_inside_of_the_trees_need_trust(workspace: Workspace) -> None:
    """Behind a preprocessor of its own a tree's columns can't be told from the file."""
    frame = pd.DataFrame({"c": pd.Categorical(["a", "b"] * 20), "n": np.arange(40.0)})
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype").fit(frame, [0, 1] * 20)
    version = save_model(workspace, None, model, "mixed", frame.head())
    others = ("functools.partial", "sklearn.utils.validation.check_array")
    with pytest.raises(ModelError, match=", ".join(others)):
        load_model(workspace, version)
    with pytest.raises(ModelError, match="a tree behind a preprocessor can't be checked"):
        load_model(workspace, version, others)
    kind = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
    assert load_model(workspace, version, (*others, kind)).predict(frame).tolist() == model.predict(frame).tolist()


def test_versions_count_up_and_keep_their_facts(workspace: Workspace) -> None:
    first = save_model(workspace, None, LinearRegression().fit(X, Y), "fraud", X, description="one")
    second = save_model(workspace, None, LinearRegression().fit(X, Y), "fraud", X)
    with workspace.store.read() as db:
        assert models.get(db, ModelRef("fraud", 1)) == first
    assert (first.ref, second.ref, first.description) == ("fraud:1", "fraud:2", "one")
    assert set(first.packages) >= {"scikit-learn", "numpy", "skops"}
    assert first.size == workspace.objects.path(first.sha256).stat().st_size
    assert len(json.loads(workspace.objects.read_checked(first.input_example or ""))) == 10


@pytest.mark.parametrize("model", ["model.pkl", b"\x80\x04", io.BytesIO(b"\x80\x04")])
def test_a_pickle_is_refused_as_a_model(model: Any) -> None:
    with pytest.raises(ModelError, match="a pickle is never loaded"):
        prepare(model, "fraud")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (StandardScaler().fit(X), "needs a predict method, which a StandardScaler does not have"),
        (LinearRegression, "needs a predict method, which the class LinearRegression"),
        (LinearRegression(), "This LinearRegression is not fitted"),
        (None, "needs a predict method"),
        (RandomForestClassifier(2).fit(X, np.column_stack([Y, Y])), "several outputs"),
    ],
)
def test_what_can_not_serve_is_refused(model: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepare(model, "fraud", X)


@pytest.mark.parametrize("name", ["", "a b", "../x", "a:b", "a@b", "x" * 101, "\x1b[31m", None])
def test_names_of_models_are_checked(name: Any) -> None:
    with pytest.raises(UsageError, match="no name for a model"):
        prepare(LinearRegression().fit(X, Y), name)


def test_an_example_that_does_not_fit_is_refused() -> None:
    model = LinearRegression().fit(X, Y)
    with pytest.raises(UsageError, match=r"lacks columns 'sepal length \(cm\)'"):
        prepare(model, "fraud", pd.DataFrame({"a": [1.0]}))
    with pytest.raises(ModelError, match="can't predict its own input example"):
        prepare(model, "fraud", X.head().astype(str) + "x")
    with pytest.raises(UsageError, match="has 3 columns, but the model takes 4"):
        prepare(LinearRegression().fit(X.to_numpy(), Y), "fraud", X.iloc[:, :3])


def test_a_damaged_and_a_missing_file(workspace: Workspace) -> None:
    version = save_model(workspace, None, LinearRegression().fit(X, Y), "fraud", X)
    path = workspace.objects.path(version.sha256)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=r"fraud:1 is missing or damaged.* SHA-256"):
        load_model(workspace, version)
    path.unlink()
    with pytest.raises(ModelError, match="fraud:1 is missing or damaged"):
        load_model(workspace, version)


class _Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("the pickle was loaded",))


@pytest.mark.parametrize(
    "content", [pickle.dumps(_Bomb()), b"", b"junk", b"PK\x03\x04junk"], ids=["pickle", "empty", "junk", "zip"]
)
def test_a_file_that_is_no_skops_file_is_never_loaded(workspace: Workspace, content: bytes) -> None:
    with pytest.raises(ModelError, match="no skops file; a pickle is never loaded"):
        load_model(workspace, _stored(workspace, content))


@pytest.mark.parametrize("schema", ["{}", "[]", "nonsense", '{"protocol": 2, "__class__": "x"}', '{"protocol": 10000}'])
def test_a_crafted_skops_file_is_refused_in_a_sentence(workspace: Workspace, schema: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", schema)
    with pytest.raises(ModelError, match="fraud:1 "):
        load_model(workspace, _stored(workspace, buffer.getvalue()))


def test_foreign_types_are_refused_by_name(workspace: Workspace) -> None:
    prepared = prepare(Foreign().fit(X, Y), "fraud", X)
    version = prepared.store(workspace, run_id=None)
    (name,) = prepared.untrusted
    assert name.endswith("test_storage.Foreign")
    with pytest.raises(ModelError, match=rf"holds types that are not trusted: {name}\.") as caught:
        load_model(workspace, version)
    assert "trusted_types in [models.fraud]" in caught.value.hint
    with pytest.raises(ModelError, match="not trusted"):
        load_model(workspace, version, ("some.other.Type",))


def test_trusted_types_are_loaded(workspace: Workspace) -> None:
    version = save_model(workspace, None, FunctionModel(), "fraud", X)
    assert load_model(workspace, version, ("tests.models.test_storage.FunctionModel",)).predict(X).tolist() == [
        0
    ] * len(X)


class FunctionModel:
    """Without `fit`, `classes_` and all else."""

    n_features_in_ = 4

    def predict(self, rows: Any) -> Any:
        return np.zeros(len(rows))


def test_what_skops_can_not_write_is_refused() -> None:
    model = LinearRegression().fit(X, Y)
    model.callback = (number for number in range(3))
    with pytest.raises(ModelError, match="can't be written with skops"):
        prepare(model, "fraud", X)


def _tampered(workspace: Workspace, model: Any, field: str, value: int, kind: str) -> ModelVersion:
    """A model whose first tree has another value in its first node: what a crafted file would hold."""
    from skops import io as skops_io

    prepared = prepare(model, "fraud", X)
    source = io.BytesIO(prepared.content)
    target = io.BytesIO()
    done = False
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".npy") and not done:
                array = np.load(io.BytesIO(content), allow_pickle=False)
                if array.dtype.names and field in array.dtype.names:
                    array[field][0] = value
                    buffer = io.BytesIO()
                    np.save(buffer, array)
                    content, done = buffer.getvalue(), True
            new.writestr(name, content)
    assert done
    assert kind in skops_io.get_untrusted_types(data=target.getvalue())
    return _stored(workspace, target.getvalue())


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field in ("left_child", "right_child") for value in (-5, 0, 10_000)]
    + [("feature", -5), ("feature", 4)],
)
def test_a_tree_that_points_outside_is_refused(workspace: Workspace, field: str, value: int) -> None:
    for model in (DecisionTreeClassifier(), RandomForestClassifier(2), GradientBoostingClassifier(n_estimators=1)):
        version = _tampered(workspace, model.fit(X, Y), field, value, TREE)
        with pytest.raises(ModelError, match="is damaged or made to do harm"):
            load_model(workspace, version)


@pytest.mark.parametrize(
    ("field", "value"),
    [("left", 0), ("left", 100_000), ("right", 0), ("feature_idx", -1), ("feature_idx", 4), ("is_leaf", 0)],
)
def test_a_histogram_tree_that_points_outside_is_refused(workspace: Workspace, field: str, value: int) -> None:
    model = HistGradientBoostingClassifier(max_iter=1).fit(X, Y)
    if field == "is_leaf":
        model = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=1000).fit(X, Y)  # a leaf only
    kind = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
    with pytest.raises(ModelError, match="is damaged or made to do harm"):
        load_model(workspace, _tampered(workspace, model, field, value, kind))


def test_a_forest_that_claims_fewer_columns_than_its_trees_is_refused(workspace: Workspace) -> None:
    from skops import io as skops_io

    model = RandomForestClassifier(3).fit(X, Y)
    model.n_features_in_ = 2
    with pytest.raises(ModelError, match="a tree is for 4 columns, its RandomForestClassifier for 2"):
        load_model(workspace, _stored(workspace, skops_io.dumps(model)))


def test_looking_at_the_trees_is_cheap(workspace: Workspace) -> None:
    from mlops_console.models.trees import check_trees

    model = RandomForestClassifier(100).fit(X, Y)
    begin = time.perf_counter()
    check_trees(model, "fraud:1")
    assert time.perf_counter() - begin < 1.0


def test_an_unknown_version(workspace: Workspace) -> None:
    with workspace.store.read() as db, pytest.raises(NotFoundError):
        models.get(db, ModelRef("fraud", 1))
