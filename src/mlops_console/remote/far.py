"""The far side: one attempt at a stage, as a task in a Dask worker.

Its folder is a workspace of its own, with the deps of the stage and nothing else. What the command prints and records
there goes home while it runs; its outs do when it has succeeded.
"""

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from distributed import Reschedule, Worker, get_client, get_worker
from distributed.core import Status

from mlops_console._version import __version__
from mlops_console.core.errors import JobError, StoreError
from mlops_console.data.hashing import Hasher, Tree
from mlops_console.pipelines import command
from mlops_console.remote.wire import PIECE, Line, LineError, Message, take_objects
from mlops_console.store import transfer
from mlops_console.store.identity import current_process
from mlops_console.store.location import CONFIG
from mlops_console.store.objects import Objects
from mlops_console.store.transfer import Reading
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.recover import take_in_left_behind
from mlops_console.tracking.system import Monitor

CACHE = "MLOPS_REMOTE_CACHE"
BEAT = 5.0  # seconds between two signs of life, at most
_LOOK = 0.2  # seconds between two looks at what there is to tell
_ENDING = (Status.closing, Status.closed, Status.stopping, Status.failed)


class UnwantedError(JobError):
    """Nobody waits for the stage any more: it was cancelled, or home is gone."""


def perform(name: str, version: str, python: str) -> None:
    """Run what home says on the lines of this name. Returns nothing: all goes by the lines.

    Args:
        version: of mlops-console at home.
        python: at home.

    Raises:
        JobError: it is no match for home, or nobody wants it any more.
        Reschedule: the worker ends; another one is to run it.
    """
    worker = get_worker()
    check_versions(f"Dask worker {worker.address}", __version__, platform.python_version(), version, python)
    key = str(worker.get_current_task())

    def check() -> None:
        if worker.status in _ENDING:
            raise Reschedule
        if not _is_wanted(worker, key):
            raise UnwantedError("Nobody waits for this stage any more.")

    client = get_client()
    sender = os.urandom(4).hex()
    up, down = Line(client, name, sender, check), Line(client, f"{name}-{sender}", "", check)
    folder = Path(tempfile.mkdtemp(prefix="mlops-", dir=worker.local_directory))
    try:
        up.put("begun", worker=worker.address)
        _Stage(folder, _cache(), up, down, check).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(LineError):
            down.close()
            up.close()


def check_versions(who: str, version: str | None, python: str | None, home_version: str, home_python: str) -> None:
    """See that somebody has the mlops-console that home has, and a like Python.

    Raises:
        JobError: it has not.
    """
    if version is None:
        raise JobError(
            f"{who} has no mlops-console.", f"Install mlops-console {home_version} where it runs, with the extra dask."
        )
    if version != home_version:
        raise JobError(f"{who} has mlops-console {version}, and here it is {home_version}.", "Install the same there.")
    if python is None or python.split(".")[:2] != home_python.split(".")[:2]:
        raise JobError(f"{who} has Python {python}, and here it is {home_python}.", "Run it with the same Python.")


class _Stage:
    def __init__(self, folder: Path, cache: Objects, up: Line, down: Line, check: Callable[[], None]) -> None:
        self._folder = folder
        self._cache = cache
        self._up = up
        self._down = down
        self._check = check
        self._told_at = time.monotonic()
        self._begun = self._stopped = False

    def run(self) -> None:
        order = self._down.take().facts
        self._bring(order["deps"])
        workspace = self._prepare(order)
        try:
            self._perform(order, workspace)
        finally:
            workspace.store.close()

    def _bring(self, deps: list[dict[str, Any]]) -> None:
        """Put the deps where they belong: what the cache has from there, the rest from home."""
        files = [file for dep in deps for file in dep["files"]]
        for dep in deps:
            place = self._folder / dep["path"]
            (place if dep["is_folder"] else place.parent).mkdir(parents=True, exist_ok=True)
        missing = [file for file in files if not self._restored(*file)]
        self._up.put("needs", objects=list(dict.fromkeys(sha256 for _, sha256, _, _ in missing)))
        take_objects(self._cache, self._take().facts["sizes"], self._take)
        for path, sha256, _, executable in missing:
            self._cache.restore(sha256, self._folder / path, executable)

    def _restored(self, path: str, sha256: str, size: int, executable: bool) -> bool:
        try:
            self._cache.restore(sha256, self._folder / path, executable)
        except StoreError:
            self._cache.discard_damaged(sha256)
            return False
        return True

    def _prepare(self, order: dict[str, Any]) -> Workspace:
        """Make the folder a workspace in which the run is known, with room for the outs."""
        (self._folder / order["cwd"]).mkdir(parents=True, exist_ok=True)
        for out in order["outs"]:
            (self._folder / out).parent.mkdir(parents=True, exist_ok=True)
        if order["config"] is not None:
            (self._folder / CONFIG).write_text(order["config"], encoding="utf-8")
        workspace = open_workspace(self._folder)
        (workspace.home / "params.json").write_text(order["params"], encoding="utf-8")
        with workspace.store.write() as tx:
            transfer.begin(tx, order["run"], current_process())
        return workspace

    def _perform(self, order: dict[str, Any], workspace: Workspace) -> None:
        run_id, log = order["run"]["run"], workspace.home / "stage.log"
        log.touch()
        self._begun = True
        reading = Reading(workspace, run_id)
        monitor = Monitor(time.monotonic() - order["age"]) if order["sampled"] else None
        with log.open("rb") as output:
            with self._guarded(order, workspace, log) as guard:
                while not command.has_ended(guard, _LOOK):
                    self._check()
                    self._tell(workspace, reading, output)
                    self._sample(monitor)
                    if self._down.arrived():  # nothing was asked for: it is an order to stop
                        self._stopped = self._down.take().kind == "stop"
                    if self._stopped and guard.stdin is not None:
                        guard.stdin.close()
                told = guard.stdout.read() if guard.stdout is not None else b""
            take_in_left_behind(workspace, run_id)
            self._tell(workspace, reading, output)
        ended = json.loads(told) if told else {"code": guard.returncode, "timed_out": False, "killed": False}
        outs = self._outs(order, workspace) if ended["code"] == 0 else []
        end = reading.end()
        self._offer(workspace, transfer.objects_of(end))
        code, timed_out, killed = ended["code"], ended["timed_out"], ended["killed"]
        self._up.put("done", code=code, timed_out=timed_out, killed=killed, outs=outs, end=end)

    @contextlib.contextmanager
    def _guarded(self, order: dict[str, Any], workspace: Workspace, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
        """The process that runs the command; it is ended at the latest when the block is left."""
        told = {
            "command": order["command"],
            "cwd": str(self._folder / order["cwd"]),
            "log": str(log),
            "folder": str(self._folder),
            "timeout": order["timeout"],
            "grace": order["grace"],
            "environment": {
                **order["env"],
                "MLOPS_WORKSPACE": str(workspace.root),
                "MLOPS_RUN_ID": order["run"]["run"],
                "MLOPS_STAGE": order["stage"],
                "MLOPS_PARAMS": str(workspace.home / "params.json"),
            },
        }
        guard = subprocess.Popen(
            [sys.executable, "-m", "mlops_console.remote.guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # it must outlive the worker, if only for a moment
        )
        with guard:
            assert guard.stdin is not None
            try:
                guard.stdin.write(json.dumps(told).encode() + b"\n")
                guard.stdin.flush()
                yield guard
            finally:
                with contextlib.suppress(BrokenPipeError):
                    guard.stdin.close()
                _end(guard, order["grace"])

    def _tell(self, workspace: Workspace, reading: Reading, output: IO[bytes]) -> None:
        """Send what was printed and recorded since the last time; now and then a sign of life."""
        while text := output.read(PIECE):
            self._send("log", text)
        for news in reading.news():
            self._offer(workspace, transfer.objects_of(news))
            self._send("news", news=news)
        if time.monotonic() - self._told_at >= BEAT:
            self._send("beat")

    def _sample(self, monitor: Monitor | None) -> None:
        points = monitor.points(time.monotonic()) if monitor else []
        if points:
            self._send("news", news={"points": {name: [[step], [value], [at]] for name, step, value, at in points}})

    def _send(self, kind: str, content: bytes = b"", **facts: Any) -> None:
        self._up.put(kind, content, **facts)
        self._told_at = time.monotonic()

    def _outs(self, order: dict[str, Any], workspace: Workspace) -> list[dict[str, Any]]:
        """Send the outs that there are; what they are. They stay in the cache: the next stage may need them."""
        hasher = Hasher(workspace, stopping=self._gone)
        trees = [tree for out in order["outs"] if (tree := hasher.tree(out, whole=True)) is not None]
        for tree in trees:
            for file in tree.files:
                self._cache.keep_file(self._folder / file.path, file.sha256)
        self._offer(workspace, [file.sha256 for tree in trees for file in tree.files])
        return [listing(tree) for tree in trees]

    def _gone(self) -> bool:
        self._check()
        return False

    def _offer(self, workspace: Workspace, objects: list[str]) -> None:
        """Send those of these objects that home has not."""
        if not objects:
            return
        self._up.put("offer", objects=list(dict.fromkeys(objects)))
        wanted = self._take().facts["objects"]
        kept = {sha256: self._cache if self._cache.has(sha256) else workspace.objects for sha256 in wanted}
        self._up.put_objects({sha256: store.path(sha256) for sha256, store in kept.items()})

    def _take(self) -> Message:
        """The next message that is no order to stop; once the command has begun, such a one is only noted."""
        while (message := self._down.take()).kind == "stop":
            if not self._begun:
                raise UnwantedError("It was stopped before it began.")
            self._stopped = True
        return message


def listing(tree: Tree) -> dict[str, Any]:
    """A dep or an out as it is told."""
    files = [list(file) for file in tree.files]
    return {"path": tree.path, "is_folder": tree.is_folder, "files": files, "empty": list(tree.empty)}


def _cache() -> Objects:
    import platformdirs

    given = os.environ.get(CACHE)
    return Objects(Path(given) if given else platformdirs.user_cache_path("mlops-console") / "objects")


def _is_wanted(worker: Worker, key: str) -> bool:
    """Whether the scheduler still wants this task of this worker: not once its client has cancelled it or is gone."""
    task = worker.state.tasks.get(key)
    return task is not None and task.state in ("executing", "long-running")


def _end(guard: "subprocess.Popen[bytes]", grace: float) -> None:
    if not command.has_ended(guard, grace + 5.0):
        guard.kill()
