"""The commands of runs and experiments: real processes."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from mlops_console.core.views import RunView, ViewColumn
from mlops_console.store import artifacts, runs, series, views
from mlops_console.store.workspace import Workspace, open_workspace
from tests.cli.test_commands import console, document, fails

CONFIG = '[project]\nname = "fraud"\n[models.fraud]\nmetric = "val/loss"\ngoal = "minimize"\n'


@pytest.fixture
def project(workspace: Workspace) -> Path:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    return workspace.root


def add_run(root: Path, name: str, experiment: str = "fraud", **params: Any) -> str:
    with open_workspace(root).store.write() as tx:
        run_id = runs.create(tx, name=name, experiment=experiment)
        runs.set_params(tx, run_id, params)
        series.ingest(tx, run_id, [("val/loss", step, value, 1.0) for step, value in enumerate((0.9, 0.25, 0.5))])
        runs.finish(tx, run_id, runs.RunStatus.SUCCEEDED)
    return run_id


def test_the_list_shows_the_best_of_the_metric_that_a_model_is_judged_by(project: Path) -> None:
    add_run(project, "calm-otter", lr=0.1)
    header, _, row = console("run", "list", cwd=project).stdout.splitlines()[:3]
    assert "val/loss (min)" in header
    assert "0.25" in row
    (project / "mlops.toml").write_text("[project\n")
    header, _, row = console("run", "list", cwd=project).stdout.splitlines()[:3]
    assert "val/loss " in header
    assert "0.5" in row


def test_the_list_says_that_there_are_more(project: Path) -> None:
    for number in range(3):
        add_run(project, f"run-{number}")
    assert "2 of 3 runs" in console("run", "list", "--limit", "2", cwd=project).stdout
    assert "2 runs; --limit" in console("run", "list", "--limit", "2", "-f", "name ~ run", cwd=project).stdout
    assert "--limit" not in console("run", "list", "--limit", "3", cwd=project).stdout


def test_the_list_by_a_saved_view(project: Path) -> None:
    for name, lr in (("a", 0.1), ("b", 0.3), ("c", 0.2)):
        add_run(project, name, lr=lr)
    columns = (ViewColumn("params.lr", 8), ViewColumn("metrics.val/loss.max"), ViewColumn("user"))
    with open_workspace(project).store.write() as tx:
        views.save(tx, RunView("béste", "params.lr > 0.1", "-params.lr", columns))
        views.save(tx, RunView("groups", columns=columns[1:2], group_by="experiment"))
    lines = console("run", "list", "--view", "béste", cwd=project).stdout.splitlines()
    assert lines[0].split()[:5] == ["ID", "NAME", "STATUS", "lr", "val/loss"]
    assert [line.split()[1] for line in lines[2:4]] == ["b", "c"]
    assert "0.9" in lines[2]
    found = document("run", "list", "--view", "béste", "--filter", "params.lr < 0.3", cwd=project)
    assert [run["name"] for run in found["runs"]] == ["c"]
    group = console("run", "list", "--view", "groups", cwd=project).stdout.splitlines()[2].split()
    assert group == ["fraud", "3", "0.9000", "±", "0"]
    fails("run", "list", "--view", "none", cwd=project, status=2, told="no view 'none'")


def test_many_runs_go_and_a_purge_says_what_it_frees(project: Path) -> None:
    ids = [add_run(project, f"run-{number}") for number in range(3)]
    assert document("run", "delete", *ids[:2], cwd=project) == {"runs": ids[:2], "action": "delete_runs"}
    assert "run-1" in console("run", "restore", ids[1], cwd=project).stdout
    dry = document("run", "purge", "--dry-run", cwd=project)
    assert dry["plan"]["title"] == "Delete 1 run for ever"
    assert document("run", "list", "--deleted", cwd=project)["total"] == 1
    fails("run", "purge", "--older-than", "soon", cwd=project, status=2, told="no span of time")
    assert document("run", "purge", "--older-than", "30d", cwd=project)["runs"] == 0
    assert document("run", "purge", cwd=project) == {"runs": 1, "kept": [], "freed": 0}
    assert "0 runs are gone" in console("run", "purge", cwd=project).stdout


def test_experiments_come_and_go(project: Path) -> None:
    add_run(project, "first", "fräud ✓")
    assert document("experiment", "list", cwd=project)["experiments"][0]["runs"] == 1
    assert document("experiment", "delete", "fräud ✓", cwd=project) == {"experiment": "fräud ✓", "runs": 1}
    assert "no experiment yet" in console("experiment", "list", cwd=project).stdout
    second = add_run(project, "second", "fräud ✓")
    told = console("experiment", "restore", "fräud ✓", cwd=project).stdout
    assert "the runs become its own" in told
    assert document("experiment", "list", cwd=project)["experiments"][0]["runs"] == 2
    fails("experiment", "restore", "fräud ✓", cwd=project, status=2, told="in the trash")
    with open_workspace(project).store.write() as tx:
        runs.create(tx, name="live", experiment="fräud ✓")
    fails("experiment", "delete", "fräud ✓", cwd=project, status=3, told="has not ended")
    assert console("run", "delete", second, cwd=project).returncode == 0


def test_export_to_a_file_and_to_a_pipe(project: Path) -> None:
    add_run(project, "calm-otter", lr=0.1)
    assert document("run", "export", "runs.csv", cwd=project) == {"file": "runs.csv", "rows": 1}
    assert "calm-otter" in (project / "runs.csv").read_text()
    found = console("run", "export", "-", "--format", "csv", "--series", "--metric", "val/loss", cwd=project)
    assert [line["value"] for line in csv.DictReader(io.StringIO(found.stdout))] == ["0.9", "0.25", "0.5"]
    assert (found.returncode, found.stderr) == (0, "")
    lines = console("run", "export", "-", "--format", "jsonl", cwd=project).stdout.splitlines()
    assert json.loads(lines[0])["metrics.val/loss.min"] == 0.25
    fails("run", "export", "-", cwd=project, status=2, told="--format")
    fails("run", "export", "runs.xlsx", cwd=project, status=2, told="no format")
    fails("run", "export", "runs.csv", "--metric", "a", cwd=project, status=2, told="--series")
    assert console("run", "export", "runs.parquet", cwd=project).returncode == 0


def test_a_view_of_one_word_is_a_part_of_the_name_here_too(project: Path) -> None:
    for name in ("calm-otter", "brave-fox"):
        add_run(project, name)
    with open_workspace(project).store.write() as tx:
        views.save(tx, RunView("otters", "otter"))
    found = document("run", "list", "--view", "otters", cwd=project)
    assert [run["name"] for run in found["runs"]] == ["calm-otter"]
    found = document("run", "list", "--view", "otters", "--filter", 'status = "failed"', cwd=project)
    assert found["total"] == 0


def test_no_run_is_listed_where_none_is_asked_for(project: Path) -> None:
    add_run(project, "calm-otter")
    assert "0 of 1 runs" in console("run", "list", "--limit", "0", cwd=project).stdout


def test_groups_have_figures_of_numbers_only(project: Path) -> None:
    add_run(project, "calm-otter", depth=3)
    with open_workspace(project).store.write() as tx:
        columns = (ViewColumn("name"), ViewColumn("duration"), ViewColumn("params.depth"))
        views.save(tx, RunView("groups", columns=columns, group_by="experiment"))
    lines = console("run", "list", "--view", "groups", cwd=project).stdout.splitlines()
    assert lines[0].split() == "EXPERIMENT RUNS TOOK (mean ± std) depth (mean ± std)".split()  # noqa: SIM905
    assert lines[2].split() == ["fraud", "1", "0.0s", "3"]


@pytest.mark.parametrize("target", ["/proc/none/x.csv", "folder-that-is-not/x.csv", "x" * 300 + ".csv"])
def test_a_file_that_can_not_be_is_told(project: Path, target: str) -> None:
    add_run(project, "calm-otter")
    fails("run", "export", target, cwd=project, status=2, told="can't be written")


def test_one_run_is_no_comparison(project: Path) -> None:
    fails("run", "compare", add_run(project, "calm-otter"), cwd=project, status=2, told="nothing to compare")


def test_what_a_run_has_kept_is_listed_and_written(project: Path) -> None:
    run = add_run(project, "calm-otter")
    workspace = open_workspace(project)
    sha256 = workspace.objects.put_bytes(b"\x89PNG\x1b[2J")
    with workspace.store.write() as tx:
        artifacts.add(tx, run, "figures/roc.png", sha256, 8)
        runs.set_tags(tx, run, {"team": "risk"})
    told = console("run", "show", "calm-otter", cwd=project).stdout
    assert "figures/roc.png" in told
    assert "risk" in told
    assert document("run", "artifact", run, "figures/roc.png", cwd=project)["file"] == "roc.png"
    assert (project / "roc.png").read_bytes() == b"\x89PNG\x1b[2J"
    fails("run", "artifact", run, "figures/roc.png", cwd=project, status=2, told="there already")
    assert console("run", "artifact", run, "figures/roc.png", "--to", "roc.png", cwd=project).returncode == 0
    fails("run", "artifact", run, "figures/x.png", cwd=project, status=2, told="no artifact")
    fails("run", "artifact", run, "figures/roc.png", "--to", "/proc/x", cwd=project, status=2, told="can't be written")
    workspace.objects.path(sha256).chmod(0o600)
    workspace.objects.path(sha256).write_bytes(b"else")
    fails("run", "artifact", run, "figures/roc.png", "--to", "new.png", cwd=project, status=1, told="damaged")
    assert not (project / "new.png").exists()
