"""`deploy` of a project whose gates need measuring, as its users run it."""

import json
import subprocess
from pathlib import Path

from mlops_console.store import deployments, jobs, ledger
from mlops_console.store.workspace import Workspace
from tests import forked
from tests.delivery.measure.helpers import (
    add,
    classifier,
    configure,
    go_live,
    holdout,
    log_requests,
    requests_of,
    write_holdout,
)


def console(workspace: Workspace, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return forked.console(*arguments, "--workspace", str(workspace.root), cwd=Path.cwd())


def test_a_slice_gate_refuses_with_status_3_and_nothing_changes(workspace: Workspace) -> None:
    frame = holdout()
    frame.loc[frame.country == "AT", "is_fraud"] = 1
    write_holdout(workspace, frame)
    configure(workspace, "slices.country.recall.min >= 0.95")
    go_live(workspace, add(workspace, classifier(frame)))
    log_requests(workspace, requests_of(frame.head(30)))
    add(workspace, classifier(frame, 0.5))
    found = console(workspace, "deploy", "fraud:2", "production", "--wait")
    assert found.returncode == 3, found
    assert found.stderr.startswith("mlops-console: fraud:2 does not pass 1 of 1 gates of production: slices.")
    assert " in AT (" in found.stderr
    assert "Traceback" not in found.stderr
    with workspace.store.read() as db:
        assert [(r.revision, r.model_ref) for r in deployments.revisions(db, "production")] == [(1, "fraud:1")]
        assert jobs.open_jobs(db) == []
        assert ledger.entries(db)[0].outcome == "refused"
    shown = console(workspace, "deploy", "fraud:2", "production", "--dry-run")
    assert shown.returncode == 3
    assert "REPLAY" in shown.stdout
    assert "of 30 rows (30 newest requests) are answered as by fraud:1." in shown.stdout
    told = json.loads(console(workspace, "deploy", "fraud:2", "production", "--dry-run", "--json").stdout)
    assert told["plan"]["gates"][0]["passed"] is False
    replay = told["plan"]["replay"]
    assert (replay["live"], replay["rows"], len(replay["edges"])) == ("fraud:1", 30, len(replay["counts"]) + 1)
    assert replay["latency_ratio"] > 0
