"""What a pipeline would do if it were run now: which stages would run, and why."""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from mlops_console.core.config import Dataset
from mlops_console.core.errors import JobStopped, UsageError
from mlops_console.core.estimates import Left, Usual, left, usual
from mlops_console.core.plans import Step
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.core.stage_cache import CachedStage
from mlops_console.data.hashing import Hasher
from mlops_console.pipelines.cache import ASKED_FOR, decide, is_forced, sha256_in, sha256_made
from mlops_console.pipelines.graph import OrderedStage, overlap
from mlops_console.pipelines.inputs import expected
from mlops_console.pipelines.params import Params
from mlops_console.store import stages as stage_runs
from mlops_console.store.workspace import Workspace

PATIENCE = 2.0  # seconds of hashing that somebody who asks for a plan waits


class _UnknownError(Exception):
    """The content of a dep is not known yet."""


def forecast(
    workspace: Workspace,
    pipeline: str,
    stages: tuple[OrderedStage, ...],
    params: Params,
    forced: tuple[str, ...],
    datasets: Mapping[str, Dataset],
) -> tuple[Step, ...]:
    """What will become of each stage, in their order. Files are hashed for `PATIENCE` at most."""
    deadline = time.monotonic() + PATIENCE
    hasher = Hasher(workspace, stopping=lambda: time.monotonic() > deadline)
    made: dict[str, CachedStage] = {}  # by stage; those that run are not in it
    steps = []
    for ordered in stages:
        runs: bool | None = True
        try:
            sha256_of = partial(_content, ordered, stages, made, hasher)
            known = expected(datasets, ordered.stage)
            found = decide(workspace, pipeline, ordered, params, forced, sha256_of, known)
            runs, why = found.cached is None, found.why
            if found.cached is not None:
                made[ordered.name] = found.cached
        except _UnknownError as unknown:
            runs, why = (True, ASKED_FOR) if is_forced(ordered, forced) else (None, str(unknown))
        except UsageError as error:
            why = error.message
        steps.append(Step(ordered.name, ordered.stage.run, runs, why))
    return tuple(steps)


def _content(
    ordered: OrderedStage,
    stages: tuple[OrderedStage, ...],
    made: Mapping[str, CachedStage],
    hasher: Hasher,
    dep: str,
) -> str:
    """The SHA-256 that a dep of a stage will have."""
    makers = [
        other.name
        for other in stages
        if other.name in ordered.waits_for and any(overlap(dep, out) for out in other.stage.outs)
    ]
    if not makers:
        try:
            return sha256_in(hasher, dep)
        except JobStopped:
            raise _UnknownError(f"if {dep} has changed: it is large and not hashed yet") from None
    found = {sha256_made(made[name], dep) if name in made else None for name in makers}
    if len(found) != 1 or None in found:
        raise _UnknownError(f"if {makers[-1]} changes {dep}")
    return str(found.pop())


def usual_times(workspace: Workspace, pipeline: str, ordered: tuple[OrderedStage, ...]) -> dict[str, Usual]:
    """What each stage has taken lately, where it ran before with the same command."""
    with workspace.store.read() as db:
        times = {o.name: usual(stage_runs.history(db, pipeline, o.name, o.stage.run)) for o in ordered}
    return {name: found for name, found in times.items() if found is not None}


def estimate(
    workspace: Workspace, pipeline: str, ordered: tuple[OrderedStage, ...], steps: Sequence[Step], slots: int
) -> Left | None:
    """How long the stages that run will take; None where none does, or one has never run before."""
    planned = [
        StageRun(
            step.stage, at, RunStatus.SUCCEEDED if step.runs is False else RunStatus.QUEUED, "", "", found.waits_for
        )
        for at, (step, found) in enumerate(zip(steps, ordered, strict=True))
    ]
    if all(stage.status.is_final for stage in planned):
        return None
    return left(planned, usual_times(workspace, pipeline, ordered), time.time(), slots)
