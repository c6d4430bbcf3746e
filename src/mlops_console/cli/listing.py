"""`run list`: runs as a table, as a saved view has them, or as JSON."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from mlops_console.cli import shapes
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.errors import ConfigError
from mlops_console.core.filters import Field, field_text, parse_field, parse_filter, typed_filter
from mlops_console.core.runs import FieldNames, RunRow, Spread
from mlops_console.core.views import RunView
from mlops_console.store import run_table, runs, views
from mlops_console.store.database import Connection
from mlops_console.store.runs import RunQuery
from mlops_console.store.workspace import Workspace

_NUMERIC = ("metrics", "params", "duration")  # what groups have figures of
_MOST = 4  # metrics and params that are columns by default


def add_to(app: typer.Typer) -> None:
    app.command("list")(list_runs)


def list_runs(
    filter_text: Annotated[
        str, typer.Option("--filter", "-f", metavar="FILTER", help='As "metrics.val/auc > 0.9".')
    ] = "",
    order_by: Annotated[
        str | None, typer.Option("--order-by", "-o", metavar="FIELD", help="-FIELD for descending.")
    ] = None,
    view_name: Annotated[
        str | None, typer.Option("--view", metavar="NAME", help="As a view that was saved in the console shows them.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="How many at the most.")] = 50,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those in the trash.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Runs, the newest first."""
    found = opened(workspace)
    with found.store.read() as db:
        view = views.get(db, view_name) if view_name else RunView("")
        query = RunQuery(_both(view.filter, filter_text), order_by or view.order_by, limit, deleted=deleted)
        if as_json:
            page = runs.page(db, query)
            show_json({"total": page.total, "runs": [shapes.run(run) for run in page.runs]})
        elif view.group_by:
            _show_groups(db, view, query)
        else:
            _show_rows(db, found, view, query)


def _both(of_view: str, given: str) -> str:
    of_view = typed_filter(of_view)
    if not (of_view and given.strip()):
        return of_view or given
    parse_filter(given, time.time())  # an error points into what was typed
    return f"({of_view}) and ({given})"


def _show_rows(db: Connection, workspace: Workspace, view: RunView, query: RunQuery) -> None:
    fields = [parse_field(column.field) for column in view.columns] or _default_fields(workspace, db)
    own = () if view.columns else (Field("started"), Field("duration"))
    rows = run_table.rows(db, replace(query, limit=query.limit + 1), [*own, *fields])
    shown = rows[: query.limit]
    if not rows:
        show(_nothing(query))
        return
    titles = ["ID", "NAME", "STATUS", *(_title(field) for field in (*own, *fields))]
    right = [title for field, title in zip((*own, *fields), titles[3:], strict=True) if field.kind != "started"]
    show_table(titles, [_cells(row, (*own, *fields)) for row in shown], right)
    if len(rows) > len(shown):
        of = "" if query.filter else f" of {runs.count(db, query):,}"  # counting what matches may take a while
        show(f"{len(shown):,}{of} runs; --limit shows more, --filter chooses.")


def _show_groups(db: Connection, view: RunView, query: RunQuery) -> None:
    by = parse_field(view.group_by)
    fields = [field for field in (parse_field(column.field) for column in view.columns) if field.kind in _NUMERIC]
    groups = run_table.groups(db, query, by, fields)
    if not groups:
        show(_nothing(query))
        return
    titles = [_title(by), "RUNS", *(f"{_title(field)} (mean ± std)" for field in fields)]
    cells = [(_text(by, g.value), f"{g.n:,}", *map(_spread, fields, g.figures)) for g in groups[: query.limit]]
    show_table(titles, cells, right=titles[1:])
    if len(groups) > query.limit:
        show(f"{query.limit:,} of {len(groups):,} groups; --limit shows more.")


def _default_fields(workspace: Workspace, db: Connection) -> list[Field]:
    """The best of each metric that a model is judged by, then what the newest runs have used most."""
    names: FieldNames = run_table.recent_names(db)
    best = [Field("metrics", name, goal) for name, goal in _best(workspace).items() if name in names.metrics]
    others = [Field("metrics", name) for name in names.metrics if name not in {field.key for field in best}]
    return [*(best + others)[:_MOST], *(Field("params", name) for name in names.params[:_MOST])]


def _best(workspace: Workspace) -> dict[str, str]:
    """The summary that is the best value of each metric that a model is judged by."""
    try:
        goals = workspace.config().metric_goals
    except ConfigError:  # looking needs no mlops.toml
        return {}
    return {name: "max" if goal == "maximize" else "min" for name, goal in goals.items()}


def _title(field: Field) -> str:
    if field.kind == "duration":
        return "TOOK"
    if field.kind in ("metrics", "params"):
        return f"{field.key} ({field.aggregate})" if field.aggregate else field.key
    return field_text(field) if field.key else field.kind.upper()


def _cells(row: RunRow, fields: Sequence[Field]) -> tuple[object, ...]:
    return (row.id[:8], row.name, row.status, *map(_text, fields, row.values))


def _text(field: Field, value: Any) -> str:
    if value is None:
        return "–"
    match field.kind:
        case "metrics":
            return text.number(value)
        case "params":
            return text.param(value)
        case "started" | "ended":
            return text.age(value)
        case "duration":
            return text.duration(value)
    return str(value)


def _spread(field: Field, figure: Spread | None) -> str:
    if figure is None:
        return "–"
    written = text.duration if field.kind == "duration" else text.number
    return written(figure.mean) if figure.n < 2 else f"{written(figure.mean)} ± {written(figure.std)}"


def _nothing(query: RunQuery) -> str:
    if query.filter:
        return "No run matches."
    return "The trash is empty." if query.deleted else "There are no runs yet: 'mlops-console train' makes one."
