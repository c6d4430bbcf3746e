"""Pictures of screens that tell no times: a change of one is looked at before it is accepted.

`pytest tests/tui/test_snapshots.py --snapshot-update` takes them anew.
"""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from mlops_console.core.plans import Change, Difference, GateResult, Plan
from mlops_console.store.workspace import Workspace
from mlops_console.tui.app import ConsoleApp
from mlops_console.tui.screens.dialogs.plan import PlanDialog
from tests.tui.helpers import until

Compare = Callable[..., bool]

FIRST_STEPS = {
    "overview": "then press t to train it",
    "runs": "No run yet",
    "pipelines": "No pipeline",
    "models": "No model",
    "deployments": "Nothing was ever deployed",
    "drift": "No drift report yet",
    "jobs": "No job",
    "ledger": "0 entries checked",
    "alerts": "No alert, now or before",
}
PLAN = Plan(
    action="deploy",
    subject="production",
    title="Deploy fraud:8 to production",
    command="mlops-console deploy fraud:8 production",
    changes=(Change("model", "fraud:7", "fraud:8"), Change("revision", "11", "12")),
    metrics=(
        Difference("test/average_precision", 0.861, 0.8745, True),
        Difference("test/recall", 0.79, 0.772, False),
        Difference("train/loss", None, 0.0721, None),
    ),
    params=(Difference("fit.lr", "0.1", "0.05", None),),
    gates=(
        GateResult("test/average_precision >= 0.80", True, "0.8745"),
        GateResult("test/average_precision >= live - 0.01", True, "0.8745, live 0.8610"),
    ),
    notes=("[bold]A note[/bold] is plain text.",),
)


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.config_path.write_text('[project]\nname = "fraud"\n')
    return workspace


@pytest.mark.parametrize("theme", ["dark", "light", "high-contrast"])
def test_a_plan_in_each_theme(snap_compare: Compare, project: Workspace, theme: str) -> None:
    async def show(pilot: Pilot[None]) -> None:
        await until(pilot, "fraud ▸")
        await until(pilot, FIRST_STEPS["overview"])
        pilot.app.push_screen(PlanDialog("Deploy", lambda: PLAN))
        await until(pilot, "do it")

    assert snap_compare(ConsoleApp(project, theme=theme), run_before=show, terminal_size=(100, 30))


@pytest.mark.parametrize("view", list(FIRST_STEPS))
def test_an_empty_view_teaches_its_first_step(snap_compare: Compare, project: Workspace, view: str) -> None:
    async def settle(pilot: Pilot[None]) -> None:
        await until(pilot, "fraud ▸")
        await until(pilot, FIRST_STEPS[view])

    assert snap_compare(ConsoleApp(project, view=view), run_before=settle, terminal_size=(80, 24))
