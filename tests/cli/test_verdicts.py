"""What the commands say of drift, of refused plans and of what has ended."""

import json
import time
from dataclasses import replace

import pytest

from mlops_console.cli.acting import _sentence
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.runs import RunStatus
from mlops_console.store import drift, jobs, runs
from mlops_console.store.workspace import Workspace
from tests.cli.test_commands import console, document, fails
from tests.delivery.helpers import add_version, write_config
from tests.tui.seed import seed


@pytest.fixture
def drifted(workspace: Workspace) -> Workspace:
    """Production has drifted by report 8; report 9 had two rows to test."""
    seed(workspace)
    with workspace.store.write() as tx:
        last = drift.report(tx, 8)
        features = tuple(replace(f, m=2, p_value=None, statistic=None, drifted=False) for f in last.features)
        drift.add_report(tx, replace(last, rows=2, drifted=False, features=features))
    return workspace


def test_status_stands_by_the_newest_tested_report(drifted: Workspace) -> None:
    (row,) = [line for line in console("status", cwd=drifted.root).stdout.splitlines() if "production" in line[:12]]
    assert "⚠ amount, hour, merchant_distance_km" in row
    found = {e["name"]: e["drift"] for e in document("status", cwd=drifted.root)["environments"]}
    assert found["staging"] is None
    assert (found["production"]["verdict"], found["production"]["features"]) == (
        "drifted",
        ["amount", "hour", "merchant_distance_km"],
    )
    assert found["production"]["checked_at"] < time.time()


def test_drift_show_has_no_check_mark_where_nothing_was_tested(drifted: Workspace) -> None:
    shown = console("drift", "show", "production", cwd=drifted.root).stdout
    assert "✓" not in shown
    assert shown.splitlines()[1] == "– untested  Too few rows (2 of at least 30): no verdict."
    assert "  the last report that could be tested is 8: ≠ drifted  amount has moved" in shown
    assert document("drift", "show", "production", cwd=drifted.root)["verdict"] == "untested"
    assert document("drift", "show", "production", "--report", "8", cwd=drifted.root)["verdict"] == "drifted"


def test_a_refused_dry_run_does_not_say_how_to_do_it(workspace: Workspace) -> None:
    write_config(workspace)
    add_version(workspace, {"test/auc": 0.9})
    found = console("deploy", "fraud:1", "production", "--dry-run", cwd=workspace.root)
    assert found.returncode == 3
    assert "To do it" not in found.stdout
    assert found.stdout.endswith("\nNothing was changed.\n")
    assert "Deploy it to staging first: mlops-console deploy fraud:1 staging." in found.stderr
    allowed = console("deploy", "fraud:1", "staging", "--dry-run", cwd=workspace.root)
    assert allowed.stdout.endswith("To do it: mlops-console deploy fraud:1 staging\n")


def test_to_stop_what_has_ended_is_bad_usage(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        job_id = jobs.enqueue(tx, "train", "train", {}, "ann")
        jobs.request_stop(tx, job_id)
        run_id = runs.create(tx, name="calm-otter", experiment="fraud", status=RunStatus.SUCCEEDED)
    fails("job", "cancel", str(job_id), cwd=workspace.root, status=2, told="Job 1 has ended already: it is stopped.")
    fails("run", "stop", run_id, cwd=workspace.root, status=2, told="Run calm-otter has ended already")


def test_what_is_not_known_is_left_out(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter", experiment="fraud")
        job_id = jobs.enqueue(tx, "deploy", "staging", {}, "ann")
        jobs.claim(tx, job_id)
        jobs.finish(tx, job_id, JobState.SUCCEEDED, result={"revision": 3, "restores": None})
        job: Job = jobs.get(tx, job_id)
    assert _sentence(job).endswith("  revision 3")
    assert "None" not in console("run", "show", run_id, cwd=workspace.root).stdout
    assert json.loads(console("run", "show", run_id, "--json", cwd=workspace.root).stdout)["host"] is None
