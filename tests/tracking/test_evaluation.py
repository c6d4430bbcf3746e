"""An evaluation says what scikit-learn's own functions say, and leaves out what can't be said."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris, load_wine, make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

import mlops_console as mlops
from mlops_console.core.plots import Bars, Lines, Matrix, from_json
from mlops_console.store import artifacts
from mlops_console.store.workspace import Workspace
from mlops_console.tracking import importances
from mlops_console.tracking.evaluation import evaluate
from tests.tracking import programs

CLASSIFICATION = {"accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "log_loss"}


def split(X: Any, y: Any) -> Any:
    return train_test_split(X, y, random_state=0, stratify=y if len(np.unique(y)) < 20 else None)


def two_classes(labels: tuple[Any, Any] = (0, 1)) -> Any:
    X, y = make_classification(600, 6, flip_y=0.2, random_state=1, weights=[0.7])
    return split(X, np.array(labels)[y])


class TestTwoClasses:
    @pytest.mark.parametrize("labels", [(0, 1), ("good", "bad"), (False, True), (-1, 1)])
    def test_the_metrics_are_scikit_learns(self, labels: tuple[Any, Any]) -> None:
        X, X_test, y, y_test = two_classes(labels)
        model = LogisticRegression().fit(X, y)
        positive = model.classes_[1]
        predicted, score = model.predict(X_test), model.predict_proba(X_test)[:, 1]
        found = evaluate(model, X_test, y_test)
        expected = {
            "accuracy": model.score(X_test, y_test),
            "precision": metrics.precision_score(y_test, predicted, pos_label=positive),
            "recall": metrics.recall_score(y_test, predicted, pos_label=positive),
            "f1": metrics.f1_score(y_test, predicted, pos_label=positive),
            "roc_auc": metrics.roc_auc_score(y_test, score),
            "average_precision": metrics.average_precision_score(y_test, score, pos_label=positive),
            "log_loss": metrics.log_loss(y_test, model.predict_proba(X_test), labels=model.classes_),
        }
        assert found.metrics == pytest.approx(expected, abs=1e-12)
        assert found.left_out == {}

    def test_the_plots(self) -> None:
        X, X_test, y, y_test = two_classes()
        model = RandomForestClassifier(random_state=0).fit(X, y)
        found = evaluate(model, X_test, y_test)
        matrix, roc, curve = (found.plots[name] for name in ("confusion_matrix", "roc_curve", "precision_recall_curve"))
        assert isinstance(matrix, Matrix)
        assert [list(row) for row in matrix.rows] == metrics.confusion_matrix(y_test, model.predict(X_test)).tolist()
        assert isinstance(roc, Lines)
        assert roc.diagonal
        [line] = roc.lines
        assert line.label == f"1: AUC {found.metrics['roc_auc']:.4f}"
        assert (line.xs[0], line.ys[0], line.xs[-1], line.ys[-1]) == (0, 0, 1, 1)
        assert metrics.auc(line.xs, line.ys) == pytest.approx(found.metrics["roc_auc"], abs=0.01)
        assert isinstance(curve, Lines)
        assert curve.lines[0].xs[0] == 0
        assert curve.lines[0].xs[-1] == 1
        assert isinstance(found.plots["feature_importances"], Bars)

    def test_long_curves_are_reduced(self) -> None:
        X, y = make_classification(20_000, 5, flip_y=0.3, random_state=0)
        model = LogisticRegression().fit(X, y)
        found = evaluate(model, X, y)
        for name in ("roc_curve", "precision_recall_curve"):
            plot = found.plots[name]
            assert isinstance(plot, Lines)
            assert 150 <= len(plot.lines[0].xs) <= 200
            area = abs(np.trapezoid(plot.lines[0].ys, plot.lines[0].xs))
            exact = found.metrics["roc_auc" if name == "roc_curve" else "average_precision"]
            assert area == pytest.approx(exact, abs=0.005)

    def test_a_decision_function_stands_in_for_probabilities(self) -> None:
        X, X_test, y, y_test = two_classes()
        model = RidgeClassifier().fit(X, y)
        found = evaluate(model, X_test, y_test)
        score = model.decision_function(X_test)
        assert found.metrics["roc_auc"] == pytest.approx(metrics.roc_auc_score(y_test, score))
        assert found.left_out == {"log_loss": "the model has no predict_proba"}
        assert "roc_curve" in found.plots

    def test_a_model_that_only_predicts(self) -> None:
        class Constant(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
            def fit(self, X: Any, y: Any) -> "Constant":
                self.classes_ = np.unique(y)
                return self

            def predict(self, X: Any) -> Any:
                return np.full(len(X), self.classes_[0])

        X, X_test, y, y_test = two_classes()
        found = evaluate(Constant().fit(X, y), X_test, y_test)
        assert found.metrics["precision"] == 0.0
        assert set(found.left_out) == {"roc_auc", "average_precision", "log_loss"}
        assert set(found.plots) == {"confusion_matrix"}

    def test_rows_of_one_class_only(self) -> None:
        X, X_test, y, y_test = two_classes()
        model = LogisticRegression().fit(X, y)
        found = evaluate(model, X_test[y_test == 0], y_test[y_test == 0])
        assert set(found.metrics) == CLASSIFICATION - {"roc_auc", "average_precision"}
        assert found.left_out["roc_auc"] == "no row is of class 1"
        assert "roc_curve" not in found.plots


class TestMoreClasses:
    @pytest.mark.parametrize("names", [False, True])
    def test_the_metrics_are_scikit_learns(self, names: bool) -> None:
        X, y = load_wine(return_X_y=True)
        X, X_test, y, y_test = split(X, np.array(["a", "b", "c"])[y] if names else y)
        model = KNeighborsClassifier(7).fit(X, y)
        predicted, proba = model.predict(X_test), model.predict_proba(X_test)
        found = evaluate(model, X_test, y_test)
        one_hot = np.array([y_test == name for name in model.classes_]).T
        expected = {
            "accuracy": metrics.accuracy_score(y_test, predicted),
            "precision": metrics.precision_score(y_test, predicted, average="macro"),
            "recall": metrics.recall_score(y_test, predicted, average="macro"),
            "f1": metrics.f1_score(y_test, predicted, average="macro"),
            "roc_auc": metrics.roc_auc_score(y_test, proba, multi_class="ovr", average="macro"),
            "average_precision": metrics.average_precision_score(one_hot, proba, average="macro"),
            "log_loss": metrics.log_loss(y_test, proba),
        }
        assert found.metrics == pytest.approx(expected, abs=1e-12)
        roc = found.plots["roc_curve"]
        assert isinstance(roc, Lines)
        assert len(roc.lines) == 3
        assert "feature_importances" not in found.plots

    def test_decision_functions_of_one_against_one_are_not_taken_for_scores_of_classes(self) -> None:
        X, y = load_iris(return_X_y=True)
        found = evaluate(SVC(decision_function_shape="ovo").fit(X, y), X, y)
        assert "roc_auc" in found.left_out
        assert "roc_auc" in evaluate(SVC().fit(X, y), X, y).metrics

    def test_forty_classes(self) -> None:
        rng = np.random.default_rng(0)
        y = np.repeat(np.arange(40), 20)
        X = rng.normal(size=(800, 3)) + y[:, None]
        found = evaluate(LinearDiscriminantAnalysis().fit(X, y), X, y)
        assert set(found.metrics) == CLASSIFICATION
        assert "30 classes" in found.left_out["confusion_matrix"]
        roc = found.plots["roc_curve"]
        assert isinstance(roc, Lines)
        assert len(roc.lines) == 8
        assert roc.title == "ROC curve of the 8 most frequent of 40 classes"

    def test_a_class_that_the_model_has_never_seen(self) -> None:
        X, y = load_iris(return_X_y=True)
        found = evaluate(LogisticRegression().fit(X[y < 2], y[y < 2]), X, y)
        assert found.metrics == pytest.approx({"accuracy": 2 / 3})
        assert found.left_out["f1"] == "the model does not know the class 2"

    def test_several_outputs(self) -> None:
        X, y = load_iris(return_X_y=True)
        Y = np.array([y, y]).T
        found = evaluate(MultiOutputClassifier(KNeighborsClassifier()).fit(X, Y), X, Y)
        assert found.metrics == {}
        assert found.left_out["f1"] == "the model has several outputs"


def test_regression() -> None:
    X, X_test, y, y_test = split(*load_diabetes(return_X_y=True, as_frame=True))
    model = Ridge().fit(X, y)
    predicted = model.predict(X_test)
    found = evaluate(model, X_test, y_test)
    expected = {
        "r2": model.score(X_test, y_test),
        "mae": metrics.mean_absolute_error(y_test, predicted),
        "rmse": metrics.root_mean_squared_error(y_test, predicted),
    }
    assert found.metrics == pytest.approx(expected, abs=1e-12)
    assert set(found.plots) == {"feature_importances"}


def test_what_is_neither_classifier_nor_regressor_has_no_metrics() -> None:
    X, y = load_iris(return_X_y=True)
    found = evaluate(KMeans(2, n_init=1).fit(X), X, y)
    assert (found.metrics, found.plots, found.failure) == ({}, {}, "")


def test_a_model_that_does_not_predict_these_rows() -> None:
    X, y = load_iris(return_X_y=True)
    assert "features" in evaluate(KNeighborsClassifier().fit(X, y), X[:, :2], y).failure
    assert "fitted" in evaluate(LogisticRegression(), X, y).failure


class TestImportances:
    def test_those_of_a_forest_largest_first_with_the_names_of_its_frame(self) -> None:
        X, y = load_iris(return_X_y=True, as_frame=True)
        model = RandomForestClassifier(random_state=0).fit(X, y)
        plot = importances.plot(model)
        assert plot is not None
        assert dict(plot.bars) == pytest.approx(dict(zip(X.columns, model.feature_importances_, strict=True)))
        assert [value for _, value in plot.bars] == sorted(model.feature_importances_, reverse=True)

    def test_the_steps_before_give_the_names(self) -> None:
        frame = pd.DataFrame({"amount": [1.0, 2, 3, 4] * 5, "kind": ["a", "b", "a", "c"] * 5})
        prepare = ColumnTransformer([("num", StandardScaler(), ["amount"]), ("cat", OneHotEncoder(), ["kind"])])
        search = GridSearchCV(make_pipeline(prepare, LogisticRegression()), {"logisticregression__C": [1.0]}, cv=2)
        plot = importances.plot(search.fit(frame, [0, 1, 0, 1] * 5))
        assert plot is not None
        assert {name for name, _ in plot.bars} == {"num__amount", "cat__kind_a", "cat__kind_b", "cat__kind_c"}

    def test_names_that_nobody_knows(self) -> None:
        X, y = load_iris(return_X_y=True)
        model = make_pipeline(FunctionTransformer(lambda X: X[:, :2]), LogisticRegression()).fit(X, y)
        plot = importances.plot(model)
        assert plot is not None
        assert {name for name, _ in plot.bars} == {"x0", "x1"}
        assert all(value >= 0 for _, value in plot.bars)

    def test_a_transformed_target_and_sparse_coefficients(self) -> None:
        X, y = load_iris(return_X_y=True)
        inner = TransformedTargetRegressor(LinearRegression()).fit(X, y)
        plot = importances.plot(inner)
        assert plot is not None
        assert len(plot.bars) == 4
        assert importances.plot(Perceptron().fit(X, y).sparsify()) is not None

    def test_the_first_fifty_of_many(self) -> None:
        texts = [" ".join(f"word{(at * 7 + n) % 120}" for n in range(12)) for at in range(60)]
        model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [0, 1] * 30)
        plot = importances.plot(model)
        assert plot is not None
        assert len(plot.bars) == 50
        assert plot.title.endswith("(the first 50 of 120)")

    @pytest.mark.parametrize("model", [KNeighborsClassifier(), SVC(kernel="rbf")])
    def test_models_that_tell_none(self, model: Any) -> None:
        X, y = load_iris(return_X_y=True)
        assert importances.plot(model.fit(X, y)) is None


class TestRun:
    @pytest.fixture(autouse=True)
    def here(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(workspace.root)

    def test_an_evaluation_is_logged(self, workspace: Workspace) -> None:
        X, X_test, y, y_test = two_classes()
        with mlops.start_run() as run:
            for C in (0.01, 1.0):
                model = LogisticRegression(C=C).fit(X, y)
                returned = run.log_evaluation(model, X_test, y_test, name="holdout")
            assert run.log_evaluation(RidgeClassifier().fit(X, y), X_test, y_test)["accuracy"] > 0.5
        found = programs.only_run(workspace)
        assert set(returned) == CLASSIFICATION
        for name, value in returned.items():
            assert found.metrics[f"holdout/{name}"].last == value
            assert found.metrics[f"holdout/{name}"].count == 2
        assert found.tags == {"test/left_out": "log_loss: the model has no predict_proba"}
        with workspace.store.read() as db:
            kept = {artifact.path: artifact for artifact in artifacts.listing(db, run.id)}
        assert set(kept) == {
            "plots/feature_importances.json",
            *(
                f"plots/{at}/{name}.json"
                for at in ("holdout", "test")
                for name in ("confusion_matrix", "roc_curve", "precision_recall_curve")
            ),
        }
        for artifact in kept.values():
            content = workspace.objects.read_checked(artifact.sha256)
            assert len(content) == artifact.size
            from_json(content)

    def test_a_model_that_fails_is_told_once_and_raises_nothing(self, workspace: Workspace) -> None:
        X, y = load_iris(return_X_y=True)
        with (
            mlops.start_run() as run,
            pytest.warns(mlops.TrackingWarning, match="evaluation 'test' is not logged, the model fails: X has 2"),
        ):
            assert run.log_evaluation(KNeighborsClassifier().fit(X, y), X[:, :2], y) == {}
        assert programs.only_run(workspace).metrics == {}

    def test_plots_of_ones_own(self, workspace: Workspace) -> None:
        plot = mlops.Lines("Losses", "epoch", "loss", [("a", [0, 1], [2.0, np.float32(0.5)])])
        with mlops.start_run() as run:
            run.log_plot("losses", mlops.Bars("t", [("a", 1)]))
            run.log_plot("losses", plot)
            with pytest.raises(TypeError, match="a plot is Lines, Matrix or Bars, not str"):
                run.log_plot("x", "plot")  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="plot's name"):
                run.log_plot("", plot)
        with workspace.store.read() as db:
            [artifact] = artifacts.listing(db, run.id)
        assert artifact.path == "plots/losses.json"
        assert from_json(workspace.objects.read_checked(artifact.sha256)) == plot
