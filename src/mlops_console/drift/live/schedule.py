"""Which environments are due for a drift check. The worker asks, and queues the checks."""

import math

from mlops_console.core.config import Config
from mlops_console.core.deployments import Environment, Revision, ServerHealth
from mlops_console.core.drift import LEAST_ROWS
from mlops_console.core.models import ModelRef, ModelVersion
from mlops_console.core.moments import seconds
from mlops_console.core.windows import Window, parse_window
from mlops_console.store import deployments, drift, jobs, models
from mlops_console.store.database import Connection
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

_SHARE = 10  # a window of rows is looked at again once a tenth of it is new


def due(workspace: Workspace, config: Config, now: float) -> list[str]:
    """The environments whose traffic should be checked now: `[monitor] every` has passed since the last report, enough
    rows have come since, the live version has reference data, and no check is queued or running.

    Enough are 30 rows, of a window of rows also a tenth of it. None at all without `[monitor] every`.
    """
    if config.monitor.every is None:
        return []
    every, window = seconds(config.monitor.every), parse_window(config.monitor.window)
    log = PredictionLog(workspace.predictions_path)
    with workspace.store.read() as db:
        busy = {job.subject for job in jobs.open_jobs(db) if job.action == "check_drift"}
        return [
            environment.name
            for environment in deployments.environments(db)
            if environment.name not in busy and _is_due(db, log, environment, every, window, now)
        ]


def _is_due(
    db: Connection, log: PredictionLog, environment: Environment, every: float, window: Window, now: float
) -> bool:
    live = environment.live
    if environment.health is not ServerHealth.READY or live is None:
        return False
    start = _start(live, window, now)
    last = drift.reports(db, environment.name, limit=1)
    checked = start
    if last and last[0].revision == live.revision:
        checked = min(last[0].created_at, now)  # a clock that went back does not end the checks
    if now - checked < every or not _has_reference(models.get(db, ModelRef(live.model, live.version))):
        return False
    least = max(LEAST_ROWS, math.ceil((window.rows or 0) / _SHARE))
    return log.count(environment.name, max(start, checked), now) >= least


def _has_reference(version: ModelVersion) -> bool:
    return version.reference is not None or version.profile is not None


def _start(live: Revision, window: Window, now: float) -> float:
    """The earliest row that a check could take."""
    began = min(live.live_at or live.created_at, now)
    return began if window.seconds is None else max(now - window.seconds, began)
