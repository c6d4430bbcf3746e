"""What the server processes of an environment say of themselves, one row each."""

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from mlops_console.core.deployments import ServerHealth, ServerProcess
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store.changes import Topic, announce
from mlops_console.store.database import damage_told
from mlops_console.store.identity import process_state


def started(tx: sqlite3.Connection, environment: str, slot: int, process: ProcessIdentity) -> None:
    """A process has this slot now, and serves nothing yet."""
    tx.execute(
        "INSERT INTO server_processes (environment, slot, pid, process_started, boot_id, process_host, health, "
        "heartbeat_at) VALUES (?, ?, ?, ?, ?, ?, 'starting', ?) ON CONFLICT DO UPDATE SET pid = excluded.pid, "
        "process_started = excluded.process_started, boot_id = excluded.boot_id, process_host = excluded.process_host, "
        "health = 'starting', heartbeat_at = excluded.heartbeat_at, epoch = -1, serving = NULL, prepared = NULL, "
        "warm = '[]', stats = '{}' WHERE pid <> excluded.pid OR process_started <> excluded.process_started",
        (environment, slot, process.pid, process.started, process.boot_id, process.host, time.time()),
    )
    announce(tx, Topic.ENVIRONMENTS, environment)


def follows(tx: sqlite3.Connection, environment: str, process: ServerProcess) -> bool:
    """A process has followed the environment's changes up to its `epoch`; False if there is a newer one to follow."""
    done = tx.execute(
        "UPDATE server_processes SET health = ?, epoch = ?, serving = ?, prepared = ?, warm = ?, heartbeat_at = ? "
        "WHERE environment = ? AND slot = ? AND pid = ? "
        "AND (SELECT epoch FROM environments WHERE name = server_processes.environment) = ?",
        (
            process.health,
            process.epoch,
            process.serving,
            process.prepared,
            json.dumps(process.warm),
            time.time(),
            environment,
            process.slot,
            process.process.pid,
            process.epoch,
        ),
    )
    if process.health is ServerHealth.READY:
        tx.execute("UPDATE environments SET error = NULL WHERE name = ? AND error IS NOT NULL", (environment,))
    announce(tx, Topic.ENVIRONMENTS, environment)
    return bool(done.rowcount)


def heartbeat(tx: sqlite3.Connection, environment: str, slot: int, stats: Mapping[str, Any]) -> None:
    """A process is alive, and this is its traffic."""
    text = json.dumps(dict(stats))
    tx.execute(
        "UPDATE server_processes SET heartbeat_at = ? WHERE environment = ? AND slot = ?",
        (time.time(), environment, slot),
    )
    changed = tx.execute(
        "UPDATE server_processes SET stats = ? WHERE environment = ? AND slot = ? AND stats <> ?",
        (text, environment, slot, text),
    )
    if changed.rowcount:
        announce(tx, Topic.ENVIRONMENTS, environment)


def ended(tx: sqlite3.Connection, environment: str, slot: int, pid: int) -> None:
    """A process has gone, unless another one has its slot by now."""
    tx.execute("DELETE FROM server_processes WHERE environment = ? AND slot = ? AND pid = ?", (environment, slot, pid))
    announce(tx, Topic.ENVIRONMENTS, environment)


def forget(tx: sqlite3.Connection, environment: str) -> None:
    """Whatever served there does not any more."""
    tx.execute("DELETE FROM server_processes WHERE environment = ?", (environment,))
    announce(tx, Topic.ENVIRONMENTS, environment)


def alive(db: sqlite3.Connection, environment: str) -> tuple[ServerProcess, ...]:
    """The processes that are not known to be dead: one that was killed could not say so itself."""
    rows = db.execute("SELECT * FROM server_processes WHERE environment = ? ORDER BY slot", (environment,))
    return tuple(process for process in map(_process, rows) if process_state(process.process) != "dead")


@damage_told("a server process")
def _process(row: sqlite3.Row) -> ServerProcess:
    return ServerProcess(
        row["slot"],
        ProcessIdentity(row["pid"], row["process_started"], row["boot_id"], row["process_host"]),
        ServerHealth(row["health"]),
        row["heartbeat_at"],
        row["epoch"],
        row["serving"],
        row["prepared"],
        tuple(json.loads(row["warm"])),
        json.loads(row["stats"]),
    )
