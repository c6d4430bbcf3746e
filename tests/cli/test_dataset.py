"""`dataset …` as its users run it: real processes, exit statuses, JSON, and a stage that it stops."""

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mlops_console.core.config import parse_config
from mlops_console.core.runs import RunStatus
from mlops_console.store import datasets, runs
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client
from tests import forked
from tests.support import wait_for

CONFIG = """\
# Ours, with a comment.
[project]
name = "fraud"

[datasets.transactions]
path = "data/transactions.csv"   # the raw file
"""
EXPECT = """
[datasets.transactions.expect]
rows_min = 2
columns.amount = {min = 0, missing = 0.0}
columns.country = {categories = ["AT", "DE"]}
"""
GOOD = "amount,country\n1.5,AT\n2.5,DE\n3.5,AT\n"
BAD = "amount,country\n1.5,AT\n-2,DE\n,FR\n-3,AT\n"


def console(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return forked.console("dataset", *arguments, cwd=cwd, **env)


def says(*arguments: str, cwd: Path, status: int = 0, **env: str) -> str:
    found = console(*arguments, cwd=cwd, **env)
    assert found.returncode == status, found
    assert found.stderr == ""
    return found.stdout


def document(*arguments: str, cwd: Path, status: int = 0) -> Any:
    return json.loads(says(*arguments, "--json", cwd=cwd, status=status))


def fails(*arguments: str, cwd: Path, told: str, status: int = 2, **env: str) -> None:
    """With one sentence and no traceback."""
    found = console(*arguments, cwd=cwd, **env)
    assert found.returncode == status, found
    assert told in found.stderr
    assert found.stderr.count("\n") == 1
    assert found.stdout == ""


@pytest.fixture
def project(workspace: Workspace) -> Path:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    write(workspace.root, GOOD)
    return workspace.root


def write(root: Path, content: str | bytes) -> None:
    path = root / "data" / "transactions.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def versions(root: Path) -> list[str]:
    with open_workspace(root).store.read() as db:
        return [f"{found.ref} {found.rows}" for found in datasets.versions(db)]


def test_a_file_becomes_versions(project: Path) -> None:
    assert "not scanned" in says("list", cwd=project)
    assert "The first version." in says("scan", "transactions", cwd=project)
    assert "known since" in says("scan", "transactions", cwd=project)
    write(project, "amount,land,country\n7.5,x,AT\n9.5,x,AT\n")
    told = says("scan", "transactions", cwd=project)
    assert told.startswith("transactions:2  2 rows, 3 columns  data/transactions.csv\n")
    assert "against transactions:1: rows 3 → 2 (-1); columns 2 → 3 (+1); new: land" in told
    assert "moved most: amount by" in told
    assert versions(project) == ["transactions:2 2", "transactions:1 3"]
    write(project, GOOD)
    assert document("scan", "transactions", cwd=project)["version"] == 1
    [found] = document("list", cwd=project)["datasets"]
    assert (found["name"], found["version"], found["rows"], found["expectations"]) == ("transactions", 2, 2, 0)


def test_a_changed_schema(project: Path) -> None:
    says("scan", "transactions", cwd=project)
    write(project, 'amount,land\nx,"AT"\ny,"AT"\n')
    says("scan", "transactions", cwd=project)
    told = says("diff", "transactions", cwd=project)
    for line in ("rows 3 → 2 (-1)", "columns 2 as before", "new: land", "gone: country"):
        assert line in told
    assert "another type: amount float64 → object" in told
    assert "numbers on one side, categories on the other" in told
    found = document("diff", "transactions:2", "transactions:1", cwd=project)
    assert (found["before"], found["after"]) == ("transactions:2", "transactions:1")
    assert found["retyped"] == [{"name": "amount", "before": "object", "after": "float64"}]
    assert found["rows"] == {"before": 2, "after": 3}
    fails("diff", "transactions:1", cwd=project, told="transactions:1 is the first version.")


def test_what_is_in_a_version(project: Path) -> None:
    says("scan", "transactions", cwd=project)
    told = says("show", "transactions", cwd=project)
    assert told.startswith("transactions:1  3 rows, 2 columns")
    assert "AT (2), DE (1)" in told
    found = document("show", "transactions:1", cwd=project)
    assert found["schema"] == {"amount": "float64", "country": "object"}
    assert found["profile"]["amount"]["mean"] == 2.5
    assert found["runs"] == []
    fails("show", "transactions:7", cwd=project, told="There is no transactions:7.")
    fails("show", "transaction", cwd=project, told="did you mean 'transactions'?")
    fails("show", f"transactions:{'9' * 30}", cwd=project, told="No version of a dataset")


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "There is no file"), (b"", "is empty"), (b"\x89PNG\0\0", "is no table"), (b"a,b\n1\n", "line 2: 1 field")],
)
def test_a_file_that_is_none(project: Path, content: bytes | None, told: str) -> None:
    (project / "data" / "transactions.csv").unlink()
    if content is not None:
        write(project, content)
    (project / "mlops.toml").write_text(CONFIG + EXPECT)
    for command in ("scan", "infer", "check"):
        fails(command, "transactions", cwd=project, told=told)
    assert versions(project) == []


def test_no_such_dataset(project: Path) -> None:
    for command in ("scan", "infer", "check"):
        fails(command, "transaction", cwd=project, told="did you mean 'transactions'?")
    (project / "mlops.toml").unlink()
    assert "No dataset yet" in says("list", cwd=project)
    fails("scan", "transactions", cwd=project, told="There is no mlops.toml")


def test_what_holds_and_what_does_not(project: Path) -> None:
    fails("check", "transactions", cwd=project, told="'mlops-console dataset infer transactions' proposes something.")
    (project / "mlops.toml").write_text(CONFIG + EXPECT)
    assert says("check", "transactions", cwd=project).endswith("✓ 4 expectations held\n")
    write(project, BAD)
    told = says("check", "transactions", cwd=project, status=1).splitlines()
    assert told[0] == "transactions:2  4 rows, 2 columns"
    assert told[1:5] == [
        "✗ amount: min = 0",
        "  amount: 2 of 4 rows are below 0 (least: -3).",
        "  row 2: -2.0",
        "  row 4: -3.0",
    ]
    assert "  row 3: (no value)" in told
    assert "  row 3: FR" in told
    assert told[-1] == (
        "✗ transactions:2: 3 expectations broken. amount: 2 of 4 rows are below 0 (least: -3). And 2 more."
    )
    assert "✗ 3 broken" in says("list", cwd=project)
    found = document("check", "transactions", cwd=project, status=1)
    assert (found["version"], found["held"], found["count"]) == (2, False, 4)
    assert found["violations"][0]["examples"] == [{"row": 2, "value": "-2.0"}, {"row": 4, "value": "-3.0"}]
    (project / "mlops.toml").write_text(CONFIG + EXPECT.replace("rows_min = 2", "rows_min = 1"))
    assert "? 4 not checked" in says("list", cwd=project)
    [listed] = document("list", cwd=project)["datasets"]
    assert (listed["verdict"], listed["broken"]) == (None, None)


def test_another_file_is_checked_only(project: Path, tmp_path: Path) -> None:
    (project / "mlops.toml").write_text(CONFIG + EXPECT)
    other = tmp_path / "other.csv"
    other.write_text(BAD)
    assert "(least: -3)" in says("check", "transactions", str(other), cwd=project, status=1)
    assert document("check", "transactions", str(other), cwd=project, status=1)["version"] is None
    assert versions(project) == []


def test_in_a_stage_the_version_is_an_input_of_the_run(project: Path) -> None:
    (project / "mlops.toml").write_text(CONFIG + EXPECT)
    with open_workspace(project).store.write() as tx:
        run_id = runs.create(tx, name="calm-otter", experiment="fraud")
    says("check", "transactions", cwd=project, MLOPS_RUN_ID=run_id)
    with open_workspace(project).store.read() as db:
        [found] = datasets.run_inputs(db, run_id)
    assert (found.role, found.version.ref, found.logged) == ("transactions", "transactions:1", False)
    assert "calm-otter" in says("show", "transactions", cwd=project)
    assert "calm-otter" in says("list", cwd=project)


def test_in_a_trial_its_own_file_is_checked(project: Path) -> None:
    (project / "mlops.toml").write_text(CONFIG + EXPECT)
    with open_workspace(project).store.write() as tx:
        run_id = runs.create(tx, name="calm-otter", experiment="fraud")
    folder = project / ".mlops" / "trials" / "1"
    (folder / "data").mkdir(parents=True)
    (folder / "mlops.toml").symlink_to(project / "mlops.toml")
    (folder / "data" / "transactions.csv").write_text(BAD)
    inside = {"MLOPS_RUN_ID": run_id, "MLOPS_WORKSPACE": str(project)}
    assert "(least: -3)" in says("check", "transactions", cwd=folder, status=1, **inside)
    assert "held" in says("check", "transactions", cwd=project, **inside)


def test_a_stage_that_checks_stops_the_pipeline(project: Path, workspace: Workspace) -> None:
    (project / "mlops.toml").write_text(
        f"{CONFIG}{EXPECT}[worker]\nidle = '5s'\n"
        "[pipelines.train.stages.check]\nrun = 'mlops-console dataset check transactions && touch checked'\n"
        "deps = ['data/transactions.csv']\nouts = ['checked']\n"
        "[pipelines.train.stages.fit]\nrun = 'touch fitted'\ndeps = ['data/transactions.csv', 'checked']\n"
    )
    write(project, BAD)
    try:
        job = client.execute(workspace, "train", {}).job_id
        assert job is not None

        def ended() -> Any:
            with workspace.store.read() as db:
                run = runs.of_job(db, job)
            return run if run and run.status.is_final else None

        run = wait_for(ended, timeout=40)
        assert run.status is RunStatus.FAILED
        assert "amount: 2 of 4 rows are below 0 (least: -3). And 2 more" in (run.error or "")
        assert not (project / "fitted").exists()
        log = (workspace.logs_dir / str(job) / "check.log").read_text()
        assert "  row 2: -2.0\n  row 4: -3.0\n" in log
        with workspace.store.read() as db:
            [found] = datasets.run_inputs(db, run.id)
        assert found.version.ref == "transactions:1"
        assert found.version.verdict is not None
        assert not found.version.verdict.held
    finally:
        client.stop_worker(workspace)


def test_a_proposal(project: Path) -> None:
    told = says("infer", "transactions", cwd=project)
    expected = tomllib.loads(told)["datasets"]["transactions"]["expect"]
    assert expected["columns"]["amount"] == {"type": "number", "min": 1.5, "max": 3.5, "missing": 0.0}
    assert (project / "mlops.toml").read_text() == CONFIG
    assert versions(project) == []


def test_a_proposal_is_written_once(project: Path) -> None:
    (project / "mlops.toml").write_text(CONFIG.rstrip("\n"))
    found = document("infer", "transactions", "--write", cwd=project)
    assert found["written"]
    text = (project / "mlops.toml").read_text()
    assert text == f"{CONFIG}\n{found['toml']}"
    assert parse_config(text).datasets["transactions"].expect.columns["amount"].max == 3.5
    assert "✓ 7 expectations held" in says("check", "transactions", cwd=project)
    fails("infer", "transactions", "--write", cwd=project, told="says already what is expected of dataset transactions")
    assert (project / "mlops.toml").read_text() == text
    assert "[datasets.transactions.expect]" in says("infer", "transactions", cwd=project)


def test_a_proposal_that_does_not_fit_changes_nothing(project: Path) -> None:
    before = 'datasets.transactions = {path = "data/transactions.csv"}\n[project]\nname = "x"\n'
    (project / "mlops.toml").write_text(before)
    fails("infer", "transactions", "--write", cwd=project, told="can't be appended to mlops.toml")
    assert (project / "mlops.toml").read_text() == before


def test_hostile_columns_and_values_reach_the_terminal_as_plain_text(project: Path) -> None:
    evil = "\x1b[2J[red]boo[/red]\u202e\x07"
    write(project, f'"{evil}","a\nb"\n{evil},1\nx,-1\n'.replace("\x00", ""))
    proposal = says("infer", "transactions", "--write", cwd=project)
    config = parse_config((project / "mlops.toml").read_text())
    assert set(config.datasets["transactions"].expect.columns) == {evil, "a\nb"}
    told = [proposal, says("scan", "transactions", cwd=project)]
    write(project, f'"{evil}","a\nb"\n{evil},{evil}\n{evil},2\n,2\n')
    told.append(says("check", "transactions", cwd=project, status=1))
    told += [says(command, "transactions", cwd=project) for command in ("diff", "show")]
    assert "[red]boo[/red]" in told[-1]
    for text in told:
        assert not {"\x1b", "\u202e", "\x07"} & set(text)
    assert document("show", "transactions", cwd=project)["schema"].keys() == {evil, "a\nb"}


def test_a_read_only_console_looks_and_writes_nothing(project: Path) -> None:
    (project / "mlops.toml").write_text(CONFIG + EXPECT)
    fails("scan", "transactions", cwd=project, status=3, told="read-only", MLOPS_READ_ONLY="1")
    fails("infer", "transactions", "--write", cwd=project, status=3, told="read-only", MLOPS_READ_ONLY="1")
    assert "✓ 4 expectations held" in says("check", "transactions", cwd=project, MLOPS_READ_ONLY="1")
    assert versions(project) == []


def test_what_a_script_has_logged_is_listed_too(project: Path) -> None:
    with open_workspace(project).store.write() as tx:
        datasets.add_version(
            tx, "holdout:1", sha256="ab", rows=5, columns=1, schema={"a": "int64"}, profile={}, sample=None
        )
    assert "holdout:1" in says("list", cwd=project)
    assert says("show", "holdout:1", cwd=project).startswith("holdout:1:1  5 rows")
