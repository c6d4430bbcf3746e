"""Looks now and then at what no report tells of: traffic, jobs that run, the disk, and the time that has passed."""

import time
from collections.abc import Iterator

from mlops_console.core.alert_rules import Observation
from mlops_console.core.alert_settings import Alerts
from mlops_console.core.config import Config
from mlops_console.core.moments import seconds
from mlops_console.store import alerting, alerts, old_alerts, sightings
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace

PAUSE = 2.0  # seconds between two looks
_DISK = 30.0  # seconds between two looks at the disk
_REFRESH = 60.0  # seconds after which the message of an alert is brought up to date
_PRUNE = 3600.0  # seconds between two looks at what is old
_KEEP = 90 * 86_400.0  # seconds that what is over is kept


class Alerting:
    """What this worker has looked at. Nothing is written where nothing has changed."""

    def __init__(self, workspace: Workspace, pause: float = PAUSE) -> None:
        self._workspace = workspace
        self._pause = pause
        self._looked_at = float("-inf")  # on the monotonic clock, as the others
        self._disk_at = float("-inf")
        self._refreshed_at = time.monotonic()
        self._pruned_at = float("-inf")
        self._seen: Config | None = None
        self._is_new = True
        self.need_worker = False  # whether something is to open, to end or to be told when its time has come

    def look(self, config: Config | None) -> None:
        """Judge what is to be seen by the rules of mlops.toml."""
        now = time.monotonic()
        if now - self._looked_at < self._pause:
            return
        self._looked_at = now
        settings = config.alerts if config else Alerts()
        remind = seconds(settings.remind) if settings.remind else None
        self._is_new |= config is not self._seen
        self._seen = config
        refresh = now - self._refreshed_at > _REFRESH
        wall = time.time()
        if now - self._pruned_at >= _PRUNE:
            self._prune(now, wall - _KEEP)
        with self._workspace.store.read() as db:
            seen = list(self._to_see(db, settings, now, wall))
            if not refresh:
                seen = [found for found in seen if alerting.is_news(db, settings, found, wall)]
            due = alerting.is_due(db, settings, wall) or alerts.is_due(db, wall, remind)
            self.need_worker = alerting.is_pending(db) or alerts.is_awaited(db, remind)
        if refresh:
            self._refreshed_at = now
        if not (seen or due or self._is_new):
            return
        with self._workspace.store.write() as tx:
            if self._is_new and config is not None:  # of a broken mlops.toml nobody knows the rules
                alerting.follow(tx, self._workspace.home, settings, wall)
            for found in seen:
                alerting.observe(tx, settings, found, wall)
            alerting.tick(tx, settings, wall)
            alerts.tell_due(tx, wall, remind)
        self._is_new = False

    def _to_see(self, db: Connection, settings: Alerts, now: float, wall: float) -> Iterator[Observation]:
        """What the rules ask for, and now and then the disk, which is looked at whatever they ask."""
        asked = {rule.on for rule in settings.rules}
        if asked & {"error_rate", "latency"}:
            yield from sightings.traffic(db)
        if "job_slow" in asked:
            yield from sightings.running(db, wall)
        if now - self._disk_at >= _DISK:
            self._disk_at = now
            yield sightings.disk(self._workspace.home)

    def _prune(self, now: float, before: float) -> None:
        """Forget a part of what was over before then, and look again soon if there was anything."""
        with self._workspace.store.read() as db:
            is_old = old_alerts.are_there(db, before)
        if not is_old:
            self._pruned_at = now
            return
        with self._workspace.store.write() as tx:
            old_alerts.delete(tx, before)
