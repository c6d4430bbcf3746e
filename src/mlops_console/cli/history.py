"""`history`: the revisions of an environment, and what was live when."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer

from mlops_console.cli import record_shapes
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import has_room, show, show_json, show_table
from mlops_console.cli.wording import reason, state
from mlops_console.core import text
from mlops_console.core.deployments import Approval, Revision
from mlops_console.core.errors import ConfigError, NotFoundError
from mlops_console.core.timeline import Span, spans
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace

_CELLS = 40  # of a bar
_APPROVED = "APPROVED BY"
_REASON = "REASON"
_GLASS = 60  # characters at most of why glass was broken


def add_to(app: typer.Typer) -> None:
    app.command("history")(history)


def history(
    environment: Annotated[str, typer.Argument(metavar="ENVIRONMENT")],
    timeline: Annotated[bool, typer.Option("--timeline", help="What was live when, the oldest first.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """The revisions of an environment, newest first, with approvals and broken glass; or what was live when."""
    found = opened(workspace)
    with found.store.read() as db:
        known = deployments.environment(db, environment) is not None
        revisions = deployments.revisions(db, environment)
        approvals = {r.revision: deployments.approvals(db, environment, r.revision) for r in revisions}
        gates = {r.revision: deployments.gate_results(db, environment, r.revision) for r in revisions}
    if not known:
        _require_configured(found, environment)
    if timeline:
        _show_timeline(environment, spans(revisions, time.time()), as_json=as_json)
    elif as_json:
        rows = [record_shapes.admitted(r, gates[r.revision], approvals[r.revision]) for r in revisions]
        show_json({"revisions": rows})
    elif not revisions:
        show(f"Nothing was ever deployed to {environment}: 'mlops-console deploy MODEL:VERSION {environment}' does it.")
    else:
        _show_revisions(revisions, approvals)


def _show_revisions(revisions: Sequence[Revision], approvals: Mapping[int, Sequence[Approval]]) -> None:
    """The column of approvals only where there is something in it.

    In a terminal approvals and reasons are whole: they are what a person comes for. Where not all columns have room for
    that, they stand below their revisions. In a pipe a revision is one line that a person can still read.
    """
    whole = sys.stdout.isatty()
    rows = [_row(revision, approvals[revision.revision], whole=whole) for revision in revisions]
    shown = [name for name in rows[0] if name != _APPROVED or any(row[name] != "–" for row in rows)]
    below: list[list[str]] = []
    if not has_room(shown, [[row[name] for name in shown] for row in rows]):
        shown = [name for name in shown if name not in (_APPROVED, _REASON)]
        below = [[*_below(revision, approvals[revision.revision])] for revision in revisions]
    show_table(shown, [[row[name] for name in shown] for row in rows], right=("REV",), below=below)


def _row(found: Revision, approvals: Sequence[Approval], *, whole: bool) -> dict[str, object]:
    return {
        "REV": found.revision,
        "MODEL": found.model_ref,
        "KIND": _kind(found),
        "STATE": state(found),
        "BY": found.actor,
        "ASKED": text.clock(found.created_at),
        _APPROVED: _approved(found, approvals, whole=whole),
        _REASON: " · ".join(filter(None, (found.reason, found.error))) if whole else reason(found),
    }


def _below(found: Revision, approvals: Sequence[Approval]) -> Iterator[str]:
    """Whole, as lines have room for it."""
    approved = _approved(found, approvals, whole=True)
    if found.break_glass is not None:
        yield approved
    elif found.approvals or approvals:
        yield f"approved by {approved}"
    if found.reason:
        yield found.reason
    if found.error:
        yield f"ended: {found.error}"


def _kind(found: Revision) -> str:
    """With the mark of broken glass, as the column of approvals has no room in a narrow terminal."""
    kind = found.kind if found.restores is None else f"{found.kind} to {found.restores}"
    return kind if found.break_glass is None else f"{kind} ⚠"


def _approved(found: Revision, approvals: Sequence[Approval], *, whole: bool) -> str:
    if found.break_glass is not None:
        return f"⚠ broken glass: {found.break_glass if whole else text.shorten(found.break_glass, _GLASS)}"
    names = ", ".join(approval.actor for approval in approvals)
    if len(approvals) < found.approvals:
        return f"{len(approvals)} of {found.approvals}" + (f": {names}" if names else "")
    return names or "–"


def _show_timeline(environment: str, found: Sequence[Span], *, as_json: bool) -> None:
    if as_json:
        show_json({"environment": environment, "spans": [record_shapes.span(span) for span in found]})
        return
    if not found:
        show(f"Nothing was ever live in {environment}.")
        return
    begin, end = found[0].start, found[-1].end
    show_table(
        ("FROM", "TO", "FOR", "LIVE", "REV", "BY", ""),
        [
            (
                text.clock(span.start),
                "now" if span.is_open else text.clock(span.end),
                text.duration(span.seconds),
                span.revision.model_ref,
                span.revision.revision,
                span.revision.actor,
                _bar(span, begin, end),
            )
            for span in found
        ],
        right=("FOR", "REV"),
    )


def _bar(span: Span, begin: float, end: float) -> str:
    """Where a span lies in all of them; however short, it is seen."""
    scale = _CELLS / (end - begin) if end > begin else 0.0
    first = min(int((span.start - begin) * scale), _CELLS - 1)
    last = max(round((span.end - begin) * scale), first + 1)
    return " " * first + "━" * (last - first)


def _require_configured(workspace: Workspace, environment: str) -> None:
    try:
        names = list(workspace.config().environments)
    except ConfigError:
        names = []
    if environment not in names:
        known = f"Known are: {', '.join(names)}." if names else "mlops.toml names none: add [environments.NAME]."
        raise NotFoundError(f"There is no environment {environment!r}.", known)
