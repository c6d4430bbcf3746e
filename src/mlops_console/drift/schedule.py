"""Which environments are due for a drift check. The worker asks, and queues the checks."""

from mlops_console.core.config import Config, seconds
from mlops_console.core.deployments import Environment, ServerHealth
from mlops_console.core.drift import LEAST_ROWS
from mlops_console.core.models import ModelRef
from mlops_console.drift.report import window_of
from mlops_console.store import deployments, drift, jobs, models
from mlops_console.store.database import Connection
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace


def due(workspace: Workspace, config: Config, now: float) -> list[str]:
    """The environments whose traffic should be checked now: `[monitor] every` has passed since the last report, at
    least 30 rows have come since, the live version has reference data, and no check is queued or running.

    None at all without `[monitor] every`.
    """
    if config.monitor.every is None:
        return []
    every, window = seconds(config.monitor.every), seconds(config.monitor.window)
    log = PredictionLog(workspace.predictions_path)
    with workspace.store.read() as db:
        busy = {job.subject for job in jobs.open_jobs(db) if job.action == "check_drift"}
        return [
            environment.name
            for environment in deployments.environments(db)
            if environment.name not in busy and _is_due(db, log, environment, every, window, now)
        ]


def _is_due(
    db: Connection, log: PredictionLog, environment: Environment, every: float, window: float, now: float
) -> bool:
    live = environment.live
    if environment.health is not ServerHealth.READY or live is None:
        return False
    start, end = window_of(live, window, now)
    last = drift.reports(db, environment.name, limit=1)
    checked = last[0].created_at if last and last[0].revision == live.revision else start
    if now - checked < every or models.get(db, ModelRef(live.model, live.version)).reference is None:
        return False
    return log.count(environment.name, max(start, checked), end) >= LEAST_ROWS
