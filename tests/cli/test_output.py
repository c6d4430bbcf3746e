"""Tables in a terminal that is too narrow for them, and in a pipe."""

import sys
from pathlib import Path

import pytest

from mlops_console.cli.output import _fitting
from mlops_console.store import runs, series
from mlops_console.store.workspace import Workspace
from tests.e2e.terminal import Terminal
from tests.support import wait_for


@pytest.mark.parametrize(
    ("widths", "room", "expected"),
    [
        ([5, 5], 80, [5, 5]),
        ([5, 60], 40, [5, 32]),  # cut
        ([30, 30, 30], 80, [30, 30]),  # left out
        ([30, 30, 10], 76, [30, 30, 10]),
        ([5, 300, 10], 80, [5, 40, 10]),  # cut rather than left out
        ([500], 20, [20]),
        ([5, 5], 0, [1]),
        ([], 80, []),
    ],
)
def test_the_columns_that_fit(widths: list[int], room: int, expected: list[int]) -> None:
    shown, found = _fitting(widths, room)
    assert found == expected
    assert shown == len(expected)


SHOW_PLAN = """
from mlops_console.cli.acting import show_plan
from mlops_console.core.plans import GateResult, Plan
gates = (GateResult("test/auc >= live - 0.01" + " of the slice" * 4, False, "0.71 " + "as measured " * 5),)
show_plan(Plan("deploy", "production", "Deploy", "mlops-console deploy", gates=gates), as_json=False)
"""
SHOW_TABLE = """
from mlops_console.cli.output import show_table
show_table(("NAME", "FIGURE", "", "NOTE"), [("n" * 60, "f" * 60, "v" * 30, "t" * 30)])
"""


def test_the_verdict_of_a_gate_has_room_in_a_narrow_terminal(tmp_path: Path) -> None:
    with Terminal([sys.executable, "-c", SHOW_PLAN], cwd=tmp_path, columns=80, lines=24) as terminal:
        terminal.wait_text("Nothing was changed")
        [row] = [line for line in terminal.text.splitlines() if "test/auc" in line]
    assert row.startswith("✗   test/auc >= live - 0.01")
    assert "0.71" in row


def test_columns_without_a_title_are_told_of_too(tmp_path: Path) -> None:
    with Terminal([sys.executable, "-c", SHOW_TABLE], cwd=tmp_path, columns=80, lines=24) as terminal:
        terminal.wait_text("No room for a column without a title, NOTE: a wider terminal")


@pytest.fixture
def project(workspace: Workspace) -> Path:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="a-name-of-thirty-characters-or-so", experiment="x")
        runs.set_params(tx, run_id, {f"fit.param_{letter}": 0.001 for letter in "abcd"})
        series.ingest(tx, run_id, [(f"test/metric_{letter}", 0, 0.5, 1.0) for letter in "abcd"])
    return workspace.root


def test_a_narrow_terminal_leaves_columns_out_and_says_so(project: Path) -> None:
    with Terminal(
        [sys.executable, "-m", "mlops_console", "run", "list"], cwd=project, columns=80, lines=24
    ) as terminal:
        terminal.wait_text("No room for")
        wait_for(lambda: terminal.process.poll() == 0)
        [row] = [line for line in terminal.text.splitlines() if "running" in line]
        assert "a-name-of-thirty-characters-or-so" in row
        assert "fit.param_d" in terminal.text.replace("\n", "")
