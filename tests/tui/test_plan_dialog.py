"""From a key to an action: form, plan, confirmation, and what is told afterwards."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from textual.containers import VerticalScroll
from textual.pilot import Pilot

from mlops_console.core.errors import RefusedError
from mlops_console.core.plans import Change, Difference, GateResult, Plan
from mlops_console.store.workspace import Workspace
from mlops_console.tui import flows
from mlops_console.tui.app import ConsoleApp
from mlops_console.tui.screens.dialogs.plan import PlanDialog
from mlops_console.tui.screens.dialogs.plan_text import plan_text
from mlops_console.worker.client import Execution
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import seed

CONFIG = """
[project]
name = "fraud"
[pipelines.train]
params = "params.toml"
[pipelines.train.stages.fit]
run = "python fit.py"
params = ["fit"]
[pipelines.nightly.stages.report]
run = "python report.py"
[environments.staging]
model = "fraud"
port = 8101
[environments.production]
model = "fraud"
port = 8100
"""
PLAN = Plan(
    action="deploy",
    subject="production",
    title="Deploy fraud:8 to production",
    command="mlops-console deploy fraud:8 production",
    changes=(Change("model", "fraud:7", "fraud:8"), Change("revision", "12", "13")),
    metrics=(
        Difference("val/auc", 0.9312, 0.9421, True),
        Difference("latency ms", 12.5, 113.0, False),
        Difference("rows", None, 5000),
    ),
    params=(Difference("lr", "0.05", "0.1"), Difference("[/b] \x1b[2J", None, "x")),
    gates=(GateResult("val/auc >= 0.9", True, "0.942"), GateResult("val/auc >= live + 0.1", False, "0.942")),
    notes=("The data is newer by 3 days.",),
)


class Asked:
    """Stands for the actions: what was planned and done."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.plan = plan
        self.planned: list[tuple[str, Mapping[str, Any]]] = []
        self.done: list[tuple[str, Mapping[str, Any]]] = []

    def make_plan(self, _: Workspace, name: str, request: Mapping[str, Any]) -> Plan:
        self.planned.append((name, request))
        return self.plan

    def execute(self, _: Workspace, name: str, request: Mapping[str, Any]) -> Execution:
        self.done.append((name, request))
        return Execution(self.plan, 12)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr(flows, "_plan", asked.make_plan)
    monkeypatch.setattr(flows, "_execute", asked.execute)
    return asked


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    seed(workspace)
    (workspace.root / "mlops.toml").write_text(CONFIG)
    (workspace.root / "params.toml").write_text('[fit]\nlr = 0.1\nname = "gbm"\nbalanced = true\n')
    return workspace


def act(pilot: Pilot[None]) -> None:
    assert isinstance(pilot.app, ConsoleApp)
    pilot.app.act("Deploy fraud:8", "deploy", {"model_ref": "fraud:8", "environment": "production"})


def test_a_plan_is_written_aligned_and_as_plain_text() -> None:
    lines = plan_text(PLAN).plain.splitlines()
    assert "model     fraud:7  →  fraud:8" in lines
    before, after = (next(line for line in lines if line.startswith(name)) for name in ("val/auc", "latency"))
    assert before.index(".") == after.index(".")
    assert "▲ better" in before
    assert "▼ worse" in after
    assert "Gates  ✗ 1 of 2 not passed" in lines
    assert "✗ val/auc >= live + 0.1  0.942" in lines
    assert lines[lines.index("Gates passed") + 1] == "✓ val/auc >= 0.9  0.942"
    assert "\x1b" not in plan_text(PLAN).plain
    assert any("[/b]" in line for line in lines)


LONG_GATE = "slices.country=DE.average_precision >= live - 0.0125"
CROWDED = replace(
    PLAN,
    changes=(*PLAN.changes, Change("address", "http://127.0.0.1:8100", "https://127.0.0.1:8443")),
    gates=(*PLAN.gates, GateResult(LONG_GATE, False, "0.861, live 0.902"), GateResult("data/rows >= 10", True, "99")),
    notes=(
        "It waits for 2 others' approvals, for 24h at most.",
        "It goes live as a canary: 10%, 50%, 100% of the traffic, each but the last held for 10m and 500 requests.",
        "Where it is worse than the live version, it is taken back by itself.",
        "fraud:8 needs country too: requests without it are refused.",
    ),
    metrics=tuple(Difference(f"test/metric{number}", 0.5, 0.6) for number in range(20)),
)
REFUSED = replace(
    CROWDED,
    refused=f"fraud:8 does not pass 2 of 4 gates of production: val/auc >= live + 0.1 (0.942); {LONG_GATE} (0.861).",
    refused_briefly="fraud:8 does not pass 2 of 4 gates of production.",
    hint="Train a better version, or change the gate in mlops.toml.",
)


def test_each_gate_is_told_once_and_whole() -> None:
    for plan in (CROWDED, REFUSED):
        told = plan_text(plan).plain
        assert [told.count(gate.gate) for gate in plan.gates] == [1, 1, 1, 1]
    assert plan_text(REFUSED).plain.splitlines()[0] == f"⊘ refused  {REFUSED.refused_briefly}"


def test_a_refusal_by_something_else_than_gates_is_told_whole() -> None:
    assert "production is frozen by ann" in plan_text(replace(PLAN, refused="production is frozen by ann.")).plain


@pytest.mark.parametrize("plan", [CROWDED, REFUSED], ids=["possible", "refused"])
async def test_a_small_terminal_shows_first_what_decides(project: Workspace, asked: Asked, plan: Plan) -> None:
    asked.plan = plan
    async with console(project, "runs") as pilot:
        await until(pilot, "production fraud:")
        await pilot.press("r")
        text = await until(pilot, "more lines")
        deciding = ["→  fraud:8", "✗ 2 of 4 not passed", LONG_GATE, "2 others' approvals", "as a canary"]
        deciding += ["does not pass 2 of 4 gates"] if plan.refused else ["reason  none yet: e gives one"]
        assert [told for told in deciding if told not in text] == []
        assert "test/metric19" not in text


async def test_the_border_says_how_much_is_below_and_what_scrolls_to_it(project: Workspace, asked: Asked) -> None:
    asked.plan = CROWDED
    async with console(project, "runs") as pilot:
        await until(pilot, "production fraud:")
        await pilot.press("r")
        scroll = (await shown(pilot)).query_one(VerticalScroll)
        text = await until(pilot, f"j {scroll.max_scroll_y} more lines ↓")
        assert "$ mlops-console" not in text
        await pilot.press("j")
        await until(pilot, f"j {scroll.max_scroll_y - 1} more lines ↓")
        await pilot.press(*["j"] * (scroll.max_scroll_y - 2))
        await until(pilot, "j 1 more line ↓")
        await pilot.press("j")
        await until(pilot, "$ mlops-console")
        await until_gone(pilot, "more line")
        await pilot.press("k")
        await until(pilot, "j 1 more line ↓")
        await pilot.resize_terminal(80, 70)
        await until_gone(pilot, "more line")
        await pilot.resize_terminal(80, 24)
        await until(pilot, "more lines ↓")


async def test_a_plan_that_fits_has_nothing_below(project: Workspace, asked: Asked) -> None:
    async with console(project, "runs", size=(100, 40)) as pilot:
        await until(pilot, "production fraud:")
        await pilot.press("r")
        assert "more line" not in await until(pilot, "do it")


async def shown(pilot: Pilot[None]) -> PlanDialog:
    """The dialogue with its plan."""
    await until(pilot, "more lines")
    assert isinstance(pilot.app.screen, PlanDialog)
    return pilot.app.screen


async def until_gone(pilot: Pilot[None], text: str) -> None:
    deadline = time.monotonic() + 20
    while text in (found := screen_text(pilot)):
        assert time.monotonic() < deadline, f"{text!r} did not go; the screen is\n{found}"
        await pilot.pause(0.02)


async def test_y_does_it_and_the_job_is_told(project: Workspace, asked: Asked) -> None:
    async with console(project, "runs") as pilot:
        await until(pilot, "STARTED")
        act(pilot)
        await until(pilot, "do it")
        await pilot.press("y")
        await until(pilot, "job 12 queued")
        assert asked.done == [("deploy", {"model_ref": "fraud:8", "environment": "production"})]


@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_enter_and_escape_leave(project: Workspace, asked: Asked, key: str) -> None:
    async with console(project, "runs") as pilot:
        await until(pilot, "STARTED")
        act(pilot)
        await until(pilot, "do it")
        await pilot.press(key)
        await pilot.pause(0.2)
        assert asked.done == []
        assert "STARTED" in screen_text(pilot)


async def test_a_refused_plan_says_why_and_cannot_be_confirmed(project: Workspace, asked: Asked) -> None:
    asked.plan = Plan("deploy", "production", "Deploy", "cmd", refused="The gate val/auc >= 0.9 is not passed: 0.81.")
    async with console(project, "runs") as pilot:
        await until(pilot, "STARTED")
        act(pilot)
        text = await until(pilot, "⊘ refused  The gate val/auc >= 0.9 is not passed: 0.81.")
        assert "do it" not in text
        await pilot.press("y")
        await until(pilot, "can't be confirmed")
        assert asked.done == []


async def test_a_plan_that_fails_says_why(project: Workspace, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Plan:
        raise RefusedError("There is no version fraud:99.", "The newest is fraud:3.")

    monkeypatch.setattr(flows, "_plan", fail)
    async with console(project, "runs") as pilot:
        await until(pilot, "STARTED")
        act(pilot)
        await until(pilot, "There is no version fraud:99.")
        await until(pilot, "The newest is fraud:3.")
        await pilot.press("y")
        await until(pilot, "not ready")
        assert asked.done == []


async def test_rollback_is_r_y_from_anywhere(project: Workspace, asked: Asked) -> None:
    async with console(project, "runs") as pilot:
        await until(pilot, "production fraud:")
        await pilot.press("r")
        await until(pilot, "do it")
        await pilot.press("y")
        await until(pilot, "queued")
        assert asked.done == [("rollback", {"environment": "production", "reason": ""})]


async def test_what_the_plan_has_settled_is_what_is_asked_for(project: Workspace, asked: Asked) -> None:
    asked.plan = replace(PLAN, settles={"to": 3})
    async with console(project, "runs") as pilot:
        await until(pilot, "production fraud:")
        await pilot.press("r")
        await until(pilot, "do it")
        await pilot.press("y")
        await until(pilot, "queued")
        assert asked.done == [("rollback", {"environment": "production", "reason": "", "to": 3})]


async def test_a_reason_is_asked_for_shown_and_sent(project: Workspace, asked: Asked) -> None:
    async with console(project, "runs") as pilot:
        await until(pilot, "production fraud:")
        await pilot.press("r")
        await until(pilot, "e reason")
        await pilot.press("e")
        await until(pilot, "kept with the revision")
        await pilot.press(*"bad", "enter")
        await until(pilot, "reason  bad")
        assert asked.planned[-1][1]["reason"] == "bad"
        await pilot.press("y")
        await until(pilot, "queued")
        assert asked.done == [("rollback", {"environment": "production", "reason": "bad"})]


async def test_training_edits_params_first(project: Workspace, asked: Asked) -> None:
    async with console(project, "jobs") as pilot:
        await until(pilot, "STATE")
        await pilot.press("t")
        text = await until(pilot, "fit.lr")
        assert "gbm" in text
        await pilot.press("backspace", "x")
        await until(pilot, "is not a value")
        await pilot.press("enter")
        await until(pilot, "is not a value")
        await pilot.press("backspace", "5", "down", "2", "enter")
        await until(pilot, "do it")
        await pilot.press("y")
        await until(pilot, "queued")
        assert asked.done == [("train", {"pipeline": "train", "params": {"fit.lr": 0.5, "fit.name": "gbm2"}})]


async def test_a_value_of_another_kind_is_refused(project: Workspace, asked: Asked) -> None:
    async with console(project, "jobs") as pilot:
        await until(pilot, "STATE")
        await pilot.press("t")
        await until(pilot, "fit.lr")
        await pilot.press(*["backspace"] * 3, *"true")
        await until(pilot, "is a number in params.toml")
        assert asked.planned == []


async def test_a_pipeline_without_params_goes_straight_to_its_plan(project: Workspace, asked: Asked) -> None:
    async with console(project, "jobs") as pilot:
        await until(pilot, "STATE")
        await pilot.press("colon", *"train", "space", *"nightly", "enter")
        await until(pilot, "do it")
        assert asked.planned == [("train", {"pipeline": "nightly", "params": {}})]


async def test_an_unknown_pipeline_is_told(project: Workspace, asked: Asked) -> None:
    async with console(project, "jobs", size=(120, 30)) as pilot:
        await until(pilot, "STATE")
        await pilot.press("colon", *"train", "space", *"nonsense", "enter")
        await until(pilot, "There is no pipeline 'nonsense'")


async def test_deploying_asks_for_what_is_not_selected(project: Workspace, asked: Asked) -> None:
    async with console(project, "jobs", size=(100, 30)) as pilot:
        await until(pilot, "STATE")
        await pilot.press("d")
        await until(pilot, "Deploy which model version?")
        await pilot.press("enter")
        await until(pilot, "Deploy fraud:3 to")
        await pilot.press(*"stag", "enter")
        await until(pilot, "do it")
        assert asked.planned == [("deploy", {"model_ref": "fraud:3", "environment": "staging", "reason": ""})]


async def test_deploying_by_command_line(project: Workspace, asked: Asked) -> None:
    async with console(project, "jobs", size=(100, 30)) as pilot:
        await until(pilot, "STATE")
        await pilot.press("colon", *"deploy", "space", *"fraud", "colon", "2", "space", *"production", "enter")
        await until(pilot, "do it")
        assert asked.planned == [("deploy", {"model_ref": "fraud:2", "environment": "production", "reason": ""})]


async def test_the_real_plan_of_a_rollback(project: Workspace) -> None:
    async with console(project, "deployments", size=(100, 40)) as pilot:
        await until(pilot, "production fraud:")
        await pilot.press("r")
        await until(pilot, "mlops-console rollback production")
        await pilot.press("escape")


async def test_an_environment_can_ask_for_its_name(project: Workspace, asked: Asked) -> None:
    (project.root / "mlops.toml").write_text(CONFIG + 'confirm = "type"\n')
    async with console(project, "runs") as pilot:
        await until(pilot, "production fraud:")
        for typed, done in (("staging", 0), ("production", 1)):
            await pilot.press("r")
            await until(pilot, "do it")
            await pilot.press("y")
            await until(pilot, "Type production to confirm")
            await pilot.press(*typed, "enter")
            await until(pilot, "queued" if done else "nothing was done")
            assert len(asked.done) == done


async def test_a_broken_mlops_toml_holds_up_no_rollback(project: Workspace, asked: Asked) -> None:
    async with console(project, "runs") as pilot:
        await until(pilot, "production fraud:")
        (project.root / "mlops.toml").write_text("[project\n")
        await pilot.press("r")
        await until(pilot, "do it")
        await pilot.press("y")
        await until(pilot, "queued")
        assert [name for name, _ in asked.done] == ["rollback"]


def test_params_of_several_kinds_begin_at_the_left() -> None:
    params = (Difference("lr", 0.1, 0.25), Difference("kind", "gbm", "forest"))
    lines = plan_text(Plan("train", "train", "t", "c", params=params)).plain.splitlines()
    assert lines[1].startswith("lr    0.1000  →  0.2500")
    assert lines[2].startswith("kind  gbm     →  forest")
