"""Compiled models: they answer as scikit-learn does, or they are not used."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mlops_console.core.errors import ModelError
from mlops_console.core.models import CompiledModel, Signature
from mlops_console.models.compiled import Compiled, UncoveredRowsError, load
from mlops_console.models.compiling import compile_model, fitting
from mlops_console.models.rows import to_rows
from mlops_console.models.signature import infer
from mlops_console.models.storage import save_model
from mlops_console.store import compiled
from mlops_console.store.workspace import Workspace

_SCALES = np.array([1, 10, 100, 1e-3, 1])
_MATRIX, _CLASSES = make_classification(800, 5, n_informative=4, n_redundant=1, random_state=0)
X = pd.DataFrame(_MATRIX * _SCALES + [0, 5, 1e4, 0, 0], columns=list("abcde"))
Y = pd.Series(_CLASSES)
XR, YR = (lambda x, y: (pd.DataFrame(x, columns=list("abcde")), y))(*make_regression(800, 5, noise=9, random_state=0))
_CHANCE = np.random.default_rng(0)
MIXED = pd.DataFrame(
    {
        "city": _CHANCE.choice(["Rome", "Oslo", "Kraków"], 800),
        "age": _CHANCE.integers(18, 90, 800),
        "income": _CHANCE.lognormal(10, 1, 800),
        "member": _CHANCE.random(800) > 0.5,
    }
)
LABEL = np.where((MIXED.city == "Oslo") ^ (MIXED.age > 50), "leaves", "stays")


def _mixed(last: Any, unknown: str = "ignore", encoded: str = "city") -> Any:
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown=unknown, sparse_output=False), [encoded]),
            (make_pipeline(SimpleImputer(), StandardScaler()), ["income"]),
            remainder="passthrough" if encoded == "city" else "drop",
        ),
        last,
    )


def _compile(model: Any, frame: pd.DataFrame) -> tuple[Signature, CompiledModel, bytes | None]:
    signature = infer(model, frame)
    found, content = compile_model(model, signature, fitting(signature, frame.to_dict("records")), lambda *_: None)
    return signature, found, content


def _usable(model: Any, frame: pd.DataFrame) -> Compiled:
    _, found, content = _compile(model, frame)
    assert (found.state, found.reason) == ("agrees", "")
    assert content is not None
    return Compiled(content)


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame}


@pytest.mark.parametrize(
    ("model", "frame", "target"),
    [
        (LogisticRegression(max_iter=5000), X, Y),
        (LogisticRegression(max_iter=5000), X, Y.map({0: "no", 1: "yes"})),
        (LogisticRegression(max_iter=5000), X, Y == 1),
        (LogisticRegression(max_iter=5000), X, np.arange(len(X)) % 3),
        (make_pipeline(StandardScaler(), LogisticRegression()), X, Y),
        (RandomForestClassifier(20, random_state=0), X, Y),
        (make_pipeline(StandardScaler(), RandomForestClassifier(10, random_state=0)), X, Y),
        (ExtraTreesClassifier(10, random_state=0), X, Y),
        (DecisionTreeClassifier(), X, Y),
        (GradientBoostingClassifier(n_estimators=20), X, Y),
        (CalibratedClassifierCV(RandomForestClassifier(5, random_state=0), cv=2), X, Y),
        (make_pipeline(StandardScaler(), SVC()), X, Y),
        (make_pipeline(StandardScaler(), MLPClassifier(max_iter=30, tol=1)), X, Y),
        (RandomForestRegressor(10, random_state=0), XR, YR),
        (GradientBoostingRegressor(n_estimators=20), XR, YR),
        (LinearRegression(), XR, YR),
        (Ridge(), XR, YR),
        (IsolationForest(n_estimators=5, random_state=0), X, None),
        (_mixed(LogisticRegression(max_iter=5000)), MIXED, LABEL),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseEstimator) else "",
)
def test_a_form_that_agrees_answers_rows_that_it_has_not_seen(model: Any, frame: pd.DataFrame, target: Any) -> None:
    model.fit(frame, target)
    form = _usable(model, frame.head(400))
    numbers = frame.select_dtypes("float")
    fresh = frame.assign(
        **(numbers + np.random.default_rng(1).normal(size=numbers.shape) * numbers.std().to_numpy() / 3)
    )
    answers = form.predict(_columns(fresh), len(fresh))
    expected = model.predict(fresh)
    assert answers["predict"].dtype.kind == np.asarray(expected).dtype.kind
    if answers["predict"].dtype.kind == "f":
        np.testing.assert_allclose(answers["predict"], expected, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(answers["predict"], expected)
    if hasattr(model, "predict_proba"):
        np.testing.assert_allclose(answers["predict_proba"], model.predict_proba(fresh), rtol=0, atol=1e-5)
    for at in range(3):
        one = form.predict(_columns(fresh.iloc[at : at + 1]), 1)
        assert one.keys() == answers.keys()
        for name, values in one.items():
            assert values.shape == answers[name][at : at + 1].shape
            assert values.dtype.kind == answers[name].dtype.kind
            if values.dtype.kind == "f":
                np.testing.assert_allclose(values, answers[name][at : at + 1], rtol=1e-6, atol=1e-6)
            else:
                np.testing.assert_array_equal(values, answers[name][at : at + 1])


def test_ties_of_a_forest_go_to_the_first_class_as_in_scikit_learn() -> None:
    model = RandomForestClassifier(4, random_state=0).fit(X, Y)
    fresh = pd.DataFrame(np.random.default_rng(3).normal(X.mean(), X.std(), (4000, 5)), columns=X.columns)
    tied = (model.predict_proba(fresh) == 0.5).all(axis=1)
    assert tied.sum() > 50
    answers = _usable(model, X).predict(_columns(fresh), len(fresh))
    np.testing.assert_array_equal(answers["predict"], model.predict(fresh))


def test_boosted_trees_by_histograms_are_not_supported() -> None:
    _, found, content = _compile(HistGradientBoostingClassifier(max_iter=5).fit(X, Y), X)
    assert (found.state, content) == ("unsupported", None)
    assert found.reason == (
        "skl2onnx can't convert this HistGradientBoostingClassifier: Unable to create node 'TreeEnsembleClassifier'."
    )


class Foreign(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A type that skl2onnx does not know."""

    def fit(self, rows: Any, labels: Any = None) -> "Foreign":
        self.fitted_ = True
        return self

    def transform(self, rows: Any) -> Any:
        return rows


def test_a_foreign_estimator_is_not_supported() -> None:
    _, found, content = _compile(make_pipeline(Foreign(), LogisticRegression(max_iter=5000)).fit(X, Y), X)
    assert (found.state, content) == ("unsupported", None)
    assert found.reason.startswith("skl2onnx can't convert this Pipeline: ")


def test_a_category_that_scikit_learn_refuses_keeps_a_model_from_being_compiled() -> None:
    model = _mixed(LogisticRegression(max_iter=5000), unknown="error").fit(MIXED, LABEL)
    _, found, content = _compile(model, MIXED)
    assert (found.state, content) == ("unsupported", None)
    assert found.reason == (
        "scikit-learn refuses texts in column 'city' that it does not know, which an ONNX form would answer."
    )


def test_a_number_that_an_encoder_must_know_does_so_too() -> None:
    model = _mixed(LogisticRegression(max_iter=5000), unknown="error", encoded="age").fit(
        MIXED[["age", "income"]], LABEL
    )
    _, found, _ = _compile(model, MIXED[["age", "income"]])
    assert found.state == "unsupported"
    assert found.reason == "scikit-learn refuses numbers that it does not know, which no ONNX form would."


def test_unknown_categories_are_answered_alike_where_they_are_ignored() -> None:
    model = _mixed(LogisticRegression(max_iter=5000)).fit(MIXED, LABEL)
    form = _usable(model, MIXED)
    odd = MIXED.head(4).assign(city=["", "rome", "Rome\0", "東京"])
    answers = form.predict(_columns(odd), 4)
    np.testing.assert_allclose(answers["predict_proba"], model.predict_proba(odd), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(answers["predict"], model.predict(odd))


def test_missing_texts_keep_a_model_from_being_compiled() -> None:
    frame = MIXED.assign(city=MIXED.city.mask(MIXED.index % 9 == 0))
    _, found, _ = _compile(_mixed(DecisionTreeClassifier()).fit(frame, LABEL), frame)
    assert (found.state, found.reason) == (
        "unsupported",
        "Texts in column 'city' may be missing, and ONNX has no missing texts.",
    )


def test_missing_numbers_are_answered_as_an_imputer_does() -> None:
    frame = X.assign(b=X.b.mask(X.index % 9 == 0))
    model = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=5000)).fit(frame, Y)
    form = _usable(model, frame)
    assert form.form.gaps == ("b",)
    for rows in (frame, frame.iloc[[9]]):
        answers = form.predict(_columns(rows), len(rows))
        np.testing.assert_allclose(answers["predict_proba"], model.predict_proba(rows), rtol=0, atol=1e-5)


def test_missing_numbers_are_refused_where_scikit_learn_refuses_them() -> None:
    model = LogisticRegression(max_iter=5000).fit(X, Y)
    form = _usable(model, X.assign(b=X.b.mask(X.index == 3)))
    gap = {**_columns(X.head(1)), "b": [None]}
    with pytest.raises(ValueError, match="NaN"):
        model.predict(X.head(1).assign(b=np.nan))
    with pytest.raises(UncoveredRowsError, match="Column 'b' has a missing value"):
        form.predict(gap, 1)


def test_trees_that_split_by_what_is_missing_are_not_supported() -> None:
    frame = X.assign(a=X.a.mask(Y == 1))
    model = RandomForestClassifier(5, random_state=0).fit(frame, Y)
    _, found, _ = _compile(model, frame)
    assert (found.state, found.reason) == (
        "unsupported",
        "It has trees that split by what is missing, which skl2onnx can't convert.",
    )


def test_numbers_beyond_the_compared_ones_are_refused() -> None:
    form = _usable(DecisionTreeClassifier().fit(X, Y), X)
    far = {**_columns(X.head(2)), "a": [0.0, -1e39]}  # no float32: scikit-learn's trees refuse it
    for columns, rows in ((far, 2), ({name: values[1:] for name, values in far.items()}, 1)):
        with pytest.raises(UncoveredRowsError, match=r"beyond ±1e\+38"):
            form.predict(columns, rows)


def test_a_text_that_is_no_unicode_is_refused() -> None:
    form = _usable(_mixed(LogisticRegression(max_iter=5000)).fit(MIXED, LABEL), MIXED)
    for rows in (1, 2):
        with pytest.raises(UncoveredRowsError, match="no valid Unicode"):
            form.predict({**_columns(MIXED.head(rows)), "city": ["\ud800"] * rows}, rows)


def test_a_form_that_would_be_slower_is_not_used() -> None:
    rows, target = make_regression(4000, 8, random_state=0)
    frame = pd.DataFrame(rows, columns=list("abcdefgh"))
    _, found, content = _compile(KNeighborsRegressor().fit(frame, target), frame.head(100))
    assert (found.state, content) == ("unsupported", None)
    assert found.reason.startswith("Its ONNX form agrees, but takes ")


class Rounded(LogisticRegression):  # type: ignore[misc]
    """What skl2onnx takes for a logistic regression, but answers otherwise."""

    def predict_proba(self, rows: Any) -> Any:
        return np.round(super().predict_proba(rows), 2)


def test_another_answer_is_found_and_its_worst_row_is_kept() -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.operator_converters.linear_classifier import convert_sklearn_linear_classifier
    from skl2onnx.shape_calculators.linear_classifier import calculate_linear_classifier_output_shapes

    options = {"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True]}
    update_registered_converter(
        Rounded,
        "TestsRounded",
        calculate_linear_classifier_output_shapes,
        convert_sklearn_linear_classifier,
        options={**options, "raw_scores": [True, False]},
    )
    model = Rounded(max_iter=5000).fit(X, Y)
    _, found, content = _compile(model, X)
    assert (found.state, content) == ("differs", None)
    assert found.reason
    assert found.worst is not None
    assert found.worst_difference is not None
    assert 1e-5 < found.worst_difference <= 0.005
    row = to_rows(model, infer(model, X).inputs, {name: [value] for name, value in found.worst["row"].items()})
    assert found.worst["scikit-learn"]["predict_proba"] == pytest.approx(model.predict_proba(row)[0].tolist())
    exact = LogisticRegression.predict_proba(model, row)[0].tolist()
    assert found.worst["onnx"]["predict_proba"] == pytest.approx(exact, abs=1e-6)
    assert json.loads(json.dumps(found.worst)) == found.worst


@pytest.mark.parametrize("model", [LinearRegression(), GradientBoostingRegressor(n_estimators=5)])
def test_the_worst_row_is_kept_without_private_columns(model: Any) -> None:
    model.fit(XR, YR)
    signature = infer(model, XR)
    rows = fitting(signature, XR.to_dict("records"))
    found, _ = compile_model(model, signature, rows, lambda *_: None, frozenset({"b", "d"}))
    assert found.worst is not None
    assert set(found.worst["row"]) == {"a", "c", "e"}
    assert found.worst.keys() == {"row", "scikit-learn", "onnx"}


def test_without_rows_nothing_is_vouched_for() -> None:
    model = LogisticRegression(max_iter=5000).fit(X, Y)
    found, content = compile_model(model, infer(model, X), [], lambda *_: None)
    assert (found.state, content) == ("unsupported", None)
    assert found.reason.startswith("There are no rows to compare on")


def _kept(workspace: Workspace, content: bytes) -> Any:
    version = save_model(workspace, None, LogisticRegression(max_iter=5000).fit(X, Y), "fraud", X)
    told = CompiledModel("agrees", 1.0, workspace.objects.put_bytes(content), len(content), 1, 0.0)
    with workspace.store.write() as tx:
        compiled.record(tx, "fraud", 1, told)
    return version


def test_only_a_form_that_agrees_is_loaded(workspace: Workspace) -> None:
    _, _, content = _compile(LogisticRegression(max_iter=5000).fit(X, Y), X)
    version = _kept(workspace, content or b"")
    found = load(workspace, version)
    assert found is not None
    assert found.predict(_columns(X.head(1)), 1)["predict"].tolist() in ([0], [1])
    with workspace.store.write() as tx:
        compiled.record(tx, "fraud", 1, CompiledModel("differs", 2.0, reason="It differs."))
    assert load(workspace, version) is None


def test_a_version_that_is_not_compiled_yet_has_no_form(workspace: Workspace) -> None:
    assert load(workspace, save_model(workspace, None, LinearRegression().fit(XR, YR), "price", XR)) is None


def test_a_file_that_is_none_is_refused_with_a_way_out(workspace: Workspace) -> None:
    version = _kept(workspace, b"no graph")
    with pytest.raises(ModelError, match="The compiled form of fraud:1 can't be used") as caught:
        load(workspace, version)
    assert "model compile fraud:1" in caught.value.hint


def test_onnxruntime_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    """By itself it keeps a device's id and a database of what it has still to send to its makers."""
    _, _, content = _compile(LogisticRegression(max_iter=5000).fit(X, Y), X)
    file, home = tmp_path / "form.onnx", tmp_path / "home"
    file.write_bytes(content or b"")
    home.mkdir()
    script = f"""
        from pathlib import Path
        from mlops_console.models.compiled import Compiled
        form = Compiled(Path({str(file)!r}).read_bytes())
        print(form.predict({_columns(X.head(2))!r}, 2)["predict"].shape)
    """
    quiet = {"ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "GITHUB_ACTIONS", "XDG_CACHE_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**environment, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "(2,)\n"
    assert list(home.rglob("*")) == []


def test_answering_imports_no_scikit_learn(workspace: Workspace) -> None:
    _, _, content = _compile(LogisticRegression(max_iter=5000).fit(X, Y), X)
    _kept(workspace, content or b"")
    script = f"""
        import sys
        from pathlib import Path
        from mlops_console.core.models import ModelRef
        from mlops_console.models.compiled import load
        from mlops_console.store import models
        from mlops_console.store.workspace import open_workspace
        workspace = open_workspace(Path({str(workspace.root)!r}))
        with workspace.store.read() as db:
            version = models.get(db, ModelRef("fraud", 1))
        form = load(workspace, version)
        print(form.predict({_columns(X.head(2))!r}, 2)["predict_proba"].shape)
        print([name for name in ("sklearn", "pandas", "skl2onnx", "onnx", "skops", "scipy") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["(2, 2)", "[]"]
