"""Which log is shown of a run."""

from pathlib import Path

from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.store import runs
from mlops_console.store.logs import output_log
from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.stage_logs import run_log
from tests.tui.helpers import console, screen_text, until


def _stage(name: str, status: RunStatus, started_at: float | None = 1.0) -> StageRun:
    return StageRun(name, 0, status, "x", f".mlops/logs/1/{name}.log", started_at=started_at)


def test_of_stages_the_urgent_one_else_the_runs_own() -> None:
    done, failed = _stage("prepare", RunStatus.SUCCEEDED), _stage("fit", RunStatus.FAILED)
    assert run_log("ab12", [done, failed, _stage("test", RunStatus.QUEUED, None)]) == Path(failed.log)
    assert run_log("ab12", [done]) == Path(done.log)
    assert run_log("ab12", [_stage("fit", RunStatus.QUEUED, None)]) is None
    assert run_log("ab12", []) == output_log("ab12") == Path(".mlops/logs/ab12/output.log")


async def test_the_output_of_a_script_is_followed_and_drawn_as_plain_text(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="loud", experiment="e")
    log = workspace.root / output_log(run_id)
    log.parent.mkdir()
    log.write_text("epoch 1\n\x1b]52;c;AAAA\x07[/x]evil\n")
    async with console(workspace, "runs") as pilot:
        await until(pilot, "loud")
        await pilot.press("l")
        await until(pilot, "[/x]evil")
        assert not set("\x1b\x07") & set(screen_text(pilot))
        with log.open("a") as file:
            file.write("epoch 2\n")
        await until(pilot, "epoch 2")
