"""One execution of a pipeline, as it was asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_console.core.config import Dataset
from mlops_console.core.config import size as config_size
from mlops_console.core.estimates import Usual
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.pipelines.executor import LOCAL, Executor
from mlops_console.pipelines.graph import OrderedStage
from mlops_console.pipelines.params import Params
from mlops_console.pipelines.resources import Limits
from mlops_console.store.workspace import Workspace

_JOB = "job"  # whose log lies beside those of the stages


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One execution of a pipeline, ready to start.

    Attributes:
        name: of the pipeline.
        logs: the folder of its log files.
        progress: told how far it is, from 0 to 1, and at which stages.
        stopping: whether it was asked to stop.
        limits: what the stages of all jobs may take together.
        times: what its stages usually take.
        folder: where its stages find their deps and write their outs.
        grace: how long a stage that is told to end may tidy up, as mlops.toml has it.
        slots: how many stages run at once.
        keep_going: whether those that don't wait for a stage that failed are run all the same.
        forced: the stages that run also where nothing has changed; `cache.ALL` for all.
        executor: where their commands run.
        datasets: those of mlops.toml, whose versions become inputs of the run.
    """

    workspace: Workspace
    run_id: str
    name: str
    stages: tuple[OrderedStage, ...]
    params: Params
    logs: Path
    progress: Callable[[float | None, str], None]
    stopping: Callable[[], bool]
    limits: Limits
    times: Mapping[str, Usual]
    folder: Path
    grace: str
    slots: int = 1
    keep_going: bool = False
    forced: tuple[str, ...] = ()
    executor: Executor = LOCAL
    datasets: Mapping[str, Dataset] = field(default_factory=dict)

    def log(self, stage: str) -> Path:
        """The log of a stage. No stage can be called what one that is called as the job gets."""
        return self.logs / (f"{stage}~.log" if stage.casefold() == _JOB else f"{stage}.log")


def stage_rows(pipeline: PipelineRun) -> list[StageRun]:
    """The stages as the store keeps them before they start."""
    root = pipeline.workspace.root
    return [
        StageRun(
            ordered.name,
            position,
            RunStatus.QUEUED,
            ordered.stage.run,
            str(pipeline.log(ordered.name).relative_to(root)),
            ordered.waits_for,
            cpus=ordered.stage.cpus,
            memory=config_size(ordered.stage.memory),
        )
        for position, ordered in enumerate(pipeline.stages)
    ]
