"""The life of one stage: from the cache, or as a child process with its own log, attempt after attempt."""

import json
import os
import time
from functools import partial
from pathlib import Path

from mlops_console.core.config import Stage
from mlops_console.core.errors import JobError, JobStopped, StoreError, UsageError
from mlops_console.core.moments import seconds
from mlops_console.core.runs import RunStatus
from mlops_console.core.text import duration, safe_line, size
from mlops_console.data.hashing import Hasher, Progress
from mlops_console.pipelines import command, inputs
from mlops_console.pipelines.cache import Decision, Keeper, decide, sha256_in
from mlops_console.pipelines.ending import LONGEST, describe_exit, last_line
from mlops_console.pipelines.executor import Attempt
from mlops_console.pipelines.graph import OrderedStage
from mlops_console.pipelines.making import making, writing
from mlops_console.pipelines.params import select
from mlops_console.pipelines.pipeline_run import PipelineRun
from mlops_console.store import runs, stage_cache, stages

_LONGEST_PAUSE = 300.0  # seconds between two attempts


def run_stage(pipeline: PipelineRun, ordered: OrderedStage) -> bool:
    """Run one stage to its end; False if it was stopped.

    Raises:
        JobError: it has failed.
    """
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
        place = f" ({safe_line(problem.filename, LONGEST)})" if problem.filename else ""
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
        sha256_of, expected = partial(sha256_in, hasher), inputs.expected(pipeline.datasets, stage)
        return decide(workspace, pipeline.name, ordered, pipeline.params, pipeline.forced, sha256_of, expected)

    decision = decided()
    known = inputs.of_stage(pipeline.datasets, stage)
    inputs.record(workspace, pipeline.folder, pipeline.run_id, known, decision.inputs, hasher, note, pipeline.stopping)
    if decision.inputs is None:
        return _make(pipeline, ordered, keeper, decision)
    with making(workspace, decision.inputs.fingerprint, pipeline.stopping, note) as waited:
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
    keeper.clear()
    begun = time.monotonic()
    code, error = _attempts(pipeline, ordered, keeper)
    if error is None:
        error = keeper.keep(decision, pipeline.name, ordered.name, time.monotonic() - begun)
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


def _attempts(pipeline: PipelineRun, ordered: OrderedStage, keeper: Keeper) -> tuple[int, str | None]:
    """Run the command of a stage until it succeeds or may not be tried again; its last exit code and what is wrong."""
    stage, name = ordered.stage, ordered.name
    most, rest = 1 + stage.retries, seconds(stage.retry_after)
    for attempt in range(1, most + 1):
        code, error = _attempt(pipeline, ordered)
        if error is None or attempt == most or pipeline.stopping():
            break
        _forget(pipeline, name)
        _note(pipeline, name, f"attempt {attempt} of {most} {error}; the next one begins in {duration(rest)}")
        if not command.pause(rest, pipeline.stopping):
            break
        keeper.clear_again()
        rest = min(2 * rest, _LONGEST_PAUSE)
    if error is not None and most > 1:
        error = f"{error} ({attempt} of {most} attempts)"
    return code, error


def _forget(pipeline: PipelineRun, stage: str) -> None:
    """End what a failed attempt has left running, so that the next one is alone, and forget what its script told."""
    mark = {"MLOPS_RUN_ID": pipeline.run_id, "MLOPS_STAGE": stage}
    for line in command.end_left_behind(mark, seconds(pipeline.grace)):
        _note(pipeline, stage, f"{safe_line(line, LONGEST)} was still running: ended")
    with pipeline.workspace.store.write() as tx:
        runs.take_error(tx, pipeline.run_id, stage)


def _attempt(pipeline: PipelineRun, ordered: OrderedStage) -> tuple[int, str | None]:
    stage, name, root = ordered.stage, ordered.name, pipeline.folder
    given = pipeline.logs / f"{name}.params.json"
    pipeline.logs.mkdir(parents=True, exist_ok=True)  # a stage may have taken them away
    given.write_text(json.dumps(select(pipeline.params, stage.params), default=str))
    note = partial(_note, pipeline, name)
    log, grace = pipeline.log(name), seconds(pipeline.grace)
    ended = pipeline.executor.run(
        Attempt(pipeline.workspace, pipeline.run_id, name, stage, root, given, log, grace, pipeline.stopping, note)
    )
    if ended.killed:
        note(f"it had not ended {duration(grace)} after SIGTERM: killed")
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
    """Why a stage failed: what its script recorded, else the last line of its log."""
    if code == 0:
        return None
    with pipeline.workspace.store.write() as tx:
        recorded = runs.take_error(tx, pipeline.run_id, stage)
    reason = safe_line(recorded, LONGEST) if recorded else last_line(pipeline.log(stage))
    return f"failed with {describe_exit(code)}" + (f": {reason.rstrip('.')}" if reason else "")


def _finish(pipeline: PipelineRun, stage: str, status: RunStatus, code: int | None, error: str | None) -> None:
    with pipeline.workspace.store.write() as tx:
        stages.finish(tx, pipeline.run_id, stage, status, code, error)
