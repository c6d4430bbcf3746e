"""`run show|logs|stop`; the other commands of runs are added by their own modules."""

import time
from pathlib import Path
from typing import Annotated

import typer

from mlops_console.cli import comparing, exporting, listing, shapes, trashing
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.store import artifacts, datasets, models, runs, stages
from mlops_console.store.logs import LINE_LIMIT, output_log
from mlops_console.store.logs import tail as read_tail
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

app = typer.Typer(help="Runs: list, look, compare, stop, delete, export.", no_args_is_help=True)
listing.add_to(app)
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Its id, the beginning of it, or its name.")]


@app.command("show")
def show_run(run: RunArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """All that is known of a run."""
    with opened(workspace).store.read() as db:
        found = runs.get(db, run)
        document = shapes.run_details(
            found,
            stages.listing(db, found.id),
            artifacts.listing(db, found.id),
            datasets.run_inputs(db, found.id),
            models.of_run(db, found.id),
        )
    if as_json:
        show_json(document)
        return
    show(f"{found.name}  {found.status}  {found.id}")
    if found.error:
        show(f"  error: {found.error}")
    git = document["git"]
    facts = (
        ("experiment", found.experiment),
        ("started", f"{text.clock(found.started_at)} ({text.age(found.started_at)})"),
        ("took", text.duration(found.duration(time.time()))),
        ("command", found.provenance.command),
        ("by", "@".join(part for part in (found.provenance.user, document["host"]) if part) or "–"),
        ("git", f"{git['commit'] or '–'} {git['branch'] or ''}{' (dirty)' if git['dirty'] else ''}"),
        ("python", found.provenance.python),
        ("models", ", ".join(document["models"]) or "–"),
        ("datasets", ", ".join(f"{d['role']}: {d['dataset']}:{d['version']}" for d in document["datasets"]) or "–"),
    )
    for name, value in facts:
        show(f"  {name:<11}{value}")
    if found.tags:
        show_table(("TAG", "VALUE"), list(found.tags.items()))
    if found.params:
        show_table(("PARAM", "VALUE"), [(name, text.param(value)) for name, value in found.params.items()])
    if found.metrics:
        show_table(
            ("METRIC", "LAST", "MIN", "MAX", "POINTS"),
            [
                (m.name, text.number(m.last), text.number(m.min), text.number(m.max), m.count)
                for m in found.metrics.values()
            ],
            right=("LAST", "MIN", "MAX", "POINTS"),
        )
    if document["artifacts"]:
        sizes = [(kept["path"], text.size(kept["size"])) for kept in document["artifacts"]]
        show_table(("ARTIFACT", "SIZE"), sizes, right=("SIZE",))


@app.command("logs")
def logs(
    run: RunArgument,
    stage: Annotated[str | None, typer.Option("--stage", metavar="NAME", help="Only this stage.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines of each.")] = 200,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """The last lines that the stages of a run have printed, or the run itself if it keeps its output."""
    opened_workspace = opened(workspace)
    with opened_workspace.store.read() as db:
        found = runs.get(db, run)
        known = {s.stage: s.log for s in stages.listing(db, found.id)}
    if not known and (opened_workspace.root / output_log(found.id)).exists():
        known = {"output": str(output_log(found.id))}
    chosen = {name: log for name, log in known.items() if stage in (None, name)}
    if not chosen:
        missing = (
            f"no stage {stage!r}"
            if stage
            else "no log: a script that is run by hand keeps one with start_run(capture_output=True)"
        )
        raise NotFoundError(f"Run {found.name} has {missing}.", "'mlops-console run show' tells what it has.")
    tails = {name: _tail(opened_workspace, log, lines) for name, log in chosen.items()}
    if as_json:
        show_json({"run": found.id, "logs": tails})
        return
    for name, tail in tails.items():
        show(f"── {name} ──")
        for line in tail:
            show(line)


@app.command("artifact")
def artifact(
    run: RunArgument,
    path: Annotated[str, typer.Argument(help="As 'run show' names it: plots/roc.json, figures/roc.png.")],
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Where to write it; by default here, by the name it has."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a file that a run has kept."""
    opened_workspace = opened(workspace)
    with opened_workspace.store.read() as db:
        found = runs.get(db, run)
        kept = artifacts.get(db, found.id, path)
    target = to or Path(Path(kept.path).name)
    if to is None and target.exists():
        raise UsageError(f"{target} is there already.", "Say with --to where to write it.")
    try:
        opened_workspace.objects.restore(kept.sha256, target)
    except OSError as error:
        raise UsageError(f"{target} can't be written: {error.strerror}.", "Name another file with --to.") from None
    if as_json:
        show_json({"run": found.id, "artifact": kept.path, "file": str(target), "size": kept.size})
    else:
        show(f"{target}  {text.size(kept.size)}")


@app.command("stop")
def stop(run: RunArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Stop a running run."""
    found = opened(workspace)
    with found.store.read() as db:
        stopped = runs.get(db, run)
    client.execute(found, "stop_run", {"run": stopped.id})
    if as_json:
        show_json({"run": stopped.id, "action": "stop_run"})
    else:
        show(f"Run {stopped.name} ({stopped.id}) is asked to stop.")


comparing.add_to(app)
trashing.add_to(app)
exporting.add_to(app)


def _tail(workspace: Workspace, log: str, lines: int) -> list[str]:
    tail = read_tail(workspace.root / log, lines * LINE_LIMIT)
    return list(tail.lines[-lines:]) if tail else []
