"""`drift show` and `drift check` as their users run them."""

import json
import time

import pytest
from typer.testing import CliRunner

from mlops_console.cli import progress
from mlops_console.cli.drift import app
from mlops_console.core.config import Monitor
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.plans import Plan
from mlops_console.core.windows import Window
from mlops_console.drift.report import make_report
from mlops_console.store import drift
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.cli.test_commands import CONFIG, console, document, fails
from tests.drift.helpers import add_classifier, answer, make_live, rows


@pytest.fixture
def reported(workspace: Workspace) -> Workspace:
    """Report 1 is of a window in which amount has moved and half of the answers were wrong; 2 of the window before."""
    live = make_live(workspace, add_classifier(workspace, rows(2_000, seed=1)))
    answer(workspace, rows(400, seed=2, shift=1), live.revision, right=0.5)
    monitor, now = Monitor(slices=("country",)), time.time()
    with workspace.store.write() as tx:
        drift.add_report(tx, make_report(workspace, "production", Window(seconds=3600), monitor, now))
        drift.add_report(tx, make_report(workspace, "production", Window(rows=300), monitor, now, "previous"))
    return workspace


def test_a_report_is_shown_with_all_that_it_says(reported: Workspace) -> None:
    shown = console("drift", "show", "production", "--report", "1", cwd=reported.root).stdout
    lines = shown.splitlines()
    assert lines[0].startswith("production  fraud:1  revision 1  report 1  20")
    assert lines[1].startswith("≠ drifted  amount has moved by ")
    assert lines[1].endswith(" 1 more: error.")
    assert lines[2] == "  400 rows of the window against 2,000 of the reference"
    (amount,) = [line for line in lines if line.startswith("amount")]
    assert "≠ drifted" in amount
    assert "σ" in amount
    assert "      amount has moved by" in shown
    assert "a shift of" in shown
    (accuracy,) = [line for line in lines if line.startswith("accuracy")]
    assert accuracy.split()[1] == "0.900"
    assert "Labels have come for 400 of 400 rows" in shown
    assert "country = NO" in shown


def test_what_it_was_compared_with_is_told_with_the_notes(reported: Workspace) -> None:
    lines = console("drift", "show", "production", cwd=reported.root).stdout.splitlines()
    assert lines[1] == "– untested  Too few reference rows (0 of at least 30): no verdict."
    assert lines[2] == "  300 rows of the window against 0 of the window before"
    assert lines[3] == "  Nothing was answered in the window before it."
    assert lines[4].startswith("  the last report that could be tested is 1: ≠ drifted  amount has moved")


def test_the_reports_of_an_environment_are_listed_newest_first(reported: Workspace) -> None:
    lines = console("drift", "list", "production", cwd=reported.root).stdout.splitlines()
    assert lines[0].split() == ["REPORT", "CHECKED", "VERDICT", "DRIFTED", "WINDOW", "ROWS", "AGAINST", "MODEL"]
    assert "the window before" in lines[2]
    assert "2 of 6" in lines[3]
    found = document("drift", "list", "production", "--limit", "1", cwd=reported.root)["reports"]
    assert [(report["id"], report["verdict"], report["against"]) for report in found] == [(2, "untested", "previous")]
    whole = document("drift", "show", "production", "--report", "2", cwd=reported.root)
    assert {name: whole[name] for name in found[0] if name in whole and name != "features"} == {
        name: value for name, value in found[0].items() if name not in ("features", "drifted_features")
    }
    fails("drift", "list", "staging", cwd=reported.root, status=2, told="There is no drift report of 'staging' yet")


def test_an_environment_that_is_none_is_said_to_be_none(reported: Workspace) -> None:
    (reported.root / "mlops.toml").write_text(CONFIG + "[environments.staging]\nmodel = 'fraud'\nport = 8101\n")
    for command in ("check", "show", "list", "export"):
        wrong = ("drift", command, "producton")
        told = "There is no environment 'producton', did you mean 'production'? Known are: production, staging."
        fails(*wrong, cwd=reported.root, status=2, told=told)
    told = "There is no environment '7'. To see report 7: 'mlops-console drift show ENVIRONMENT --report 7'. Known are"
    fails("drift", "show", "7", cwd=reported.root, status=2, told=told)
    fails("drift", "check", "staging", cwd=reported.root, status=2, told="Nothing is live in 'staging'")
    fails("drift", "show", "staging", cwd=reported.root, status=2, told="There is no drift report of 'staging' yet")


def test_the_document_has_it_all(reported: Workspace) -> None:
    found = document("drift", "show", "production", "--report", "1", cwd=reported.root)
    assert (found["against"], found["least_effect"], found["notes"]) == ("reference", 0.1, [])
    assert {"effect", "threshold", "smallest_shift", "unit", "importance", "findings", "role", "new_rows"} < set(
        found["features"][0]
    )
    assert found["performance"]["labelled"] == 400
    assert all(figure["low"] < figure["value"] <= figure["high"] for figure in found["performance"]["reference"])
    assert {figure["metric"] for figure in found["performance"]["reference"]} >= {"accuracy"}
    assert {part["slice"] for part in found["slices"]} == {"country = NO", "country = SE", "country = DK"}


def test_a_window_that_is_none_is_refused(reported: Workspace) -> None:
    told = "'soon' is neither a time span such as 30m or 1h nor a number of rows such as 5000 rows"
    fails("drift", "check", "production", "--window", "soon", cwd=reported.root, status=2, told=told)
    fails("drift", "check", "production", "--window", "0 rows", cwd=reported.root, status=2, told="a window of nothing")


@pytest.mark.parametrize(("report", "status"), [(1, 1), (2, 0)])
def test_a_check_can_stop_a_pipeline_where_something_has_drifted(
    reported: Workspace, monkeypatch: pytest.MonkeyPatch, report: int, status: int
) -> None:
    """The worker's answer is one of the stored reports: 1 has drifted, 2 is untested."""

    result = {"report": report, "drifted": report == 1}
    job = Job(1, "check_drift", "production", {}, JobState.SUCCEEDED, "anna", 0.0, result=result)
    asked = client.Execution(Plan("check_drift", "production", "", ""), job.id)
    monkeypatch.setattr(client, "execute", lambda *_: asked)
    monkeypatch.setattr(progress, "wait", lambda *_, **__: job)
    arguments = ["check", "production", "--fail-on-drift", "--workspace", str(reported.root), "--json"]
    found = CliRunner().invoke(app, arguments)
    assert (found.exit_code, json.loads(found.stdout)["id"]) == (status, report)
