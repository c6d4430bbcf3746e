"""Why a stage of a run is as it is."""

from collections.abc import Sequence

from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.core.text import safe_line


def why(stage: StageRun, stages: Sequence[StageRun]) -> str:
    """Why it ran, did not have to, or never began; before that is known, what it runs."""
    if stage.why:
        return safe_line(stage.why)
    if stage.status.is_final and stage.started_at is None:
        failed = [other.stage for other in stages if other.status is RunStatus.FAILED and other.started_at is not None]
        return safe_line(f"{', '.join(failed)} failed" if failed else "the run ended before its turn")
    return safe_line(stage.command)
