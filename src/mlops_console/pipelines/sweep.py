"""Running the trials of a sweep: each a run of its own, in a folder of its own, judged by one of its metrics."""

import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlops_console.core.comparison import Goal
from mlops_console.core.config import Dataset, WorkerConfig
from mlops_console.core.errors import MlopsError
from mlops_console.core.runs import Provenance, Run, RunStatus
from mlops_console.core.search_space import Dimension
from mlops_console.core.text import number
from mlops_console.pipelines.executor import LOCAL, Executor
from mlops_console.pipelines.graph import OrderedStage
from mlops_console.pipelines.params import Params, flatten, override
from mlops_console.pipelines.pipeline_run import PipelineRun, stage_rows
from mlops_console.pipelines.resources import Limits
from mlops_console.pipelines.runner import run_stages
from mlops_console.pipelines.sandbox import sandbox
from mlops_console.pipelines.study import Sampler, Study, Trial
from mlops_console.store import runs, series, stages
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace

HOPELESS = 5  # trials that fail from the first one on, before the sweep gives up
_TRIALS = "trials"  # the folder of their folders
_STUDIES = "sweeps"  # that of what Optuna keeps
_LOOK = 0.5  # seconds between two looks at what the trials have logged

Told = Literal["complete", "pruned", "fail"]
Outcome = Told | Literal["unwanted", "stopped"]


@dataclass(frozen=True, slots=True)
class Objective:
    metric: str
    goal: Goal


@dataclass(frozen=True, slots=True)
class Sweep:
    """All that the trials share.

    Attributes:
        parent: the run that stands for the sweep.
        pipeline: the name.
        source: the name of the params file, for errors.
        count: how many trials there should be in the end.
        logs: the folder of their logs.
    """

    workspace: Workspace
    parent: Run
    pipeline: str
    stages: tuple[OrderedStage, ...]
    params: Params
    source: str
    space: Mapping[str, Dimension]
    objective: Objective
    count: int
    parallel: int
    sampler: Sampler
    prune: bool
    seed: int | None
    logs: Path
    provenance: Provenance
    worker: WorkerConfig
    progress: Callable[[float | None, str], None]
    stopping: Callable[[], bool]
    limits: Limits
    executor: Executor = LOCAL
    datasets: Mapping[str, Dataset] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Where the study is kept."""
        return self.workspace.home / _STUDIES / f"{self.parent.id}.journal"


@dataclass(frozen=True, slots=True)
class SweepResult:
    """`best` is the id of a run; `hint` says where to look where there is none."""

    trials: int
    best: str | None
    value: float | None
    hint: str = ""


@dataclass(slots=True)
class _Running:
    """`unwanted`: a person has stopped it."""

    trial: Trial
    run_id: str
    poor: threading.Event = field(default_factory=threading.Event)
    unwanted: threading.Event = field(default_factory=threading.Event)
    seen: int = -1  # the last step that was reported


def run_sweep(sweep: Sweep) -> SweepResult:
    """Run trials until there are enough, or it was asked to stop; what was begun before is finished first.

    Raises:
        MlopsError: the first trials failed one and all.
    """
    study = Study(sweep.file, sweep.space, sweep.objective.goal, sweep.sampler, sweep.prune, sweep.seed)
    redo = iter(_left(sweep, study))
    _log(sweep, study, [trial for trial, _ in study.history()])
    running: dict[Future[Outcome], _Running] = {}
    failed = 0
    with ThreadPoolExecutor(sweep.parallel, "trial") as pool:
        while True:
            while len(running) < sweep.parallel and not sweep.stopping() and failed < HOPELESS:
                trial = next(redo, None) or (study.ask() if study.asked < sweep.count else None)
                if trial is None:
                    break
                begun = _Running(trial, _begin(sweep, trial))
                running[pool.submit(_run, sweep, begun)] = begun
            if not running:
                break
            done = wait(running, _LOOK, return_when=FIRST_COMPLETED).done
            others = [found for future, found in running.items() if future not in done]
            _dismiss(sweep, others)
            _judge(sweep, study, others)
            for future in done:
                outcome = _end(sweep, study, running.pop(future), future.result())
                failed = failed + 1 if outcome == "fail" else 0 if outcome in ("complete", "pruned") else failed
            _tell(sweep, study, len(running))
    return _result(sweep, study)


def trials_of(workspace: Workspace, sweep: str) -> dict[int, list[Run]]:
    """The runs of a sweep's trials, by their number; one that was killed has more than one, the newest first."""
    found: dict[int, list[Run]] = {}
    query = runs.RunQuery(f'tags.sweep_of = "{sweep}"', limit=1_000_000)
    with workspace.store.read() as db:
        for run in runs.page(db, query).runs:
            number = _number(run)
            if number is not None:
                found.setdefault(number, []).append(run)
    return found


def forget(workspace: Workspace, known: Callable[[], Collection[str]]) -> None:
    """Delete what sweeps have left whose runs are gone: their studies, and the folders of trials that were killed.

    Args:
        known: the ids of all runs. It is asked after a look at what there is: a run is older than all of its own.
    """
    kept = [*(workspace.home / _TRIALS).glob("*"), *(workspace.home / _STUDIES).glob("*")]
    ids = known() if kept else ()
    for path in kept:
        if path.name.partition(".")[0] in ids:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _number(run: Run) -> int | None:
    """Which trial it is; None for a run of somebody else's that has the tag of one."""
    try:
        return int(run.tags["trial"])
    except (KeyError, ValueError):
        return None


def _left(sweep: Sweep, study: Study) -> list[Trial]:
    """The trials that a killed sweep has begun: those that have ended are told, the others are to be run again."""
    known = trials_of(sweep.workspace, sweep.parent.id)
    with sweep.workspace.store.write() as tx:
        for found in known.values():
            for run in found:
                stages.end_run(tx, run.id, RunStatus.LOST, "The sweep was killed while it ran.")
    shutil.rmtree(sweep.workspace.home / _TRIALS / sweep.parent.id, ignore_errors=True)
    again = []
    for trial in study.unfinished():
        made = known.get(trial.number, [])
        ended = next((run for run in made if run.status is RunStatus.SUCCEEDED), None)
        if ended is not None:
            _settle(sweep, study, trial, ended, "complete")
        elif _asked_to_stop(sweep, [run.id for run in made]):
            study.tell(trial, "fail")
        else:
            again.append(trial)
    return again


def _begin(sweep: Sweep, trial: Trial) -> str:
    """The run of a trial, from now on to be seen."""
    params = override(sweep.params, trial.params, sweep.source)
    with sweep.workspace.store.write() as tx:
        run_id = runs.create(
            tx,
            name=f"{sweep.parent.name}-{trial.number}",
            experiment=sweep.parent.experiment,
            process=current_process(),
            provenance=sweep.provenance,
            pipeline=sweep.pipeline,
        )
        runs.set_params(tx, run_id, flatten(params))
        tags = {"pipeline": sweep.pipeline, "sweep_of": sweep.parent.id, "trial": str(trial.number)}
        runs.set_tags(tx, run_id, tags)
    return run_id


def _run(sweep: Sweep, begun: _Running) -> Outcome:
    """In a thread of its own: run one trial to its end."""
    workspace = sweep.workspace
    folder = workspace.home / _TRIALS / sweep.parent.id / begun.run_id
    status, error = RunStatus.FAILED, None
    try:
        with sandbox(workspace.root, folder, [ordered.stage for ordered in sweep.stages]):
            pipeline = PipelineRun(
                workspace,
                begun.run_id,
                sweep.pipeline,
                sweep.stages,
                override(sweep.params, begun.trial.params, sweep.source),
                sweep.logs / f"trial-{begun.trial.number}",
                lambda *_: None,
                lambda: begun.poor.is_set() or begun.unwanted.is_set() or sweep.stopping(),
                sweep.limits,
                {},
                folder,
                sweep.worker.grace,
                slots=max(1, sweep.worker.slots // sweep.parallel),
                executor=sweep.executor,
                datasets=sweep.datasets,
            )
            with workspace.store.write() as tx:
                stages.plan_stages(tx, begun.run_id, stage_rows(pipeline))
            status = RunStatus.SUCCEEDED if run_stages(pipeline) else RunStatus.STOPPED
    except (MlopsError, OSError) as problem:
        error = str(problem)
    finally:
        with workspace.store.write() as tx:
            if begun.poor.is_set() and status is RunStatus.STOPPED:
                runs.set_tags(tx, begun.run_id, {"pruned": "true"})
            stages.end_run(tx, begun.run_id, status, error)
        workspace.store.close()
    if status is RunStatus.STOPPED:
        return "pruned" if begun.poor.is_set() else "unwanted" if begun.unwanted.is_set() else "stopped"
    return "complete" if status is RunStatus.SUCCEEDED else "fail"


def _dismiss(sweep: Sweep, running: list[_Running]) -> None:
    """End the running trials that a person has stopped."""
    asked = _asked_to_stop(sweep, [found.run_id for found in running])
    for found in running:
        if found.run_id in asked:
            found.unwanted.set()


def _asked_to_stop(sweep: Sweep, ids: Sequence[str]) -> set[str]:
    with sweep.workspace.store.read() as db:
        return runs.asked_to_stop(db, ids)


def _judge(sweep: Sweep, study: Study, running: list[_Running]) -> None:
    """End the running trials that are poor by what they have logged so far."""
    for found in running:
        if sweep.prune and _report(sweep, study, found) and study.is_poor(found.trial):
            found.poor.set()


def _report(sweep: Sweep, study: Study, found: _Running) -> bool:
    """Report what a trial has logged since the last look; whether it was anything."""
    with sweep.workspace.store.read() as db:
        logged = series.columns(db, found.run_id, sweep.objective.metric, found.seen + 1)
    if logged.steps:
        found.seen = logged.steps[-1]
        study.report(found.trial, logged.steps, logged.values)
    return bool(logged.steps)


def _end(sweep: Sweep, study: Study, found: _Running, outcome: Outcome) -> Outcome:
    """Tell the study what became of a trial; one that was stopped with the sweep is left open, to be run again."""
    if outcome == "stopped":
        return outcome
    if outcome == "unwanted":
        study.tell(found.trial, "fail")
        return outcome
    if sweep.prune:
        _report(sweep, study, found)  # the measure of those that come later
    with sweep.workspace.store.read() as db:
        run = runs.get(db, found.run_id)
    told = _settle(sweep, study, found.trial, run, outcome)
    if told == "complete":
        _log(sweep, study, [trial for trial, _ in study.history() if trial >= found.trial.number])
    return told


def _settle(sweep: Sweep, study: Study, trial: Trial, run: Run, outcome: Told) -> Told:
    """Tell the study of a trial by its run that has ended; one without a value to be judged by has failed."""
    summary = run.metrics.get(sweep.objective.metric)
    value = summary.last if summary is not None and not math.isnan(summary.last) else None
    if outcome == "complete" and value is None:
        how = "has not logged" if summary is None else "has logged no number as the last value of"
        with sweep.workspace.store.write() as tx:
            runs.set_error(tx, run.id, f"It {how} {sweep.objective.metric}, by which the trials are judged.")
        outcome = "fail"
    study.tell(trial, outcome, value)
    return outcome


def _log(sweep: Sweep, study: Study, numbers: Collection[int]) -> None:
    """Log the values of these trials, and the best until then, as metrics of the sweep's own run."""
    better = min if sweep.objective.goal == "minimize" else max
    now, best, points = time.time(), None, []
    for trial, value in sorted(study.history()):
        best = value if best is None else better(best, value)
        if trial in numbers:
            points.append((f"trial/{sweep.objective.metric}", trial, value, now))
            points.append((f"best/{sweep.objective.metric}", trial, best, now))
    with sweep.workspace.store.write() as tx:
        series.ingest(tx, sweep.parent.id, points)


def _tell(sweep: Sweep, study: Study, running: int) -> None:
    best = study.best()
    told = f", best {number(best[1])} of trial {best[0]}" if best else ""
    ended = study.asked - running
    sweep.progress(ended / sweep.count, f"{ended:,} of {sweep.count:,} trials{told}")


def _result(sweep: Sweep, study: Study) -> SweepResult:
    """The best trial whose run nobody has deleted."""
    values = study.history()
    if not values:
        return SweepResult(study.asked, None, None, f"Their logs are in {os.path.relpath(sweep.logs)}.")
    made = trials_of(sweep.workspace, sweep.parent.id)
    for trial, value in sorted(values, key=lambda found: found[1], reverse=sweep.objective.goal == "maximize"):
        run = next((run for run in made.get(trial, ()) if run.status is RunStatus.SUCCEEDED), None)
        if run is not None:
            with sweep.workspace.store.write() as tx:
                runs.set_tags(tx, sweep.parent.id, {"best": run.id, "best_name": run.name})
            return SweepResult(study.asked, run.id, value)
    return SweepResult(study.asked, None, None, "The runs that had one were deleted.")
