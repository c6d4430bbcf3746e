"""The sweeps view: how far they are, what the trials came to, and what is done with the best one."""

import importlib.util
import time
from collections import Counter
from typing import Any

import pytest

from mlops_console.core.runs import RunStatus
from mlops_console.store import jobs, models, runs, series
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from mlops_console.tui.commands import footer, in_view
from mlops_console.tui.screens.sweeps.history import history
from mlops_console.tui.screens.sweeps.reading import Details, Sweep, read_details, read_sweeps
from mlops_console.tui.screens.sweeps.rows import best_params, columns, space_facts, sweep_rows, trial_rows
from mlops_console.tui.widgets.chart_paint import plain
from mlops_console.tui.widgets.line_chart import line_chart_rows
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import HOSTILE, SIGNATURE

CONFIG = """
[project]
name = "fraud"
[pipelines.train]
params = "params.toml"
[pipelines.train.stages.fit]
run = "true"
params = ["fit"]
[models.fraud]
metric = "loss"
goal = "minimize"
[environments.staging]
model = "fraud"
port = 8101
"""
SPACE = {"fit.lr": "log:1e-4..1e-1", "fit.depth": "2..12"}
# The depth of each trial, its loss, and how it went: "killed" ones were run again.
TRIALS = (
    (3, 0.9, "succeeded"), (5, 0.4, "succeeded"), (7, 0.6, "killed"), (8, 0.2, "pruned"), (2, None, "failed"),
    (6, 0.3, "succeeded"), (9, 0.1, "running"),
)  # fmt: skip
_OF = {"killed": RunStatus.LOST, "pruned": RunStatus.STOPPED}


def add_sweep(
    workspace: Workspace,
    name: str = "otter",
    status: RunStatus = RunStatus.RUNNING,
    goal: str = "minimize",
    trials: tuple[tuple[int, float | None, str], ...] = TRIALS,
    metric: str = "loss",
) -> str:
    """A sweep as the action records it; the id of its run."""
    with workspace.store.write() as tx:
        sweep = runs.new_id()
        request: dict[str, Any] = {"pipeline": "train", "space": SPACE, "params": {"fit.seed": 3}, "trials": 50}
        request |= {"parallel": 2, "sampler": "tpe", "prune": True, "sweep": sweep, "metric": metric, "goal": goal}
        job = jobs.enqueue(tx, "sweep", "train", request, "ana")
        runs.create(tx, run_id=sweep, name=name, experiment="fraud", status=RunStatus.QUEUED, job_id=job)
        runs.set_tags(tx, sweep, {"sweep": "train", "objective": f"{goal} {metric}"})
        runs.start(tx, sweep, current_process())
        jobs.claim(tx, job)
    for number, trial in enumerate(trials):
        add_trial(workspace, sweep, name, number, trial, metric)
    with workspace.store.write() as tx:
        told = [(number, value) for number, (_, value, how) in enumerate(trials) if how in ("succeeded", "killed")]
        points = [(f"trial/{metric}", number, value, 1.0) for number, value in told if value is not None]
        series.ingest(tx, sweep, points)
        if status.is_final:
            runs.finish(tx, sweep, status)
            jobs.finish(tx, job, jobs.JobState(str(status)))
    return sweep


def add_trial(
    workspace: Workspace, sweep: str, name: str, number: int, trial: tuple[int, float | None, str], metric: str
) -> str:
    depth, value, how = trial
    run = ""
    with workspace.store.write() as tx:
        for status in (RunStatus.LOST, RunStatus.SUCCEEDED) if how == "killed" else (_OF.get(how) or RunStatus(how),):
            run = runs.create(tx, name=f"{name}-{number}", experiment="fraud", process=current_process())
            runs.set_params(tx, run, {"fit.depth": depth, "fit.lr": 0.123456789 / depth, "fit.seed": 3})
            pruned = {"pruned": "true"} if how == "pruned" else {}
            runs.set_tags(tx, run, {"sweep_of": sweep, "trial": str(number), **pruned})
            if value is not None:
                series.ingest(tx, run, [(metric, 0, value, 1.0)])
            if status.is_final:
                runs.finish(tx, run, status)
    return run


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    (workspace.root / "params.toml").write_text("[fit]\nlr = 0.5\ndepth = 4\nseed = 1\n")
    with workspace.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")
    return workspace


def first(workspace: Workspace) -> tuple[Sweep, Details]:
    sweep = read_sweeps(workspace).sweeps[0]
    return sweep, read_details(workspace, sweep).details


def test_a_sweep_counts_trials_not_runs(project: Workspace) -> None:
    add_sweep(project)
    sweep, _ = first(project)
    assert (sweep.counts.done, sweep.counts.failed, sweep.counts.pruned) == (6, 1, 1)
    assert sweep.best == pytest.approx(0.3)
    titles = [column.title for column in columns([sweep])]
    begun = sweep.run.started_at
    assert begun is not None
    assert dict(zip(titles, (cell.text for cell in sweep_rows([sweep], begun)[0].cells), strict=True)) == {
        "NAME": "otter", "PIPELINE": "train", "STATE": "● running", "TRIALS": "6/50", "FAILED": "1", "PRUNED": "1",
        "BEST": "0.3000", "OBJECTIVE": "minimize loss", "STARTED": "now", "TOOK": "0.0s",
    }  # fmt: skip


def test_what_did_not_happen_has_no_column(project: Workspace) -> None:
    add_sweep(project, trials=((3, 0.9, "succeeded"),))
    sweeps = read_sweeps(project).sweeps
    assert not {"FAILED", "PRUNED"} & {column.title for column in columns(sweeps)}
    assert len(sweep_rows(sweeps, 0.0)[0].cells) == len(columns(sweeps))


def test_the_newest_sweep_is_the_first_and_an_ended_one_is_counted_once(project: Workspace) -> None:
    add_sweep(project, "old", RunStatus.SUCCEEDED)
    add_sweep(project, "new")
    read = read_sweeps(project)
    assert [sweep.run.name for sweep in read.sweeps] == ["new", "old"]
    with project.store.write() as tx:
        for run in runs.page(tx, runs.RunQuery('tags.sweep_of > "" and status != "running"', limit=99)).runs:
            runs.delete(tx, run.id)
    assert [sweep.counts.done for sweep in read_sweeps(project, read.sweeps).sweeps] == [0, 6]


@pytest.mark.parametrize(("goal", "order"), [("minimize", [5, 1, 2, 0]), ("maximize", [0, 2, 1, 5])])
def test_trials_are_sorted_by_the_goal(project: Workspace, goal: str, order: list[int]) -> None:
    add_sweep(project, goal=goal)
    sweep, details = first(project)
    assert [trial.number for trial in details.trials] == [*order, 6, 3, 4]
    assert [trial.state for trial in details.trials][4:] == ["running", "pruned", "failed"]
    assert details.winner is not None
    assert details.winner.number == order[0]
    best, *others = trial_rows(details, time.time())
    assert best.cells[0].text == f"▲ {order[0]}"
    assert not any(cell.text.startswith("▲") for row in others for cell in row.cells)
    assert sweep.best == details.winner.value


def test_a_trial_without_the_metric_has_failed(project: Workspace) -> None:
    add_sweep(project, trials=((3, None, "succeeded"), (4, float("nan"), "succeeded"), (5, 0.5, "succeeded")))
    sweep, details = first(project)
    assert (sweep.counts.done, sweep.counts.failed) == (3, 2)
    assert [trial.number for trial in details.trials] == [2, 0, 1]


def test_history_has_each_trial_and_the_best_until_then(project: Workspace) -> None:
    sweep_id = add_sweep(project)
    with project.store.write() as tx:
        series.ingest(tx, sweep_id, [("trial/loss", 2, 0.6, 9.0)])  # told again after a crash
    sweep, details = first(project)
    data = history(sweep, details)
    best, each = data.series
    assert list(zip(best.xs, best.ys, strict=True)) == [
        (0, 0.9), (1, 0.9), (1, 0.4), (2, 0.4), (2, 0.4), (5, 0.4), (5, 0.3),
    ]  # fmt: skip
    assert [(x, y) for x, y in zip(each.xs, each.ys, strict=True) if y == y] == [(0, 0.9), (1, 0.4), (2, 0.6), (5, 0.3)]
    assert "best so far" in plain(line_chart_rows(data, 60, 20))


def test_a_sweep_without_a_trial_or_without_its_job_is_told_too(project: Workspace) -> None:
    with project.store.write() as tx:
        run = runs.create(tx, name="bare", experiment="fraud", status=RunStatus.QUEUED)
        runs.set_tags(tx, run, {"sweep": "train"})
        runs.set_params(tx, run, {"fit.depth": "2..12"})
    sweep, details = first(project)
    assert (sweep.wanted, sweep.best, details.trials, history(sweep, details).series) == (None, None, (), ())
    told = [(fact.name, fact.value) for fact in space_facts(sweep, details)]
    assert ("fit.depth", "2..12, whole numbers") in told
    assert any("job is gone" in value for _, value in told)


def test_the_space_is_told_with_the_best_of_each(project: Workspace) -> None:
    add_sweep(project)
    sweep, details = first(project)
    told = {fact.name: fact.value for fact in space_facts(sweep, details)}
    assert told["fit.lr"] == "log:1e-4..1e-1, any number by magnitude; best 0.02058"
    assert told["fit.depth"] == "2..12, whole numbers; best 6"
    assert told["fit.seed"] == "3"
    assert told["trials"] == "50, 2 at once"
    assert best_params(details) == {"fit.lr": 0.123456789 / 6, "fit.depth": 6}


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_one_walks_through_its_tabs(project: Workspace, size: tuple[int, int]) -> None:
    add_sweep(project)
    async with console(project, "overview", size) as pilot:
        await until(pilot, "fraud")
        await pilot.press("colon", *"sweeps", "enter")
        text = await until(pilot, "6/50")
        assert "● running" in text
        assert "R Resume" in text
        await pilot.press("enter")
        text = await until(pilot, "best 0.3000: trial 5, otter-5")
        assert "fit.depth=6" in text
        assert "best so far" in text
        await pilot.press("tab")
        text = await until(pilot, "⊘ pruned")
        rows = [line for line in text.splitlines() if "otter-" in line]
        assert "▲ 5" in rows[0]
        assert "0.02058" in rows[0]
        await pilot.press("tab")
        await until(pilot, "What is tried")
        await pilot.press("escape")
        await until(pilot, "TRIALS")


async def test_it_is_live(project: Workspace) -> None:
    sweep = add_sweep(project)
    async with console(project, "sweeps") as pilot:
        await until(pilot, "6/50")
        add_trial(project, sweep, "otter", 7, (4, 0.05, "succeeded"), "loss")
        with project.store.write() as tx:
            series.ingest(tx, sweep, [("trial/loss", 7, 0.05, 1.0)])
        text = await until(pilot, "7/50")
        assert "0.0500" in await until(pilot, "0.0500")
        with project.store.write() as tx:
            runs.finish(tx, sweep, RunStatus.FAILED, error="None of the trials has a value.")
        text = await until(pilot, "✗ failed")
        assert "7/50" in text


async def test_the_best_are_compared(project: Workspace) -> None:
    add_sweep(project, trials=tuple((depth, 1 / depth, "succeeded") for depth in range(2, 13)))
    async with console(project, "sweeps", (200, 50)) as pilot:
        await until(pilot, "trial 10")
        await pilot.press("c")
        text = await until(pilot, "Compare 8 runs")
        text = await until(pilot, "▲ 0.0833")
        assert "otter-10" in text
        await pilot.press("tab", "tab")
        await until(pilot, "▸Parallel")


async def test_one_trial_is_nothing_to_compare(project: Workspace) -> None:
    add_sweep(project, trials=((3, 0.9, "succeeded"), (4, 0.2, "pruned")))
    async with console(project, "sweeps", (120, 34)) as pilot:
        await until(pilot, "trial 0")
        await pilot.press("c")
        await until(pilot, "Two trials of this sweep must have a value")


async def test_it_leads_to_its_runs(project: Workspace) -> None:
    sweep = add_sweep(project)
    async with console(project, "sweeps", (120, 34)) as pilot:
        await until(pilot, "trial 5")
        await pilot.press("o")
        text = await until(pilot, f'tags.sweep_of = "{sweep}"')
        await until(pilot, "otter-6")
        await pilot.press("colon", *"sweeps", "enter", "enter")
        await until(pilot, "trial 5, otter-5")
        await pilot.press("tab")
        await until(pilot, "▲ 5")
        pilot.app.query_one("SweepsView").detail.focus_inside()
        await pilot.press("enter")
        text = await until(pilot, "▸ Runs")
        assert f'tags.sweep_of = "{sweep}"' in await until(pilot, "─ otter-5 ")
        assert text


async def test_the_pipeline_is_trained_with_the_best_params(project: Workspace) -> None:
    add_sweep(project, status=RunStatus.SUCCEEDED)
    async with console(project, "sweeps", (120, 34)) as pilot:
        await until(pilot, "trial 5")
        await pilot.press("d")
        await until(pilot, "Trial 5, the best, has stored no model version")
        await pilot.press("t")
        await until(pilot, "Run pipeline train")
        await pilot.press("y")
        await until(pilot, "queued")
    with project.store.read() as db:
        assert jobs.get(db, 2).request["params"] == {"fit.seed": 3, "fit.lr": 0.123456789 / 6, "fit.depth": 6}


async def test_the_best_model_is_deployed(project: Workspace) -> None:
    add_sweep(project)
    _, details = first(project)
    assert details.winner is not None
    with project.store.write() as tx:
        models.add_version(
            tx, "fraud", run_id=details.winner.run.id, estimator="x", sha256="ab", size=1, signature=SIGNATURE
        )
    async with console(project, "sweeps", (120, 34)) as pilot:
        await until(pilot, "otter-5  fraud:1")
        await pilot.press("d")
        await until(pilot, "Deploy fraud:1 to staging")


async def test_a_running_one_is_stopped_and_is_not_resumed(project: Workspace) -> None:
    add_sweep(project)
    async with console(project, "sweeps", (120, 34)) as pilot:
        await until(pilot, "trial 5")
        await pilot.press("R")
        await until(pilot, "has not ended: x stops it")
        await pilot.press("x")
        await until(pilot, "Stop job 1: sweep train")
        await pilot.press("y")
        await until(pilot, "■ stopping…")


@pytest.mark.parametrize("status", [RunStatus.STOPPED, RunStatus.FAILED, RunStatus.LOST])
async def test_one_that_did_not_end_is_resumed(
    project: Workspace, status: RunStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_console.actions.sweep.check_installed", lambda: None)
    sweep = add_sweep(project, status=status)
    async with console(project, "sweeps", (120, 34)) as pilot:
        await until(pilot, "trial 5")
        await pilot.press("R")
        await until(pilot, "50 trials, 2 at once")
        await pilot.press("y")
        await until(pilot, "○ queued")
    with project.store.read() as db:
        before, after = jobs.get(db, 1).request, jobs.get(db, 2).request
        assert {key: after[key] for key in before} == before
        assert runs.get(db, sweep).job_id == 2


async def test_one_that_has_all_its_trials_is_not_resumed(project: Workspace) -> None:
    add_sweep(project, status=RunStatus.SUCCEEDED)
    async with console(project, "sweeps", (120, 34)) as pilot:
        await until(pilot, "trial 5")
        await pilot.press("R")
        await until(pilot, "has all its trials")


async def test_read_only_it_shows_and_does_not_act(project: Workspace) -> None:
    add_sweep(project, status=RunStatus.STOPPED)
    async with console(project, "sweeps", (120, 34), read_only=True) as pilot:
        text = await until(pilot, "trial 5")
        assert "Resume" not in text
        assert "c Compare" in text
        await pilot.press("R")
        await until(pilot, "read-only: nothing can be changed")


async def test_an_empty_view_teaches_the_first_step(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "optuna" else found(name, *rest)
    )
    async with console(workspace, "sweeps") as pilot:
        text = await until(pilot, "No sweep yet")
        assert "mlops-console sweep train --param fit.lr=log:1e-4..1e-1 --trials 50" in text
        await until(pilot, "pip install 'mlops-console[sweep]'")
        for key in "cotdR":
            await pilot.press(key)
        await until(pilot, "No sweep is selected")


async def test_a_thousand_trials(project: Workspace) -> None:
    sweep = add_sweep(project, trials=())
    with project.store.write() as tx:
        for number in range(1000):
            run = runs.create(tx, name=f"otter-{number}", experiment="fraud", process=current_process())
            runs.set_params(tx, run, {"fit.depth": number % 11 + 2, "fit.lr": 0.1})
            runs.set_tags(tx, run, {"sweep_of": sweep, "trial": str(number)})
            series.ingest(tx, run, [("loss", 0, 1 / (1 + number), 1.0)])
            runs.finish(tx, run, RunStatus.SUCCEEDED)
        series.ingest(tx, sweep, [("trial/loss", number, 1 / (1 + number), 1.0) for number in range(1000)])
    begun = time.monotonic()
    _, details = first(project)
    assert len(details.trials) == 1000
    assert time.monotonic() - begun < 2
    async with console(project, "sweeps", (120, 34)) as pilot:
        await until(pilot, "best 0.0010: trial 999")
        await pilot.press("tab")
        await until(pilot, "otter-995")


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (200, 50)])
async def test_hostile_text_in_any_terminal(project: Workspace, size: tuple[int, int]) -> None:
    add_sweep(project, HOSTILE, metric=HOSTILE)
    with project.store.write() as tx:
        evil = runs.create(tx, name=HOSTILE, experiment="fraud")
        runs.set_tags(tx, evil, {"sweep": HOSTILE, "objective": HOSTILE})
        runs.set_params(tx, evil, {HOSTILE: HOSTILE})
        trial = runs.create(tx, name=HOSTILE, experiment="fraud")
        runs.set_params(tx, trial, {HOSTILE: HOSTILE})
        runs.set_tags(tx, trial, {"sweep_of": evil, "trial": "1"})
        odd = runs.create(tx, name=HOSTILE, experiment="fraud")
        runs.set_tags(tx, odd, {"sweep_of": evil, "trial": HOSTILE})
    async with console(project, "sweeps", size) as pilot:
        await until(pilot, "6/50") if size[1] > 10 else await pilot.pause(0.3)
        for _ in range(2):
            await pilot.press("enter")
            for _ in range(3):
                await pilot.pause(0.1)
                assert not set("\x1b\x07\u202e") & set(screen_text(pilot))
                await pilot.press("tab")
            await pilot.press("escape", "j")


def test_its_footer_fits_and_no_key_means_two_things() -> None:
    shown = [command.id for command in footer("sweeps", read_only=False)]
    assert shown == ["train", "deploy", "stop", "compare", "filter", "all-trials", "resume", "command", "help"]
    keys = Counter(key for command in in_view("sweeps", read_only=False) for key in command.keys.split(",") if key)
    assert [key for key, count in keys.items() if count > 1] == []
