"""Run a pipeline as a new run, on served rows if that is asked for, and have what it has logged deployed."""

import json
import platform
import shlex
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from pydantic import Field, field_validator

from mlops_console import actions
from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.config import Config, Pipeline
from mlops_console.core.errors import JobError, JobStopped, RefusedError, UsageError
from mlops_console.core.jobs import Job, Turn
from mlops_console.core.models import ModelRef
from mlops_console.core.plans import Difference, Plan
from mlops_console.core.retraining import RetrainingWindow, parse_served
from mlops_console.core.runs import Provenance, Run, RunStatus
from mlops_console.core.text import did_you_mean, param, shorten
from mlops_console.delivery.situation import settings_of
from mlops_console.drift import retraining
from mlops_console.pipelines import params as pipeline_params
from mlops_console.pipelines import resources
from mlops_console.pipelines.cache import ALL
from mlops_console.pipelines.executor import Executor
from mlops_console.pipelines.forecast import estimate, forecast, usual_times
from mlops_console.pipelines.graph import OrderedStage, check_deps, check_stage, order, part_of
from mlops_console.pipelines.params import Params, flatten
from mlops_console.pipelines.pipeline_run import PipelineRun, stage_rows
from mlops_console.pipelines.resources import Limits
from mlops_console.pipelines.runner import run_stages
from mlops_console.remote.executors import executor_of
from mlops_console.store import deployments, jobs, models, runs, stages
from mlops_console.store.database import Connection
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from mlops_console.tracking import git, patch
from mlops_console.tracking.names import generate
from mlops_console.tracking.system import sampled

DEFAULT = "train"
SERVED = "mlops.served"  # the param of a run that says which served rows it was made with
_NAMED = 4  # params that a note names
_WIDEST = 24  # characters of their values
_MORE_LABELS = "Send labels to its /feedback, or name a longer window: --served ENVIRONMENT:START..END."


class Train(Request):
    """What to run.

    Attributes:
        pipeline: may be left out where mlops.toml has one only, or one called "train".
        params: by dotted key.
        keep_going: after a stage has failed, run those that don't wait for it all the same.
        force: the stages that run also where nothing has changed; "*" for all.
        start: this stage and what comes after it, as it is made now.
        until: this stage and what it needs.
        served: the served rows for the stages that read such, as `production:START..END`; of an environment alone, the
            window that is proposed when the plan is made, or else when the run starts.
        deploy: the environment to which the version goes that the run has logged of its model.
        reason: why; of the deployment too.
    """

    pipeline: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    keep_going: bool = False
    force: tuple[str, ...] = ()
    start: str | None = None
    until: str | None = None
    served: str | None = None
    deploy: str | None = None
    reason: str = ""

    @field_validator("served")
    @classmethod
    def _is_window(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                parse_served(text)
            except UsageError as error:
                raise ValueError(error.message.rstrip(".")) from None
        return text


def _plan(workspace: Workspace, request: Train) -> Plan:
    config = workspace.config()
    name, pipeline = pipeline_of(config, request.pipeline)
    window = window_of(workspace, config, name, request.served)
    ordered, params = resolve(workspace, name, pipeline, request, window)
    of_file = flatten(pipeline_params.load(workspace.root, name, pipeline))
    live, trained_with = _live(workspace, window)
    as_live = {key: value for key, value in trained_with.items() if key in of_file}
    used = flatten(params)
    steps = forecast(workspace, name, ordered, params, request.force, config.datasets)
    usually = estimate(workspace, name, ordered, steps, config.worker.slots)
    settled = request if window is None else request.model_copy(update={"served": window.text})
    notes = [
        *([f"Why: {request.reason}."] if request.reason else []),
        *([f"It is trained on {window.reason}."] if window else []),
        *_otherwise_trained(live, _changed(as_live, used)),
        *_deployment(config, request.deploy),
        *([f"It usually takes {usually.span}."] if usually else []),
        *where(config),
    ]
    refused = window.refused if window else None
    return Plan(
        action="train",
        subject=name,
        title=f"Run pipeline {name}",
        command=_command(name, settled),
        steps=steps,
        params=_changed(of_file | as_live, used),
        notes=tuple(notes),
        refused=refused,
        hint=_MORE_LABELS if refused else "",
        settles={"served": window.text} if window else {},
    )


def _live(workspace: Workspace, window: RetrainingWindow | None) -> tuple[str, Mapping[str, Any]]:
    """The version that serves where the rows of a retraining come from, and the params of its run, as far as known."""
    if window is None:
        return "", {}
    with workspace.store.read() as db:
        known = deployments.environment(db, window.environment)
        if known is None or known.live is None:
            return "", {}
        version = models.get(db, ModelRef(known.live.model, known.live.version))
        made_by = runs.of_ids(db, [version.run_id]) if version.run_id else []
    return version.ref, made_by[0].params if made_by else {}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The params of `before` that have other values in `after`; of a date the store has the text only."""
    return tuple(
        Difference(key, param(before[key]), param(value))
        for key, value in after.items()
        if key in before and value != before[key] and param(value) != param(before[key])
    )


def _otherwise_trained(live: str, changed: tuple[Difference, ...]) -> list[str]:
    """A line about the params that a retraining has otherwise than the live version had them; none where it has not."""
    if not changed:
        return []
    told = [f"{found.name} {_brief(found.before)} → {_brief(found.after)}" for found in changed[:_NAMED]]
    more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    return [f"Not as {live}, which is live, was trained: {', '.join(told)}{more}; -p KEY=VALUE sets them."]


def _brief(value: object) -> str:
    return shorten(str(value), _WIDEST)


def _queued(tx: Connection, workspace: Workspace, request: Train, job_id: int) -> None:
    """The run is there from the moment that its job is, so that it can be seen waiting."""
    name, pipeline = pipeline_of(workspace.config(), request.pipeline)
    _, params = resolve(workspace, name, pipeline, request)
    run_id = runs.create(
        tx,
        name=generate(),
        experiment=pipeline.experiment or workspace.config().project.name,
        status=RunStatus.QUEUED,
        pipeline=name,
        job_id=job_id,
    )
    runs.set_params(tx, run_id, flatten(params))
    runs.set_tags(tx, run_id, {"pipeline": name})


def _perform(workspace: Workspace, request: Train, job: JobContext) -> dict[str, Any]:
    if job.id is None:
        raise UsageError("A pipeline runs as a job of the worker.", "Queue it.")
    with workspace.store.read() as db:
        run = runs.of_job(db, job.id)
    if run is None:
        raise UsageError(f"Job {job.id} was queued without its run.", "Train again.")
    config = workspace.config()
    with executor_of(config, job.progress) as executor:
        started = _start(workspace, request, job, run.id, executor)
        with sampled(workspace, run.id) if config.executor.kind == "local" else nullcontext():
            succeeded = run_stages(started)
    if not succeeded:
        raise JobStopped(f"Run {run.name} was stopped.")
    if request.deploy is None:
        return {"run": run.id}
    return {"run": run.id, "deploys": _to_deploy(workspace, config, request.deploy, run)}


def _to_deploy(workspace: Workspace, config: Config, environment: str, run: Run) -> str:
    """The version that a run has logged for an environment. Where it is not one, the run has succeeded all the same.

    Raises:
        JobError: it has logged none, or several.
    """
    model = settings_of(config, environment).model
    with workspace.store.write() as tx:
        found = [version.ref for version in models.of_run(tx, run.id) if version.model == model]
        if len(found) == 1:
            return found[0]
        stages.end_run(tx, run.id, RunStatus.SUCCEEDED)
    nothing = f"nothing is deployed to {environment}"
    if not found:
        raise JobError(
            f"Run {run.name} has logged no version of {model}, so {nothing}.",
            "A stage has to call run.log_model; one that comes from the cache logs nothing anew: --force runs it.",
        )
    raise JobError(
        f"Run {run.name} has logged {len(found)} versions of {model} ({', '.join(found)}), so {nothing}.",
        f"Deploy one of them: mlops-console deploy {found[-1]} {environment}.",
    )


def _deploy(tx: Connection, workspace: Workspace, request: Train, job: Job, result: Mapping[str, Any]) -> None:
    """The deployment is queued with the success, so that no death of a process loses or doubles it."""
    if request.deploy is None:
        return
    reason = f"{request.reason.rstrip('.')}; trained by job {job.id}" if request.reason else f"trained by job {job.id}"
    asked = {"model_ref": result["deploys"], "environment": request.deploy, "reason": reason}
    actions.queue(tx, workspace, "deploy", asked, request.deploy, job.actor, Turn(key=jobs.follower_key(job.id)))


def _start(workspace: Workspace, request: Train, job: JobContext, run_id: str, executor: Executor) -> PipelineRun:
    """Read the pipeline as it is now and turn the waiting run into a running one."""
    config = workspace.config()
    name, pipeline = pipeline_of(config, request.pipeline)
    window = window_of(workspace, config, name, request.served)
    if window is not None and window.refused is not None:
        raise RefusedError(window.refused, _MORE_LABELS)
    ordered, params = resolve(workspace, name, pipeline, request, window)
    logs = workspace.logs_dir / str(job.id)
    started = PipelineRun(
        workspace,
        run_id,
        name,
        ordered,
        params,
        logs,
        job.progress,
        job.stop_requested,
        limits(config),
        usual_times(workspace, name, ordered),
        workspace.root,
        config.worker.grace,
        slots=config.worker.slots,
        keep_going=request.keep_going,
        forced=request.force,
        executor=executor,
        datasets=config.datasets,
    )
    status = git.status(workspace.root)
    origin = provenance(workspace, job, _command(name, request), status)
    uncommitted = patch.keep(workspace.root, status, workspace.objects)
    with workspace.store.write() as tx:
        runs.set_params(tx, run_id, flatten(params) | ({SERVED: window.text} if window else {}))
        runs.set_provenance(tx, run_id, origin)
        patch.add(tx, run_id, uncommitted)
        stages.plan_stages(tx, run_id, stage_rows(started))
        runs.start(tx, run_id, current_process())
    return started


def where(config: Config) -> list[str]:
    """A line about where the stages run, unless it is here."""
    place = config.executor.address or config.executor.jobqueue
    return [f"Its stages run on Dask: {place}."] if config.executor.kind == "dask" else []


def limits(config: Config) -> Limits:
    """What the stages of all jobs may take of this machine; elsewhere it is not this machine's to say."""
    return Limits.of(config.worker) if config.executor.kind == "local" else Limits.none()


def provenance(workspace: Workspace, job: JobContext, command: str, status: git.Told | None) -> Provenance:
    state = git.read_state(workspace.root)
    return Provenance(
        user=job.actor,
        command=command,
        git_commit=state.commit,
        git_branch=state.branch,
        git_dirty=bool(status.text) if status and state.commit else None,
        python=platform.python_version(),
    )


def pipeline_of(config: Config, wanted: str | None) -> tuple[str, Pipeline]:
    """A pipeline by its name; without one the only one, or that called "train".

    Raises:
        UsageError: there is none of that name, or no such one.
    """
    known = config.pipelines
    if wanted is not None:
        if wanted not in known:
            raise UsageError(
                f"There is no pipeline {wanted!r}{did_you_mean(wanted, known) or '.'}",
                f"mlops.toml has: {', '.join(known) or 'none'}.",
            )
        return wanted, known[wanted]
    if not known:
        raise UsageError("mlops.toml has no pipeline.", "Add [pipelines.train]; docs/configuration.md shows how.")
    if len(known) > 1 and DEFAULT not in known:
        raise UsageError("mlops.toml has more than one pipeline.", f"Name one of: {', '.join(known)}.")
    name = DEFAULT if DEFAULT in known else next(iter(known))
    return name, known[name]


def window_of(workspace: Workspace, config: Config, name: str, served: str | None) -> RetrainingWindow | None:
    """The window that `--served` names, or that is proposed for an environment; None without it.

    Raises:
        NotFoundError: there is no such environment, or nothing is live in it.
        UsageError: no stage of the pipeline reads served rows, or they run where these are not.
    """
    if served is None:
        return None
    environment, start, end = parse_served(served)
    settings_of(config, environment)
    if not config.pipelines[name].reads_served:
        raise UsageError(
            f"No stage of pipeline {name!r} reads served rows.",
            "Set served = true in mlops.toml for the stage that calls mlops.served().",
        )
    if config.executor.kind != "local":
        raise UsageError(
            "Served rows can be read on this machine only, and the stages run on Dask.",
            "Train without --served, or with [executor] kind = 'local'.",
        )
    now = time.time()
    if start is None:
        return retraining.propose(workspace, environment, now)
    return retraining.window(workspace, environment, start, now if end is None else end)


def _deployment(config: Config, environment: str | None) -> list[str]:
    """A line about what becomes of the version that a run logs; none where it is not to be deployed."""
    if environment is None:
        return []
    settings = settings_of(config, environment)
    gates = f" if its {len(settings.gates)} gates let it" if settings.gates else ""
    waits = ", where it waits for approval" if settings.approvals else ""
    return [f"The version of {settings.model} that it logs is then deployed to {environment}{gates}{waits}."]


def resolve(
    workspace: Workspace, name: str, pipeline: Pipeline, request: Train, window: RetrainingWindow | None = None
) -> tuple[tuple[OrderedStage, ...], Params]:
    """The stages in their order and the params with what was overridden; all that can be known to be wrong is told.

    The stages that read served rows have the window in their environment: so it is among their inputs.
    """
    whole = order(name, pipeline)
    for stage in request.force:
        check_stage(name, whole, None if stage == ALL else stage)
    ordered = part_of(name, whole, request.start, request.until)
    check_deps(workspace.root, name, ordered, whole)
    config = workspace.config()
    if config.executor.kind == "local":
        resources.check(name, ordered, config.worker)
    if window is not None:
        ordered = tuple(_told(found, window) if found.stage.served else found for found in ordered)
    loaded = pipeline_params.load(workspace.root, name, pipeline)
    return ordered, pipeline_params.override(loaded, request.params, pipeline.params or "mlops.toml")


def _told(ordered: OrderedStage, window: RetrainingWindow) -> OrderedStage:
    stage = ordered.stage
    return replace(ordered, stage=stage.model_copy(update={"env": {**stage.env, **window.variables}}))


def _command(name: str, request: Train) -> str:
    words = ["mlops-console", "train", name, *(["--keep-going"] if request.keep_going else [])]
    for option, value in (
        ("--from", request.start),
        ("--until", request.until),
        ("--served", request.served),
        ("--deploy", request.deploy),
        ("--reason", request.reason),
    ):
        words += [option, value] if value else []
    for stage in request.force:
        words += ["--force"] if stage == ALL else ["--force", stage]
    return shlex.join([*words, *overrides(request.params)])


def overrides(params: Mapping[str, Any]) -> list[str]:
    """The options that say these params."""
    return [word for key, value in params.items() for word in ("-p", f"{key}={_toml(value)}")]


def _toml(value: Any) -> str:
    """A value as `-p` reads it back: a text has quotes only where it would be taken for something else."""
    if isinstance(value, list) or (isinstance(value, str) and not _is_plain(value)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return param(value)


def _is_plain(text: str) -> bool:
    return bool(text.strip()) and pipeline_params.parse_override(f"x={text}")[1] == text


ACTION = Action("train", Train, "process", _plan, _perform, queued=_queued, succeeded=_deploy)
