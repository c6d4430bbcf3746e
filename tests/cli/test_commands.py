"""The commands as their users run them: real processes, exit statuses, JSON and one sentence for an error."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops_console.store import ledger, runs, series
from mlops_console.store.logs import output_log
from mlops_console.store.workspace import Workspace, open_workspace
from tests.forked import console

CONFIG = '[project]\nname = "fraud"\n[environments.production]\nmodel = "fraud"\nport = 8100\n'


def document(*arguments: str, cwd: Path) -> Any:
    found = console(*arguments, "--json", cwd=cwd)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def fails(*arguments: str, cwd: Path, status: int, told: str, **env: str) -> None:
    """The command fails with one sentence, which holds `told`, and with no traceback."""
    found = console(*arguments, cwd=cwd, **env)
    assert found.returncode == status, found
    assert found.stderr.startswith("mlops-console: ")
    assert told in found.stderr
    assert found.stderr.count("\n") == (
        3 if "  ^" in found.stderr or "\n  " in found.stderr else 1
    )  # with the filter and a caret
    assert found.stdout == ""


@pytest.fixture
def project(workspace: Workspace) -> Path:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    return workspace.root


def add_run(root: Path, name: str, **params: Any) -> str:
    with open_workspace(root).store.write() as tx:
        run_id = runs.create(tx, name=name, experiment="fraud")
        runs.set_params(tx, run_id, params)
        series.ingest(tx, run_id, [("val/auc", 0, 0.5, 1.0), ("val/auc", 1, 0.9, 2.0)])
    return run_id


def test_not_a_workspace(tmp_path: Path) -> None:
    fails("status", cwd=tmp_path, status=2, told="is not a workspace")
    fails("status", "--workspace", str(tmp_path / "missing"), cwd=tmp_path, status=2, told="is not a folder")
    fails("status", cwd=tmp_path, status=2, told="is not a folder", MLOPS_WORKSPACE=str(tmp_path / "missing"))


def test_without_a_terminal_the_console_says_what_to_do(project: Path) -> None:
    fails(cwd=project, status=1, told="needs a terminal")


def test_an_error_with_json_is_a_document_too(tmp_path: Path) -> None:
    found = console("status", "--json", cwd=tmp_path)
    assert found.returncode == 2
    assert json.loads(found.stdout)["error"]["exit_status"] == 2


def test_bad_usage_exits_with_2(project: Path) -> None:
    assert console("deploy", cwd=project).returncode == 2
    assert console("nonsense", cwd=project).returncode == 2


def test_run_list_has_the_documented_shape(project: Path) -> None:
    run_id = add_run(project, "calm-otter", lr=0.1)
    add_run(project, "brave-fox", lr=0.5)
    found = document("run", "list", "--filter", "params.lr < 0.2", cwd=project)
    assert found["total"] == 1
    [run] = found["runs"]
    assert run["id"] == run_id
    assert run.keys() >= {"name", "experiment", "status", "started_at", "duration_s", "params", "metrics", "tags"}
    assert run["params"] == {"lr": 0.1}
    assert run["metrics"]["val/auc"] == {"first": 0.5, "last": 0.9, "min": 0.5, "max": 0.9, "mean": 0.7, "count": 2}


def test_a_wrong_filter_points_at_its_column(project: Path) -> None:
    fails("run", "list", "--filter", "los > 1", cwd=project, status=2, told="column 1")


def test_runs_side_by_side(project: Path) -> None:
    add_run(project, "calm-otter", lr=0.1, seed=1)
    add_run(project, "brave-fox", lr=0.5, seed=1)
    text = console("run", "compare", "calm-otter", "brave-fox", cwd=project).stdout
    assert "lr" in text
    assert "seed" not in text
    assert "seed" in console("run", "compare", "calm-otter", "brave-fox", "--all", cwd=project).stdout


def test_status_of_a_new_project(project: Path) -> None:
    assert document("status", cwd=project) == {"environments": [], "jobs": [], "alerts": []}
    assert "nothing is deployed yet" in console("status", cwd=project).stdout


def test_history(project: Path) -> None:
    assert document("history", "production", cwd=project) == {"revisions": []}
    fails("history", "moon", cwd=project, status=2, told="no environment 'moon'")


def test_models_that_do_not_exist(project: Path) -> None:
    fails("deploy", "fraud:7", "production", cwd=project, status=2, told="no model 'fraud'")
    fails("deploy", "fraud", "production", cwd=project, status=2, told="without a version")
    fails("deploy", "fraud:1", "moon", cwd=project, status=2, told="moon")
    fails("model", "list", "fraud", cwd=project, status=2, told="no model 'fraud'")


def test_numbers_that_no_store_holds(project: Path) -> None:
    for command in (
        ["job", "show", "9" * 30],
        ["run", "list", "--limit", "9" * 30],
        ["ledger", "list", "-n", "9" * 30],
    ):
        fails(*command, cwd=project, status=2, told="64 bits")


def test_a_demo_goes_into_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fails("demo", "file", cwd=tmp_path, status=2, told="Choose a new folder.")


def test_broken_configuration(project: Path) -> None:
    (project / "mlops.toml").write_text("[project\n")
    fails("train", cwd=project, status=2, told="mlops.toml is not valid TOML")
    (project / "mlops.toml").write_text(CONFIG.replace("port", "prot"))
    fails("train", cwd=project, status=2, told="did you mean 'port'?")


def test_hostile_names_reach_the_terminal_as_plain_text(project: Path) -> None:
    name = "\x1b[2J[red]boo[/red]\x9b31m"
    add_run(project, name, **{"[/markup]": "\x1b]52;c;aGk=\x07"})
    add_run(project, "calm-otter", **{"\x1b[2J": 1})
    for command in (["run", "list"], ["status"], ["run", "show", name], ["run", "compare", name, "calm-otter"]):
        found = console(*command, cwd=project)
        assert found.returncode == 0, found.stderr
        assert "[red]boo[/red]" in found.stdout.replace("\n", "")
        assert not {"\x1b", "\x9b", "\x07"} & set(found.stdout)


def test_read_only_refuses_actions(project: Path) -> None:
    run_id = add_run(project, "calm-otter")
    with open_workspace(project).store.write() as tx:
        runs.finish(tx, run_id, runs.RunStatus.SUCCEEDED)
    fails("run", "delete", run_id, cwd=project, status=3, told="read-only", MLOPS_READ_ONLY="1")
    assert console("run", "delete", run_id, cwd=project).returncode == 0
    assert document("run", "list", cwd=project)["total"] == 0
    assert document("run", "list", "--deleted", cwd=project)["total"] == 1
    assert console("run", "restore", run_id, cwd=project).returncode == 0


def test_the_ledger(project: Path) -> None:
    with open_workspace(project).store.write() as tx:
        ledger.append(tx, "ada", "deploy", "production", "succeeded")
    found = document("ledger", "verify", cwd=project)
    assert (found["entries"], found["first_broken"]) == (1, None)
    with open_workspace(project).store.write() as tx:
        tx.execute("DROP TRIGGER ledger_is_append_only_update")
        tx.execute("UPDATE ledger SET actor = 'eve'")
    fails("ledger", "verify", cwd=project, status=1, told="broken at entry 1")


def test_init_writes_a_file_that_is_valid(tmp_path: Path) -> None:
    assert console("init", "new project", cwd=tmp_path).returncode == 0
    folder = tmp_path / "new project"
    assert open_workspace(folder).config().project.name == "new-project"
    fails("init", "new project", cwd=tmp_path, status=2, told="is there already")
    commented = (folder / "mlops.toml").read_text()
    (folder / "mlops.toml").write_text(re.sub(r"(?m)^# (?=[a-z\[])", "", commented))
    config = open_workspace(folder).config()
    assert config.environments["production"].requires == "staging"


def test_doctor(project: Path) -> None:
    found = document("doctor", cwd=project)
    assert {check["what"] for check in found["checks"]} >= {"store", "mlops.toml", "disk", "worker"}
    (project / "mlops.toml").write_text("[project\n")
    assert console("doctor", cwd=project).returncode == 1


def test_backup_and_restore(project: Path, tmp_path: Path) -> None:
    add_run(project, "kept")
    assert console("backup", str(tmp_path / "b.tar.gz"), cwd=project).returncode == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(project / "mlops.toml", elsewhere)
    assert console("restore", str(tmp_path / "b.tar.gz"), cwd=elsewhere).returncode == 0
    assert document("run", "list", cwd=elsewhere)["total"] == 1


def test_a_pipe_that_is_closed_early_is_no_error(project: Path) -> None:
    for number in range(30):
        add_run(project, f"run-{number}")
    command = f"{sys.executable} -m mlops_console run list --json | head -n 1"
    found = subprocess.run(command, shell=True, cwd=project, capture_output=True, text=True, timeout=50)
    assert found.stderr == ""


def test_the_output_of_a_script_that_is_run_by_hand(project: Path) -> None:
    run = add_run(project, "loud")
    fails("run", "logs", run, cwd=project, status=2, told="capture_output=True")
    log = project / output_log(run)
    log.parent.mkdir(parents=True)
    log.write_text("epoch 1\nepoch 2\n\x1b]52;c;AAAA\x07evil\n")
    assert document("run", "logs", run, cwd=project)["logs"] == {
        "output": ["epoch 1", "epoch 2", "\x1b]52;c;AAAA\x07evil"]
    }
    shown = console("run", "logs", run, "--lines", "2", cwd=project).stdout
    assert shown.startswith("── output ──\nepoch 2\n")
    assert "\x1b" not in shown
    fails("run", "logs", run, "--stage", "fit", cwd=project, status=2, told="no stage 'fit'")


def test_system_metrics_take_no_column_from_others(project: Path) -> None:
    run = add_run(project, "busy")
    with open_workspace(project).store.write() as tx:
        series.ingest(tx, run, [(f"system/{number}", 15, 1.0, 1.0) for number in range(5)])
    header = console("run", "list", cwd=project).stdout.splitlines()[0]
    assert "val/auc" in header
