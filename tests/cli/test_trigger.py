"""`trigger list|on|off|fire`, as their users run them."""

import json
from pathlib import Path

import pytest

from mlops_console.store import ledger, triggers
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.cli.test_commands import console, document, fails

CONFIG = """
[project]
name = "fraud"
[pipelines.train.stages.fit]
run = "true"
[[triggers]]
name = "nightly"
on = "schedule"
cron = "0 3 * * *"
do = "train"
[[triggers]]
name = "fresh"
on = "change"
paths = ["data"]
do = "train"
enabled = false
"""


@pytest.fixture
def project(workspace: Workspace) -> Path:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    return workspace.root


def test_they_are_listed_with_what_is_next(project: Path) -> None:
    nightly, fresh = document("trigger", "list", cwd=project)["triggers"]
    assert nightly.pop("next_at") > 0
    assert nightly == {
        "name": "nightly",
        "on": "schedule",
        "when": "0 3 * * *",
        "do": "train",
        "deploy": None,
        "params": {},
        "state": "on",
        "last_fired_at": None,
        "last_job": None,
        "note": "",
    }
    assert (fresh["state"], fresh["when"], fresh["next_at"]) == ("off", "data", None)
    shown = console("trigger", "list", cwd=project)
    assert shown.returncode == 0
    assert "nightly" in shown.stdout
    assert "03:00:00" in shown.stdout


def test_without_any_it_says_how_to_make_one(project: Path) -> None:
    (project / "mlops.toml").write_text('[project]\nname = "x"\n')
    assert "[[triggers]] in mlops.toml" in console("trigger", "list", cwd=project).stdout
    assert document("trigger", "list", cwd=project) == {"triggers": []}


def test_off_and_on_are_kept_and_in_the_ledger(project: Path, workspace: Workspace) -> None:
    assert document("trigger", "off", "nightly", cwd=project)["state"] == "off"
    assert document("trigger", "list", cwd=project)["triggers"][0]["state"] == "off"
    told = console("trigger", "on", "nightly", cwd=project)
    assert "Trigger nightly is on." in told.stdout
    assert "worker start" in told.stdout
    assert "It is on already." in console("trigger", "on", "nightly", cwd=project).stdout
    with workspace.store.read() as db:
        found = [(entry.action, entry.subject, entry.detail["before"]) for entry in ledger.entries(db)]
    expected = ["on", "off", "on"]
    assert found == [("set_trigger", "nightly", before) for before in expected]


def test_fire_queues_a_job(project: Path, workspace: Workspace) -> None:
    try:
        found = document("trigger", "fire", "fresh", cwd=project)
        job = client.wait(workspace, found["job"]["id"], timeout=30)
        assert (found["job"]["actor"], job.state) == ("trigger:fresh", "succeeded")
        with workspace.store.read() as db:
            assert triggers.state(db, "fresh").last_job == job.id
        assert "has queued job 2" in console("trigger", "fire", "fresh", cwd=project).stdout
    finally:
        client.stop_worker(workspace)


def test_errors_are_one_sentence(project: Path) -> None:
    fails(
        "trigger", "on", "nighty", cwd=project, status=2, told="There is no trigger 'nighty', did you mean 'nightly'?"
    )
    fails("trigger", "off", "nightly", cwd=project, status=3, told="read-only", MLOPS_READ_ONLY="1")
    fails("trigger", "fire", "nightly", cwd=project, status=3, told="read-only", MLOPS_READ_ONLY="1")
    (project / "mlops.toml").write_text(CONFIG.replace("cron =", "corn ="))
    fails("trigger", "list", cwd=project, status=2, told="unknown key triggers.0.corn, did you mean 'cron'?")
    found = console("trigger", "fire", "nightly", "--json", cwd=project)
    assert json.loads(found.stdout)["error"]["exit_status"] == 2
