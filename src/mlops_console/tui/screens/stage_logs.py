"""Which log a person wants to see of a run."""

from collections.abc import Sequence
from pathlib import Path

from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.store.logs import output_log


def chosen_log(stages: Sequence[StageRun]) -> Path | None:
    """Of the stage that runs or has failed, else of the last one that was started; relative to the workspace."""
    started = [stage for stage in stages if stage.started_at is not None]
    urgent = [stage for stage in started if stage.status in (RunStatus.RUNNING, RunStatus.FAILED)]
    chosen = (urgent or started)[-1:]
    return Path(chosen[0].log) if chosen else None


def run_log(run_id: str, stages: Sequence[StageRun]) -> Path | None:
    """The chosen one of its stages; of a run without any, where it keeps its own output if it does."""
    return chosen_log(stages) if stages else output_log(run_id)
