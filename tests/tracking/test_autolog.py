"""What scikit-learn does is logged by itself, once, and nothing of it changes what scikit-learn does."""

import inspect
import json
import pickle
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import mlops_console as mlops
from mlops_console.core.runs import Run
from mlops_console.store import artifacts, datasets, models, series
from mlops_console.store.workspace import Workspace
from mlops_console.tracking import estimators
from tests.tracking import programs

X, y = make_classification(300, 6, flip_y=0.2, random_state=0)
X_TRAIN, X_TEST, Y_TRAIN, Y_TEST = train_test_split(X, y, random_state=0)
CLASSIFICATION = {"accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "log_loss"}


@pytest.fixture(autouse=True)
def watched(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(workspace.root)
    mlops.autolog()
    yield
    mlops.autolog(disable=True)


def only_run(workspace: Workspace) -> Run:
    return programs.only_run(workspace)


def points(workspace: Workspace, run: Run, metric: str) -> list[tuple[int, float]]:
    with workspace.store.read() as db:
        return [(point.step, point.value) for point in series.points(db, run.id, metric)]


class TestFit:
    def test_a_fit_in_an_open_run(self, workspace: Workspace) -> None:
        frame = pd.DataFrame(X_TRAIN, columns=[f"f{at}" for at in range(6)])
        with mlops.start_run("mine") as run:
            model = LogisticRegression(C=0.5).fit(frame, Y_TRAIN)
        found = only_run(workspace)
        assert (found.id, found.name) == (run.id, "mine")
        assert found.params == {name: value for name, value in model.get_params().items() if name != "deprecated"}
        assert found.params["C"] == 0.5
        assert found.tags == {"estimator": "LogisticRegression"}
        assert set(found.metrics) == {"fit/seconds"}
        assert 0 < found.metrics["fit/seconds"].last < 10
        with workspace.store.read() as db:
            [given] = datasets.run_inputs(db, run.id)
            [plot] = artifacts.listing(db, run.id)
        assert (given.role, given.version.rows, given.version.columns) == ("train", len(frame), 6)
        assert plot.path == "plots/feature_importances.json"

    def test_without_a_run_each_fit_has_its_own(self, workspace: Workspace) -> None:
        LogisticRegression().fit(X_TRAIN, Y_TRAIN)
        Ridge().fit(X_TRAIN, Y_TRAIN)
        newest, oldest = programs.all_runs(workspace)
        assert (oldest.tags["estimator"], newest.tags["estimator"]) == ("LogisticRegression", "Ridge")
        assert str(oldest.status) == str(newest.status) == "succeeded"

    def test_the_innermost_run_is_meant(self, workspace: Workspace) -> None:
        with mlops.start_run("outer"), mlops.start_run("inner"):
            DummyClassifier().fit(X, y)
        assert {run.name: set(run.tags) for run in programs.all_runs(workspace)} == {
            "outer": set(),
            "inner": {"estimator"},
        }

    def test_a_pipeline_is_one_fit(self, workspace: Workspace) -> None:
        with mlops.start_run():
            make_pipeline(SimpleImputer(), StandardScaler(), SVC()).fit(X, y)
        run = only_run(workspace)
        assert run.tags == {"estimator": "Pipeline(SVC)"}
        assert run.params["svc__C"] == 1.0
        assert run.params["simpleimputer__missing_values"] == "nan"
        assert run.params["svc"] == "SVC()"
        assert run.metrics["fit/seconds"].count == 1

    @pytest.mark.parametrize(
        "ensemble",
        [
            BaggingClassifier(LogisticRegression(), n_estimators=3, n_jobs=2),
            VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier())], n_jobs=2),
            StackingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier())], n_jobs=2),
            OneVsRestClassifier(LogisticRegression(), n_jobs=2),
            RandomForestClassifier(5, n_jobs=2),
        ],
        ids=lambda ensemble: type(ensemble).__name__,
    )
    @pytest.mark.parametrize("backend", ["loky", "threading"])
    def test_an_ensemble_is_one_fit(self, workspace: Workspace, ensemble: Any, backend: str) -> None:
        with joblib.parallel_config(backend), mlops.start_run():
            clone(ensemble).fit(X, y)
        run = only_run(workspace)
        assert run.tags["estimator"].startswith(type(ensemble).__name__)
        assert run.metrics["fit/seconds"].count == 1

    def test_what_only_prepares_is_not_logged(self, workspace: Workspace) -> None:
        StandardScaler().fit(X)
        PCA(2).fit_transform(X)
        assert programs.all_runs(workspace) == []
        KMeans(2, n_init=1, random_state=0).fit(X)
        assert only_run(workspace).tags == {"estimator": "KMeans"}

    def test_the_same_rows_are_one_dataset_and_ones_own_stays(self, workspace: Workspace) -> None:
        with mlops.start_run() as run:
            for depth in (1, 2, 3):
                DecisionTreeClassifier(max_depth=depth).fit(X_TRAIN, Y_TRAIN)
        with mlops.start_run() as other:
            other.log_dataset("train", pd.DataFrame({"mine": [1.0, 2.0]}))
            DecisionTreeClassifier().fit(X_TRAIN, Y_TRAIN)
        assert run.params["max_depth"] == 3
        assert [step for step, _ in points(workspace, programs.all_runs(workspace)[1], "fit/seconds")] == [0, 1, 2]
        with workspace.store.read() as db:
            [first] = datasets.run_inputs(db, run.id)
            [second] = datasets.run_inputs(db, other.id)
        assert (first.version.version, second.version.version) == (1, 2)
        assert list(second.version.schema) == ["mine"]

    def test_a_run_s_own_steps_go_on(self, workspace: Workspace) -> None:
        with mlops.start_run() as run:
            run.log({"loss": 1.0})
            DummyClassifier().fit(X, y)
            run.log({"loss": 0.5})
        assert points(workspace, only_run(workspace), "loss") == [(0, 1.0), (1, 0.5)]

    def test_threads_that_fit_at_once_have_a_run_each(self, workspace: Workspace) -> None:
        together = threading.Barrier(3, timeout=20)

        class Waiting(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
            def __init__(self, number: int = 0) -> None:
                self.number = number

            def fit(self, X: Any, y: Any) -> "Waiting":
                together.wait()
                return self

            def predict(self, X: Any) -> Any:
                return np.zeros(len(X))

        threads = [threading.Thread(target=Waiting(number).fit, args=(X, y)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(run.params["number"] for run in programs.all_runs(workspace)) == [0, 1, 2]

    def test_a_model_version_is_logged_on_request(self, workspace: Workspace) -> None:
        mlops.autolog(model_name="fraud")
        with mlops.start_run() as run:
            LogisticRegression().fit(pd.DataFrame({"amount": X_TRAIN[:, 0]}), Y_TRAIN)
        mlops.autolog(log_models=True)
        GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1.0]}, cv=2).fit(X_TRAIN, Y_TRAIN)
        with workspace.store.read() as db:
            [version] = models.of_run(db, run.id)
            assert (version.ref, version.signature.inputs[0].name) == ("fraud:1", "amount")
            assert version.input_example is not None
            assert {found.ref: found.estimator for found in models.versions(db)} == {
                "fraud:1": "LogisticRegression",
                "Ridge:1": "Pipeline",
            }


class TestScore:
    def test_other_rows_are_a_test(self, workspace: Workspace) -> None:
        with mlops.start_run() as run:
            model = LogisticRegression().fit(X_TRAIN, Y_TRAIN)
            accuracy = model.score(X_TEST, Y_TEST)
            model.score(X_TRAIN, Y_TRAIN)
            model.score(X_TRAIN.copy(), Y_TRAIN)
            model.score(X_TEST, Y_TEST)
        found = only_run(workspace)
        assert {name.removeprefix("test/") for name in found.metrics if name.startswith("test/")} == CLASSIFICATION
        assert (found.metrics["test/accuracy"].last, found.metrics["test/accuracy"].count) == (accuracy, 1)
        with workspace.store.read() as db:
            assert "plots/test/roc_curve.json" in {artifact.path for artifact in artifacts.listing(db, run.id)}

    def test_a_score_after_the_run_s_end_goes_there_too(self, workspace: Workspace) -> None:
        frame, target = load_diabetes(return_X_y=True, as_frame=True)
        first = Ridge().fit(frame[:300], target[:300])
        Ridge(alpha=9.0).fit(frame[:300], target[:300])
        score = first.score(frame[300:], target[300:])
        first.score(frame[:200], target[:200])
        newest, oldest = programs.all_runs(workspace)
        assert {"test/r2", "test/mae", "test/rmse"} < set(oldest.metrics)
        assert points(workspace, oldest, "test/r2")[0] == (0, score)
        assert oldest.metrics["test/r2"].count == 2
        assert "test/r2" not in newest.metrics
        assert str(oldest.status) == "succeeded"
        assert newest.started_at is not None
        assert oldest.ended_at is not None
        assert oldest.ended_at <= newest.started_at

    def test_models_from_elsewhere_belong_to_the_open_run(self, workspace: Workspace) -> None:
        mlops.autolog(disable=True)
        model = DummyClassifier().fit(X_TRAIN, Y_TRAIN)
        mlops.autolog()
        model.score(X_TEST, Y_TEST)
        assert programs.all_runs(workspace) == []
        with mlops.start_run():
            model.score(X_TEST, Y_TEST)
        assert "test/accuracy" in only_run(workspace).metrics

    def test_weighted_scores_are_left_alone(self, workspace: Workspace) -> None:
        with mlops.start_run():
            model = DummyClassifier().fit(X_TRAIN, Y_TRAIN)
            model.score(X_TEST, Y_TEST, sample_weight=np.ones(len(Y_TEST)))
            model.score(X=X_TEST, y=Y_TEST, sample_weight=None)
        assert set(only_run(workspace).metrics) == {"fit/seconds"}

    def test_pipelines_and_searches_score(self, workspace: Workspace) -> None:
        with mlops.start_run():
            search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, cv=2, scoring="roc_auc")
            area = search.fit(X_TRAIN, Y_TRAIN).score(X_TEST, Y_TEST)
        found = only_run(workspace)
        assert found.metrics["test/roc_auc"].last == pytest.approx(area)
        assert found.metrics["test/roc_auc"].count == 1


class TestValidation:
    @pytest.mark.parametrize("n_jobs", [None, 2])
    @pytest.mark.parametrize("backend", ["loky", "threading"])
    def test_cross_validation_logs_each_fold(self, workspace: Workspace, n_jobs: int | None, backend: str) -> None:
        with joblib.parallel_config(backend), mlops.start_run():
            found = cross_validate(
                DecisionTreeClassifier(random_state=0), X, y, scoring=["f1", "accuracy"], n_jobs=n_jobs
            )
        run = only_run(workspace)
        scores = found["test_f1"]
        assert points(workspace, run, "cv/f1") == list(enumerate(scores))
        assert run.metrics["cv/f1/mean"].last == pytest.approx(scores.mean())
        assert run.metrics["cv/f1/std"].last == pytest.approx(scores.std())
        assert set(run.metrics) == {f"cv/{name}" for name in ("f1", "f1/mean", "f1/std",
                                    "accuracy", "accuracy/mean", "accuracy/std")}  # fmt: skip
        assert run.tags == {"estimator": "DecisionTreeClassifier"}
        assert run.params["random_state"] == 0

    @pytest.mark.parametrize(
        ("model", "scoring", "name"),
        [
            (DummyClassifier(), None, "accuracy"),
            (LinearRegression(), None, "r2"),
            (DummyClassifier(), "roc_auc", "roc_auc"),
            (DummyClassifier(), make_scorer(f1_score), "f1_score"),
        ],
    )
    def test_the_one_scorer_has_its_name(self, workspace: Workspace, model: Any, scoring: Any, name: str) -> None:
        scores = cross_val_score(model, X, y, scoring=scoring, cv=3)
        cross_validate(model, X, y, scoring=scoring, cv=3)
        for run in programs.all_runs(workspace):
            assert points(workspace, run, f"cv/{name}") == list(enumerate(scores))

    def test_what_else_refits_logs_nothing(self, workspace: Workspace) -> None:
        model = DummyClassifier()
        cross_val_predict(model, X, y)
        learning_curve(model, X, y)
        validation_curve(model, X, y, param_name="random_state", param_range=[0, 1])
        permutation_test_score(model, X, y, n_permutations=2)
        assert programs.all_runs(workspace) == []

    @pytest.mark.parametrize("n_jobs", [None, 2])
    def test_a_search(self, workspace: Workspace, n_jobs: int | None) -> None:
        with mlops.start_run():
            model = Pipeline([("scale", StandardScaler()), ("fit", LogisticRegression())])
            search = GridSearchCV(model, {"fit__C": [0.01, 1.0, 10.0]}, cv=4, n_jobs=n_jobs).fit(X_TRAIN, Y_TRAIN)
        run = only_run(workspace)
        assert run.tags == {"estimator": "GridSearchCV(Pipeline(LogisticRegression))"}
        assert run.params["best/fit__C"] == search.best_params_["fit__C"]
        assert run.params["param_grid"] == {"fit__C": [0.01, 1.0, 10.0]}
        assert run.metrics["cv/accuracy"].count == 4
        assert run.metrics["cv/accuracy/mean"].last == pytest.approx(search.best_score_)
        best = search.best_index_
        assert run.metrics["cv/accuracy/std"].last == pytest.approx(search.cv_results_["std_test_score"][best])
        means = search.cv_results_["mean_test_score"]
        assert points(workspace, run, "search/accuracy") == list(enumerate(means))
        assert run.metrics["fit/seconds"].count == 1

    def test_a_search_that_chooses_nothing(self, workspace: Workspace) -> None:
        RandomizedSearchCV(
            Ridge(), {"alpha": [1, 2]}, n_iter=2, scoring=["r2", "neg_max_error"], refit=False, random_state=0
        ).fit(X, y)
        run = only_run(workspace)
        assert set(run.metrics) == {"fit/seconds", "search/r2", "search/neg_max_error"}


class Custom(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator of somebody's own."""

    def __init__(self, fail: str = "", thing: Any = None) -> None:
        self.fail = fail
        self.thing = thing

    def fit(self, X: Any, y: Any) -> "Custom":
        if self.fail:
            raise KeyError(self.fail)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.classes_[0])


class TestNothingChanges:
    def test_results_are_the_same_with_and_without(self) -> None:
        def results() -> Any:
            np.random.seed(7)
            forest = RandomForestClassifier(5).fit(X_TRAIN, Y_TRAIN)
            scored = forest.score(X_TEST, Y_TEST)
            search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [2, 4]}, cv=3).fit(X_TRAIN, Y_TRAIN)
            folds = cross_val_score(DecisionTreeClassifier(), X, y)
            return scored, forest.predict_proba(X_TEST), search.predict(X_TEST), folds, np.random.random()

        with_autolog = results()
        mlops.autolog(disable=True)
        for one, other in zip(with_autolog, results(), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_exceptions_pass_through_and_fail_the_fit_s_own_run(self, workspace: Workspace) -> None:
        with pytest.raises(KeyError, match="this") as found:
            Custom("this").fit(X, y)
        assert type(found.value) is KeyError
        run = only_run(workspace)
        assert str(run.status) == "failed"
        assert run.error is not None
        assert run.error.startswith("KeyError: 'this'")
        assert run.params["fail"] == "this"
        with mlops.start_run(), pytest.raises(KeyError):
            Custom("that").fit(X, y)
        assert str(programs.all_runs(workspace)[0].status) == "succeeded"
        with pytest.raises(KeyError, match="again"):
            cross_val_score(Custom("again"), X, y, error_score="raise")
        with pytest.raises(TypeError, match="missing"):
            LogisticRegression().fit()

    def test_disabling_restores_everything(self) -> None:
        before = LogisticRegression.fit
        mlops.autolog(disable=True)
        original = LogisticRegression.fit
        assert original is not before
        assert "mlops_console" not in original.__code__.co_filename
        attributes = {name: dict(vars(cls)) for name, cls in {"a": BaseEstimator, "b": ClassifierMixin}.items()}
        cell = cross_validate.__closure__[0].cell_contents
        mlops.autolog()
        mlops.autolog()
        assert LogisticRegression.fit is not original
        mlops.autolog(disable=True)
        mlops.autolog(disable=True)
        assert LogisticRegression.fit is original
        assert {name: dict(vars(cls)) for name, cls in {"a": BaseEstimator, "b": ClassifierMixin}.items()} == attributes
        assert cross_validate.__closure__[0].cell_contents is cell
        assert LogisticRegression(C=3.0).fit(X, y).C == 3.0

    def test_the_methods_look_as_before(self) -> None:
        assert inspect.isfunction(LogisticRegression.fit)
        assert list(inspect.signature(LogisticRegression().fit).parameters) == ["X", "y", "sample_weight"]
        assert not hasattr(Pipeline([("scale", StandardScaler())]), "score")
        assert hasattr(Pipeline([("fit", SVC())]), "score")
        assert callable(Pipeline.score)
        copy = pickle.loads(pickle.dumps(LogisticRegression(C=2.0).fit(X, y)))  # noqa: S301 - made here
        assert copy.C == 2.0

    def test_classes_to_come_are_watched(self, workspace: Workspace) -> None:
        class Later(LogisticRegression):  # type: ignore[misc]
            def fit(self, X: Any, y: Any) -> Any:
                return super().fit(X, y)

        Later().fit(X, y)
        assert only_run(workspace).tags == {"estimator": "Later"}
        assert only_run(workspace).metrics["fit/seconds"].count == 1
        mlops.autolog(disable=True)
        Later().fit(X, y)
        assert len(programs.all_runs(workspace)) == 1


class TestTrouble:
    def test_one_warning_for_all_failures(self, workspace: Workspace) -> None:
        class Odd(Custom):
            def get_params(self, deep: bool = True) -> dict[str, Any]:
                raise ZeroDivisionError("no params today")

        with mlops.start_run(), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            Odd().fit(X, y)
            Odd().fit(X, y)
        [warning] = told
        assert warning.category is mlops.TrackingWarning
        assert "(ZeroDivisionError: no params today)" in str(warning.message)
        run = only_run(workspace)
        assert run.tags == {"estimator": "Odd"}
        assert run.metrics["fit/seconds"].count == 2

    def test_warnings_as_errors_do_not_stop_training(self) -> None:
        class Odd(Custom):
            def get_params(self, deep: bool = True) -> dict[str, Any]:
                raise ZeroDivisionError

        assert Odd().fit(X, y).classes_.tolist() == [0, 1]  # the tests' filter makes errors of warnings

    def test_no_place_for_a_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLOPS_WORKSPACE", "/nowhere/at/all")
        with pytest.warns(mlops.TrackingWarning, match="NotFoundError"):
            model = DummyClassifier().fit(X, y)
        assert model.predict(X).shape == y.shape

    @pytest.mark.parametrize("rows", [X.tolist(), np.ones((300, 6))[:, :, None]], ids=["lists", "three dimensions"])
    def test_rows_that_are_no_table(self, workspace: Workspace, rows: Any) -> None:
        with mlops.start_run() as run:
            DummyClassifier().fit(rows, y).score(rows, y)
        with workspace.store.read() as db:
            assert datasets.run_inputs(db, run.id) == []


class TestPlainValues:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (None, None),
            (True, True),
            (np.int64(3), 3),
            (np.float32(0.5), 0.5),
            (float("nan"), "nan"),
            ("x" * 600, "x" * 499 + "…"),
            (f1_score, "sklearn.metrics._classification.f1_score"),
            (np.float64, "numpy.float64"),
            ([1, "a", SVC()], [1, "a", "SVC()"]),
            ({"C": (1.0, [2.0])}, {"C": [1.0, "[2.0]"]}),
        ],
    )
    def test_some(self, value: Any, expected: Any) -> None:
        assert estimators.plain(value) == expected

    @pytest.mark.parametrize("value", [list(range(10_000)), {at: at for at in range(1000)}, np.ones(10**6), object()])
    def test_long_ones_are_cut(self, value: Any) -> None:
        found = estimators.plain(value)
        assert isinstance(found, str)
        assert len(found) <= 500
        json.dumps(found)


PROGRAM = """
from multiprocessing import get_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import cross_val_score
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import BaggingClassifier
import numpy as np
import joblib

class Mine(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.inner_ = LogisticRegression().fit(X, y)
        self.classes_ = self.inner_.classes_
        return self
    def predict(self, X):
        return self.inner_.predict(X)

def train(X, y):
    Mine().fit(X, y)

if __name__ == "__main__":
    X = np.random.default_rng(0).normal(size=(80, 3))
    y = (X[:, 0] > 0).astype(int)
    mlops.autolog()
    with mlops.start_run("all"):
        print(len(cross_val_score(Mine(), X, y, n_jobs=2)))
        BaggingClassifier(Mine(), 3, n_jobs=2).fit(X, y)
        with joblib.parallel_config("multiprocessing"):
            BaggingClassifier(Mine(), 3, n_jobs=2).fit(X, y)
        joblib.Parallel(2)(joblib.delayed(train)(X, y) for _ in range(2))
        process = get_context("fork").Process(target=train, args=(X, y))
        process.start()
        process.join()
        assert process.exitcode == 0
"""


def test_a_program_and_its_processes_log_once(workspace: Workspace) -> None:
    done = programs.run(workspace, PROGRAM)
    assert (done.returncode, done.stdout, done.stderr) == (0, "5\n", "")
    run = only_run(workspace)
    assert run.metrics["cv/accuracy"].count == 5
    assert run.metrics["fit/seconds"].count == 2


def test_using_the_name_loads_no_scikit_learn(workspace: Workspace) -> None:
    code = "import sys\nmlops.autolog\nprint([m for m in ('sklearn', 'numpy', 'pandas') if m in sys.modules])"
    assert programs.run(workspace, code).stdout == "[]\n"


def test_a_real_data_set(workspace: Workspace) -> None:
    frame, target = load_breast_cancer(return_X_y=True, as_frame=True)
    train, test, y_train, y_test = train_test_split(frame, target, random_state=0)
    with mlops.start_run():
        make_pipeline(StandardScaler(), LogisticRegression()).fit(train, y_train).score(test, y_test)
    assert only_run(workspace).metrics["test/roc_auc"].last > 0.95
