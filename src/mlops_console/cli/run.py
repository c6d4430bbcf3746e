"""`run list|show|compare|logs|stop|delete|restore|purge|export`."""

import re
import time
from typing import Annotated, Any

import typer

from mlops_console import actions
from mlops_console.cli import exporting, shapes
from mlops_console.cli.acting import show_plan
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.filters import SPANS
from mlops_console.core.runs import Run
from mlops_console.store import artifacts, datasets, models, runs, stages
from mlops_console.store.logs import LINE_LIMIT, output_log
from mlops_console.store.logs import tail as read_tail
from mlops_console.store.runs import RunQuery
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

app = typer.Typer(help="Runs: list, look, compare, stop, delete.", no_args_is_help=True)
RunsArgument = Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, beginnings of them, or names.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Its id, the beginning of it, or its name.")]


@app.command("list")
def list_runs(
    filter_text: Annotated[
        str, typer.Option("--filter", "-f", metavar="FILTER", help='As "metrics.val/auc > 0.9".')
    ] = "",
    order_by: Annotated[
        str, typer.Option("--order-by", "-o", metavar="FIELD", help="-FIELD for descending.")
    ] = "-started",
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="How many at the most.")] = 50,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those in the trash.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Runs, the newest first."""
    query = RunQuery(filter=filter_text, order_by=order_by, limit=limit, deleted=deleted)
    with opened(workspace).store.read() as db:
        page = runs.page(db, query)
    if as_json:
        show_json({"total": page.total, "runs": [shapes.run(run) for run in page.runs]})
        return
    if not page.runs:
        show(_nothing(filter_text, deleted))
        return
    metrics = _common(run.metrics for run in page.runs)
    params = _common(run.params for run in page.runs)
    show_table(
        ("ID", "NAME", "STATUS", "STARTED", "TOOK", *metrics, *params),
        [_row(run, metrics, params) for run in page.runs],
        right=("TOOK", *metrics, *params),
    )
    if page.total > len(page.runs):
        show(f"{len(page.runs)} of {page.total:,} runs; --limit shows more, --filter chooses.")


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


@app.command("compare")
def compare(
    names: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two or more runs.")],
    everything: Annotated[bool, typer.Option("--all", help="Equal params too.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Runs side by side: the params that differ, and the metrics."""
    with opened(workspace).store.read() as db:
        found = [runs.get(db, name) for name in names]
    if as_json:
        show_json({"runs": [shapes.run(run) for run in found]})
        return
    params = {name: [run.params.get(name) for run in found] for name in _names(run.params for run in found)}
    rows: list[tuple[str, ...]] = [
        (name, *(("–" if value is None else text.param(value)) for value in values))
        for name, values in params.items()
        if everything or any(value != values[0] for value in values)
    ]
    rows += [
        (name, *(text.number(run.metrics[name].last if name in run.metrics else None) for run in found))
        for name in _names(run.metrics for run in found)
    ]
    columns = [run.name for run in found]
    show_table(("", *columns), rows, right=columns)


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


@app.command("delete")
def delete(names: RunsArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Put runs in the trash."""
    done = "in the trash; 'mlops-console run restore' brings back what is there"
    _change(opened(workspace), "delete_runs", names, done, as_json=as_json)


@app.command("restore")
def restore(names: RunsArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Take runs out of the trash."""
    _change(opened(workspace), "restore_runs", names, "back", as_json=as_json)


@app.command("purge")
def purge(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="SPAN", help="Only what was deleted so long ago, as 30d.")
    ] = "0s",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would do.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete what is in the trash for ever; a run that a model version came from stays."""
    found, request = opened(workspace), {"older_than": _seconds(older_than)}
    if dry_run:
        show_plan(actions.plan(found, "purge_runs", request), as_json=as_json)
        return
    result = client.execute(found, "purge_runs", request).result or {}
    if as_json:
        show_json(result)
        return
    show(f"{result['runs']:,} runs are gone for ever; {text.size(result['freed'])} are free.")
    if result["kept"]:
        show(f"{result['kept']:,} stay in the trash, as model versions came from them.")


@app.command("export")
def export_runs(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Its ending is the format; - is standard output.")],
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="csv, jsonl or parquet.")] = "",
    filter_text: Annotated[str, typer.Option("--filter", "-f", metavar="FILTER", help="Only these runs.")] = "",
    order_by: Annotated[
        str, typer.Option("--order-by", "-o", metavar="FIELD", help="-FIELD for descending.")
    ] = "-started",
    points: Annotated[bool, typer.Option("--series", help="Their points instead: run, metric, step, value, time.")] = (
        False
    ),
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write runs with params, every summary and tags, or their points, to a file."""
    query = RunQuery(filter_text, order_by, limit=-1)
    form = form or file.rpartition(".")[2].lower()
    rows = exporting.export(opened(workspace), file, form, query, points=points)
    if file != "-":
        show_json({"file": file, "rows": rows}) if as_json else show(f"{rows:,} lines are in {file}.")


def _seconds(span: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", span)
    if match is None:
        raise UsageError(f"{span!r} is no span of time.", "Write it as 90s, 5m, 12h, 30d or 2w.")
    return float(match[1]) * SPANS[match[2]]


def _change(workspace: Workspace, action: str, names: list[str], outcome: str, *, as_json: bool) -> None:
    with workspace.store.read() as db:
        ids = [runs.get(db, name).id for name in names]
    result = client.execute(workspace, action, {"runs": ids}).result or {}
    if as_json:
        show_json({"runs": ids, "action": action})
        return
    for name, run_id in zip(result["names"], result["runs"], strict=True):
        show(f"Run {name} ({run_id}) is {outcome}.")


def _nothing(filter_text: str, deleted: bool) -> str:
    if filter_text:
        return "No run matches."
    return "The trash is empty." if deleted else "There are no runs yet: 'mlops-console train' makes one."


def _row(run: Run, metrics: list[str], params: list[str]) -> tuple[object, ...]:
    return (
        run.id[:8],
        run.name,
        run.status,
        text.age(run.started_at),
        text.duration(run.duration(time.time())),
        *(text.number(run.metrics[name].last if name in run.metrics else None) for name in metrics),
        *(text.param(run.params[name]) if name in run.params else "–" for name in params),
    )


def _names(mappings: Any) -> list[str]:
    return sorted({name for mapping in mappings for name in mapping})


def _common(mappings: Any, most: int = 4) -> list[str]:
    """The names that most of the mappings have; those of system metrics last."""
    counts: dict[str, int] = {}
    for mapping in mappings:
        for name in mapping:
            counts[name] = counts.get(name, 0) + 1
    return sorted(sorted(counts), key=lambda name: (name.startswith("system/"), -counts[name]))[:most]


def _tail(workspace: Workspace, log: str, lines: int) -> list[str]:
    tail = read_tail(workspace.root / log, lines * LINE_LIMIT)
    return list(tail.lines[-lines:]) if tail else []
