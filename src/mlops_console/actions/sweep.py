"""Run a pipeline many times with other params, and find the best."""

import shlex
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from mlops_console.actions import train
from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.comparison import Goal
from mlops_console.core.config import Config
from mlops_console.core.errors import JobError, JobStopped, UsageError
from mlops_console.core.plans import Change, Plan
from mlops_console.core.runs import RunStatus
from mlops_console.core.search_space import Dimension, parse_dimension
from mlops_console.core.text import param
from mlops_console.pipelines import params as pipeline_params
from mlops_console.pipelines.study import Sampler, check_installed, grid_of
from mlops_console.pipelines.sweep import Objective, Sweep, run_sweep, trials_of
from mlops_console.remote.executors import executor_of
from mlops_console.store import jobs, runs
from mlops_console.store.database import Connection
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from mlops_console.tracking import git
from mlops_console.tracking.names import generate
from mlops_console.tracking.system import sampled

MOST = 100_000


class SweepRequest(Request):
    """What to try.

    Attributes:
        pipeline: as for `train`.
        space: what is tried of each param, as `core.search_space` reads it, by its dotted key.
        params: those that are another value than in the params file, but the same in all trials.
        trials: how many; of a grid all, unless it is given.
        parallel: how many at once, each in a folder of its own.
        metric, goal: by which they are judged; by default what mlops.toml says of its only model.
        prune: end a trial early that is worse than the median of the others at the same step.
        sweep: the id of the run that stands for it; of one that is there already, it goes on.
    """

    pipeline: str | None = None
    space: dict[str, str] = Field(min_length=1)
    params: dict[str, Any] = Field(default_factory=dict)
    trials: int | None = Field(default=None, ge=1, le=MOST)
    parallel: int = Field(default=1, ge=1, le=256)
    metric: str | None = None
    goal: Literal["maximize", "minimize"] | None = None
    sampler: Sampler = "tpe"
    prune: bool = True
    seed: int | None = None
    sweep: str | None = None


def _plan(workspace: Workspace, request: SweepRequest) -> Plan:
    check_installed()
    config = workspace.config()
    name, _ = train.pipeline_of(config, request.pipeline)
    objective = _objective(config, request)
    space = _space(workspace, config, request)
    count = _count(request, space)
    at_once = f", {request.parallel} at once" if request.parallel > 1 else ""
    resumed = _resumed(workspace, request, count)
    more = {"tpe": "by Optuna's TPE", "random": "at random", "grid": "on a grid"}[request.sampler]
    return Plan(
        action="sweep",
        subject=name,
        title=f"{resumed.title if resumed else f'Sweep pipeline {name}'}: {count:,} trials{at_once}",
        command=resumed.command if resumed else _command(name, request),
        changes=tuple(Change(key, param(_now(workspace, config, request, key)), request.space[key]) for key in space),
        notes=(
            *([f"{resumed.done:,} of them are done."] if resumed else []),
            f"{objective.goal.capitalize()} {objective.metric}, {more}.",
            *(["A trial that is worse than the median of the others is ended early."] if request.prune else []),
            *train.where(config),
        ),
        settles={"sweep": request.sweep or runs.new_id(), "trials": count},
    )


@dataclass(frozen=True, slots=True)
class _Resumed:
    title: str
    command: str
    done: int  # trials


def _resumed(workspace: Workspace, request: SweepRequest, count: int) -> _Resumed | None:
    """The sweep that is to go on; None for a new one.

    Raises:
        UsageError: nothing of it is left to do.
    """
    if request.sweep is None:
        return None
    with workspace.store.read() as db:
        run = next(iter(runs.of_ids(db, [request.sweep])), None)
    if run is None:
        return None
    ended = (RunStatus.SUCCEEDED, RunStatus.FAILED)
    trials = trials_of(workspace, run.id).values()
    done = sum(any(made.status in ended or made.tags.get("pruned") for made in found) for found in trials)
    if run.status is RunStatus.SUCCEEDED and done >= count:
        raise UsageError(
            f"All {count:,} trials of sweep {run.name} are done.",
            f"For more of them: mlops-console sweep --resume {run.name} --trials {2 * count}",
        )
    words = ["mlops-console", "sweep", "--resume", run.name]
    return _Resumed(f"Go on with sweep {run.name}", shlex.join(words), done)


def _queued(tx: Connection, workspace: Workspace, request: SweepRequest, job_id: int) -> None:
    config = workspace.config()
    name, pipeline = train.pipeline_of(config, request.pipeline)
    assert request.sweep is not None, "the plan settles it"
    if runs.requeue(tx, request.sweep, job_id):
        return
    _ensure_ended(tx, request.sweep)
    experiment = pipeline.experiment or config.project.name
    runs.create(
        tx, run_id=request.sweep, name=generate(), experiment=experiment, status=RunStatus.QUEUED, job_id=job_id
    )
    objective = _objective(config, request)
    runs.set_tags(tx, request.sweep, {"sweep": name, "objective": f"{objective.goal} {objective.metric}"})
    runs.set_params(tx, request.sweep, {**request.params, **request.space})


def _ensure_ended(tx: Connection, sweep: str) -> None:
    """See that nothing runs the sweep that is to go on."""
    run = next(iter(runs.of_ids(tx, [sweep])), None)
    if run is None:
        return
    if run.job_id is not None and jobs.get(tx, run.job_id).stop_requested_at is not None:
        raise UsageError(f"Sweep {run.name} is still stopping.", "Resume it once it has ended.")
    raise UsageError(
        f"Sweep {run.name} still runs, as job {run.job_id}.",
        f"Wait for its end, or stop it with 'mlops-console job cancel {run.job_id}'.",
    )


def _perform(workspace: Workspace, request: SweepRequest, job: JobContext) -> dict[str, Any]:
    if job.id is None or request.sweep is None:
        raise UsageError("A sweep runs as a job of the worker.", "Queue it.")
    check_installed()
    config = workspace.config()
    name, pipeline = train.pipeline_of(config, request.pipeline)
    space = _space(workspace, config, request)
    ordered, params = train.resolve(workspace, name, pipeline, train.Train(pipeline=name, params=request.params))
    provenance = train.provenance(workspace, job, _command(name, request), git.status(workspace.root))
    with workspace.store.write() as tx:
        runs.set_provenance(tx, request.sweep, provenance)
        runs.start(tx, request.sweep, current_process())
        parent = runs.get(tx, request.sweep)
    with executor_of(config, job.progress) as executor, sampled(workspace, request.sweep):
        result = run_sweep(
            Sweep(
                workspace,
                parent,
                name,
                ordered,
                params,
                pipeline.params or "mlops.toml",
                space,
                _objective(config, request),
                _count(request, space),
                request.parallel,
                request.sampler,
                request.prune,
                request.seed,
                workspace.logs_dir / str(job.id),
                provenance,
                config.worker,
                job.progress,
                job.stop_requested,
                train.limits(config),
                executor,
                config.datasets,
            )
        )
    if job.stop_requested():
        raise JobStopped(f"Sweep {parent.name} was stopped; 'mlops-console job retry {job.id}' goes on with it.")
    if result.best is None:
        raise JobError(f"None of the {result.trials} trials of sweep {parent.name} has a value.", result.hint)
    return {"run": request.sweep, "trials": result.trials, "best": result.best, "value": result.value}


def _objective(config: Config, request: SweepRequest) -> Objective:
    if request.metric is not None:
        goal: Goal = request.goal or config.metric_goals.get(request.metric, "maximize")
        return Objective(request.metric, goal)
    judged = config.metric_goals
    if len(judged) != 1:
        raise UsageError(
            "It is not said by which metric the trials are judged.",
            "Name it with --metric, or give a model of mlops.toml a metric.",
        )
    metric, goal = next(iter(judged.items()))
    return Objective(metric, request.goal or goal)


def _space(workspace: Workspace, config: Config, request: SweepRequest) -> dict[str, Dimension]:
    """What is tried, each param known and of its kind."""
    name, pipeline = train.pipeline_of(config, request.pipeline)
    params = pipeline_params.load(workspace.root, name, pipeline)
    space = dict(parse_dimension(f"{key}={text}", _value) for key, text in request.space.items())
    for key, dimension in space.items():
        for example in dimension.examples():
            pipeline_params.override(params, {key: example}, pipeline.params or "mlops.toml")
        if key in request.params:
            raise UsageError(f"{key} is to be the same in all trials, and to be tried.", "Leave one of them away.")
    if request.sampler == "grid":
        grid_of(space)
    return space


def _value(text: str) -> Any:
    return pipeline_params.parse_override(f"x={text}")[1]


def _count(request: SweepRequest, space: dict[str, Dimension]) -> int:
    if request.trials is not None:
        return request.trials
    if request.sampler != "grid":
        return 20
    count = 1
    for values in grid_of(space).values():
        count *= len(values)
    return count


def _now(workspace: Workspace, config: Config, request: SweepRequest, key: str) -> Any:
    name, pipeline = train.pipeline_of(config, request.pipeline)
    return pipeline_params.flatten(pipeline_params.load(workspace.root, name, pipeline)).get(key)


def _command(name: str, request: SweepRequest) -> str:
    words = ["mlops-console", "sweep", name]
    for key, text in request.space.items():
        words += ["--param", f"{key}={text}"]
    words += train.overrides(request.params)
    for option, value in (
        ("--trials", request.trials),
        ("--parallel", request.parallel if request.parallel > 1 else None),
        ("--metric", request.metric),
        ("--goal", request.goal),
        ("--sampler", request.sampler if request.sampler != "tpe" else None),
        ("--seed", request.seed),
    ):
        words += [option, str(value)] if value is not None else []
    return shlex.join([*words, *([] if request.prune else ["--no-prune"])])


ACTION = Action("sweep", SweepRequest, "process", _plan, _perform, queued=_queued)
