"""The console as a whole: views, keys, read-only, live data, toasts, small terminals, foreign text."""

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from mlops_console.core.errors import StoreError
from mlops_console.store import alerts, jobs, runs, series
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from mlops_console.tui.app import ConsoleApp
from mlops_console.tui.commands import VIEWS
from mlops_console.tui.screens.main import MainScreen
from mlops_console.tui.telling import ConsoleCrash
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import seed

HOSTILE = "\x1b]52;c;aGk=\x07[@click=app.quit]x[/foo]\u202eevil\x9b2J"
CONFIG = """
[project]
name = "fraud-detection"
[pipelines.train]
params = "params.toml"
[pipelines.train.stages.fit]
run = "python fit.py"
params = ["fit"]
[models.fraud]
metric = "val/auc"
[environments.production]
model = "fraud"
port = 8100
"""


def app_of(pilot: Pilot[None]) -> ConsoleApp:
    assert isinstance(pilot.app, ConsoleApp)
    return pilot.app


def configure(workspace: Workspace, more: str = "") -> None:
    (workspace.root / "params.toml").write_text("[fit]\nlr = 0.1\n")
    (workspace.root / "mlops.toml").write_text(CONFIG + more)


def add_run(workspace: Workspace, name: str, **params: Any) -> str:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name=name, experiment="fraud")
        runs.set_params(tx, run_id, params)
        series.ingest(tx, run_id, [("val/auc", step, 0.8 + step / 100, 1.0) for step in range(10)])
    return run_id


async def test_every_view_opens_by_its_key_empty_and_full(workspace: Workspace) -> None:
    async with console(workspace, "runs", size=(120, 40)) as pilot:
        for number, view in enumerate(VIEWS, 1):
            await pilot.press(str(number))
            await until(pilot, f"▸ {view.title()}")
        seed(workspace)
        for number, view in enumerate(VIEWS, 1):
            await pilot.press(str(number))
            await until(pilot, f"▸ {view.title()}")
            await pilot.pause(0.2)


async def test_every_view_has_a_tab_to_click_at_80_columns(workspace: Workspace) -> None:
    configure(workspace)
    names = ("Overview", "Runs", "Pipes", "Models", "Deploys", "Drift", "Jobs", "Ledger", "Alerts")
    async with console(workspace, "overview", (80, 24)) as pilot:
        tabs = (await until(pilot, "fraud-detection ▸")).splitlines()[1]
        assert tabs.split() == [part for number, name in enumerate(names, 1) for part in (str(number), name)]
        for view in ("Alerts", "Deploys"):
            await pilot.click(offset=(tabs.index(view) + 1, 1))
            await until(pilot, f"▸ {'Deployments' if view == 'Deploys' else view}")


@pytest.mark.parametrize(("width", "tabs"), [(60, "1 Overview 2 3 4 5 6 7 8 9"), (120, "3 Pipelines  4 Models")])
async def test_tabs_are_shortened_only_where_they_must_be(workspace: Workspace, width: int, tabs: str) -> None:
    configure(workspace)
    async with console(workspace, "overview", (width, 24)) as pilot:
        assert tabs in await until(pilot, tabs)


async def test_what_is_written_elsewhere_appears_by_itself(workspace: Workspace) -> None:
    async with console(workspace, "runs") as pilot:
        await until(pilot, "No run yet")
        add_run(workspace, "calm-otter")
        await until(pilot, "calm-otter")
        with workspace.store.write() as tx:
            alerts.open_alert(tx, "drift", "production", alerts.Severity.WARNING, "drifted")
        await until(pilot, "⚠ 1 alert")


async def test_nothing_is_drawn_while_nothing_happens(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    seed(workspace)
    with workspace.store.write() as tx:
        for run in runs.open_runs(tx):
            runs.finish(tx, run.id, runs.RunStatus.SUCCEEDED)
        for job in jobs.open_jobs(tx):
            jobs.finish(tx, job.id, jobs.JobState.SUCCEEDED)
        tx.execute("UPDATE runs SET started_at = started_at - 7200, ended_at = ended_at - 7100")
    ticks: list[None] = []
    tick = MainScreen.tick

    def counted(screen: MainScreen) -> None:
        ticks.append(None)
        tick(screen)

    async def ticked(count: int) -> None:
        wanted = len(ticks) + count
        while len(ticks) < wanted:
            await pilot.pause(0.02)

    monkeypatch.setattr(MainScreen, "tick", counted)
    async with console(workspace, "runs") as pilot:
        await until(pilot, "brave-fox")
        await ticked(2)
        drawn: list[object] = []
        monkeypatch.setattr(pilot.app, "_display", lambda _, what: drawn.append(what) if what is not None else None)
        await ticked(2)
        assert drawn == []
        add_run(workspace, "calm-otter")  # what is drawn would be seen
        while not drawn:
            await pilot.pause(0.02)


async def test_a_job_tells_what_it_is_at_while_it_runs_only(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        job = jobs.enqueue(tx, "train", "train", {}, "ada")
        jobs.claim(tx, job)
        jobs.set_progress(tx, job, 0.9, "fit")
    async with console(workspace, "jobs") as pilot:
        await until(pilot, "90% fit")
        with workspace.store.write() as tx:
            jobs.finish(tx, job, jobs.JobState.SUCCEEDED)
        assert "fit" not in await until(pilot, "✓ succeeded")


async def test_the_header_tells_worker_and_what_is_live(workspace: Workspace) -> None:
    seed(workspace)
    with workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        text = await until(pilot, "production fraud:")
        assert "● worker 2 jobs" in text.splitlines()[0]


class TestReadOnly:
    async def test_no_action_has_a_key_a_command_or_a_place(self, workspace: Workspace) -> None:
        configure(workspace)
        async with console(workspace, "runs", read_only=True) as pilot:
            text = await until(pilot, "read-only")
            assert "Train" not in text
            await pilot.press("t", "d", "r", "x")
            text = await until(pilot, "read-only: nothing can be changed")
            assert text.count("read-only: ") == 1
            assert pilot.app.screen is app_of(pilot).main
            await pilot.press("colon", *"train", "enter")
            await until(pilot, "There is no command train here")

    async def test_mlops_toml_can_say_so(self, workspace: Workspace) -> None:
        configure(workspace, "[console]\nread_only = true")
        async with console(workspace, "runs") as pilot:
            assert "Train" not in await until(pilot, "read-only")


class TestKeymap:
    async def test_keys_come_from_mlops_toml(self, workspace: Workspace) -> None:
        configure(workspace, '[console.keys]\njobs = "J"\nhelp = "f1"')
        async with console(workspace, "runs") as pilot:
            await until(pilot, "f1 Help")
            await pilot.press("J")
            await until(pilot, "▸ Jobs")

    async def test_a_clash_is_told_and_keeps_its_default(self, workspace: Workspace) -> None:
        configure(workspace, '[console.keys]\ntrain = "d"')
        async with console(workspace, "runs", size=(120, 30)) as pilot:
            await until(pilot, "the key d is")
            assert "t Train" in screen_text(pilot)

    async def test_a_change_of_the_file_is_taken_at_once(self, workspace: Workspace) -> None:
        configure(workspace)
        async with console(workspace, "runs") as pilot:
            await until(pilot, "fraud-detection")
            await pilot.pause(0.5)
            configure(workspace, '[console.keys]\nhelp = "f1"')
            await until(pilot, "f1 Help")


class TestCommandLine:
    async def test_a_command_by_name_with_its_argument(self, workspace: Workspace) -> None:
        add_run(workspace, "calm-otter")
        add_run(workspace, "brave-fox")
        async with console(workspace, "runs") as pilot:
            await until(pilot, "brave-fox")
            await pilot.press("colon", *"filter", "space", *"otter", "enter")
            await until(pilot, "── 1 ──")
            assert "brave-fox" not in screen_text(pilot)

    async def test_it_completes(self, workspace: Workspace) -> None:
        async with console(workspace, "runs") as pilot:
            await until(pilot, "No run yet")
            await pilot.press("colon", *"led")
            await until(pilot, "Who did what and when")
            await pilot.press("tab", "enter")
            await until(pilot, "▸ Ledger")

    async def test_it_completes_what_several_share_then_the_shortest(self, workspace: Workspace) -> None:
        async with console(workspace, "runs") as pilot:
            await until(pilot, "No run yet")
            await pilot.press("colon", *"dep")
            text = await until(pilot, "deploy [MODEL_REF]")
            assert text.index("deploy [MODEL_REF]") < text.index("deployments  ")
            await pilot.press("tab")
            assert pilot.app.screen.query_one(Input).value == "deploy"
            await pilot.press("tab")
            assert pilot.app.screen.query_one(Input).value == "deploy "

    async def test_nonsense_is_told(self, workspace: Workspace) -> None:
        async with console(workspace, "runs") as pilot:
            await until(pilot, "No run yet")
            await pilot.press("colon", *"xyz", "enter")
            await until(pilot, "There is no command xyz here")

    async def test_the_palette_offers_the_commands(self, workspace: Workspace) -> None:
        async with console(workspace, "runs", size=(100, 30)) as pilot:
            await until(pilot, "No run yet")
            await pilot.press("ctrl+p")
            await until(pilot, "Search")
            await pilot.press(*"ledger")
            await until(pilot, "Ledger  (8)")
            await pilot.press("enter")
            await until(pilot, "▸ Ledger")

    async def test_a_name_comes_before_what_explanations_say(self, workspace: Workspace) -> None:
        async with console(workspace, "runs", size=(100, 30)) as pilot:
            await until(pilot, "No run yet")
            await pilot.press("ctrl+p")
            await until(pilot, "Search")
            await pilot.press(*"drift")
            await until(pilot, "Drift  (6)")
            await pilot.press("enter")
            await until(pilot, "▸ Drift")


async def test_help_shows_the_keys_of_the_view(workspace: Workspace) -> None:
    async with console(workspace, "runs", size=(100, 80)) as pilot:
        await until(pilot, "No run yet")
        await pilot.press("question_mark")
        text = await until(pilot, "Keys of Runs")
        assert "Compare what is marked" in text
        assert "copy-reference" in text  # what `:` takes
        await pilot.press("escape")
        assert pilot.app.screen is app_of(pilot).main


class TestThemes:
    async def test_choosing_one(self, workspace: Workspace) -> None:
        async with console(workspace, "runs") as pilot:
            await until(pilot, "No run yet")
            await pilot.press("T")
            await until(pilot, "high-contrast")
            await pilot.press(*"light", "enter")
            await until(pilot, "console.toml")
            assert pilot.app.theme == "light"
        async with console(workspace, "runs") as pilot:  # it is remembered
            assert pilot.app.theme == "light"
        async with console(workspace, "runs", theme="dark") as pilot:
            await until(pilot, "No run yet")
            assert pilot.app.theme == "dark"
        configure(workspace, '[console]\ntheme = "high-contrast"')
        async with console(workspace, "runs") as pilot:
            await until(pilot, "fraud-detection")
            assert pilot.app.theme == "high-contrast"

    async def test_a_file_of_the_user_is_reloaded_live_and_a_bad_one_told(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        folder = tmp_path / "themes"
        folder.mkdir()
        monkeypatch.setattr("mlops_console.tui.themes.user_folder", lambda: folder)
        (folder / "mine.toml").write_text("[colors]\nok = '#00ff00'")
        async with console(workspace, "runs", theme="mine") as pilot:
            await until(pilot, "No run yet")
            for _ in range(100):
                if pilot.app.theme == "mine":
                    break
                await pilot.pause(0.02)
            assert pilot.app.theme == "mine"
            await pilot.pause(0.5)
            (folder / "mine.toml").write_text("[colors]\nok = '#0000ff'")
            for _ in range(200):
                if pilot.app.theme_variables["ok"] == "#0000FF" or pilot.app.theme_variables["ok"] == "#0000ff":
                    break
                await pilot.pause(0.02)
            assert pilot.app.theme_variables["ok"].lower() == "#0000ff"
            (folder / "mine.toml").write_text("[colors]\nok = 'grassy'")
            await until(pilot, "grassy")


LONG = [pytest.param(size, marks=pytest.mark.long) for size in ((1, 1), (60, 15), (300, 80))]


@pytest.mark.parametrize("size", [(20, 5), (79, 24), *LONG])
async def test_any_terminal_is_usable(workspace: Workspace, size: tuple[int, int]) -> None:
    seed(workspace)
    configure(workspace)
    async with console(workspace, "overview", size=size) as pilot:
        await pilot.pause(0.3)
        for number in range(1, 9):
            await pilot.press(str(number), "j", "enter", "tab", "escape")
        await pilot.press(
            "question_mark", "escape", "colon", "escape", "T", "escape", "2", "s", "escape", "slash", "escape"
        )
        await pilot.pause(0.1)
        if size == (20, 5):
            assert "20×5 is small" in screen_text(pilot)


async def test_resizing_down_and_up_again(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "runs", size=(160, 40)) as pilot:
        await pilot.pause(0.3)
        for size in ((20, 5), (80, 24), (3, 2), (160, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.05)
        assert "STARTED" in screen_text(pilot)


async def test_foreign_text_stays_text_in_all_views(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text("[project]\nname = 'x'\n")
    add_run(workspace, HOSTILE, **{HOSTILE: HOSTILE, "long": "y" * 10_000_000})
    with workspace.store.write() as tx:
        jobs.enqueue(tx, "train", HOSTILE, {HOSTILE: HOSTILE}, HOSTILE)
        alerts.open_alert(tx, "drift", HOSTILE, alerts.Severity.WARNING, HOSTILE)
    async with console(workspace, "runs", size=(140, 40)) as pilot:
        await until(pilot, "[@click=app.quit]x[/foo]")
        for key in ("tab", "tab", "tab", "tab", "space", "y", "Y", "7", "tab", "1", "3", "8", "2"):
            await pilot.press(key)
            await pilot.pause(0.1)
            drawn = screen_text(pilot)
            assert not set(drawn) & {"\x1b", "\x9b", "\x07", "\u202e", "\r"}
        app_of(pilot).tell(HOSTILE)
        app_of(pilot).tell_error(StoreError(HOSTILE, HOSTILE))
        await pilot.pause(0.2)
        assert "[/foo]" in screen_text(pilot)
        await pilot.click(offset=(20, 4))
        assert pilot.app.is_running


async def test_no_color_works(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    seed(workspace)
    async with console(workspace, "runs", size=(140, 40)) as pilot:
        for number in range(1, 9):
            await pilot.press(str(number))
            await pilot.pause(0.1)
        assert pilot.app.is_running


async def test_a_broken_mlops_toml_is_one_sentence_and_the_console_goes_on(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text("[project\n")
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "not valid TOML")
        await pilot.press("3")
        await until(pilot, "mlops.toml can't be used")
        assert "⚠ mlops.toml" in screen_text(pilot).splitlines()[0]
        app_of(pilot).clear_notifications()
        await pilot.press("1")
        await until(pilot, "critical  project mlops.toml")
        await pilot.pause(0.5)
        configure(workspace)
        await until(pilot, "fraud-detection")
        assert "⚠ mlops.toml" not in screen_text(pilot)


async def test_there_are_never_more_than_two_toasts_and_they_are_at_the_top(workspace: Workspace) -> None:
    async with console(workspace, "runs") as pilot:
        await until(pilot, "No run yet")
        for number in range(5):
            app_of(pilot).tell(f"toast {number}")
        lines = (await until(pilot, "toast 4")).splitlines()
        assert [line.count("toast") for line in lines[:4]].count(1) == 2
        assert "toast 3" in "".join(lines[:4])


async def test_an_unexpected_error_is_a_dialogue_and_the_console_goes_on(workspace: Workspace) -> None:
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "No run yet")

        def fail(_: Workspace) -> Any:
            raise ZeroDivisionError("boom [/x]")

        app_of(pilot).main.view.read("nonsense", fail)
        text = await until(pilot, "Something in the console went wrong")
        assert "ZeroDivisionError: boom [/x]" in text
        await pilot.press("escape")
        await pilot.press("7")
        await until(pilot, "▸ Jobs")


async def test_copying_tells_what_was_copied(workspace: Workspace) -> None:
    run_id = add_run(workspace, "calm-otter")
    async with console(workspace, "runs", size=(120, 30)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("y")
        await until(pilot, "Copied the reference")
        assert pilot.app.clipboard == run_id
        await pilot.press("Y")
        await until(pilot, "Copied the shell command")
        assert pilot.app.clipboard == f"mlops-console run show {run_id}"


async def test_reads_never_pile_up(workspace: Workspace) -> None:
    async with console(workspace, "runs") as pilot:
        await until(pilot, "No run yet")
        view = app_of(pilot).main.view
        begun: list[int] = []
        asked = threading.Event()

        def slow(number: int) -> Any:
            def read(_: Workspace) -> Any:
                begun.append(number)
                assert asked.wait(10)
                raise StoreError(f"read {number}")

            return read

        for number in range(20):
            view.read("slow", slow(number))
        asked.set()
        await until(pilot, "read 19")
        assert begun == [0, 19]


async def test_an_error_in_a_widget_ends_with_a_sentence_not_a_traceback(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("boom \x1b[2J")

    with pytest.raises(ConsoleCrash) as caught:
        async with console(workspace, "runs") as pilot:
            await until(pilot, "No run yet")
            monkeypatch.setattr("mlops_console.tui.screens.dialogs.help.Help.compose_inside", fail)
            await pilot.press("question_mark")
            await pilot.pause(0.5)
    told = caught.value.__rich__().plain
    assert told.startswith("The console has ended: ZeroDivisionError: boom ␛[2J.")
    assert "console.log" in told
    assert "Traceback" in caplog.text
