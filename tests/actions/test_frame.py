"""What all actions share: names, checked requests, read-only consoles and the ledger."""

from typing import Any

import pytest

from mlops_console import actions
from mlops_console.core.errors import NotFoundError, RefusedError, UsageError
from mlops_console.core.ledger import LedgerEntry
from mlops_console.core.runs import RunStatus
from mlops_console.store import ledger, runs
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client


@pytest.fixture
def run_id(workspace: Workspace) -> str:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter-1", experiment="e")
        runs.finish(tx, run_id, RunStatus.SUCCEEDED)
    return run_id


def entries(workspace: Workspace) -> list[LedgerEntry]:
    with workspace.store.read() as db:
        return ledger.entries(db)


@pytest.mark.parametrize(
    ("name", "request_", "told"),
    [
        ("trian", {}, "There is no action 'trian', did you mean 'train'?"),
        ("train", {"pipelin": "x"}, "train does not take 'pipelin', did you mean 'pipeline'?"),
        ("stop_job", {}, "stop_job needs 'job'."),
        (
            "stop_job",
            {"job": "seven"},
            "stop_job: job is 'seven': input should be a valid integer, unable to parse string as an integer.",
        ),
        (
            "set_alias",
            {"model": "m", "alias": "no such", "version": 1},
            "set_alias: alias is 'no such': an alias has letters, digits, '_', '.' and '-', and starts with a letter "
            "or digit.",
        ),
    ],
)
def test_a_request_that_makes_no_sense_is_told_in_one_sentence(
    workspace: Workspace, name: str, request_: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        client.execute(workspace, name, request_)
    assert caught.value.message == told
    assert caught.value.hint
    assert not entries(workspace)


def test_every_action_of_the_table_is_there_under_its_name() -> None:
    places = actions.places()
    assert places["train"] == "process"
    assert places["deploy"] == "worker"
    assert all(actions.get(name).name == name for name in places)


def test_an_action_that_the_caller_performs_is_done_at_once_and_recorded(workspace: Workspace, run_id: str) -> None:
    done = client.execute(workspace, "delete_runs", {"runs": [run_id]})
    assert (done.job_id, done.result) == (None, {"runs": [run_id], "names": ["calm-otter-1"]})
    assert done.plan.command == f"mlops-console run delete {run_id}"
    entry = entries(workspace)[0]
    assert (entry.action, entry.subject, entry.outcome) == ("delete_runs", run_id, "succeeded")
    client.execute(workspace, "restore_runs", {"runs": [run_id]})
    with workspace.store.read() as db:
        assert runs.page(db, runs.RunQuery()).total == 1
    assert ledger.verification(workspace.store, {}).broken is None
    assert client.worker_status(workspace).state == "stopped"


def test_a_refused_plan_is_refused_and_recorded(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter-1", experiment="e")
    assert (
        actions.plan(workspace, "delete_runs", {"runs": [run_id]}).refused
        == "Run calm-otter-1 is running: stop it first."
    )
    with pytest.raises(RefusedError, match="stop it first"):
        client.execute(workspace, "delete_runs", {"runs": [run_id]})
    assert entries(workspace)[0].outcome == "refused"


@pytest.mark.parametrize("how", ["environment", "mlops.toml"])
def test_a_read_only_console_plans_but_does_not_act(
    workspace: Workspace, run_id: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "environment":
        monkeypatch.setenv("MLOPS_READ_ONLY", "1")
    else:
        (workspace.root / "mlops.toml").write_text("[project]\nname = 'x'\n[console]\nread_only = true\n")
    assert actions.plan(workspace, "delete_runs", {"runs": [run_id]}).refused is None
    with pytest.raises(RefusedError, match="read-only"):
        client.execute(workspace, "delete_runs", {"runs": [run_id]})
    with workspace.store.read() as db:
        assert runs.page(db, runs.RunQuery()).total == 1
    assert [entry.outcome for entry in entries(workspace)] == ["refused"]


def test_a_broken_mlops_toml_does_not_keep_anybody_from_acting(workspace: Workspace, run_id: str) -> None:
    (workspace.root / "mlops.toml").write_text("[project\n")
    client.execute(workspace, "delete_runs", {"runs": [run_id]})


def test_what_does_not_exist_is_told(workspace: Workspace) -> None:
    for name, request in (("stop_run", {"run": "zz"}), ("stop_job", {"job": 9}), ("delete_runs", {"runs": ["zz"]})):
        with pytest.raises(NotFoundError):
            client.execute(workspace, name, request)
    with pytest.raises(NotFoundError, match="There is no model 'm'"):
        client.execute(workspace, "set_alias", {"model": "m", "alias": "champion", "version": 1})
