"""Environments that no server of ours serves: commands bring a version to where it serves, and say whether it does.

A command may be run again for the same revision, after its worker has died: it must bring about a state, not a step.
"""

from collections.abc import Callable
from pathlib import Path

from mlops_console.core.alerts import Severity
from mlops_console.core.deployments import Environment, Revision, RevisionState, TargetSettings
from mlops_console.core.errors import JobError, JobStopped, StoreError
from mlops_console.core.models import ModelRef, ModelVersion
from mlops_console.delivery.job import DeliveryJob
from mlops_console.delivery.target_command import Ended, folder_of, locked, run, words
from mlops_console.store import alerts, deploying, deployments, models
from mlops_console.store.logs import probe_log, target_log
from mlops_console.store.workspace import Workspace

PROBE_TIMEOUT = 30.0  # seconds that `status` may take when the worker asks; a rollback waits for none
_ACTOR = "target"
_MAYBE = "It may have changed something where the model serves"


def serve(
    workspace: Workspace, environment: Environment, target: TargetSettings, revision: Revision, job: DeliveryJob
) -> None:
    """Run the commands that make a revision serve; it is live, failed or aborted afterwards.

    Raises:
        JobStopped: a stop was asked for.
    """

    def stopping() -> bool:
        return job.stop_requested() or not _is_under_way(workspace, revision)

    with locked(workspace, revision.environment, stopping) as lock:
        if lock is None:
            error: str | None = "it was stopped before a command was run"
        else:
            try:
                error = _perform(workspace, environment, target, revision, job, lock, stopping)
            except (StoreError, OSError) as problem:  # its file is missing or damaged, the disk is full
                error = str(problem)
        if error is None:
            _advance(workspace, revision, RevisionState.LIVE)
            return
    if not job.stop_requested():
        _advance(workspace, revision, RevisionState.FAILED, error)
    elif _advance(workspace, revision, RevisionState.ABORTED, f"a stop was asked for: {error}"):
        told = f"Revision {revision.revision} of {revision.environment} was stopped before it was live: {error}."
        raise JobStopped(told)


def _perform(
    workspace: Workspace,
    environment: Environment,
    target: TargetSettings,
    revision: Revision,
    job: DeliveryJob,
    lock: int,
    stopping: Callable[[], bool],
) -> str | None:
    """Run the command that brings the revision there, then the one that asks for it; what is wrong, or None."""
    version = _version(workspace, revision)
    workspace.objects.restore(version.sha256, _path(workspace, revision))
    name, command = revision.environment, command_of(target, revision.kind)
    kind = "deploy" if command == target.deploy else "rollback"
    log = workspace.root / target_log(job.id if job.id is not None else f"{name}-{revision.revision}")
    for what, text in ((kind, command), ("status", target.status)):
        if text is None:
            continue
        if what == "status":
            _advance(workspace, revision, RevisionState.TESTING)
        job.progress(None, f"{name}: the {what} command for {revision.model_ref}")
        ended = _run(workspace, environment, revision, version, text, log, target.timeout, lock, stopping)
        if ended.error:
            return f"its {what} command {ended.error.rstrip('.')}. {_MAYBE}"
    _tidy(_path(workspace, revision))
    return None


def failed(revision: Revision, environment: Environment) -> JobError:
    """What to say of a revision that did not come to serve."""
    live = environment.live
    again = f"'mlops-console deploy {live.model_ref} {environment.name}' puts it there anew." if live else ""
    return JobError(
        f"{environment.name} does not serve {revision.model_ref}: {(revision.error or '').rstrip('.')}.",
        f"{live.model_ref} stays the live version; {again}" if live else "Nothing was live there before.",
    )


def command_of(target: TargetSettings, kind: str) -> str:
    """What brings a revision of this kind there; without a command for rollbacks the earlier version is deployed."""
    return target.rollback if kind == "rollback" and target.rollback is not None else target.deploy


def change_refused(known: Environment | None, target: TargetSettings | None) -> str | None:
    """Why the servers may not be taken from below a live version before a target has it, or the other way round, as one
    sentence; None where nothing is live, or nothing changes."""
    if known is None or known.live is None or (known.target is None) == (target is None):
        return None
    here, there = ("our own servers", "a target") if target is not None else ("a target", "our own servers")
    return (
        f"{known.name} serves {known.live.model_ref} by {here}, and mlops.toml now wants {there}: nothing would serve "
        "in between, so give that an environment of its own."
    )


def probe(workspace: Workspace, name: str, stopping: Callable[[], bool]) -> None:
    """Ask an environment's target whether it serves, and tell what it says. Nothing where a command is under way."""
    environment = _read(workspace, name)
    if environment is None or environment.target is None or environment.live is None:
        return
    revision, status = environment.live, environment.target.status
    if status is None:
        return

    def passing() -> bool:
        now = _read(workspace, name)
        return stopping() or now is None or now.candidate is not None or now.live != revision

    with locked(workspace, name, lambda: True) as lock:
        if lock is None or passing():
            return
        version, path = _version(workspace, revision), _path(workspace, revision)
        if not path.is_file():
            workspace.objects.restore(version.sha256, path)
        log = workspace.root / probe_log(name)
        log.unlink(missing_ok=True)
        timeout = min(environment.target.timeout, PROBE_TIMEOUT)
        ended = _run(workspace, environment, revision, version, status, log, timeout, lock, passing)
    if not ended.stopped:
        _tell(workspace, revision, ended)


def _tell(workspace: Workspace, revision: Revision, ended: Ended) -> None:
    """Health and alert by what `status` said, unless another revision has come meanwhile."""
    name = revision.environment
    error = f"The status command of {name} {ended.error.rstrip('.')}." if ended.error else None
    with workspace.store.write() as tx:
        now = deployments.environment(tx, name)
        if now is None or now.candidate is not None or now.live != revision:
            return
        if now.error != error:
            deploying.set_error(tx, name, error)
        if error is not None:
            alerts.open_alert(tx, "server", name, Severity.CRITICAL, error)
        else:
            alerts.resolve(tx, "server", name)


def _run(
    workspace: Workspace,
    environment: Environment,
    revision: Revision,
    version: ModelVersion,
    command: str,
    log: Path,
    timeout: float,
    lock: int,
    stopping: Callable[[], bool],
) -> Ended:
    """Run a command with its placeholders filled, which its environment has as variables too."""
    values = {
        "model": version.model,
        "version": str(version.version),
        "path": str(_path(workspace, revision)),
        "sha256": version.sha256,
        "port": str(environment.port),
    }
    variables = {f"MLOPS_{name.upper()}": value for name, value in values.items()}
    variables |= {
        "MLOPS_ENVIRONMENT": revision.environment,
        "MLOPS_REVISION": str(revision.revision),
        "MLOPS_WORKSPACE": str(workspace.root),
    }
    argv = words(command, values)
    return run(argv, cwd=workspace.root, log=log, variables=variables, timeout=timeout, lock=lock, stopping=stopping)


def _version(workspace: Workspace, revision: Revision) -> ModelVersion:
    with workspace.store.read() as db:
        return models.get(db, ModelRef(revision.model, revision.version))


def _path(workspace: Workspace, revision: Revision) -> Path:
    """Where the skops file of a revision's version lies for the commands, under a name that people know."""
    return folder_of(workspace, revision.environment) / f"{revision.model}-{revision.version}.skops"


def _tidy(kept: Path) -> None:
    """Once a version serves, no command needs the file of another one any more."""
    for path in kept.parent.glob("*.skops"):
        if path != kept:
            path.unlink()


def _advance(workspace: Workspace, revision: Revision, state: RevisionState, reason: str = "") -> bool:
    with workspace.store.write() as tx:
        return deploying.advance(tx, revision.environment, revision.revision, state, _ACTOR, reason)


def _is_under_way(workspace: Workspace, revision: Revision) -> bool:
    with workspace.store.read() as db:
        return deployments.revision(db, revision.environment, revision.revision).state.is_under_way


def _read(workspace: Workspace, name: str) -> Environment | None:
    with workspace.store.read() as db:
        return deployments.environment(db, name)
