"""A run knows which versions of the datasets of mlops.toml it has read."""

from collections.abc import Callable
from pathlib import Path

import pytest

import mlops_console.pipelines.inputs as recording
from mlops_console.core.config import Pipeline, Stage
from mlops_console.core.datasets import RunInput
from mlops_console.core.errors import UsageError
from mlops_console.pipelines.graph import order
from mlops_console.pipelines.pipeline_run import PipelineRun, stage_rows
from mlops_console.pipelines.resources import Limits
from mlops_console.pipelines.runner import run_stages
from mlops_console.store import datasets, runs, stages
from mlops_console.store.workspace import Workspace

CONFIG = """
[project]
name = "sample"
[datasets.rows]
path = "./data/rows.csv"
[datasets.rows.expect]
columns.amount = {min = 0}
[datasets.other]
path = "other.csv"
"""
FIT = Stage(run="cp data/rows.csv out", deps=("data/rows.csv",), outs=("out",))
Run = Callable[..., str]


@pytest.fixture
def run(workspace: Workspace) -> Run:
    """Run these stages, after the first file and mlops.toml are written; the run's id."""
    (workspace.root / "mlops.toml").write_text(CONFIG)
    (workspace.root / "data").mkdir()
    (workspace.root / "data" / "rows.csv").write_text("amount,b\n1,x\n-2,y\n")

    def make(slots: int = 1, folder: Path | None = None, **made: Stage) -> str:
        with workspace.store.write() as tx:
            run_id = runs.create(tx, name="a-run", experiment="e")
        ordered = order("train", Pipeline(stages=made))
        logs = workspace.logs_dir / run_id
        pipeline = PipelineRun(
            workspace,
            run_id,
            "train",
            ordered,
            {},
            logs,
            progress=lambda *_: None,
            stopping=lambda: False,
            limits=Limits(cpus=1000, memory=10**15),
            times={},
            folder=folder or workspace.root,
            grace="10s",
            slots=slots,
            datasets=workspace.config().datasets,
        )
        with workspace.store.write() as tx:
            stages.plan_stages(tx, run_id, stage_rows(pipeline))
        assert run_stages(pipeline)
        return run_id

    return make


def inputs(workspace: Workspace, run_id: str) -> list[RunInput]:
    with workspace.store.read() as db:
        return datasets.run_inputs(db, run_id)


def log(workspace: Workspace, run_id: str, stage: str = "fit") -> str:
    return (workspace.logs_dir / run_id / f"{stage}.log").read_text()


def test_a_dep_that_is_a_dataset_is_an_input(workspace: Workspace, run: Run) -> None:
    [found] = inputs(workspace, run(fit=FIT))
    assert (found.role, found.version.ref, found.logged) == ("rows", "rows:1", False)
    assert (found.version.rows, found.version.columns) == (2, 2)
    assert found.version.sample is not None
    assert found.version.verdict is not None
    assert [v.expectation for v in found.version.verdict.violations] == ["min = 0"]


def test_each_content_is_scanned_once(workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned = []
    original = recording._scanned
    monkeypatch.setattr(recording, "_scanned", lambda *given: scanned.append(1) or original(*given))
    made = {f"fit{n}": Stage(run="true", deps=("data/rows.csv",)) for n in range(4)}
    run(slots=4, **made)
    run(**made)
    assert len(scanned) == 1
    (workspace.root / "data" / "rows.csv").write_text("amount,b\n3,x\n")
    [found] = inputs(workspace, run(fit=FIT))
    assert found.version.ref == "rows:2"
    assert len(scanned) == 2


def test_a_cached_stage_has_its_inputs_too(workspace: Workspace, run: Run) -> None:
    run(fit=FIT)
    again = run(fit=FIT)
    with workspace.store.read() as db:
        assert stages.listing(db, again)[0].cached_from is not None
    assert [found.version.ref for found in inputs(workspace, again)] == ["rows:1"]


def test_a_stage_that_always_runs_and_a_file_that_another_stage_makes(workspace: Workspace, run: Run) -> None:
    run_id = run(
        make=Stage(run="cp data/rows.csv other.csv", deps=("data/rows.csv",), outs=("other.csv",)),
        fit=Stage(run="true", deps=("other.csv",), always=True),
    )
    assert [found.version.ref for found in inputs(workspace, run_id)] == ["other:1", "rows:1"]


@pytest.mark.parametrize("content", [b"", b"\x89PNG\0\0", b"a,b\n1\n"])
def test_what_is_no_table_is_left_alone_with_a_note(workspace: Workspace, run: Run, content: bytes) -> None:
    (workspace.root / "data" / "rows.csv").write_bytes(content)
    run_id = run(fit=FIT)
    assert inputs(workspace, run_id) == []
    assert "── mlops-console: no version of dataset rows is recorded: " in log(workspace, run_id)


def test_a_folder_is_no_table(workspace: Workspace, run: Run) -> None:
    (workspace.root / "mlops.toml").write_text(CONFIG.replace("./data/rows.csv", "data"))
    run_id = run(fit=Stage(run="true", deps=("data",)))
    assert inputs(workspace, run_id) == []
    assert "no version of dataset rows" in log(workspace, run_id)


def test_a_huge_file_is_not_read_unasked(workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "LARGEST", 3)
    run_id = run(fit=FIT)
    assert inputs(workspace, run_id) == []
    assert "'mlops-console dataset scan rows' reads it all the same" in log(workspace, run_id)


def test_a_trial_reads_what_is_in_its_folder(workspace: Workspace, run: Run) -> None:
    folder = workspace.home / "trial"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "rows.csv").write_text("amount,b\n5,x\n")
    [found] = inputs(workspace, run(fit=FIT, folder=folder))
    assert found.version.rows == 1


def test_a_stage_may_break_mlops_toml_while_it_runs(workspace: Workspace, run: Run) -> None:
    first = Stage(run="echo '[project' > mlops.toml; touch first", outs=("first",))
    run_id = run(first=first, last=Stage(run="true", deps=("data/rows.csv", "first")))
    assert [found.role for found in inputs(workspace, run_id)] == ["rows"]


def test_what_the_script_says_is_not_replaced(workspace: Workspace, run: Run) -> None:
    (workspace.root / "fit.py").write_text(
        "import mlops_console as mlops, pathlib\n"
        "with mlops.start_run() as run:\n    run.log_dataset('rows', {'a': [1, 2, 3, 4, 5]})\n"
        "pathlib.Path('fitted').touch()\n"
    )
    run_id = run(
        fit=Stage(run="python fit.py", deps=("fit.py",), outs=("fitted",)),
        last=Stage(run="true", deps=("data/rows.csv", "fitted")),
    )
    [found] = inputs(workspace, run_id)
    assert (found.role, found.logged, found.version.rows) == ("rows", True, 5)


def test_the_file_is_no_reference_of_a_model(workspace: Workspace, run: Run) -> None:
    """What the pipeline knows says nothing of the columns that the model has seen."""
    from mlops_console.tracking.intake import Intake

    run_id = run(fit=FIT)
    assert inputs(workspace, run_id)
    assert Intake(workspace.root).reference(run_id) is None


def test_a_file_that_is_written_to_meanwhile(workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(*given: object) -> None:
        raise UsageError("data/rows.csv has changed while it was read.", "")

    monkeypatch.setattr("mlops_console.data.scan.scan", lambda *_, **__: changed())
    run_id = run(fit=FIT)
    assert inputs(workspace, run_id) == []
    assert "has changed while it was read" in log(workspace, run_id)


def test_a_stage_that_checks_runs_again_when_the_expectations_change(run: Run, workspace: Workspace) -> None:
    check = Stage(run="echo dataset check rows; touch checked", deps=("data/rows.csv",), outs=("checked",))
    whys = []
    for config in (CONFIG, CONFIG, CONFIG.replace("min = 0", "min = 1"), CONFIG):
        (workspace.root / "mlops.toml").write_text(config)
        run_id = run(check=check, fit=FIT)
        with workspace.store.read() as db:
            whys.append([stage.why for stage in stages.listing(db, run_id)])
    assert whys[0] == ["it has not run before"] * 2
    assert whys[1] == ["cached from a-run"] * 2
    assert whys[2] == ["what rows should hold changed", "cached from a-run"], "fit checks nothing"
    assert whys[3] == ["cached from a-run"] * 2, "what held before holds"
