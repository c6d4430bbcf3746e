"""How a revision comes to serve: the servers prepare it, a canary is watched, and all of them are switched together.

The state is in the store: whoever dies in the middle, the next one goes on from there, and whatever another person does
meanwhile (a rollback, `promote`, `abort`) is seen at the next look.
"""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from mlops_console.core.deployments import Environment, Revision, RevisionState, ServerHealth
from mlops_console.core.errors import JobError, JobStopped
from mlops_console.delivery import canary, targets
from mlops_console.delivery.begin import begin_approved, begin_deploy, begin_rollback
from mlops_console.delivery.job import DeliveryJob
from mlops_console.store import deploying, deployments
from mlops_console.store.identity import process_state
from mlops_console.store.workspace import Workspace

TIMEOUT = 60.0  # seconds for the servers to start, load and test a version
_POLL = 0.003  # seconds between two looks at the store
_FIRST_ROUTE = 0.1  # seconds in which a server that begins right now may answer by what it read before
_HANGS = 60.0  # seconds after which a server that goes on with old answers is killed, at the least
_ACTOR = "rollout"


def deploy(
    workspace: Workspace,
    model_ref: str,
    environment: str,
    reason: str,
    job: DeliveryJob,
    *,
    break_glass: str | None = None,
    when_busy: str = "wait",
    timeout: float = TIMEOUT,
) -> dict[str, Any]:
    """Make a version serve in an environment; returns when it does, or when it waits for approvals.

    It serves once as many processes answer as the environment wants. Where that takes too long, the result says how
    many of them do: `answering`, of `workers`.

    Performed again for the same job, it goes on with what was begun.

    Raises:
        RefusedError: a gate does not pass; nothing has changed.
        JobError: it could not be loaded, or was judged to be worse; the version before it serves on. Or it is live, but
            nothing answers, or not at the address that is wanted.
        JobStopped: a stop was asked for, or somebody has aborted it.
        UsageError, NotFoundError, ConfigError: the request makes no sense.
    """
    revision = _begun(workspace, job) or begin_deploy(
        workspace, model_ref, environment, reason, job, break_glass=break_glass, when_busy=when_busy
    )
    return _Rollout(workspace, revision, job, timeout).run()


def go_on(
    workspace: Workspace, environment: str, number: int, job: DeliveryJob, timeout: float = TIMEOUT
) -> dict[str, Any]:
    """Make a revision serve that has its approvals. Raises as `deploy`."""
    with workspace.store.write() as tx:
        revision = deployments.revision(tx, environment, number)
        if job.id is not None:
            deploying.give_to_job(tx, environment, number, job.id)
    if revision.state is RevisionState.PLANNED:
        revision = begin_approved(workspace, revision, job)
    return _Rollout(workspace, revision, job, timeout).run()


def rollback(
    workspace: Workspace, environment: str, to: int | None, reason: str, job: DeliveryJob, timeout: float = TIMEOUT
) -> dict[str, Any]:
    """Make an environment serve what an earlier revision served, as a new revision. Gates are not asked.

    Returns once no server gives an answer of the version before it any more.

    Raises:
        JobError: it could not be loaded; the version before it serves on.
        JobStopped: a stop was asked for, or somebody has aborted it.
        UsageError, NotFoundError: there is nothing to go back to.
    """
    revision = _begun(workspace, job) or begin_rollback(workspace, environment, to, reason, job)
    return _Rollout(workspace, revision, job, timeout).run()


def _begun(workspace: Workspace, job: DeliveryJob) -> Revision | None:
    """The revision that this job has made already, before the worker died."""
    if job.id is None:
        return None
    with workspace.store.read() as db:
        return deployments.revision_of_job(db, job.id)


class _Rollout:
    """One revision on its way."""

    def __init__(self, workspace: Workspace, revision: Revision, job: DeliveryJob, timeout: float) -> None:
        self.workspace = workspace
        self.name = revision.environment
        self.number = revision.revision
        self.job = job
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self.watch = canary.Watch(workspace, revision)

    def run(self) -> dict[str, Any]:
        steps: dict[RevisionState, Callable[[Revision, Environment], None]] = {
            RevisionState.LOADING: self._prepare,
            RevisionState.TESTING: self._prepare,
            RevisionState.CANARY: self._watch_canary,
        }
        seen = None
        while True:
            news = self.workspace.store.data_version()
            if news != seen or time.monotonic() > self.deadline:
                seen = news
                revision, environment = self._look()
                if revision.state not in steps:
                    break
                steps[revision.state](revision, environment)
            else:
                self._stop_if_asked()
            time.sleep(_POLL)
        if revision.state is RevisionState.LIVE and environment.target is None:
            self._wait_for_last_answers()
        return self._outcome(*self._look())

    def _look(self) -> tuple[Revision, Environment]:
        with self.workspace.store.read() as db:
            environment = deployments.environment(db, self.name)
            assert environment is not None  # it has a revision
            return deployments.revision(db, self.name, self.number), environment

    def _prepare(self, revision: Revision, environment: Environment) -> None:
        """Go on once every server has it in memory, tested."""
        self._stop_if_asked()
        if environment.target is not None:
            targets.serve(self.workspace, environment, environment.target, revision, self.job)
            return
        if time.monotonic() > self.deadline:
            self._advance(RevisionState.FAILED, f"it was not ready within {self.timeout:.0f} s")
            return
        self.job.progress(None, f"{self.name} loads {revision.model_ref}")
        servers = environment.processes
        if not servers or any(server.prepared != self.number for server in servers):
            return
        is_first = environment.live is None or revision.kind == "rollback"
        plan = revision.rollout
        if plan.strategy == "swap" or is_first or (plan.strategy == "canary" and len(plan.steps) < 2):
            self._advance(RevisionState.LIVE)
            return
        with self.workspace.store.write() as tx:
            deploying.advance(tx, self.name, self.number, RevisionState.CANARY, _ACTOR)

    def _watch_canary(self, revision: Revision, environment: Environment) -> None:
        self._stop_if_asked()
        self.deadline = time.monotonic() + canary.LOOK_EVERY
        verdict = self.watch.look(revision, environment)
        self.job.progress(verdict.fraction, verdict.text)
        if verdict.worse:
            self._advance(RevisionState.ABORTED, verdict.worse)
        elif verdict.is_over:
            with self.workspace.store.write() as tx:
                canary.next_step(tx, revision, _ACTOR, verdict.text)

    def _stop_if_asked(self) -> None:
        if self.job.stop_requested():
            why = "a stop was asked for before it was live"
            if self._advance(RevisionState.ABORTED, why):
                raise JobStopped(f"Revision {self.number} of {self.name} was stopped before it was live.")

    def _was_judged(self) -> bool:
        """Whether the watch over the canary has aborted it, and no person did, by whatever way."""
        with self.workspace.store.read() as db:
            last = deployments.changes(db, self.name, self.number)[-1]
        return last.actor == _ACTOR and not self.job.stop_requested()

    def _advance(self, state: RevisionState, reason: str = "") -> bool:
        with self.workspace.store.write() as tx:
            return deploying.advance(tx, self.name, self.number, state, _ACTOR, reason)

    def _wait_for_last_answers(self) -> None:
        """Until every server says that no answer of another version will come from it any more. A deployment waits for
        those servers too that have yet to start; a rollback has done its work when the others serve."""
        begun = time.monotonic()
        seen = None
        while True:
            news = self.workspace.store.data_version()
            waited = time.monotonic() - begun
            if news != seen or waited < _FIRST_ROUTE:
                seen = news
                revision, environment = self._look()
                behind = [server for server in environment.processes if server.serving not in (None, self.number)]
                begins = any(server.serving is None for server in environment.processes) and waited < _FIRST_ROUTE
                wanted = environment.settings.workers if revision.kind == "deploy" else 1
                serve = len(environment.ready) >= wanted and not behind and not begins
                if revision.state is not RevisionState.LIVE or serve:
                    return
            if waited > self.timeout:
                return
            if behind and waited > max(environment.settings.drain, _HANGS):
                for server in behind:
                    if process_state(server.process) == "alive":
                        os.kill(server.process.pid, signal.SIGKILL)
            time.sleep(_POLL)

    def _outcome(self, revision: Revision, environment: Environment) -> dict[str, Any]:
        result = {
            "environment": revision.environment,
            "revision": revision.revision,
            "model": revision.model,
            "version": revision.version,
            "kind": revision.kind,
            "restores": revision.restores,
            "revision_state": revision.state.value,
        }
        if revision.state is RevisionState.WAITING:
            return result
        if revision.state is RevisionState.ABORTED and not self._was_judged():
            why = (revision.error or "").rstrip(".")
            raise JobStopped(f"Revision {self.number} of {self.name} was stopped before it was live: {why}.")
        if revision.live_at is None and environment.target is not None:
            raise targets.failed(revision, environment)
        if revision.live_at is None:
            serving = environment.live if environment.health is ServerHealth.READY else None
            raise JobError(
                f"{self.name} does not serve {revision.model_ref}: {(revision.error or '').rstrip('.')}.",
                f"It serves {serving.model_ref} on." if serving else "Nothing serves there.",
            )
        if revision.state is RevisionState.LIVE and environment.target is None and not environment.ready:
            raise JobError(
                f"{revision.model_ref} is live in {self.name}, but no server answers"
                f"{f': {environment.error}' if environment.error else '.'}",
                f"The log is {self.workspace.logs_dir / f'server-{self.name}.log'}.",
            )
        if revision.state is RevisionState.LIVE and environment.target is None and revision.kind == "deploy":
            if environment.error:
                raise JobError(f"{revision.model_ref} is live in {self.name}, but: {environment.error}")
            answering, workers = len(environment.ready), environment.settings.workers
            if answering < workers:
                result |= {"answering": answering, "workers": workers}
        return result
