"""What the pipelines view reads, in a thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.errors import ConfigError
from mlops_console.core.estimates import Usual, usual
from mlops_console.core.runs import Run, RunStatus, StageRun

if TYPE_CHECKING:
    from mlops_console.core.config import Pipeline
    from mlops_console.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class PipelineState:
    """A pipeline with its newest run. Where it never ran, its stages are those of mlops.toml, not started.

    `times` is what its stages usually take, `slots` how many of them may run at once. `problem` says what is wrong with
    it in mlops.toml; then its stages can't be told.
    """

    name: str
    run: Run | None
    stages: tuple[StageRun, ...]
    problem: str = ""
    times: Mapping[str, Usual] = field(default_factory=dict)
    slots: int = 1


@dataclass
class PipelinesLoaded(Message, bubble=False):
    """`problem` is what keeps mlops.toml from being read."""

    pipelines: tuple[PipelineState, ...]
    problem: ConfigError | None = None


def read_pipelines(workspace: "Workspace") -> PipelinesLoaded:
    try:
        config = workspace.config()
    except ConfigError as error:
        return PipelinesLoaded((), error)
    slots = config.worker.slots
    found = (_state(workspace, name, pipeline, slots) for name, pipeline in config.pipelines.items())
    return PipelinesLoaded(tuple(found))


def _state(workspace: "Workspace", name: str, pipeline: "Pipeline", slots: int) -> PipelineState:
    from mlops_console.pipelines import graph
    from mlops_console.store import runs, stages

    with workspace.store.read() as db:
        found = runs.page(db, runs.RunQuery(filter=f'pipeline = "{name}" and not tags.sweep_of ~ ""', limit=1)).runs
        run = found[0] if found else None
        recorded = tuple(stages.listing(db, run.id)) if run else ()
        times = {s.stage: usual(stages.history(db, name, s.stage, s.command)) for s in recorded}
    if recorded:
        known = {stage: found for stage, found in times.items() if found is not None}
        return PipelineState(name, run, recorded, times=known, slots=slots)
    try:
        ordered = graph.order(name, pipeline)
    except ConfigError as error:
        return PipelineState(name, run, (), error.message)
    planned = (
        StageRun(stage.name, at, RunStatus.QUEUED, stage.stage.run, "", stage.waits_for)
        for at, stage in enumerate(ordered)
    )
    return PipelineState(name, run, tuple(planned))
