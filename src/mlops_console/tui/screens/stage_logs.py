"""Which log a person wants to see of a run with several stages."""

from collections.abc import Sequence
from pathlib import Path

from mlops_console.core.runs import RunStatus, StageRun


def chosen_log(stages: Sequence[StageRun]) -> Path | None:
    """Of the stage that runs or has failed, else of the last one that was started; relative to the workspace."""
    started = [stage for stage in stages if stage.started_at is not None]
    urgent = [stage for stage in started if stage.status in (RunStatus.RUNNING, RunStatus.FAILED)]
    chosen = (urgent or started)[-1:]
    return Path(chosen[0].log) if chosen else None
