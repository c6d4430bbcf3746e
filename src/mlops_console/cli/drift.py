"""`drift check|show|list`; `compare|export` are added by `cli.drift_files`."""

from typing import Annotated, Any

import typer

from mlops_console.cli import drift_files, progress
from mlops_console.cli.acting import error_of
from mlops_console.cli.drift_files import FailOnDriftOption
from mlops_console.cli.drift_report import show_features, show_performance, show_reports, show_slices, show_verdict
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json
from mlops_console.core.drift import Against, DriftVerdict
from mlops_console.core.text import clock
from mlops_console.drift import wording
from mlops_console.drift.export.document import document, summary
from mlops_console.store import drift
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

app = typer.Typer(help="Drift: live data against a version's reference data.", no_args_is_help=True)
drift_files.add_to(app)


@app.command("check")
def check(
    environment: Annotated[str, typer.Argument(metavar="ENVIRONMENT")],
    window: Annotated[
        str | None,
        typer.Option("--window", metavar="WINDOW", help="As 30m or '5000 rows'; by default [monitor] window."),
    ] = None,
    against: Annotated[
        Against, typer.Option("--against", help="The training data, the window before, or the same one a week before.")
    ] = "reference",
    fail_on_drift: FailOnDriftOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the newest traffic of an environment with its model's reference data, and keep the report."""
    found = opened(workspace)
    request: dict[str, Any] = {"environment": environment, "against": against} | ({"window": window} if window else {})
    execution = client.execute(found, "check_drift", request)
    assert execution.job_id is not None, "check_drift is a job"
    job = progress.wait(found, execution.job_id, as_json=as_json)
    error = error_of(job)
    if error is not None:
        raise error
    _show(found, int(job.result["report"]), as_json=as_json)
    if fail_on_drift and job.result["drifted"]:
        raise typer.Exit(1)


@app.command("show")
def show_report(
    environment: Annotated[str, typer.Argument(metavar="ENVIRONMENT")],
    report: Annotated[int | None, typer.Option("--report", metavar="ID", help="By default the newest.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """A stored report."""
    found = opened(workspace)
    if report is None:
        with found.store.read() as db:
            newest = drift.reports(db, environment, limit=1)
        if not newest:
            raise drift_files.no_report(found, environment)
        report = newest[0].id
    _show(found, report, as_json=as_json)


@app.command("list")
def list_reports(
    environment: Annotated[str, typer.Argument(metavar="ENVIRONMENT")],
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """The reports of an environment, newest first."""
    found = opened(workspace)
    with found.store.read() as db:
        reports = drift.reports(db, environment, limit=limit)
    if as_json:
        show_json({"reports": [summary(report) for report in reports]})
    elif reports:
        show_reports(reports)
    else:
        raise drift_files.no_report(found, environment)


def _show(workspace: Workspace, report_id: int, *, as_json: bool) -> None:
    with workspace.store.read() as db:
        found = drift.report(db, report_id)
        standing = drift.standing(db, found.environment, found.revision)
    if as_json:
        show_json(document(found))
        return
    where = f"{found.environment}  {found.model}:{found.version}  revision {found.revision}  report {found.id}"
    show(f"{where}  {clock(found.window_start)} to {clock(found.window_end)}")
    show_verdict(found)
    if found.verdict is DriftVerdict.UNTESTED and standing and standing.verdict is not DriftVerdict.UNTESTED:
        last = f"{wording.verdict_text(standing.verdict)}  {wording.sentence(standing)}"
        show(f"  the last report that could be tested is {standing.id}: {last}")
    show_features(found.features)
    if found.performance is not None:
        show_performance(found.performance)
    if found.slices:
        show_slices(found)
