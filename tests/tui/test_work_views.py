"""The pipelines and jobs views."""

import time

import pytest

from mlops_console.core.jobs import JobState
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.store import jobs, runs, stages
from mlops_console.store.workspace import Workspace
from mlops_console.tui.app import ConsoleApp
from mlops_console.tui.widgets.log_view import LogView, _wrapped
from tests.tui.helpers import console, screen_text, until

CONFIG = """
[project]
name = "fraud"
[pipelines.train.stages.prepare]
run = "python prepare.py"
outs = ["a"]
[pipelines.train.stages.fit]
run = "python fit.py"
deps = ["a"]
[pipelines.round.stages.one]
run = "x"
deps = ["b"]
outs = ["c"]
[pipelines.round.stages.two]
run = "y"
deps = ["c"]
outs = ["b"]
"""


def start_training(workspace: Workspace) -> tuple[int, str]:
    """A job whose run has done its first stage and is at its second."""
    (workspace.root / "mlops.toml").write_text(CONFIG)
    with workspace.store.write() as tx:
        job = jobs.enqueue(tx, "train", "train", {"pipeline": "train", "params": {}}, "ada")
        jobs.claim(tx, job)
        run_id = runs.create(tx, name="calm-otter", experiment="fraud", pipeline="train", job_id=job)
        planned = [
            StageRun("prepare", 0, RunStatus.QUEUED, "python prepare.py", f".mlops/logs/{job}/prepare.log"),
            StageRun("fit", 1, RunStatus.QUEUED, "python fit.py", f".mlops/logs/{job}/fit.log", ("prepare",)),
        ]
        stages.plan_stages(tx, run_id, planned)
        stages.start(tx, run_id, "prepare")
        stages.finish(tx, run_id, "prepare", RunStatus.SUCCEEDED, 0)
        stages.start(tx, run_id, "fit")
        jobs.set_progress(tx, job, 0.5, "fit")
    folder = workspace.logs_dir / str(job)
    folder.mkdir(parents=True)
    (folder / "prepare.log").write_text("prepared 100 rows\n")
    (folder / "fit.log").write_text("".join(f"epoch {n}\n" for n in range(500)))
    return job, run_id


def line_with(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


async def test_stages_are_live(workspace: Workspace) -> None:
    _, run_id = start_training(workspace)
    async with console(workspace, "pipelines") as pilot:
        text = await until(pilot, "└─ fit")
        assert "✓ succeeded" in line_with(text, "├─ prepare")
        assert "● running" in line_with(text, "└─ fit")
        with workspace.store.write() as tx:
            stages.finish(tx, run_id, "fit", RunStatus.FAILED, 1, "no such column 'amount'")
            runs.finish(tx, run_id, RunStatus.FAILED, error="stage fit failed")
        await until(pilot, "no such column")
        assert "✗ failed" in line_with(screen_text(pilot), "└─ fit")


async def test_enter_on_a_stage_shows_its_log(workspace: Workspace) -> None:
    start_training(workspace)
    async with console(workspace, "pipelines") as pilot:
        await until(pilot, "└─ fit")
        await pilot.press("j", "enter")
        await until(pilot, "prepared 100 rows")
        await until(pilot, "▸ train ▸ prepare")
        await pilot.press("escape", "j", "enter")
        await until(pilot, "epoch 499")


async def test_a_cycle_is_one_sentence_and_the_rest_works(workspace: Workspace) -> None:
    start_training(workspace)
    async with console(workspace, "pipelines", size=(140, 30)) as pilot:
        text = await until(pilot, "round")
        assert "└─ fit" in text
        await pilot.press("G")
        await until(pilot, "round ─")
        await pilot.press("shift+tab")
        text = await until(pilot, "problem")
        assert "wait for each other in a circle" in text


async def test_no_pipeline_teaches_how(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text("[project]\nname = 'x'\n")
    async with console(workspace, "pipelines") as pilot:
        await until(pilot, "[pipelines.train.stages.fit]")
        (workspace.root / "mlops.toml").write_text(CONFIG)


async def test_jobs_show_progress_errors_and_their_log(workspace: Workspace) -> None:
    job, _ = start_training(workspace)
    async with console(workspace, "jobs") as pilot:
        text = await until(pilot, "50% fit")
        assert "● running" in text
        await pilot.press("l")
        await until(pilot, "epoch 499")
        await pilot.press("escape")
        with workspace.store.write() as tx:
            jobs.finish(tx, job, JobState.FAILED, error="stage fit ended with exit code 1", exit_code=1)
        await until(pilot, "✗ failed")
        await pilot.press("enter", "shift+tab")
        await until(pilot, "exit code")


async def test_a_stop_that_was_asked_for_is_shown(workspace: Workspace) -> None:
    job, _ = start_training(workspace)
    async with console(workspace, "jobs") as pilot:
        await until(pilot, "50% fit")
        with workspace.store.write() as tx:
            jobs.request_stop(tx, job)
        await until(pilot, "stopping")


async def test_a_log_follows_its_end_until_somebody_scrolls_up(workspace: Workspace) -> None:
    job, _ = start_training(workspace)
    log = workspace.logs_dir / str(job) / "fit.log"
    async with console(workspace, "jobs") as pilot:
        await until(pilot, "50% fit")
        await pilot.press("l")
        await until(pilot, "epoch 499")
        await pilot.press("k", "k", "k")
        with log.open("a") as file:
            file.write("later\n")
        await pilot.pause(0.8)
        assert "later" not in screen_text(pilot)
        await pilot.press("G")
        await until(pilot, "later")
        with log.open("a") as file:
            file.write("much later\n")
        await until(pilot, "much later")


async def test_a_log_that_is_not_there_is_said(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        jobs.enqueue(tx, "deploy", "production", {}, "ada")
    async with console(workspace, "jobs") as pilot:
        await until(pilot, "deploy")
        await pilot.press("l")
        await until(pilot, "This job has no log yet.")
        assert isinstance(pilot.app, ConsoleApp)
        assert isinstance(pilot.app.focused, LogView)


async def test_a_job_that_tells_no_progress_has_no_bar(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        job = jobs.enqueue(tx, "train", "train", {"stages": ["a"]}, "ada")
        jobs.claim(tx, job)
        jobs.set_progress(tx, job, 0.0, "stage traffic")
    async with console(workspace, "jobs", size=(200, 30)) as pilot:
        await until(pilot, "stage traffic")
        text = await until(pilot, '["a"]')
        assert "0%" not in text
        with workspace.store.write() as tx:
            jobs.set_progress(tx, job, 0.5, "stage traffic")
        await until(pilot, "━━━━━─────  50% stage traffic")


async def test_a_finished_job_without_a_log_says_so(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        job = jobs.enqueue(tx, "deploy", "staging", {}, "ada")
        jobs.claim(tx, job)
        jobs.finish(tx, job, JobState.SUCCEEDED)
    async with console(workspace, "jobs", size=(120, 30)) as pilot:
        await until(pilot, "succeeded")
        await pilot.press("l")
        await until(pilot, "This job wrote no log.")


def test_log_lines_are_parted_at_blanks() -> None:
    assert _wrapped("one two, three", 9) == ["one two,", "three"]
    assert _wrapped("x" * 10, 4) == ["xxxx", "xxxx", "xx"]


async def test_a_log_is_searched_and_its_errors_are_gone_to(workspace: Workspace) -> None:
    _, run_id = start_training(workspace)
    with workspace.store.read() as db:
        log = workspace.root / stages.listing(db, run_id)[-1].log
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"line {at}" for at in range(300)]
    lines[20], lines[40], lines[250] = "ValueError: first", "the Needle", "RuntimeError: last"
    log.write_text("\n".join(lines) + "\n")
    async with console(workspace, "jobs", size=(100, 30)) as pilot:
        await until(pilot, "running")
        await pilot.press("l")
        await until(pilot, "line 299")
        await until(pilot, "/ Search")
        await pilot.press("slash")
        await until(pilot, "Find in the log")
        await pilot.press(*"needle", "enter")
        await until(pilot, "the Needle")
        await pilot.press("E")
        await until(pilot, "ValueError: first")
        await pilot.press("e")
        await until(pilot, "RuntimeError: last")
        await pilot.press("G")
        await until(pilot, "line 299")
        await pilot.press("slash")
        await until(pilot, "Nothing typed finds 'needle' again.")
        await pilot.press("enter")
        await until(pilot, "the Needle")
        await pilot.press("n")
        await until(pilot, "From the top again: 1 in all.")
        await pilot.press("slash", *"none of it", "enter")
        await until(pilot, "No line has none of it.")


async def test_the_worker_is_started_and_stopped(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text("[project]\nname = 'x'\n")
    async with console(workspace, "jobs", size=(100, 30)) as pilot:
        await until(pilot, "worker off")
        await pilot.press("W")
        await until(pilot, "There is no worker")
        await pilot.press("enter")
        await until(pilot, "The worker has started.")
        await pilot.press("W")
        await until(pilot, "The worker is running: 0 running and 0 queued jobs")
        await pilot.press("enter")
        await until(pilot, "have ended.")
        await pilot.press("colon", *"worker dance", "enter")
        await until(pilot, "can start or stop, not dance")


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_the_tabs_of_a_pipeline_are_gone_round(workspace: Workspace, size: tuple[int, int]) -> None:
    start_training(workspace)
    async with console(workspace, "pipelines", size=size) as pilot:
        await until(pilot, "fit")
        await pilot.press("enter")
        await until(pilot, "▸Log")
        for tab in ("Timeline", "Stage", "Graph", "Log"):
            await pilot.press("tab")
            await until(pilot, f"▸{tab}")
        for tab in ("Graph", "Stage"):
            await pilot.press("shift+tab")
            await until(pilot, f"▸{tab}")


async def test_a_stage_that_never_had_its_turn_says_why(workspace: Workspace) -> None:
    _, run_id = start_training(workspace)
    with workspace.store.write() as tx:
        late = StageRun("report", 2, RunStatus.QUEUED, "python report.py", "", ("fit",))
        stages.plan_stages(tx, run_id, [late])
        stages.finish(tx, run_id, "fit", RunStatus.FAILED, 1)
        stages.finish(tx, run_id, "report", RunStatus.STOPPED)
    async with console(workspace, "pipelines", size=(120, 40)) as pilot:
        text = await until(pilot, "↷ skipped")
        assert "fit failed" in line_with(text, "↷ skipped")


async def test_a_trial_is_not_the_run_of_its_pipeline(workspace: Workspace) -> None:
    start_training(workspace)
    with workspace.store.write() as tx:
        trial = runs.create(tx, name="brave-fox-0", experiment="fraud", pipeline="train")
        runs.set_tags(tx, trial, {"sweep_of": "x", "trial": "0"})
    async with console(workspace, "pipelines", size=(120, 40)) as pilot:
        text = await until(pilot, "calm-otter")
        assert "brave-fox" not in text


async def test_what_a_command_does_not_take_is_said(workspace: Workspace) -> None:
    start_training(workspace)
    async with console(workspace, "pipelines", size=(120, 40)) as pilot:
        await until(pilot, "calm-otter")
        await pilot.press("colon", *"sweeps train --trials 4", "enter")
        await until(pilot, "sweeps takes nothing after it")


async def test_a_job_of_later_says_when_and_an_ended_one_is_done_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_console.worker.client.ensure_worker", lambda workspace: None)
    (workspace.root / "mlops.toml").write_text(CONFIG)
    with workspace.store.write() as tx:
        ended = jobs.enqueue(tx, "train", "train", {"pipeline": "train", "params": {}, "start": None}, "ada")
        jobs.claim(tx, ended)
        jobs.finish(tx, ended, JobState.FAILED, error="prepare failed.")
        jobs.enqueue(tx, "train", "round", {"pipeline": "round"}, "ada", jobs.Turn(5, time.time() + 7200))
    async with console(workspace, "jobs", size=(160, 30)) as pilot:
        text = await until(pilot, "not before")
        assert "begins at" in text
        assert "priority" in text
        await pilot.press("R")
        await until(pilot, "Job 2 is queued: wait for its end")
        await pilot.press("j")
        text = await until(pilot, "prepare failed.")
        assert "start" not in line_with(text, "pipeline  ")
        await pilot.press("R")
        await until(pilot, "mlops-console train train")
        await pilot.press("y")
        await until(pilot, "job 3 queued")


async def test_a_key_that_bounces_trains_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_console.worker.client.ensure_worker", lambda workspace: None)
    (workspace.root / "mlops.toml").write_text(CONFIG)
    async with console(workspace, "pipelines", size=(120, 40)) as pilot:
        await until(pilot, "it never ran")
        for told in ("job 1 queued", "Train: it is queued already"):
            await pilot.press("t")
            await until(pilot, "mlops-console train train")
            await pilot.press("y")
            await until(pilot, told)


async def test_a_job_tells_which_of_its_stages_came_from_the_cache(workspace: Workspace) -> None:
    _, run_id = start_training(workspace)
    with workspace.store.write() as tx:
        stages.explain(tx, run_id, "prepare", "cached from calm-otter", run_id)
    async with console(workspace, "jobs", size=(160, 40)) as pilot:
        await until(pilot, "◇ cached")
