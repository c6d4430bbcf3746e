"""Compare an environment's newest traffic with the data its model was trained on."""

import math
import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.alert_readings import of_report
from mlops_console.core.config import Monitor
from mlops_console.core.drift import Against, DriftReport, DriftVerdict
from mlops_console.core.errors import ConfigError
from mlops_console.core.jobs import MONITOR
from mlops_console.core.plans import Change, Plan
from mlops_console.core.text import clock, duration
from mlops_console.core.windows import WindowText, parse_window
from mlops_console.drift.live.traffic import span_of
from mlops_console.drift.report import live_version, make_report
from mlops_console.store import alerting, drift
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace


class CheckDrift(Request):
    """`window`: a span such as 30m or a number of rows such as 5000 rows, by default `[monitor] window` of mlops.toml;
    `against`: what it is compared with.
    """

    environment: str
    window: WindowText | None = None
    against: Against = "reference"


_AGAINST: Mapping[Against, str] = {
    "reference": "",
    "previous": "the window before it",
    "last-week": "the same window a week before",
}


def _plan(workspace: Workspace, request: CheckDrift) -> Plan:
    live, version = live_version(workspace, request.environment)
    monitor = _monitor(workspace)
    window = request.window or monitor.window
    log = PredictionLog(workspace.predictions_path)
    span = span_of(log, live, parse_window(window), time.time())
    rows = min(log.count(request.environment, span.start, span.end), span.rows or math.inf)
    reference = version.reference
    trained = f"{reference.dataset}:{reference.version}" if reference else "its held-out predictions"
    other = _AGAINST[request.against] or trained
    return Plan(
        "check_drift",
        request.environment,
        f"Check {request.environment} for drift",
        _command(request.environment, window, request.against),
        changes=(Change("drift report", "", f"{version.ref} against {other}"),),
        notes=(
            f"The window is the newest {duration(span.end - span.start)}, since {clock(span.start)}: {rows:,} rows.",
            f"The false discovery rate over {len(version.signature.inputs)} features is {monitor.level:g}.",
        ),
    )


def _command(environment: str, window: str, against: Against) -> str:
    command = ["mlops-console", "drift", "check", environment, "--window", window]
    return shlex.join(command if against == "reference" else [*command, "--against", against])


def _perform(workspace: Workspace, request: CheckDrift, job: JobContext) -> dict[str, Any]:
    monitor, settings = _monitor(workspace), alerting.settings_of(workspace)
    window = parse_window(request.window or monitor.window)
    job.progress(None, f"comparing the traffic of {request.environment}")
    report = make_report(workspace, request.environment, window, monitor, time.time(), request.against)
    with workspace.store.write() as tx:
        before = drift.standing(tx, request.environment)
        report_id = drift.add_report(tx, report)
        for seen in of_report(replace(report, id=report_id)):
            alerting.observe(tx, settings, seen, time.time())
    if job.actor == MONITOR and not _turns(before, report):
        job.leave_unrecorded()
    return {
        "environment": request.environment,
        "report": report_id,
        "verdict": str(report.verdict),
        "drifted": report.drifted,
        "drifted_features": list(report.drifted_features),
        "rows": report.rows,
    }


def _turns(before: DriftReport | None, report: DriftReport) -> bool:
    """Whether a report changes where the environment stands; one that was never tested stands as stable."""
    was = DriftVerdict.DRIFTED if before and before.drifted else DriftVerdict.STABLE
    return report.verdict not in (was, DriftVerdict.UNTESTED)


def _monitor(workspace: Workspace) -> Monitor:
    """Looking needs no mlops.toml: while it is broken the defaults hold."""
    try:
        return workspace.config().monitor
    except ConfigError:
        return Monitor()


ACTION = Action("check_drift", CheckDrift, "process", _plan, _perform, takes_slot=False)
