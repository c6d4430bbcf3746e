"""The side at home: a stage is sent to a Dask cluster, and what comes back goes into its run as if it ran here."""

import platform
import secrets
import time
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future
from distributed.scheduler import KilledWorker

from mlops_console._version import __version__
from mlops_console.core.config import size as config_size
from mlops_console.core.errors import JobStopped, MlopsError, UsageError
from mlops_console.core.text import safe_line, size
from mlops_console.data.hashing import Hasher, Tree, empty_entry
from mlops_console.pipelines import outs
from mlops_console.pipelines.command import Ended
from mlops_console.pipelines.executor import Attempt
from mlops_console.remote import far
from mlops_console.remote.wire import Line, LineError, Message, take_objects
from mlops_console.store import runs, transfer

# By name: a worker that has no mlops-console, or another one, can say so, where an unknown function would break it.
_PERFORM = "__import__('mlops_console.remote.far', fromlist=['perform']).perform(*given)"
_PATIENCE = 4.0  # seconds for a stopped stage to send the rest, beyond what it may take to end: the worker gives 5
_BEAT = 5.0  # seconds between two heartbeats of the run, at most
_TOLD_LATE = 5.0  # seconds after which it is told that no worker has begun


class DaskExecutor:
    """Runs commands on the workers of a Dask cluster. Its threads share the client.

    Args:
        where: what the cluster is called, for people.
        sampled: whether what a stage costs its machine is to be seen in its run.
    """

    def __init__(self, client: Client, where: str, *, sampled: bool) -> None:
        self._client = client
        self._where = where
        self._sampled = sampled

    def run(self, attempt: Attempt) -> Ended:
        if attempt.stopping():
            raise JobStopped("It was stopped before it began.")
        try:
            with attempt.log.open("ab"):
                pass
            stage = _Stage(self._client, attempt, sampled=self._sampled)
            try:
                return stage.followed()
            finally:
                stage.close()
        except LineError:
            return Ended(
                1, timed_out=False, error=f"lost the Dask scheduler {self._where}: it does not answer any more"
            )
        except _TaskError as failure:
            return Ended(1, timed_out=False, error=failure.message)

    def advice(self, error: str) -> str:
        if "No such file" not in error and "not found" not in error:
            return ""
        return "Only the deps of a stage travel to a Dask worker: add what is missing to them."


class _TaskError(MlopsError):
    """The task itself has failed, not the command."""


class _Elsewhere(Exception):  # noqa: N818 - it tells of an event
    """Another worker has begun the stage anew, as the one that had it was lost."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """`sender` stands for one attempt of the cluster at the stage."""

    address: str
    sender: str
    down: Line


class _Stage:
    """One attempt at a stage; what Dask makes of it may be several, on one worker after another."""

    def __init__(self, client: Client, attempt: Attempt, *, sampled: bool) -> None:
        self._client = client
        self._attempt = attempt
        self._sampled = sampled
        hasher = Hasher(attempt.workspace, stopping=attempt.stopping, folder=attempt.folder)
        self._deps = [_tree(hasher, dep) for dep in attempt.stage.deps]
        self._name = f"mlops-{attempt.run_id}-{secrets.token_hex(4)}"
        self._worker: _Worker | None = None
        self._began = 0  # how often
        self._next_beat = 0.0
        self._waiting_since: float | None = time.monotonic()
        self._give_up_at: float | None = None
        self._up = Line(client, self._name, "", self._look)
        self._future: Future[None] = client.submit(
            eval,
            _PERFORM,
            {"given": (self._name, __version__, platform.python_version())},
            key=self._name,
            pure=False,
            resources=_resources(client, attempt),
        )

    def followed(self) -> Ended:
        """Follow it to its end."""
        while True:
            try:
                message = self._take()
                if message.kind == "begun":
                    self._send_order(message)
                    continue
                ended = self._handled(message)
            except _Elsewhere:
                continue
            if ended is not None:
                return ended

    def close(self) -> None:
        """The cluster is to do nothing more for it: a worker that still does is told by this."""
        try:
            self._future.cancel()
            self._up.close()
            if self._worker is not None:
                self._worker.down.close()
        except LineError:
            pass

    def _take(self) -> Message:
        """The next message of the worker that has the stage now, or of another one that has begun it."""
        while True:
            message = self._up.take()
            if message.kind == "begun" or (self._worker is not None and message.sender == self._worker.sender):
                self._beat()
                return message

    def _take_more(self) -> Message:
        """The next message of the same worker."""
        message = self._take()
        if message.kind == "begun":
            self._up.put_back(message)
            raise _Elsewhere
        return message

    def _look(self) -> None:
        """While there is nothing to take: see whether it goes on, and whether it should."""
        self._check_future()
        self._check_stop()
        since = self._waiting_since
        if since is not None and time.monotonic() - since > _TOLD_LATE:
            self._waiting_since = None
            self._attempt.note(_waiting(self._client))

    def _look_as_sender(self) -> None:
        """While there is no room for more: the worker may be gone."""
        if self._up.arrived() and self._up.arrived()[0].kind == "begun":
            raise _Elsewhere
        self._look()

    def _check_future(self) -> None:
        status = self._future.status
        if status == "error":
            if self._attempt.stopping():
                raise JobStopped("It was stopped before it began.")
            raise _TaskError(_told(self._future.exception()))
        if status in ("cancelled", "lost"):  # by nobody at home
            raise LineError("The Dask scheduler has forgotten the stage.")
        if status == "finished" and not self._up.arrived():
            raise _TaskError("was ended by its Dask worker without a word")

    def _check_stop(self) -> None:
        if not self._attempt.stopping():
            return
        if self._worker is None:
            raise JobStopped("It was stopped before it began.")
        if self._give_up_at is None:
            self._worker.down.put_at_once("stop")
            self._give_up_at = time.monotonic() + self._attempt.grace + _PATIENCE
        elif time.monotonic() > self._give_up_at:
            raise JobStopped("It was stopped, and its Dask worker says nothing more.")

    def _send_order(self, begun: Message) -> None:
        """Another worker has the stage from now on, and gets to know it."""
        before, self._waiting_since, self._give_up_at = self._worker, None, None
        address = begun.facts["worker"]
        down = Line(self._client, f"{self._name}-{begun.sender}", "", self._look_as_sender)
        self._worker = _Worker(address, begun.sender, down)
        if before is not None:
            self._began += 1
            before.down.close()
            told = f"Dask worker {before.address} was lost"
            self._attempt.note(f"{told}; the stage begins again on {address} (loss {self._began})")
        down.put("order", **self._order())

    def _order(self) -> dict[str, Any]:
        attempt, stage = self._attempt, self._attempt.stage
        with attempt.workspace.store.read() as db:
            told = transfer.beginning(db, attempt.run_id)
            started = runs.get(db, attempt.run_id).started_at
        config = attempt.workspace.config_path
        return {
            "run": told,
            "stage": attempt.name,
            "command": stage.run,
            "cwd": stage.cwd,
            "env": stage.env,
            "outs": stage.outs,
            "timeout": attempt.timeout,
            "grace": attempt.grace,
            "params": attempt.params.read_text(),
            "config": config.read_text(encoding="utf-8") if config.is_file() else None,
            "deps": [far.listing(tree) for tree in self._deps],
            "sampled": self._sampled,
            "age": max(time.time() - (started or time.time()), 0.0),
        }

    def _handled(self, message: Message) -> Ended | None:
        """Do what a message asks for; how the command has ended, if that is what it tells."""
        facts, workspace = message.facts, self._attempt.workspace
        if message.kind == "needs":
            self._send_deps(facts["objects"])
        elif message.kind == "offer":
            self._receive([sha256 for sha256 in facts["objects"] if not workspace.objects.has(sha256)])
        elif message.kind == "log":
            with self._attempt.log.open("ab") as log:
                log.write(message.content)
        elif message.kind == "news":
            with workspace.store.write() as tx:
                transfer.apply(tx, self._attempt.run_id, self._attempt.name, facts["news"])
        elif message.kind == "done":
            for out in facts["outs"]:
                self._put_out(out)
            self._conclude(facts["end"])
            return Ended(facts["code"], facts["timed_out"], killed=facts["killed"])
        return None

    def _send_deps(self, needed: list[str]) -> None:
        assert self._worker is not None
        down, files = self._worker.down, [file for tree in self._deps for file in tree.files]
        places = {file.sha256: self._attempt.folder / file.path for file in files}
        try:
            sent = down.put_objects({sha256: places[sha256] for sha256 in needed})
        except OSError as error:
            raise UsageError(f"{error.filename} can't be read: {error.strerror}.", "Mend that.") from None
        count = f"{len(needed)} of {len(places)} files sent, {size(sent)}" if places else "no deps"
        self._attempt.note(f"on Dask worker {self._worker.address}: {count}")

    def _receive(self, wanted: list[str]) -> None:
        assert self._worker is not None
        self._worker.down.put("wanted", objects=wanted)
        take_objects(self._attempt.workspace.objects, self._take_more().facts["sizes"], self._take_more)

    def _put_out(self, out: dict[str, Any]) -> None:
        """Bring an out to its place, where the stage would have written it."""
        files = [(path, sha256, executable) for path, sha256, _, executable in out["files"]]
        files += [(*empty_entry(folder), False) for folder in out["empty"]]
        outs.put(self._attempt.workspace.objects, self._attempt.folder, out["path"], out["is_folder"], files)

    def _conclude(self, end: dict[str, Any]) -> None:
        run_id, error = self._attempt.run_id, end["error"]
        with self._attempt.workspace.store.write() as tx:
            transfer.conclude(tx, run_id, {**end, "error": None})
            if error is not None:  # of this stage, not of the whole run
                runs.set_error(tx, run_id, error, self._attempt.name)

    def _beat(self) -> None:
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + _BEAT
            with self._attempt.workspace.store.write() as tx:
                runs.heartbeat(tx, self._attempt.run_id)


def _tree(hasher: Hasher, dep: str) -> Tree:
    found = hasher.tree(dep)
    if found is None:
        raise UsageError(f"{dep} is not there.", "Add it, or list it in the outs of the stage that writes it.")
    return found


def _resources(client: Client, attempt: Attempt) -> dict[str, float] | None:
    """What the stage takes, by the names that the workers have for it; what none of them declares is not asked for."""
    declared = {name for worker in _workers(client).values() for name in worker.get("resources", {})}
    wanted = {"cpus": attempt.stage.cpus, "memory": float(config_size(attempt.stage.memory))}
    found: dict[str, float] = {}
    for what, amount in wanted.items():
        name = next((name for name in declared if name.lower() == what), None)
        if amount and name is None:
            attempt.note(f"no Dask worker declares the resource {what!r}, so it is not asked for")
        elif amount and name is not None:
            found[name] = amount
    return found or None


def _workers(client: Client) -> dict[str, dict[str, Any]]:
    try:
        workers: dict[str, dict[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    except OSError as error:
        raise LineError("The Dask scheduler does not answer any more.") from error
    return workers


def _waiting(client: Client) -> str:
    count = len(_workers(client))
    return f"waits for one of {count} Dask workers" if count else "waits for Dask workers: there are none yet"


def _told(error: BaseException | None) -> str:
    """What came of a task that has failed, as what a stage did."""
    if isinstance(error, KilledWorker):
        times = error.allowed_failures + 1
        last = f", the last of {times} that had it" if times > 1 else ""
        return f"was lost with its Dask worker {error.last_worker.address}{last}"
    if isinstance(error, MlopsError):
        return f"can't run on Dask: {str(error).removesuffix('.')}"
    if isinstance(error, ModuleNotFoundError):
        needed = f"install mlops-console[dask] {__version__} there"
        return f"can't run on Dask: its worker has no module {error.name!r}; {needed}"
    return f"has failed on Dask: {safe_line(f'{type(error).__name__}: {error}', 300).rstrip('.')}"
