"""Sees that what is due in the outbox is sent, by a process of its own."""

import json
import logging
import subprocess
import time
from pathlib import Path

from mlops_console.core.config import Config
from mlops_console.core.destinations import destinations
from mlops_console.core.errors import MlopsError
from mlops_console.store import alerts, outbox
from mlops_console.store.workspace import Workspace
from mlops_console.worker.messages import Post, post_of, unreachable
from mlops_console.worker.processes import command

log = logging.getLogger(__name__)

_PAUSE = 1.0  # seconds between two looks
_TROUBLE = 30.0  # seconds until another messenger is started after one that failed
_END = 2.0  # seconds for a messenger to end when the worker does
_PATIENCE = 90.0  # seconds that a messenger may take; it ends by itself long before


class Outbox:
    """The messenger of this worker, of which there is one at a time."""

    def __init__(self, workspace: Workspace, module: str = "mlops_console.worker.messenger") -> None:
        self._workspace = workspace
        self._module = module
        self._config: Config | None = None
        self._told = ""
        self._looked_at = float("-inf")  # on the monotonic clock, as the other time
        self._began = 0.0
        self._messenger: subprocess.Popen[bytes] | None = None
        self.need_worker = False  # whether something waits to be sent

    def look(self, config: Config | None) -> None:
        """Send what is due, unless that is under way. Cheap where nothing is."""
        if config is not None and config is not self._config:
            self._take(config)
        now = time.monotonic()
        if self._messenger is not None:
            if self._messenger.poll() is None:
                if now - self._began > _PATIENCE:
                    self._messenger.kill()
                return
            if self._messenger.returncode != 0:  # what keeps it from working will do so in a second, too
                self._looked_at = now + _TROUBLE
            self._messenger = None
        if config is None or now - self._looked_at < _PAUSE:
            return
        self._looked_at = now
        with self._workspace.store.read() as db:
            self.need_worker = outbox.waiting(db) > 0
            due = self.need_worker and outbox.is_due(db, time.time())
        if due:
            self._send(config)

    def stop(self) -> None:
        """What a messenger that is killed has taken is sent by the next one."""
        if self._messenger is not None:
            try:
                self._messenger.wait(_END)
            except subprocess.TimeoutExpired:
                self._messenger.kill()
                self._messenger.wait()
            self._messenger = None

    def _take(self, config: Config) -> None:
        """mlops.toml is another."""
        keys = {found.key for found in destinations(config.alerts.urls)}
        with self._workspace.store.read() as db:
            known = outbox.destinations(db)
        if known != keys:
            with self._workspace.store.write() as tx:
                outbox.set_destinations(tx, keys)
                for alert in alerts.open_alerts(tx):
                    if alert.kind == "delivery" and alert.detail["destination"] not in keys:
                        alerts.resolve_one(tx, alert)
        self._config = config
        for sentence in unreachable(config.alerts):
            log.warning("%s", sentence)

    def _send(self, config: Config) -> None:
        try:
            post = post_of(self._workspace.root, config.project.name, config.alerts)
        except MlopsError as error:
            if str(error) != self._told:
                self._told = str(error)
                log.error("%s", error)
            return
        self._told = ""
        self._began = time.monotonic()
        self._messenger = start(self._workspace.root, post, self._module)


def start(root: Path, post: Post, module: str = "mlops_console.worker.messenger") -> "subprocess.Popen[bytes]":
    """A messenger of a workspace, which knows where to send to."""
    messenger = subprocess.Popen(command(module, [str(root)]), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    told = {
        "project": post.project,
        "urls": [found.url for found in post.destinations],
        "secret": None if post.secret is None else post.secret.decode(errors="surrogateescape"),
    }
    assert messenger.stdin is not None
    try:
        messenger.stdin.write(json.dumps(told).encode())
        messenger.stdin.close()
    except BrokenPipeError:  # it has ended already: what it should have sent stays due
        messenger.stdin = None
    return messenger
