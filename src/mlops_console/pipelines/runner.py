"""Running the stages of a pipeline: which begins when, and how far they are together."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from mlops_console.core.errors import JobError
from mlops_console.core.estimates import left
from mlops_console.pipelines import command, log_limit
from mlops_console.pipelines.graph import OrderedStage
from mlops_console.pipelines.pipeline_run import PipelineRun
from mlops_console.pipelines.resources import begun
from mlops_console.pipelines.stage import run_stage
from mlops_console.store import stages

_TELL_EVERY = 0.1  # seconds
_LOOK = 1.0  # seconds between two looks at the time left
_ALMOST = 0.95  # how far a run is at most while one of its stages takes longer than ever


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
                    running[pool.submit(run_stage, pipeline, ordered)] = ordered
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
    estimate = left(found, pipeline.times, now, pipeline.slots)
    begun_at = min((stage.started_at for stage in found if stage.started_at is not None), default=now)
    if estimate is None or not running:
        pipeline.progress(sum(stage.status.is_final for stage in found) / len(found), text)
        return
    passed = max(now - begun_at, 0.0)
    whole = passed + estimate.median
    share = min(passed / whole, _ALMOST if estimate.late else 1.0) if whole else 0.0
    pipeline.progress(share, f"{text}: {estimate}")


def _failed(failures: Sequence[JobError]) -> JobError:
    return JobError("; ".join(error.message.removesuffix(".") for error in failures) + ".", failures[0].hint)
