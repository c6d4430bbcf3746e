"""What is to be seen at this moment of what rules look at: traffic, running jobs, the disk, the newest reports."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mlops_console.core.alert_readings import of_disk, of_report, of_running, of_traffic
from mlops_console.core.alert_rules import Observation
from mlops_console.core.alerts import Alert
from mlops_console.core.deployments import Environment
from mlops_console.core.errors import StoreError
from mlops_console.core.jobs import JobState
from mlops_console.core.traffic import Traffic
from mlops_console.store import deployments, drift, jobs

_REPORTS = 20  # that are looked through for one that says something


def traffic(db: sqlite3.Connection) -> Iterator[Observation]:
    """Errors and latencies of all environments."""
    for environment in deployments.environments(db):
        total = Traffic()
        for process in environment.processes:
            total += Traffic.of_json(process.stats.get("recent", {}))
        yield from of_traffic(environment.name, total)


def running(db: sqlite3.Connection, now: float) -> Iterator[Observation]:
    """How long jobs have been running."""
    for job in jobs.open_jobs(db):
        if job.state is JobState.RUNNING:
            found = of_running(job, jobs.usual(db, job.action, job.subject), now)
            if found is not None:
                yield found


def disk(home: Path) -> Observation:
    """What is left on the disk of `.mlops`."""
    return of_disk(shutil.disk_usage(home).free)


def of_alert(db: sqlite3.Connection, home: Path, alert: Alert, now: float) -> Observation | None:
    """What an alert is about, as it is now; None where nothing is to be seen of it, or where it tells of something that
    has happened once.
    """
    found: Iterator[Observation] = iter(())
    match alert.kind:
        case "error_rate" | "latency":
            found = traffic(db)
        case "job_slow":
            found = running(db, now)
        case "disk":
            return disk(home)
        case "drift" | "performance" | "data_quality":
            found = _reported(db, deployments.environment(db, alert.subject))
    return next((seen for seen in found if seen.on == alert.kind and seen.subject == alert.subject), None)


def _reported(db: sqlite3.Connection, environment: Environment | None) -> Iterator[Observation]:
    """By the newest reports of the version that is live; where one is damaged, nothing is to be seen."""
    if environment is None or environment.live is None:
        return
    live = environment.live
    try:
        reports = drift.reports(db, environment.name, _REPORTS)
    except StoreError:  # which is told where reports are read
        return
    for report in reports:
        if (report.model, report.version) == (live.model, live.version):
            yield from of_report(report)
