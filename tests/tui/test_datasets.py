"""The datasets view: versions, what has changed, profiles, runs and expectations."""

import time

import pandas as pd
import pytest

from mlops_console.core.expectations import ColumnExpectation, Expectations
from mlops_console.data.scan import scan
from mlops_console.data.versions import record_version
from mlops_console.store import datasets, runs
from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.datasets.reading import Datasets, read_datasets, read_details
from mlops_console.tui.screens.datasets.rows import (
    bars,
    change_facts,
    dataset_rows,
    expectation_facts,
    profile_rows,
    shape,
    unread_facts,
)
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import HOSTILE

CONFIG = """
[project]
name = "fraud-detection"
[datasets.transactions]
path = "transactions.csv"
[datasets.transactions.expect.columns]
amount = {min = 0, missing = 0.0}
[datasets.waiting]
path = "waiting.csv"
"""
EXPECT = Expectations(columns={"amount": ColumnExpectation(min=0, missing=0.0)})


def add(workspace: Workspace, **columns: list[object]) -> str:
    """The next version of `transactions`, read by a run; the run's id."""
    pd.DataFrame(columns).to_csv(workspace.root / "transactions.csv", index=False)
    version = record_version(workspace, "transactions", scan(workspace.root / "transactions.csv"), EXPECT).version
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name=f"run-of-{version.version}", experiment="fraud")
        datasets.add_run_input(tx, run_id, "transactions", version, logged=False)
    return run_id


def seed(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    add(workspace, amount=[1.0, 2.0, 3.0, 4.0], country=["AT", "AT", "DE", "DE"])
    add(workspace, amount=[-1.0, 2.0, 3.0, 9.0, 8.0], country=["AT"] * 4 + ["FR"], hour=[1, 2, 3, 4, 5])


def found(workspace: Workspace) -> Datasets:
    return read_datasets(workspace).datasets


def cells(workspace: Workspace) -> dict[str, list[str]]:
    return {row.key: [cell.text for cell in row.cells] for row in dataset_rows(found(workspace), time.time())}


def test_versions_stand_below_each_other_the_newest_first(workspace: Workspace) -> None:
    seed(workspace)
    assert cells(workspace) == {
        "transactions:2": ["transactions", "2", "5", "3", "now", "run-of-2", "✗ 1 broken"],
        "transactions:1": ["transactions", "1", "4", "2", "now", "run-of-1", "✓ held"],
        "waiting": ["waiting", "–", "–", "–", "never", "–", "–"],
    }


def test_what_is_expected_now_was_not_checked(workspace: Workspace) -> None:
    seed(workspace)
    (workspace.root / "mlops.toml").write_text(CONFIG.replace("min = 0", "min = 1"))
    assert [row[-1] for row in cells(workspace).values()] == ["? not checked", "✓ held", "–"]
    version = read_details(workspace, "transactions", 2).details.version
    told = [fact.value for fact in expectation_facts(version, found(workspace).known["transactions"].expected)]
    assert any("expects something else by now" in value for value in told)


def test_a_broken_config_hides_nothing_of_the_store(workspace: Workspace) -> None:
    seed(workspace)
    (workspace.root / "mlops.toml").write_text("[project")
    assert list(cells(workspace)) == ["transactions:2", "transactions:1"]


def test_changes_begin_with_what_moved_most(workspace: Workspace) -> None:
    seed(workspace)
    facts = change_facts(read_details(workspace, "transactions", 2).details)
    told = {fact.name: fact.value for fact in facts}
    assert told["rows"] == "4 → 5 (+1)"
    assert told["new"] == "hour"
    assert told["amount"].startswith("0.52 sd: mean 2.5000 → 4.2000")
    assert told["country"].startswith("50 %: DE 50 % → 0 %")
    assert [fact.name for fact in facts[-2:]] == ["amount", "country"]
    first = change_facts(read_details(workspace, "transactions", 1).details)
    assert first[-1].value.startswith("The first version")


def test_profiles_have_a_bar_for_each_bin(workspace: Workspace) -> None:
    seed(workspace)
    rows = profile_rows(read_details(workspace, "transactions", 2).details.version)
    assert [row.key for row in rows] == ["amount", "country", "hour"]
    assert [cell.text for cell in rows[1].cells] == ["country", "text", "0 %", "–", "–", "–", "█▃ AT 80 %, FR 20 %"]
    assert len(rows[0].cells[-1].text) == 10


def test_bins_follow_the_quantiles() -> None:
    even = shape({"0.01": 1.0, "0.5": 50.0, "0.99": 99.0})
    assert even == pytest.approx([0.108, *[0.098] * 8, 0.108], abs=0.01)
    skewed = shape({"0.01": 0.0, "0.5": 1.0, "0.75": 2.0, "0.99": 100.0})
    assert skewed[0] > 0.7
    assert sum(skewed) == pytest.approx(1.0)
    jump = shape({"0.01": 0.0, "0.25": 0.0, "0.5": 0.0, "0.75": 1.0, "0.99": 2.0})
    assert sum(jump) == pytest.approx(1.0)
    for nothing in ({}, {"0.5": 1.0}, {"0.01": 3.0, "0.99": 3.0}, {"0.01": None, "0.99": 1.0}):
        assert bars(shape(nothing)) == ""
    assert bars([0, 1, 2]) == " ▅█"


def test_what_is_broken_comes_first_with_its_rows(workspace: Workspace) -> None:
    seed(workspace)
    version = read_details(workspace, "transactions", 2).details.version
    facts = expectation_facts(version, found(workspace).known["transactions"].expected)
    assert [(fact.name, fact.value) for fact in facts if not fact.name.startswith("checked")] == [
        ("verdict", "✗ 1 broken, of 2"),
        ("✗ amount: min = 0", ""),
        ("", "amount: 1 of 5 rows is below 0 (least: -1)."),
        ("row 1", "-1.0"),
        ("Held", ""),
        ("amount", "✓ missing = 0.0"),
    ]


def test_a_column_that_is_missing_was_not_looked_at(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    add(workspace, country=["AT"])
    facts = expectation_facts(read_details(workspace, "transactions", 1).details.version, None)
    assert ("amount", "· min = 0") in [(fact.name, fact.value) for fact in facts]


def test_nothing_is_expected_or_nobody_has_looked(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        version = datasets.add_version(
            tx, "a", sha256="ab", rows=5, columns=1, schema={"x": "int64"}, profile={}, sample=None
        )
    assert "dataset infer a" in expectation_facts(version, ())[0].value
    assert "dataset check a" in expectation_facts(version, (("x", "min = 0"),))[0].value
    assert profile_rows(version)[0].cells[-1].text == ""
    assert "dataset scan a" in unread_facts("a", "a.csv")[-1].value


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_the_view_and_its_tabs(workspace: Workspace, size: tuple[int, int]) -> None:
    seed(workspace)
    async with console(workspace, "runs", size) as pilot:
        await until(pilot, "run-of-2")
        await pilot.press("colon", *"datasets", "enter")
        await until(pilot, "✗ 1 broken")
        assert "▸ Datasets" in screen_text(pilot)
        assert "EXPECTATIONS" in screen_text(pilot)
        await pilot.press("enter")
        await until(pilot, "Against transactions:1")
        await pilot.press("tab")
        await until(pilot, "DISTRIBUTION")
        await pilot.press("tab")
        await until(pilot, "EXPERIMENT")
        await pilot.press("tab")
        await until(pilot, "row 1")
        await pilot.press("escape", "j")
        await until(pilot, "✓ held")
        assert pilot.app.main.view.selection.command == "mlops-console dataset show transactions:1"  # type: ignore[attr-defined]


async def test_enter_on_a_run_shows_it_among_all_runs(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "datasets", (160, 40)) as pilot:
        await until(pilot, "Against transactions:1")
        await pilot.press("enter", "tab", "tab")
        await until(pilot, "EXPERIMENT")
        await pilot.press("enter")
        await until(pilot, "▸ Runs")


async def test_a_new_version_appears_by_itself(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "datasets") as pilot:
        await until(pilot, "run-of-2")
        add(workspace, amount=[5.0], country=["CH"])
        await until(pilot, "run-of-3")


async def test_a_dataset_that_was_never_read_says_how(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "datasets") as pilot:
        await until(pilot, "never")
        await pilot.press("G", "enter")
        await until(pilot, "mlops-console dataset scan waiting")


async def test_it_is_no_numbered_tab_but_in_the_palette(workspace: Workspace) -> None:
    async with console(workspace, "overview") as pilot:
        await until(pilot, "Environments")
        assert "Datasets" not in screen_text(pilot)
        await pilot.press("ctrl+p")
        await until(pilot, "Search")
        await pilot.press(*"datas")
        await until(pilot, "Every dataset version")


async def test_it_may_be_given_a_key(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text(f'{CONFIG}[console.keys]\ndatasets = "f2"\n')
    async with console(workspace, "overview") as pilot:
        await until(pilot, "fraud-detection")
        await pilot.press("f2")
        await until(pilot, "▸ Datasets")


async def test_an_empty_view_teaches_the_first_step(workspace: Workspace) -> None:
    async with console(workspace, "datasets") as pilot:
        text = await until(pilot, "No dataset yet")
        assert "[datasets.NAME] with path" in text
        assert "mlops-console dataset scan NAME" in text


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (200, 50)])
async def test_hostile_text_in_any_terminal(workspace: Workspace, size: tuple[int, int]) -> None:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    evil: list[object] = [HOSTILE, "x"]
    add(workspace, **{HOSTILE: evil, "amount": evil})
    add(workspace, **{HOSTILE: [1, 2], "amount": [HOSTILE, HOSTILE], f"{HOSTILE}2": [3, 4]})
    async with console(workspace, "datasets", size) as pilot:
        await until(pilot, "transactions") if size[1] > 10 else await pilot.pause(0.3)
        await pilot.press("enter")
        for _ in range(4):
            await pilot.pause(0.1)
            assert not set("\x1b\x07\u202e") & set(screen_text(pilot))
            await pilot.press("tab")
