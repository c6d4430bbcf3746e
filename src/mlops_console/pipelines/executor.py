"""Where the command of a stage runs: here, unless a pipeline was given another executor."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlops_console.core.config import Stage
from mlops_console.core.moments import seconds
from mlops_console.pipelines import command
from mlops_console.pipelines.command import Ended
from mlops_console.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a stage of a run.

    Attributes:
        name: of the stage.
        folder: where its deps are, and its outs belong.
        params: the file with its params, as JSON.
        grace: seconds that it may tidy up when it is told to end.
        note: writes a line for a person into its log.
    """

    workspace: Workspace
    run_id: str
    name: str
    stage: Stage
    folder: Path
    params: Path
    log: Path
    grace: float
    stopping: Callable[[], bool]
    note: Callable[[str], None]

    @property
    def timeout(self) -> float | None:
        """Seconds."""
        return seconds(self.stage.timeout) if self.stage.timeout else None


class Executor(Protocol):
    def run(self, attempt: Attempt) -> Ended:
        """Run the command to its end, with its output at the end of the log, and have its outs in the folder then.

        Raises:
            UsageError: a dep can't be read.
            StoreError: what came back can't be stored.
            JobStopped: a stop was asked for before the command began.
        """
        ...

    def advice(self, error: str) -> str:
        """What else to do about a failure; "" where there is nothing to say."""
        ...


class Local:
    """Runs commands as child processes of this one."""

    def run(self, attempt: Attempt) -> Ended:
        return command.run(
            attempt.stage.run,
            cwd=attempt.folder / attempt.stage.cwd,
            log=attempt.log,
            environment={
                **attempt.stage.env,
                "MLOPS_WORKSPACE": str(attempt.workspace.root),
                "MLOPS_RUN_ID": attempt.run_id,
                "MLOPS_STAGE": attempt.name,
                "MLOPS_PARAMS": str(attempt.params),
            },
            timeout=attempt.timeout,
            grace=attempt.grace,
            stopping=attempt.stopping,
        )

    def advice(self, error: str) -> str:
        return ""


LOCAL = Local()
