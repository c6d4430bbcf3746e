"""`status`: what is (was) live where, and why; what runs; what needs a person. The Overview as text."""

import time
from typing import Annotated, Any

import typer

from mlops_console.cli import shapes
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.cli.status_at import show_status_at
from mlops_console.cli.status_dora import show_dora
from mlops_console.cli.status_rollout import Waiting, lets_nobody_in, lines, waiting
from mlops_console.core import text
from mlops_console.core.deployments import Environment
from mlops_console.core.drift import DriftReport, DriftVerdict
from mlops_console.core.errors import UsageError
from mlops_console.core.moments import moment
from mlops_console.store import alerts, deployments, drift, jobs, models, runs
from mlops_console.store.database import Connection
from mlops_console.store.identity import process_state
from mlops_console.store.runs import RunQuery
from mlops_console.store.workspace import Workspace


def add_to(app: typer.Typer) -> None:
    app.command("status")(status)


def status(
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="ISO date and time in the past.")] = None,
    dora: Annotated[bool, typer.Option("--dora", help="DORA's five figures of each environment.")] = False,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=36_500, help="With --dora: how many, up to now.")
    ] = 90,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is live where, and why; jobs; alerts."""
    if at is not None and dora:
        raise UsageError("--at is a moment, and --dora is about a period.", "Give one of them.")
    found = opened(workspace)
    if at is not None:
        show_status_at(found, moment(at, "--at"), as_json=as_json)
    elif dora:
        show_dora(found, days, as_json=as_json)
    elif as_json:
        show_json(_document(found))
    else:
        show_overview(found)


def show_overview(workspace: Workspace) -> None:
    """The Overview of the console as text."""
    with workspace.store.read() as db:
        environments = deployments.environments(db)
        reports = [_standing(db, e) for e in environments]
        told = [line for e in environments for line in lines(e, waiting(db, e.name), closed=lets_nobody_in(db, e.name))]
        open_jobs = jobs.open_jobs(db)
        page = runs.page(db, RunQuery(limit=5))
        open_alerts = alerts.open_alerts(db)
        worker = jobs.worker(db)
        versions = len(models.versions(db))
    alive = worker is not None and process_state(worker.process) != "dead"
    worker_state = "● running" if alive else "○ not running"
    show(f"{workspace.root.name}   worker {worker_state}   {page.total:,} runs   {versions} model versions")
    show("\nENVIRONMENTS")
    if environments:
        show_table(
            ("NAME", "LIVE", "REV", "SINCE", "BY", "HEALTH", "DRIFT", "URL"),
            [_environment_row(e, report) for e, report in zip(environments, reports, strict=True)],
            right=("REV",),
        )
        for line in told:
            show(text.safe_line(line))
    else:
        show("  nothing is deployed yet: 'mlops-console deploy MODEL:VERSION ENVIRONMENT' does it")
    show("\nRUNS")
    if page.runs:
        show_table(
            ("NAME", "STATUS", "STARTED", "TOOK", "METRICS"),
            [
                (r.name, r.status, text.age(r.started_at), text.duration(r.duration(time.time())), _figures(r.metrics))
                for r in page.runs
            ],
        )
    else:
        show("  none yet: 'mlops-console train' or any script with mlops.start_run() makes one")
    for job in open_jobs:
        share = "" if job.progress is None else f" {job.progress:.0%}"
        show(f"\njob {job.id}: {job.action} {job.subject} {job.state}{share} {job.progress_text}")
    if open_alerts:
        show("\nALERTS")
        for alert in open_alerts:
            sentence = text.safe_line(f"{alert.severity} {alert.subject}: {alert.message}", 500)
            show(f"  ⚠ {sentence} ({text.age(alert.created_at)})")


def _standing(db: Connection, environment: Environment) -> DriftReport | None:
    """The drift report by which what is live stands."""
    return drift.standing(db, environment.name, environment.live.revision) if environment.live else None


def _environment_row(found: Environment, report: DriftReport | None) -> tuple[object, ...]:
    live = found.live
    verdict = "–"
    if report is not None:
        verdict = {
            DriftVerdict.DRIFTED: f"⚠ {', '.join(report.drifted_features)}",
            DriftVerdict.STABLE: "✓ none",
            DriftVerdict.UNTESTED: f"– {report.untested_because}",
        }[report.verdict]
    health = found.health if found.error is None else f"{found.health}: {found.error}"
    if live is None:
        return (found.name, "–", "–", "–", "–", health, verdict, found.url)
    return (
        found.name,
        live.model_ref,
        live.revision,
        text.age(live.live_at or live.created_at),
        live.actor,
        health,
        verdict,
        found.url,
    )


def _figures(metrics: Any) -> str:
    shown = [f"{name} {text.number(s.last)}" for name, s in metrics.items() if name.startswith(("test/", "val/"))]
    return "  ".join(shown[:3])


def _document(workspace: Workspace) -> dict[str, Any]:
    with workspace.store.read() as db:
        return {
            "environments": [
                shapes.environment(e, _standing(db, e)) | {"waiting": [_waiting(w) for w in waiting(db, e.name)]}
                for e in deployments.environments(db)
            ],
            "jobs": [shapes.job(j) for j in jobs.open_jobs(db)],
            "alerts": [shapes.alert(a) for a in alerts.open_alerts(db)],
        }


def _waiting(found: Waiting) -> dict[str, Any]:
    revision = found.revision
    return {
        "revision": revision.revision,
        "model": revision.model,
        "version": revision.version,
        "approvals": found.approvals,
        "needed": revision.approvals,
    }
