"""`why`: the chain from what is live to the code and the data that it was made of."""

from collections.abc import Iterator
from typing import Annotated

import typer

from mlops_console.cli import record_shapes
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json
from mlops_console.cli.wording import state
from mlops_console.core import text
from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.errors import UsageError
from mlops_console.core.jobs import Job
from mlops_console.core.lineage import Lineage, Passage
from mlops_console.core.moments import moment
from mlops_console.core.runs import Run
from mlops_console.delivery.lineage import why as chain
from mlops_console.delivery.steps import along


def add_to(app: typer.Typer) -> None:
    app.command("why")(why)


def why(
    environment: Annotated[str, typer.Argument(metavar="ENVIRONMENT")],
    revision: Annotated[
        int | None, typer.Option("--revision", metavar="N", help="By default the one that is live.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="What was live then, an ISO time.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why this is live: revision, gates, approvals, version, run, params, code and data."""
    if revision is not None and at is not None:
        raise UsageError("--revision and --at both say which one is meant.", "Give one of them.")
    with opened(workspace).store.read() as db:
        found = chain(db, environment, revision, at=None if at is None else moment(at, "--at"))
    if as_json:
        show_json(record_shapes.lineage(found))
        return
    for title, lines in sections(found):
        show(title)
        for line in lines:
            show(f"  {text.safe_line(line)}")


def sections(found: Lineage) -> Iterator[tuple[str, list[str]]]:
    """The chain from the revision down, as titles with their lines; what is missing comes last."""
    revision = found.revision
    yield _heading(revision), [*_passage(found.passage)]
    if found.origin is not None:
        yield "WHICH GOES BACK TO", [*_passage(found.origin)]
    gates = found.admission.gates
    yield "GATES", [f"{'✓' if g.passed else '✗'} {g.gate}   {g.figure}" for g in gates] or [_no_gates(found.admission)]
    yield "APPROVALS", [*_approvals(found.admission)] or [_no_approvals(found.admission.revision)]
    version = found.version
    made = f"{version.ref}  {version.estimator}  {text.size(version.size)}  stored {text.clock(version.created_at)}"
    yield "VERSION", [made, f"sha256 {version.sha256}", *([version.description] if version.description else [])]
    if found.run is not None:
        yield "RUN", [*_run(found.run, found.training, found.trigger)]
        yield "PARAMS", [f"{name} = {text.param(value)}" for name, value in found.run.params.items()] or ["none"]
        yield "METRICS", [f"{m.name} {text.number(m.last)}" for m in found.metrics] or ["none"]
        yield "CODE", [*_code(found, found.run)]
        yield (
            "DATA",
            [_dataset(i.role, i.version.ref, i.version.rows, i.version.sha256) for i in found.inputs] or ["none"],
        )
    yield "NOT KNOWN, OR MISSING", [*found.gaps] or ["nothing"]


def _heading(revision: Revision) -> str:
    """What is live is named alone, so that nothing else is taken for it."""
    if revision.state is RevisionState.LIVE:
        return f"{revision.environment}: {revision.model_ref}"
    served = "" if revision.live_at else ", was never live" if revision.state.is_final else ", is not live yet"
    return f"{revision.environment}, revision {revision.revision}: {revision.model_ref}: {state(revision)}{served}"


def _no_gates(admission: Passage) -> str:
    """Which is known of a deployment; of a rollback to an unknown one, NOT KNOWN says what is missing."""
    revision = admission.revision
    return "none" if revision.kind == "rollback" else f"none: revision {revision.revision} had to pass no gate"


def _no_approvals(admitted: Revision) -> str:
    return "none" if admitted.approvals else "none: nobody had to approve it"


def _passage(found: Passage) -> Iterator[str]:
    revision = found.revision
    kind = revision.kind if revision.restores is None else f"{revision.kind} to {revision.restores}"
    job = f", job {found.job.id}" if found.job else ""
    yield f"revision {revision.revision}, {kind}, by {revision.actor}{job}"
    if revision.reason:
        yield f"because: {revision.reason}"
    if revision.break_glass is not None:
        yield f"⚠ glass was broken: {revision.break_glass}"
    for change, step in along(revision.rollout, found.changes):
        share = f" {step.share:.0%}" if step is not None and step.share is not None else ""
        word = f"{state(revision, change.state)}{share}"
        yield f"{text.clock(change.at)}  {word}  {change.actor}  {change.reason}".rstrip()


def _approvals(found: Passage) -> Iterator[str]:
    for approval in found.approvals:
        reason = f": {approval.reason}" if approval.reason else ""
        yield f"{approval.actor} at {text.clock(approval.at)}{reason}"


def _run(found: Run, training: Job | None, trigger: str | None) -> Iterator[str]:
    yield f"{found.name} ({found.id}), {found.status}, of {found.experiment}, started {text.clock(found.started_at)}"
    if found.provenance.command:
        yield f"command: {found.provenance.command}"
    if training is not None:
        yield f"job {training.id}, asked for by {training.actor}"
    if trigger is not None:
        yield f"trigger {trigger}"


def _code(found: Lineage, run: Run) -> Iterator[str]:
    origin = run.provenance
    if origin.git_commit is None:
        yield "no commit"
        return
    state = {True: ", with changes that were not committed", False: "", None: ""}[origin.git_dirty]
    branch = f" on {origin.git_branch}" if origin.git_branch else ""
    yield f"{origin.git_commit}{branch}{state}"
    for artifact in found.patch:
        size = text.size(artifact.size)
        yield f"{artifact.path} ({size}): mlops-console run artifact {run.id} {artifact.path}"


def _dataset(role: str, ref: str, rows: int, sha256: str) -> str:
    return f"{role}: {ref}  {rows:,} rows  sha256 {sha256}"
