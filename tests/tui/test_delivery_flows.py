"""Approve, promote, abort, freeze and the glass, from the key to what is told; and why something is live."""

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from mlops_console import actions
from mlops_console.core.deployments import Environment, RevisionState
from mlops_console.core.models import ModelRef
from mlops_console.core.plans import Plan
from mlops_console.store import deploying, deployments, jobs, models, series
from mlops_console.store.workspace import Workspace
from mlops_console.tui import flows
from mlops_console.tui.screens.dialogs.prompt import Prompt
from mlops_console.worker.client import Execution
from tests.delivery.helpers import states, the
from tests.tui.helpers import console, screen_text, until
from tests.tui.rollouts import add_canary, add_waiting
from tests.tui.seed import HOSTILE, seed

NAME = "production"


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The actions are the real ones; a worker would begin with the jobs that the seed has queued."""

    def perform(workspace: Workspace, name: str, request: dict[str, Any]) -> Execution:
        plan, result = actions.perform(workspace, name, request)
        return Execution(plan, result.get("job"), result)

    monkeypatch.setattr(flows, "_execute", perform)


def environment(workspace: Workspace) -> Environment:
    return the(workspace, NAME)


async def typed(pilot: Pilot[None], text: str) -> None:
    """Into the field that has the focus; keys can't say every character."""
    pilot.app.screen.query_one("Input").value = text  # type: ignore[attr-defined]
    await pilot.press("enter")


async def toast(pilot: Pilot[None], text: str) -> None:
    """As soon as a toast says so, however it is broken into lines."""
    while not any(text in str(note.message) for note in pilot.app._notifications):
        await pilot.pause(0.02)


async def closed(pilot: Pilot[None], dialog: type[Screen[Any]]) -> None:
    """As soon as a dialogue is no longer in front."""
    while isinstance(pilot.app.screen, dialog):
        await pilot.pause(0.02)


async def command(pilot: Pilot[None], text: str) -> None:
    await pilot.press("colon")
    await typed(pilot, text)


@pytest.mark.parametrize("view", ["overview", "deployments"])
async def test_what_waits_is_approved(workspace: Workspace, view: str) -> None:
    seed(workspace)
    number = add_waiting(workspace, approvals=2)
    async with console(workspace, view, (100, 40)) as pilot:
        await until(pilot, "◔ waiting fraud:2 r3  0/2  A approve")
        await pilot.press("A")
        text = await until(pilot, "0 of 2   →  1 of 2")
        assert "test/average_precision >= 0.80" in text
        await pilot.press("y")
        await toast(pilot, "Approved: revision 3 (fraud:2) waits for more approvals.")
        await until(pilot, "  1/2  A approve")
    with workspace.store.read() as db:
        assert len(deployments.approvals(db, NAME, number)) == 1


async def test_nobody_approves_what_they_asked_for(workspace: Workspace) -> None:
    from mlops_console.store.identity import actor

    seed(workspace)
    add_waiting(workspace, actor=actor())
    async with console(workspace, "deployments", (100, 40)) as pilot:
        await until(pilot, "◔ waiting")
        await pilot.press("A")
        await until(pilot, "another person has to approve it")
        await pilot.press("y")
        await toast(pilot, "can't be confirmed")
    assert states(workspace, NAME)[0] is RevisionState.WAITING


@pytest.mark.parametrize(
    ("keys", "state", "share", "told"),
    [
        ("p", RevisionState.CANARY, 0.5, "Promoted: fraud:2 gets 50% of the traffic."),
        ("P", RevisionState.LIVE, 1.0, "Promoted: fraud:2 gets all: it is live."),
        ("X", RevisionState.ABORTED, 0.0, "Aborted: revision 3 (fraud:2). fraud:3 serves on."),
    ],
)
async def test_a_canary_is_promoted_or_ended(
    workspace: Workspace, keys: str, state: RevisionState, share: float, told: str
) -> None:
    seed(workspace)
    number = add_canary(workspace, steps=(0.1, 0.5, 1.0), hold=600.0)
    async with console(workspace, "deployments", (100, 40)) as pilot:
        await until(pilot, "◑ canary 10%")
        await pilot.press(keys)
        await until(pilot, "do it")
        await pilot.press("y")
        await toast(pilot, told)
    with workspace.store.read() as db:
        found = deployments.revision(db, NAME, number)
    assert (found.state, found.share) == (state, share)


async def test_the_command_line_names_environment_and_revision(workspace: Workspace) -> None:
    seed(workspace)
    add_canary(workspace, steps=(0.1, 0.5, 1.0), hold=600.0)
    async with console(workspace, "overview", (100, 40)) as pilot:
        await until(pilot, "◑ canary 10%")
        await command(pilot, "abort production three")
        await toast(pilot, "It takes an environment and the number of a revision")
        await command(pilot, "promote production --full")
        await until(pilot, "$ mlops-console promote production --full")
        await pilot.press("escape")
        await command(pilot, "abort production 3")
        await until(pilot, "Abort revision 3 of production: fraud:2")


async def test_a_freeze_needs_a_reason_and_ends_with_the_same_key(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "overview", (100, 40)) as pilot:
        await until(pilot, "Needs you")
        await pilot.press("F")
        await until(pilot, "Why may nothing be deployed there?")
        await typed(pilot, "black [red]friday")
        await until(pilot, "--reason 'black [red]friday'")
        await pilot.press("y")
        await toast(pilot, "Frozen: nothing is deployed to production until F unfreezes it")
        await until(pilot, "❅ frozen by")
        freeze = environment(workspace).freeze
        assert freeze is not None
        assert freeze.reason == "black [red]friday"
        await pilot.press("F")
        await until(pilot, "Unfreeze production")
        await until(pilot, "do it")
        await pilot.press("y")
        await toast(pilot, "Unfrozen: d deploys to production again.")
    assert environment(workspace).freeze is None


@pytest.mark.parametrize("answer", ["escape", "enter"])
async def test_without_a_reason_nothing_is_frozen(workspace: Workspace, answer: str) -> None:
    seed(workspace)
    async with console(workspace, "deployments") as pilot:
        await until(pilot, "Revisions of production")
        await pilot.press("F")
        await until(pilot, "Why may nothing be deployed there?")
        await pilot.press(answer)
        await pilot.pause()
        assert "do it" not in screen_text(pilot)
    assert environment(workspace).freeze is None


async def test_the_glass_of_a_refused_deployment_can_be_broken(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plans are the real ones; what would start a worker is only written down."""
    seed(workspace)
    (workspace.root / "mlops.toml").write_text(
        '[project]\nname = "fraud"\n[environments.production]\nmodel = "fraud"\nport = 8100\nconfirm = "type"\n'
        'gates = ["test/average_precision >= 0.99"]\n'
    )
    done: list[dict[str, Any]] = []

    def execute(_: Workspace, name: str, request: dict[str, Any]) -> Execution:
        done.append(request)
        return Execution(Plan(name, NAME, "", ""), 7)

    monkeypatch.setattr(flows, "_execute", execute)
    async with console(workspace, "deployments", (100, 40)) as pilot:
        await until(pilot, "Revisions of production")
        await command(pilot, "deploy fraud:2 production")
        text = await until(pilot, "B break the glass")
        assert "do it" not in text
        await pilot.press("B")
        await until(pilot, "Why must it pass by its gates")
        await typed(pilot, " ")
        await closed(pilot, Prompt)
        assert not pilot.app.screen.has_class("-glass")
        await pilot.press("B")
        await until(pilot, "Why must it pass by its gates")
        await typed(pilot, "the shop is down")
        text = await until(pilot, "--break-glass 'the shop is down'")
        assert pilot.app.screen.has_class("-glass")
        assert "Glass is broken" in text
        await pilot.press("y")
        await until(pilot, "Type production to confirm")
        await typed(pilot, "production")
        await toast(pilot, "job 7 queued")
    assert [request["break_glass"] for request in done] == ["the shop is down"]


async def test_there_is_no_glass_where_nothing_is_refused(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "deployments", (100, 40)) as pilot:
        await until(pilot, "Revisions of production")
        await pilot.press("r")
        text = await until(pilot, "do it")
        assert "break the glass" not in text
        await pilot.press("B")
        await pilot.pause()
        assert "Why must it pass by" not in screen_text(pilot)


async def test_the_last_approval_rolls_it_out(workspace: Workspace) -> None:
    seed(workspace)
    add_waiting(workspace)
    async with console(workspace, "deployments", (100, 40)) as pilot:
        await until(pilot, "  0/1  A approve")
        await pilot.press("A")
        await until(pilot, "It is rolled out at once.")
        await pilot.press("y")
        await toast(pilot, "Approved: revision 3 (fraud:2) is rolled out, job ")
    with workspace.store.read() as db:
        assert [job.action for job in jobs.open_jobs(db)].count("roll_out") == 1


async def test_read_only_nothing_is_approved_but_why_is_answered(workspace: Workspace) -> None:
    seed(workspace)
    add_waiting(workspace)
    async with console(workspace, "deployments", (100, 40), read_only=True) as pilot:
        await until(pilot, "◔ waiting")
        await pilot.press("A")
        await toast(pilot, "read-only: nothing can be changed from here.")
        await pilot.press("w")
        await until(pilot, "Why revision 3 of production?")


class TestWhy:
    @pytest.mark.parametrize(("view", "title"), [("overview", "what is live in"), ("deployments", "revision 2 of")])
    async def test_the_chain_goes_from_the_revision_to_the_code(
        self, workspace: Workspace, view: str, title: str
    ) -> None:
        seed(workspace)
        with workspace.store.write() as tx:
            run = models.get(tx, ModelRef("fraud", 3)).run_id
            assert run is not None
            series.ingest(tx, run, [("system/cpu", 0, 90.0, 1.0)])
        async with console(workspace, view, (120, 50)) as pilot:
            await until(pilot, "production")
            await until(pilot, "fraud:3")
            await pilot.press("w")
            text = await until(pilot, "● missing")
            assert "test/roc_auc" in text
            assert "system/" not in text  # what the machine did tells nothing of the version
            assert f"Why {title} production?" in text
            chain = ["revision", "gates", "approved by", "version", "run", "params", "commit", "data", "missing"]
            places = [text.index(f"● {link}") for link in chain]
            assert places == sorted(places)
            for part in (
                "2, fraud:3: deploy by ana",
                "better on the holdout",
                "✓ passed  test/average_precision >= 0.80: 0.870",
                "nobody had to",
                "HistGradientBoostingClassifier",
                "learning_rate = 0.15",
                "a1b2c3d4e5f6, with changes that were not committed",
            ):
                assert part in text, part

    async def test_nothing_live_says_so(self, workspace: Workspace) -> None:
        seed(workspace)
        async with console(workspace, "deployments", (100, 30)) as pilot:
            await until(pilot, "Revisions of production")
            await command(pilot, "why nowhere")
            await until(pilot, "Nothing was ever deployed to 'nowhere'.")
            await pilot.press("escape")
            await until(pilot, "Revisions of production")

    @pytest.mark.parametrize("size", [(20, 5), (60, 15), (80, 24), (200, 50)])
    async def test_hostile_text_in_any_terminal(self, workspace: Workspace, size: tuple[int, int]) -> None:
        seed(workspace, hostile=True)
        with workspace.store.write() as tx:
            deploying.approve(tx, NAME, 2, HOSTILE, HOSTILE)
        async with console(workspace, "deployments", size) as pilot:
            await until(pilot, NAME)
            await command(pilot, "why production 2")
            await until(pilot, "●")
            assert not set("\x1b\x07\u202e") & set(screen_text(pilot))
