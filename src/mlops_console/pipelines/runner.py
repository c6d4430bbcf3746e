"""Running the stages of a pipeline, each as a child process with its own log."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mlops_console.core.config import Dataset, Stage, seconds
from mlops_console.core.config import size as config_size
from mlops_console.core.errors import JobError, JobStopped, StoreError, UsageError
from mlops_console.core.estimates import Usual, left
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.core.text import duration, safe_line, size
from mlops_console.data.hashing import Hasher, Progress
from mlops_console.pipelines import command, inputs, log_limit
from mlops_console.pipelines.cache import Decision, Keeper, decide, sha256_in
from mlops_console.pipelines.executor import LOCAL, Attempt, Executor
from mlops_console.pipelines.graph import OrderedStage
from mlops_console.pipelines.making import making, writing
from mlops_console.pipelines.params import Params, select
from mlops_console.pipelines.resources import Limits, begun
from mlops_console.store import runs, stage_cache, stages
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace

_TAIL = 64 * 1024  # bytes of a log that are searched for its last line
_LINE = 300  # characters of it that go into an error
_TELL_EVERY = 0.1  # seconds
_LOOK = 1.0  # seconds between two looks at the time left
_LONGEST_PAUSE = 300.0  # seconds between two attempts


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
    slots: int = 1
    keep_going: bool = False
    forced: tuple[str, ...] = ()
    executor: Executor = LOCAL
    datasets: Mapping[str, Dataset] = field(default_factory=dict)

    def log(self, stage: str) -> Path:
        return self.logs / f"{stage}.log"


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


def run_stages(pipeline: PipelineRun) -> bool:
    """Run every stage as soon as those that it waits for have succeeded; False if it was asked to stop before the end.

    Raises:
        JobError: a stage failed. No other one has begun after that, but where it should keep going; those that were
            running have ended by themselves, and those that never ran are `stopped`.
    """
    pipeline.logs.mkdir(parents=True, exist_ok=True)
    waiting, running = list(pipeline.stages), dict[Future[bool], OrderedStage]()
    succeeded, failures, told_at = set[str](), list[JobError](), 0.0
    with ThreadPoolExecutor(pipeline.slots, "stage") as pool:
        while True:
            ready: list[OrderedStage] = []
            if not pipeline.stopping() and (pipeline.keep_going or not failures):
                ready = [found for found in waiting if succeeded.issuperset(found.waits_for)]
            for ordered in ready[: pipeline.slots - len(running)]:
                if begun(pipeline.workspace, pipeline.run_id, ordered.name, ordered.stage, pipeline.limits):
                    waiting.remove(ordered)
                    running[pool.submit(_run_stage, pipeline, ordered)] = ordered
            if not (running or ready):
                break
            if time.monotonic() - told_at > _TELL_EVERY:
                told_at = time.monotonic()
                _tell_progress(pipeline, running.values(), ready)
            ended_now = _wait(running, pipeline.stopping)
            for future, ordered in running.items():
                log_limit.bound(pipeline.log(ordered.name), written=future not in ended_now)
            for ended in ended_now:
                ordered = running.pop(ended)
                try:
                    if ended.result():
                        succeeded.add(ordered.name)
                except JobError as error:
                    failures.append(error)
        _close_connections(pipeline, pool)
    if failures:
        raise _failed(failures)
    return len(succeeded) == len(pipeline.stages)


def _close_connections(pipeline: PipelineRun, pool: ThreadPoolExecutor) -> None:
    """Those of each thread, once it has nothing more to do."""
    together = threading.Barrier(pipeline.slots)  # so that every thread gets one of these

    def close() -> None:
        together.wait()
        pipeline.workspace.store.close()

    for _ in range(pipeline.slots):
        pool.submit(close)


def _wait(running: Collection[Future[bool]], stopping: Callable[[], bool]) -> Collection[Future[bool]]:
    """The stages that have ended; none after a while, so that what has become free, and the time left, are seen."""
    if running:
        return wait(running, _LOOK, return_when=FIRST_COMPLETED).done
    command.pause(_LOOK, stopping)  # other jobs have all that there is
    return ()


def _tell_progress(pipeline: PipelineRun, running: Collection[OrderedStage], ready: Sequence[OrderedStage]) -> None:
    """How far it is, by the times that its stages usually take; by their number where that is not known."""
    now = time.time()
    with pipeline.workspace.store.read() as db:
        found = stages.listing(db, pipeline.run_id)
    names = ", ".join(ordered.name for ordered in running)
    text = names or f"{ready[0].name} waits until other jobs leave it what it asks for"
    seconds = left(found, pipeline.times, now)
    begun_at = min((stage.started_at for stage in found if stage.started_at is not None), default=now)
    if seconds is None or not running:
        pipeline.progress(sum(stage.status.is_final for stage in found) / len(found), text)
        return
    passed = max(now - begun_at, 0.0)
    pipeline.progress(passed / (passed + seconds) if passed + seconds else 0.0, f"{text}, {duration(seconds)} left")


def _failed(failures: Sequence[JobError]) -> JobError:
    return JobError("; ".join(error.message.removesuffix(".") for error in failures) + ".", failures[0].hint)


def end_run(tx: Connection, run_id: str, status: RunStatus, error: str | None = None) -> bool:
    """End a run and what is open of its stages; whether it had not ended yet."""
    stages.finish_open(tx, run_id, status if status is RunStatus.LOST else RunStatus.STOPPED)
    return runs.finish(tx, run_id, status, error=error)


def last_line(log: Path) -> str:
    """The last line of a log that is not empty, safe to show; "" if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((safe_line(line.strip(), _LINE) for line in reversed(lines) if line.strip()), "")


def describe_exit(code: int) -> str:
    """`exit code 1`, or `signal SIGKILL` for a process that a signal ended, also if its shell says it as 128 + n."""
    number = -code if code < 0 else code - 128
    if code < 0 or code > 128:
        try:
            return f"signal {signal.Signals(number).name}"
        except ValueError:
            pass
    return f"exit code {code}"


def _run_stage(pipeline: PipelineRun, ordered: OrderedStage) -> bool:
    """In a thread of the pool: run one stage; False if it was stopped."""
    workspace, name = pipeline.workspace, ordered.name
    code: int | None = None
    note = partial(_note, pipeline, name)
    try:
        with writing(workspace, pipeline.folder, ordered.stage.outs, pipeline.stopping, note):
            code, error = _made(pipeline, ordered)
    except JobStopped:
        code, error = None, "was stopped"
    except (UsageError, StoreError) as problem:  # of its deps or outs
        error = f"can't run: {safe_line(problem.message.removesuffix('.'))}"
    except OSError as problem:  # its folder or its log was taken away, the disk is full, the command is too long
        place = f" ({safe_line(problem.filename, _LINE)})" if problem.filename else ""
        error = f"can't run: {problem.strerror or problem}{place}"
    if error is not None and pipeline.stopping():
        _finish(pipeline, name, RunStatus.STOPPED, code, None)
        return False
    if error is None:
        _finish(pipeline, name, RunStatus.SUCCEEDED, code, None)
        return True
    _finish(pipeline, name, RunStatus.FAILED, code, error)
    log = pipeline.log(name).relative_to(workspace.root)
    hint = f"The log is {log}." if code is not None else "Add it, or mend the stage in mlops.toml."
    raise JobError(f"stage {name!r} {error}.", f"{hint} {pipeline.executor.advice(error)}".strip())


def _made(pipeline: PipelineRun, ordered: OrderedStage) -> tuple[int | None, str | None]:
    """Have the outs of a stage made, or brought back from the cache; its exit code and what is wrong."""
    workspace, name, stage = pipeline.workspace, ordered.name, ordered.stage
    error = _not_ready(pipeline.folder, stage)
    if error is not None:
        return None, error
    hasher = Hasher(workspace, partial(_tell_hashing, pipeline), pipeline.stopping, pipeline.folder)
    keeper = Keeper(workspace, pipeline.folder, pipeline.run_id, stage, hasher, partial(_note, pipeline, name))
    note = partial(_note, pipeline, name)

    def decided() -> Decision:
        return decide(workspace, pipeline.name, ordered, pipeline.params, pipeline.forced, partial(sha256_in, hasher))

    decision = decided()
    known = inputs.of_stage(pipeline.datasets, stage)
    inputs.record(workspace, pipeline.folder, pipeline.run_id, known, decision.inputs, hasher, note, pipeline.stopping)
    if decision.inputs is None:
        return _make(pipeline, ordered, keeper, decision)
    with making(workspace, decision.inputs.fingerprint, pipeline.stopping) as waited:
        if waited:
            decision = decided()
        if _restored(pipeline, ordered, keeper, decision):
            return None, None
        return _make(pipeline, ordered, keeper, decision)


def _make(
    pipeline: PipelineRun, ordered: OrderedStage, keeper: Keeper, decision: Decision
) -> tuple[int | None, str | None]:
    """Run the command, and keep what it has made."""
    with pipeline.workspace.store.write() as tx:
        why = decision.why if decision.cached is None else "what it had made is damaged"
        stages.explain(tx, pipeline.run_id, ordered.name, why)
    if decision.inputs is not None:
        keeper.clear()
    begun = time.monotonic()
    code, error = _attempts(pipeline, ordered)
    if error is None:
        keeper.keep(decision, pipeline.name, ordered.name, time.monotonic() - begun)
    return code, error


def _restored(pipeline: PipelineRun, ordered: OrderedStage, keeper: Keeper, decision: Decision) -> bool:
    """Bring the outs of a stage back; False where what was kept is damaged: then it must run."""
    name, cached = ordered.name, decision.cached
    if cached is None:
        return False
    try:
        keeper.restore(cached)
    except StoreError as error:
        _note(pipeline, name, f"{error.message} So it runs again.")
        return False
    _note(pipeline, name, decision.why)
    with pipeline.workspace.store.write() as tx:
        stage_cache.hand_over(tx, cached, pipeline.run_id, pipeline.name, name)
        stages.explain(tx, pipeline.run_id, name, decision.why, cached.made_in)
    return True


def _tell_hashing(pipeline: PipelineRun, done: Progress) -> None:
    left = f", {duration(done.left)} left" if done.left else ""
    pipeline.progress(None, f"hashing {safe_line(done.path, 60)}: {size(done.done)} of {size(done.total)}{left}")


def _attempts(pipeline: PipelineRun, ordered: OrderedStage) -> tuple[int, str | None]:
    """Run the command of a stage until it succeeds or may not be tried again; its last exit code and what is wrong."""
    stage, name = ordered.stage, ordered.name
    most, rest = 1 + stage.retries, seconds(stage.retry_after)
    for attempt in range(1, most + 1):
        code, error = _attempt(pipeline, ordered)
        if error is None or attempt == most:
            break
        _note(pipeline, name, f"attempt {attempt} of {most} {error}; the next one begins in {duration(rest)}")
        if not command.pause(rest, pipeline.stopping):
            break
        rest = min(2 * rest, _LONGEST_PAUSE)
    if error is not None and most > 1:
        error = f"{error} ({attempt} of {most} attempts)"
    return code, error


def _attempt(pipeline: PipelineRun, ordered: OrderedStage) -> tuple[int, str | None]:
    stage, name, root = ordered.stage, ordered.name, pipeline.folder
    given = pipeline.logs / f"{name}.params.json"
    pipeline.logs.mkdir(parents=True, exist_ok=True)  # a stage may have taken them away
    given.write_text(json.dumps(select(pipeline.params, stage.params), default=str))
    note = partial(_note, pipeline, name)
    ended = pipeline.executor.run(
        Attempt(
            pipeline.workspace, pipeline.run_id, name, stage, root, given, pipeline.log(name), pipeline.stopping, note
        )
    )
    if ended.error:
        return ended.code, ended.error
    if ended.timed_out:
        return ended.code, f"took longer than its timeout of {stage.timeout} and was ended"
    missing = "ended without writing {!r}, one of its outs"
    return ended.code, _failure(pipeline, name, ended.code) or _missing(root, stage.outs, missing)


def _note(pipeline: PipelineRun, stage: str, text: str) -> None:
    """Write a line of ours into the log of a stage."""
    pipeline.logs.mkdir(parents=True, exist_ok=True)  # a stage may have taken them away
    with pipeline.log(stage).open("a", encoding="utf-8") as log:
        log.write(f"── mlops-console: {safe_line(text)} ──\n")


def _not_ready(root: Path, stage: Stage) -> str | None:
    if not os.path.isdir(root / stage.cwd):  # noqa: PTH112 - false also where the name is too long
        return f"is to run in {stage.cwd!r}, which is no folder"
    return _missing(root, stage.deps, "needs {!r}, which is not there")


def _missing(root: Path, paths: tuple[str, ...], told: str) -> str | None:
    return next((told.format(path) for path in paths if not os.path.exists(root / path)), None)  # noqa: PTH110


def _failure(pipeline: PipelineRun, stage: str, code: int) -> str | None:
    """Why a stage failed: what its script recorded on the run, else the last line of its log."""
    if code == 0:
        return None
    with pipeline.workspace.store.write() as tx:
        recorded = runs.take_error(tx, pipeline.run_id)
    reason = safe_line(recorded, _LINE) if recorded else last_line(pipeline.log(stage))
    return f"failed with {describe_exit(code)}" + (f": {reason.rstrip('.')}" if reason else "")


def _finish(pipeline: PipelineRun, stage: str, status: RunStatus, code: int | None, error: str | None) -> None:
    with pipeline.workspace.store.write() as tx:
        stages.finish(tx, pipeline.run_id, stage, status, code, error)
