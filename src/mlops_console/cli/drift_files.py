"""`drift compare|export`: any two files compared, and reports as files."""

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from mlops_console.cli.drift_report import show_features, show_verdict
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json
from mlops_console.cli.whole_file import write_whole
from mlops_console.core.drift import DriftReport, Profile
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.drift.environments import require_environment
from mlops_console.drift.export import Form, render
from mlops_console.drift.export.document import document
from mlops_console.store import drift
from mlops_console.store.workspace import Workspace

FailOnDriftOption = Annotated[bool, typer.Option("--fail-on-drift", help="Exit with 1 if anything drifted.")]
FORMS = ("md", "json", "html")
_PAST = 40  # earlier reports that charts over time show
_LOOKED_THROUGH = 1000  # for those that were against the same


def add_to(app: typer.Typer) -> None:
    app.command("compare")(compare)
    app.command("export")(export)


def compare(
    reference: Annotated[Path, typer.Argument(metavar="REF", help="A file: .csv, .parquet or .jsonl.")],
    current: Annotated[Path, typer.Argument(metavar="CUR", help="Another one, compared with the first.")],
    level: Annotated[float, typer.Option("--level", metavar="P", help="False discovery rate over all columns.")] = 0.01,
    effect: Annotated[
        float, typer.Option("--effect", metavar="SHARE", help="The least difference that counts, of the rows.")
    ] = 0.1,
    profile: Annotated[
        Profile, typer.Option("--profile", help="evidently: the tests and thresholds that Evidently 0.7 chooses.")
    ] = "calibrated",
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="COLUMN", help="Leave this column out; may be repeated.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as one HTML file, too.")
    ] = None,
    fail_on_drift: FailOnDriftOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare any two files, column by column; what moved most first. No workspace is needed."""
    from mlops_console.drift.files import compare_files, settings_of

    report = compare_files(reference, current, settings_of(level, effect, profile), ignore or ())
    if html is not None:
        write_whole(html, render(report, "html"))
    if as_json:
        show_json(document(report))
    else:
        _tell(report)
        if html is not None:
            show(f"{html} is this report.")
    if fail_on_drift and report.drifted:
        raise typer.Exit(1)


def export(
    subject: Annotated[str, typer.Argument(metavar="ENVIRONMENT|REPORT", help="Its newest report, or one by its id.")],
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="md, json or html; by default as FILE ends, else md.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="By default standard output.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a stored report as Markdown, JSON or one HTML file with its charts."""
    chosen = _form(form, output)
    found, earlier = _read(opened(workspace), subject)
    text = render(found, chosen, earlier)
    if output is not None:
        write_whole(output, text)
    if as_json:
        show_json({"report": found.id, "format": chosen, "file": str(output) if output else None, "text": text})
    elif output is None:
        sys.stdout.write(text)  # as it is: all foreign text in it is escaped already
    else:
        show(f"{output} is report {found.id} of {found.environment}.")


def _form(form: str, output: Path | None) -> Form:
    chosen = form or (output.suffix.removeprefix(".").lower() if output else "") or "md"
    if chosen not in FORMS:
        raise UsageError(f"{chosen!r} is no format of a report.", f"Known are {', '.join(FORMS)}: give --format.")
    return cast("Form", chosen)


def _read(workspace: Workspace, subject: str) -> tuple[DriftReport, list[DriftReport]]:
    """The report with its histograms, and those before it that were against the same, oldest first."""
    with workspace.store.read() as db:
        if subject.isdecimal():
            found = drift.report(db, int(subject))
        else:
            newest = drift.reports(db, subject, limit=1)
            if not newest:
                raise no_report(workspace, subject)
            found = drift.report(db, newest[0].id)
        past = drift.reports(db, found.environment, limit=_LOOKED_THROUGH)
    earlier = [report for report in past if report.id < found.id and report.against == found.against]
    return found, earlier[:_PAST][::-1]


def no_report(workspace: Workspace, environment: str) -> NotFoundError:
    """What to say of an environment without any.

    Raises:
        NotFoundError: there is no such environment.
    """
    require_environment(workspace, environment)
    return NotFoundError(
        f"There is no drift report of {environment!r} yet.", f"'mlops-console drift check {environment}' makes one."
    )


def _tell(report: DriftReport) -> None:
    show_verdict(report)
    if report.features:
        show_features(report.features)
