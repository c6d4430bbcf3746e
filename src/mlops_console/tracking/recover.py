"""What processes that are gone have left: their points are taken in, and their runs are declared lost.

Called by the worker, the console and the commands when they start. Reading alone never changes a status.
"""

import contextlib
import time
from pathlib import Path

from mlops_console.core.errors import NotFoundError
from mlops_console.core.runs import Run, RunStatus
from mlops_console.store import runs, spools, stages
from mlops_console.store.identity import process_state
from mlops_console.store.workspace import Workspace
from mlops_console.tracking.ingest import Reader, take_in
from mlops_console.tracking.spool import SUFFIX, left_behind

MISSED = 15.0  # seconds: three heartbeats
_STALE = 60.0  # seconds after which an unfinished new segment has no maker any more


def recover(workspace: Workspace, now: float | None = None) -> tuple[str, ...]:
    """Take in what dead processes have logged and mark their runs lost; the ids of those.

    A run is lost when it has missed three heartbeats, its process is gone from this machine, and no heartbeat came
    until the very moment of writing. Runs of the worker's jobs are the worker's to judge.

    Args:
        now: seconds since the epoch.

    Raises:
        StoreError: the store can't be written.
    """
    begun_by_dead = take_in_left_behind(workspace)
    _forget_vanished(workspace)
    with workspace.store.read() as db:
        suspects = [run for run in runs.open_runs(db) if _is_suspect(run, begun_by_dead, now or time.time())]
    lost = []
    for run in suspects:
        with workspace.store.write() as tx:
            if stages.end_run(tx, run.id, RunStatus.LOST, _ERROR, heartbeat_before=run.heartbeat_at or 0.0):
                lost.append(run.id)
    return tuple(lost)


_ERROR = "Its process ended without a word, as after kill -9 or a crash of the machine."


def take_in_left_behind(workspace: Workspace, run_id: str = "") -> set[str]:
    """Take in the segments that no living process writes, of one run or of all; the ids of their runs.

    What a process has logged is taken in in its order, as the last value of a step is the one that counts: behind a
    segment that somebody else holds the others of that process wait.
    """
    found, homeless, held = set(), set(), set()
    for path in sorted(workspace.spool_dir.glob(f"{run_id}*{SUFFIX}")):
        writer = path.name.rpartition("-")[0]
        if writer in held:
            continue
        try:
            taken = _take_in_file(workspace, path)
        except NotFoundError:
            homeless.add(path)
            continue
        found.add(taken)
        if path.exists():
            held.add(writer)
    for path in sorted(homeless):
        _take_in_homeless(workspace, path, homeless)
    for path in workspace.spool_dir.glob("*.new"):
        with contextlib.suppress(FileNotFoundError):  # it has got its name meanwhile
            if time.time() - path.stat().st_mtime > _STALE:
                path.unlink()
    return found - {""}


def _forget_vanished(workspace: Workspace) -> None:
    """Drop the positions of segments whose process died between removing the file and forgetting it."""
    with workspace.store.read() as db:
        vanished = [name for name in spools.names(db) if not (workspace.spool_dir / name).exists()]
    if vanished:
        with workspace.store.write() as tx:
            for name in vanished:
                spools.forget(tx, name)


def _take_in_homeless(workspace: Workspace, path: Path, homeless: set[Path]) -> None:
    """Take in a segment of a run that the store did not know: or drop it, if that run was purged.

    The run may begin with another segment, which another process takes in just now, or still writes. Only where there
    is no such one, and the store does not know the run even then, the points have no place any more.
    """
    run_id = path.name.split("-")[0]
    if set(path.parent.glob(f"{run_id}-*{SUFFIX}")) - homeless:
        return
    with contextlib.suppress(NotFoundError):
        _take_in_file(workspace, path)
        return
    with left_behind(path) as buffer:
        if buffer is not None:
            _remove(workspace, path)


def _take_in_file(workspace: Workspace, path: Path) -> str:
    """The id of the run of a segment, "" if there is nothing to take in.

    Raises:
        NotFoundError: the store does not know the run.
    """
    with left_behind(path) as buffer:
        if buffer is None:
            return ""
        reader = Reader(path.name, buffer)
        while take_in(workspace, reader, len(buffer) // 32, None):
            pass
        _remove(workspace, path)
        return reader.log.run_id


def _remove(workspace: Workspace, path: Path) -> None:
    path.unlink(missing_ok=True)
    with workspace.store.write() as tx:
        spools.forget(tx, path.name)


def _is_suspect(run: Run, begun_by_dead: set[str], now: float) -> bool:
    if run.status is not RunStatus.RUNNING or run.job_id is not None:
        return False
    silent = now - (run.heartbeat_at or 0.0) >= MISSED
    if run.process is None:  # it was killed before its clerk had stored the run, and the lock of its segment is gone
        return silent or run.id in begun_by_dead
    return silent and process_state(run.process) == "dead"
