"""`run compare|importance`: added to the commands of runs."""

from typing import Annotated, Any, Literal, cast

import typer

from mlops_console.cli import progress, shapes
from mlops_console.cli.acting import act, error_of
from mlops_console.cli.options import JsonOption, WaitOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import comparison, text
from mlops_console.core.comparison import Comparison, Line
from mlops_console.core.datasets import RunInput
from mlops_console.core.errors import ConfigError, UsageError
from mlops_console.data.importance import Importance, caveats, from_result
from mlops_console.store import datasets, runs
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

Format = Literal["table", "csv", "json", "markdown"]
_BEST = "▲ "


def add_to(app: typer.Typer) -> None:
    app.command("compare")(compare)
    app.command("importance")(importance)


def compare(
    names: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two or more runs.")],
    everything: Annotated[bool, typer.Option("--all", help="Equal params too.")] = False,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, csv, json or markdown.")] = "table",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Runs side by side: the params that differ, and the metrics, the best marked."""
    chosen = _format(form)
    if as_json:
        chosen = "json"
    if len(names) < 2:
        raise UsageError("There is nothing to compare one run with.", "Name two runs or more.")
    opened_workspace = opened(workspace)
    goals = _goals(opened_workspace)
    with opened_workspace.store.read() as db:
        found = [runs.get(db, name) for name in names]
        inputs = {run.id: _inputs(datasets.run_inputs(db, run.id)) for run in found}
    compared = comparison.compare(found, goals, inputs)
    match chosen:
        case "json":
            show_json(comparison.document(compared) | {"runs": [shapes.run(run) for run in found]})
        case "csv":
            show(comparison.to_csv(compared).removesuffix("\n"))
        case "markdown":
            show(comparison.to_markdown(compared, everything).removesuffix("\n"))
        case "table":
            _table(compared, everything)


def importance(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="As val/auc, or metrics.val/auc.max.")],
    filter_text: Annotated[str, typer.Option("--filter", "-f", metavar="FILTER", help="Which runs.")] = "",
    chosen: Annotated[
        list[str] | None, typer.Option("--run", metavar="RUN", help="These runs instead; again for each.")
    ] = None,
    wait: WaitOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reckon how much each param counts for a metric, over the ended runs that have it; a job does."""
    found = opened(workspace)
    request: dict[str, Any] = {
        "metric": metric if metric.startswith("metrics.") else f"metrics.{metric}",
        "filter": filter_text,
    }
    if chosen:
        if filter_text:
            raise UsageError("--run and --filter both choose the runs.", "Give one of them.")
        with found.store.read() as db:
            request["runs"] = [runs.get(db, name).id for name in chosen]
    if not wait:
        act(found, "importance", request, wait=False, dry_run=False, as_json=as_json)
        return
    result = _performed(found, request, as_json=as_json)
    if as_json:
        show_json(result)
    else:
        _show_importance(result["metric"], from_result(result))


def _performed(workspace: Workspace, request: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    execution = client.execute(workspace, "importance", request)
    assert execution.job_id is not None, "importance is a job"
    job = progress.wait(workspace, execution.job_id, as_json=as_json)
    error = error_of(job)
    if error is not None:
        raise error
    return dict(job.result)


def _show_importance(metric: str, found: Importance) -> None:
    show(f"{metric}, from {found.runs:,} runs; R² on unseen runs {text.number(found.score)}")
    for sentence in caveats(found):
        show(f"  ⚠ {sentence}")
    show_table(
        ("PARAM", "IMPORTANCE", "±", "DIRECTION"),
        [(p.param, text.number(p.importance), text.number(p.std), p.direction or "–") for p in found.params],
        right=("IMPORTANCE", "±"),
    )


def _table(compared: Comparison, everything: bool) -> None:
    params = compared.params if everything else compared.differing
    columns = [name for _, name in compared.runs]
    lines = [*compared.facts, *params, *compared.metrics]
    show_table(("", *columns), [_row(line) for line in lines if _told(line)], right=columns)
    same = len(compared.params) - len(params)
    if same:
        show(f"{same} {'param is' if same == 1 else 'params are'} the same; --all shows them.")


def _told(line: Line) -> bool:
    return any(entry.there for entry in line.entries)


def _row(line: Line) -> tuple[str, ...]:
    cells = [f"{_BEST if at in line.best else ''}{entry.text}" for at, entry in enumerate(line.entries)]
    return f"{line.name} ({line.figure})" if line.figure in ("min", "max") else line.name, *cells


def _format(text: str) -> Format:
    if text not in ("table", "csv", "json", "markdown"):
        raise UsageError(f"There is no format {text!r}.", "There are: table, csv, json, markdown.")
    return cast(Format, text)


def _inputs(found: list[RunInput]) -> list[str]:
    return [f"{i.role}: {i.version.dataset}:{i.version.version}" for i in found]


def _goals(workspace: Workspace) -> dict[str, comparison.Goal]:
    try:
        return workspace.config().metric_goals
    except ConfigError:  # looking needs no mlops.toml
        return {}
