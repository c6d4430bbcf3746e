"""Backups of a whole workspace's store: one .tar.gz with both databases and all objects."""

import contextlib
import gzip
import shutil
import sqlite3
import tarfile
import tempfile
import time
import zlib
from pathlib import Path

from mlops_console.core.errors import NotFoundError, RefusedError, StoreError
from mlops_console.core.jobs import JobState
from mlops_console.core.runs import RunStatus
from mlops_console.store import deployments, jobs, ledger, runs, server_processes, stages
from mlops_console.store.database import Store, backup
from mlops_console.store.identity import actor, process_state
from mlops_console.store.location import HOME
from mlops_console.store.workspace import Workspace, open_workspace

_DATABASES = ("console.db", "predictions.db")
_CHUNK = 1 << 20  # bytes


def integrity(workspace: Workspace) -> str:
    """SQLite's own check of the store: "ok", or what is wrong."""
    with workspace.store.read() as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])


def save(workspace: Workspace, target: Path) -> int:
    """Write a backup, consistent although others may write meanwhile; its size in bytes.

    Raises:
        StoreError: it can't be written. An older file of that name is then still whole.
    """
    workspace.store.data_version()  # a workspace that is new has its store now
    partial = target.with_name(target.name + ".part")
    try:
        with (
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".mlops-backup-") as folder,
            tarfile.open(partial, "w:gz") as tar,
        ):
            for name in _DATABASES:
                if (workspace.home / name).exists():
                    backup(workspace.home / name, Path(folder) / name)
                    tar.add(Path(folder) / name, f"{HOME}/{name}")
            tar.add(workspace.objects.folder, f"{HOME}/objects", filter=_finished)
        partial.replace(target)
    except OSError as error:
        raise StoreError(f"The backup {target} can't be written: {error.strerror}.", "Choose another place.") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return target.stat().st_size


def restore(root: Path, source: Path) -> Path | None:
    """Put a backup in the place of a workspace's store; where the old one was moved, if there was one.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is no whole backup. The workspace is then as it was.
        RefusedError: a worker is at work there.
    """
    if not source.is_file():
        raise NotFoundError(f"There is no file {source}.", "Give a file that 'mlops-console backup' has written.")
    home = root / HOME
    if home.is_dir():
        _refuse_while_worked_on(root)
    try:
        with tempfile.TemporaryDirectory(dir=root, prefix=".mlops-restore-") as folder:
            unpacked = _unpack(source, Path(folder))
            before = _set_aside(home)
            unpacked.replace(home)
        home.chmod(0o700)
    except OSError as error:
        raise StoreError(f"{root} can't be written: {error.strerror}.", "Free some space or check the mount.") from None
    with open_workspace(root).store.write() as tx:
        ledger.append(tx, actor(), "restore", str(root.name), "succeeded", {"from": source.name})
    return before


def _finished(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "/.incoming-" in member.name else member


def _refuse_while_worked_on(root: Path) -> None:
    try:
        with open_workspace(root).store.read() as db:
            worker = jobs.worker(db)
    except StoreError:  # damaged, or of a newer program: a reason to bring a backup back
        return
    if worker is not None and process_state(worker.process) != "dead":
        raise RefusedError(
            f"A worker (pid {worker.process.pid}) is at work in {root}.", "Stop it with 'mlops-console worker stop'."
        )


def _unpack(source: Path, folder: Path) -> Path:
    broken = StoreError(
        f"{source} is no whole backup of mlops-console.", "Give a file that 'mlops-console backup' has written."
    )
    try:
        _check_whole(source)
        with tarfile.open(source, "r:gz") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError):
        raise broken from None
    store = folder / HOME / "console.db"
    if not store.is_file():
        raise broken
    with contextlib.closing(sqlite3.connect(store)) as db:
        try:
            if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                raise broken
        except sqlite3.DatabaseError:
            raise broken from None
    opened = Store(store)  # refuses a newer format before anything is touched
    _forget_processes(opened)
    opened.close()
    return folder / HOME


def _check_whole(source: Path) -> None:
    """Read to the end, where gzip has its checksum: tarfile takes a damaged header for the end of the file."""
    with gzip.open(source) as file:
        while file.read(_CHUNK):
            pass


def _forget_processes(store: Store) -> None:
    """What ran when the backup was made does not run here: it may be alive still, for the workspace it came from."""
    with store.write() as tx:
        jobs.forget_worker(tx)
        for job in jobs.open_jobs(tx):
            if job.state is JobState.RUNNING:
                jobs.finish(tx, job.id, JobState.LOST, error="It was running when this backup was made.")
                run = runs.of_job(tx, job.id)
                if run is not None:
                    stages.end_run(tx, run.id, RunStatus.LOST)
        for environment in deployments.environments(tx):
            server_processes.forget(tx, environment.name)


def _set_aside(home: Path) -> Path | None:
    if not home.exists():
        return None
    before = home.with_name(f"{HOME}.before-{time.strftime('%Y%m%d-%H%M%S')}")
    shutil.move(home, before)
    return before


def sqlite_version() -> str:
    return sqlite3.sqlite_version
