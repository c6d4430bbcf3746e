"""The public Python API, as training code uses it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

import mlops_console as mlops
from mlops_console.core.errors import ConfigError, ModelError, NotFoundError, UsageError
from mlops_console.core.filters import FilterError
from mlops_console.store import artifacts, datasets, models, series
from mlops_console.store.workspace import Workspace
from mlops_console.tracking import start
from mlops_console.tracking.clerk import TrackingWarning
from tests.tracking import programs


@pytest.fixture(autouse=True)
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)


def test_a_run_records_what_it_was_given(workspace: Workspace) -> None:
    with mlops.start_run("baseline", experiment="fraud", params={"lr": 0.1}, tags={"team": "risk", "try": 2}) as run:
        for step in range(1000):
            run.log({"train/loss": 1 / (step + 1), "val/auc": np.float32(0.5)}, step=step)
        run.log_params({"depth": np.int64(3), "none": None, "layers": [1, 2], "path": Path("a/b")})
        assert run.params["lr"] == 0.1
    found = programs.only_run(workspace)
    assert (found.id, found.name, found.experiment, str(found.status)) == (run.id, "baseline", "fraud", "succeeded")
    assert found.params == {"lr": 0.1, "depth": 3, "none": None, "layers": [1, 2], "path": "a/b"}
    assert found.tags == {"team": "risk", "try": "2"}
    assert found.metrics["train/loss"].last == 1 / 1000
    assert found.metrics["train/loss"].count == 1000


def test_a_run_records_where_it_comes_from(workspace: Workspace) -> None:
    done = programs.run(workspace, "import numpy\nmlops.start_run()", "--lr", "0.1", env={"LOGNAME": "ada"})
    assert done.stderr == ""
    run = programs.only_run(workspace)
    assert run.provenance.user == "ada"
    assert run.provenance.command.endswith(".py --lr 0.1")
    assert run.provenance.python.count(".") == 2
    assert run.provenance.packages["numpy"] == np.__version__
    assert run.process is not None
    assert run.process.host
    assert run.provenance.git_commit is None


def test_names_are_made_up(workspace: Workspace) -> None:
    with mlops.start_run() as run:
        adjective, animal, number = run.name.split("-")
    assert adjective.isalpha()
    assert animal.isalpha()
    assert number.isdigit()
    assert programs.only_run(workspace).name == run.name
    assert programs.only_run(workspace).experiment == "default"


@pytest.mark.parametrize("name", ["\x1b[31mred", "[/markup]", "名前", "'; DROP TABLE runs; --", "\ud800x", "a\0b"])
def test_hostile_texts_are_only_texts(workspace: Workspace, name: str) -> None:
    if name.startswith("\ud800"):
        with pytest.raises(ValueError, match="Unicode"):
            mlops.start_run(name)
        name = "x"
    with mlops.start_run(name, experiment=name, params={name: "\ud800"}, tags={name: "\ud800"}) as run:
        run.log({name: 1.0})
    found = programs.only_run(workspace)
    assert (found.name, found.experiment, found.params, found.tags) == (name, name, {name: "\ud800"}, {name: "?"})
    assert found.metrics[name].count == 1


def test_wrong_types_raise_at_once() -> None:
    with mlops.start_run() as run:
        for call in (
            lambda: run.log_params(["lr"]),  # type: ignore[arg-type]
            lambda: run.log_params({1: 2}),  # type: ignore[dict-item]
            lambda: run.set_tags("x"),  # type: ignore[arg-type]
            lambda: run.log({"a": "b"}),
            lambda: run.log_dataset("train", object()),
            lambda: mlops.start_run(5),  # type: ignore[arg-type]
            lambda: mlops.start_run(params=[1]),  # type: ignore[arg-type]
        ):
            with pytest.raises(TypeError):
                call()


def test_artifacts(workspace: Workspace) -> None:
    folder = workspace.root / "plots"
    (folder / "deep").mkdir(parents=True)
    (folder / "roc.png").write_bytes(b"png")
    (folder / "deep" / "pr.png").write_bytes(b"png too")
    with mlops.start_run() as run:
        run.log_artifact("plots/roc.png")
        run.log_artifact("plots/roc.png", "curve.png")
        run.log_artifact("plots")
        with pytest.raises(NotFoundError):
            run.log_artifact("nothing.png")
    with workspace.store.read() as db:
        found = {item.path: item for item in artifacts.listing(db, run.id)}
    assert list(found) == ["curve.png", "plots/deep/pr.png", "plots/roc.png", "roc.png"]
    assert workspace.objects.read_checked(found["roc.png"].sha256) == b"png"
    assert found["roc.png"].size == 3


def test_datasets_and_models(workspace: Workspace) -> None:
    rows = pd.DataFrame({"x": np.arange(100.0), "gaps": [np.nan, *np.arange(99.0)], "y": [0, 1] * 50})
    model = LogisticRegression().fit(rows[["x"]], rows["y"])
    with mlops.start_run() as run:
        run.log_dataset("test", rows.head(20), name="small")
        run.log_dataset("train", rows)
        version = run.log_model(model, "fraud", input_example=rows[["x"]].head(), description="the first")
        assert version is not None
        again = run.log_model(model, "fraud")
    with workspace.store.read() as db:
        inputs = {entry.role: entry.version for entry in datasets.run_inputs(db, run.id)}
        assert models.versions(db, "fraud") == [again, version]
    assert (inputs["train"].dataset, inputs["train"].rows, inputs["test"].dataset) == ("train", 100, "small")
    assert (version.ref, version.estimator, version.run_id) == ("fraud:1", "LogisticRegression", run.id)
    assert version.reference is not None
    assert (version.reference.dataset, version.reference.rows) == ("train", 100)
    assert version.input_example is not None
    assert json.loads(workspace.objects.read_checked(version.input_example)) == [{"x": float(n)} for n in range(5)]
    loaded = mlops.load_model("fraud:1")
    assert (loaded.predict(rows[["x"]]) == model.predict(rows[["x"]])).all()
    with workspace.store.write() as tx:
        models.set_alias(tx, "fraud", "champion", 2)
    assert mlops.load_model("fraud@champion", workspace=workspace).classes_.tolist() == [0, 1]


def test_references_that_lead_nowhere() -> None:
    with pytest.raises(UsageError, match="without a version"):
        mlops.load_model("fraud")
    with pytest.raises(NotFoundError, match="no model 'fraud'"):
        mlops.load_model("fraud:1")


def test_a_pickle_is_no_model() -> None:
    with mlops.start_run() as run:
        for pickle in ("model.pkl", Path("model.joblib"), b"\x80\x04"):
            with pytest.raises(ModelError, match="a pickle is never loaded"):
                run.log_model(pickle, "fraud")


def test_untrusted_types_are_told_when_they_are_stored(workspace: Workspace) -> None:
    class Mine(DummyClassifier):
        pass

    with mlops.start_run() as run, pytest.warns(TrackingWarning, match="trusted_types = "):
        assert run.log_model(Mine().fit([[1.0]], [0]), "mine") is not None
    with pytest.raises(ModelError, match=r"not trusted: .*Mine"):
        mlops.load_model("mine:1")


def test_runs_as_a_frame(workspace: Workspace) -> None:
    assert len(mlops.runs()) == 0
    for number in range(3):
        with mlops.start_run(f"r{number}", experiment="e", params={"lr": number / 10, "opt": "adam"}) as run:
            for value in (0.1, 0.9, 0.5 + number / 100):
                run.log({"val/auc": value})
    with mlops.start_run("open"):
        frame = mlops.runs(order_by="started")
    assert frame["name"].tolist() == ["r0", "r1", "r2", "open"]
    assert frame["metrics.val/auc"].tolist()[:3] == [0.5, 0.51, 0.52]
    assert np.isnan(frame["metrics.val/auc"][3])
    assert frame["params.lr"].dtype == np.float64
    assert str(frame["started"].dtype).startswith("datetime64")
    assert str(frame["started"].dtype).endswith("UTC]")
    assert frame["duration"].dtype == np.float64
    assert frame["status"].tolist()[:3] == ["succeeded"] * 3
    few = mlops.runs(
        "params.lr > 0 and status = succeeded", "-metrics.val/auc", limit=1, columns=["name", "metrics.val/auc.max"]
    )
    assert few.to_dict("list") == {"name": ["r2"], "metrics.val/auc.max": [0.9]}
    with pytest.raises(FilterError):
        mlops.runs("nonsense >")
    with pytest.raises(FilterError):
        mlops.runs(columns=["nonsense"])


def test_only_the_columns_that_are_asked_for(workspace: Workspace) -> None:
    with mlops.start_run("a", experiment="e", params={"layers": [1, 2], "x": 1}, tags={"team": "risk"}) as run:
        for value in (3.0, float("nan"), 1.0):
            run.log({"loss": value, "loss.max": -1.0, "bad": float("nan")})
    with mlops.start_run("b", params={"x": "auto"}) as run:
        run.log({"loss": 2.0})
    columns = [
        "metrics.loss.max",
        "metrics.loss.count",
        "metrics.bad",
        "params.x",
        "params.layers",
        "tags.team",
        "user",
    ]
    frame = mlops.runs(order_by="started", columns=columns)
    assert list(frame.columns) == columns
    assert frame["metrics.loss.max"].tolist() == [-1.0, 2.0]  # a metric of that very name comes first
    assert frame["metrics.loss.count"].tolist() == [3.0, 1.0]
    assert frame["metrics.bad"].isna().all()
    assert frame["params.x"].tolist() == [1, "auto"]
    assert frame["params.layers"][0] == [1, 2]
    assert frame["tags.team"][0] == "risk"
    everything = mlops.runs(order_by="started")
    assert everything["experiment"].tolist() == ["e", "default"]
    assert everything["metrics.loss.max"].tolist()[0] == -1.0


def test_a_run_in_the_middle_is_seen_by_its_own_process() -> None:
    run = mlops.start_run()
    run.log({"a": 1.0})
    assert mlops.runs()["metrics.a"].tolist() == [1.0]
    run.finish()


def test_the_last_value_of_a_step_wins_and_order_does_not_matter(workspace: Workspace) -> None:
    with mlops.start_run() as run:
        for step, value in ((5, 5.0), (1, 1.0), (5, 50.0), (3, float("nan"))):
            run.log({"a": value}, step)
    with workspace.store.read() as db:
        found = series.points(db, run.id, "a")
    assert [(point.step, point.value) for point in found if point.step != 3] == [(1, 1.0), (5, 50.0)]
    summary = programs.only_run(workspace).metrics["a"]
    assert (summary.count, summary.first, summary.last, summary.max) == (3, 1.0, 50.0, 50.0)


def test_params_of_a_stage(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = workspace.root / "resolved.json"
    resolved.write_text(json.dumps({"fit": {"lr": 0.5, "model": {"depth": 3}}, "seed": 1}))
    monkeypatch.setenv("MLOPS_PARAMS", str(resolved))
    assert mlops.params() == {"fit": {"lr": 0.5, "model": {"depth": 3}}, "seed": 1}
    assert mlops.params("fit")["lr"] == 0.5
    assert mlops.params("fit.model") == {"depth": 3}
    with pytest.raises(ConfigError, match=r"no section \[seed\]"):
        mlops.params("seed")


def test_params_by_hand(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="There is no params file"):
        mlops.params()
    (workspace.root / "params.toml").write_text("[fit]\nlr = 0.1\n")
    assert mlops.params("fit") == {"lr": 0.1}
    (workspace.root / "other.toml").write_text("[fit]\nlr = 0.2\n")
    (workspace.root / "mlops.toml").write_text('[pipelines.train]\nparams = "other.toml"\n')
    assert mlops.params("fit") == {"lr": 0.2}
    (workspace.root / "other.toml").write_text("[fit\n")
    with pytest.raises(ConfigError, match="can't be read"):
        mlops.params("fit")


def test_a_folder_that_is_no_workspace_becomes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(start, "nearest", lambda folder: None)  # whatever lies above the folder of the tests
    with mlops.start_run():
        pass
    assert (folder / ".mlops" / "console.db").is_file()
    assert (folder / ".mlops").stat().st_mode & 0o777 == 0o700
    assert (folder / ".mlops" / ".gitignore").read_text() == "*\n"
    with pytest.raises(NotFoundError):
        mlops.start_run(workspace=folder / "missing")


def test_unknown_names_of_the_package() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        mlops.nonsense  # noqa: B018
    assert set(mlops.__all__) <= set(dir(mlops))
