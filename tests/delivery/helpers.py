"""Workspaces with versions that nobody can load: enough for plans and for the store's part of a rollout. The part of
the server processes is played by threads."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from mlops_console.core.deployments import Environment, Revision, RevisionState, ServerHealth, ServerProcess
from mlops_console.core.models import Column, ModelRef, ModelVersion, Signature
from mlops_console.core.runs import ProcessIdentity, RunStatus
from mlops_console.core.traffic import Traffic
from mlops_console.store import deploying, deployments, models, runs, series, server_processes
from mlops_console.store.database import Connection
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from tests.support import free_port

SIGNATURE = Signature((Column("amount", "float64", "numeric"),), "classification", (0, 1), True)

TOML = """
[project]
name = "fraud-detection"
[models.fraud]
metric = "test/auc"
goal = "maximize"
[environments.staging]
model = "fraud"
port = {staging}
[environments.production]
model = "fraud"
port = {production}
requires = "staging"
gates = ["test/auc >= 0.80", "test/auc >= live - 0.01"]
"""


def write_config(workspace: Workspace, production: int | None = None, staging: str = "") -> None:
    """An mlops.toml whose ports nobody listens on.

    Args:
        staging: more settings of the environment `staging`.
    """
    second = production or free_port()
    first = next(port for port in iter(free_port, None) if port != second)
    text = TOML.format(staging=first, production=second)
    workspace.config_path.write_text(text.replace("[environments.staging]", f"[environments.staging]\n{staging}"))


def port_of(workspace: Workspace, environment: str) -> int:
    return workspace.config().environments[environment].port


def add_version(
    workspace: Workspace,
    metrics: Mapping[str, float] | None = None,
    params: Mapping[str, Any] | None = None,
    signature: Signature = SIGNATURE,
    model: str = "fraud",
) -> ModelVersion:
    """The next version, with a run that logged these metrics."""
    with workspace.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter-1", experiment="fraud", status=RunStatus.SUCCEEDED)
        runs.set_params(tx, run_id, dict(params or {}))
        series.ingest(tx, run_id, [(name, 0, value, time.time()) for name, value in (metrics or {}).items()])
        return models.add_version(
            tx, model, sha256="0" * 64, size=1, estimator="Tree", signature=signature, run_id=run_id
        )


def make_live(workspace: Workspace, environment: str, version: ModelVersion | ModelRef) -> Revision:
    """A revision that has become live; no server process is known."""
    port = port_of(workspace, environment)
    with workspace.store.write() as tx:
        found = models.get(tx, ModelRef(version.model, version.version))
        deploying.ensure_environment(tx, environment, found.model, "127.0.0.1", port)
        return add_live(tx, environment, found)


def add_live(
    tx: Connection, environment: str, version: ModelVersion, kind: str = "deploy", restores: int | None = None
) -> Revision:
    """The next revision of a known environment, made live."""
    revision = deploying.add_revision(tx, environment, version, kind=kind, actor="ann", reason="", restores=restores)
    advance(tx, environment, revision.revision, RevisionState.LOADING, RevisionState.LIVE)
    return deployments.revision(tx, environment, revision.revision)


def advance(tx: Connection, environment: str, number: int, *states: RevisionState, reason: str = "") -> None:
    """Bring a revision through these states."""
    for state in states:
        assert deploying.advance(tx, environment, number, state, "ann", reason)


def add_server(
    tx: Connection, environment: str, serving: int | None = None, slot: int = 0, process: ProcessIdentity | None = None
) -> None:
    """A server process, ready where it is `serving`; this very process, unless another is named."""
    own = process or current_process()
    server_processes.started(tx, environment, slot, own)
    if serving is not None:
        epoch = deployments.epoch(tx, environment)
        told = ServerProcess(slot, own, ServerHealth.READY, 0.0, epoch, serving)
        assert server_processes.follows(tx, environment, told)


def the(workspace: Workspace, environment: str) -> Environment:
    """An environment that is known."""
    with workspace.store.read() as db:
        found = deployments.environment(db, environment)
    assert found is not None
    return found


def states(workspace: Workspace, environment: str) -> list[RevisionState]:
    """Those of its revisions, newest first."""
    with workspace.store.read() as db:
        return [revision.state for revision in deployments.revisions(db, environment)]


class PlayedServers:
    """Plays the server processes of an environment by the store alone: they load its candidate, say that they have
    prepared it, and then what they serve. As a context they do so in a thread of their own.

    Args:
        count: processes; all have the identity of this one.
        error: why no candidate can be loaded.
        forgetful: their memory holds only what they serve, so that no rollback finds its version there.

    Attributes:
        traffic: what they say each revision has answered since the newest change.
        mirrored: rows of a shadow that were compared, and those that agreed.
    """

    def __init__(
        self,
        workspace: Workspace,
        environment: str,
        count: int = 1,
        error: str | None = None,
        forgetful: bool = False,
    ) -> None:
        self.workspace = workspace
        self.environment = environment
        self.error = error
        self.forgetful = forgetful
        self.traffic: Mapping[int, Traffic] = {}
        self.mirrored = (0, 0)
        self._told = [ServerProcess(slot, current_process(), ServerHealth.STARTING, 0.0) for slot in range(count)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "PlayedServers":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            self.look()
        self.workspace.store.close()

    def look(self) -> None:
        """Let every process follow the environment as far as it has come."""
        with self.workspace.store.read() as db:
            found = deployments.environment(db, self.environment)
        if found is None or (found.live is None and found.candidate is None):
            return
        for slot in range(len(self._told)):
            self._follow(slot)

    def crash(self) -> None:
        """All processes are gone, and others take their places at the next look."""
        with self.workspace.store.write() as tx:
            for told in self._told:
                server_processes.ended(tx, self.environment, told.slot, told.process.pid)
        self._told = [ServerProcess(told.slot, told.process, ServerHealth.STARTING, 0.0) for told in self._told]

    def _follow(self, slot: int) -> None:
        with self.workspace.store.write() as tx:
            told = self._told[slot]
            if slot not in [process.slot for process in server_processes.alive(tx, self.environment)]:
                server_processes.started(tx, self.environment, slot, told.process)
            self._load(tx)
            found = deployments.environment(tx, self.environment)
            assert found is not None
            live, candidate = found.live, found.candidate
            wanted = {revision.model_ref for revision in (live, candidate) if revision is not None}
            told = replace(
                told,
                health=ServerHealth.READY if live else ServerHealth.STARTING,
                epoch=found.epoch,
                serving=live.revision if live else None,
                prepared=candidate.revision if candidate else None,
                warm=tuple(sorted(wanted if self.forgetful else {*told.warm, *wanted})),
            )
            if told != self._told[slot]:
                assert server_processes.follows(tx, self.environment, told)
                self._told[slot] = told
            arms = {str(revision): traffic.to_json() for revision, traffic in self.traffic.items()}
            stats = {
                "step": found.candidate.watched if found.candidate else "",
                "arms": arms,
                "mirrored": list(self.mirrored),
            }
            if arms and stats != found.processes[slot].stats:
                server_processes.heartbeat(tx, self.environment, slot, stats)

    def _load(self, tx: Connection) -> None:
        found = deployments.environment(tx, self.environment)
        assert found is not None
        if found.candidate is None:
            return
        number = found.candidate.revision
        if self.error is not None:
            deploying.advance(tx, self.environment, number, RevisionState.FAILED, "server", self.error)
        else:
            deploying.advance(tx, self.environment, number, RevisionState.TESTING, "server")


@dataclass(slots=True)
class FakeJob:
    """A job without a queue."""

    id: int | None = None
    actor: str = "ann"
    stop: bool = False
    told: list[str] = field(default_factory=list)

    def progress(self, fraction: float | None, text: str) -> None:
        self.told.append(text)

    def stop_requested(self) -> bool:
        return self.stop
