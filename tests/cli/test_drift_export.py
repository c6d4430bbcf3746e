"""`drift export` as its users run it."""

import json

import pytest

from mlops_console.store.workspace import Workspace
from tests.cli.test_commands import console, document, fails
from tests.tui.seed import seed


@pytest.fixture
def reported(workspace: Workspace) -> Workspace:
    """Production has eight reports."""
    seed(workspace)
    return workspace


def test_the_newest_report_goes_to_standard_output_as_markdown(reported: Workspace) -> None:
    found = console("drift", "export", "production", cwd=reported.root)
    assert found.stdout.startswith("# Drift of production: ")
    assert "| amount | ≠ drifted |" in found.stdout


def test_the_ending_of_the_file_is_the_format(reported: Workspace) -> None:
    target = reported.root / "report.html"
    told = document("drift", "export", "8", "--output", str(target), cwd=reported.root)
    assert (told["report"], told["format"], told["file"]) == (8, "html", str(target))
    assert target.read_text() == told["text"]
    assert target.read_text().startswith("<!doctype html>")
    assert [path.name for path in reported.root.iterdir() if path.name.endswith(".part")] == []


def test_json_is_what_drift_show_says(reported: Workspace) -> None:
    exported = console("drift", "export", "production", "--format", "json", cwd=reported.root).stdout
    assert json.loads(exported) == document("drift", "show", "production", cwd=reported.root)


def test_what_makes_no_sense_is_said_and_leaves_nothing(reported: Workspace) -> None:
    fails("drift", "export", "staging", cwd=reported.root, status=2, told="There is no drift report of 'staging' yet")
    fails("drift", "export", "99", cwd=reported.root, status=2, told="There is no drift report 99")
    fails("drift", "export", "8", "--format", "pdf", cwd=reported.root, status=2, told="'pdf' is no format")
    lost = str(reported.root / "nowhere" / "report.md")
    fails("drift", "export", "8", "-o", lost, cwd=reported.root, status=2, told="can't be written: No such file")
