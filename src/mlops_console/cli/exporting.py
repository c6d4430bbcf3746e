"""`run export`: runs, or their points, as CSV, JSON lines or Parquet, a portion at a time."""

import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from mlops_console.cli import writers
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json
from mlops_console.cli.writers import FORMATS, Writer
from mlops_console.core.errors import UsageError
from mlops_console.core.filters import AGGREGATES
from mlops_console.store import export, runs
from mlops_console.store.database import Connection
from mlops_console.store.runs import RunQuery
from mlops_console.store.workspace import Workspace

_PORTION = 500  # runs read at once
_EVERY = 1 << 62  # runs at the most
_MOST_COLUMNS = 20_000
_NUMBERS = ("started", "ended", "duration")


def add_to(app: typer.Typer) -> None:
    app.command("export")(export_runs)


def export_runs(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Its ending is the format; - is standard output.")],
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="csv, jsonl or parquet.")] = "",
    filter_text: Annotated[str, typer.Option("--filter", "-f", metavar="FILTER", help="Only these runs.")] = "",
    order_by: Annotated[
        str, typer.Option("--order-by", "-o", metavar="FIELD", help="-FIELD for descending.")
    ] = "-started",
    points: Annotated[
        bool, typer.Option("--series", help="Their points instead: run, metric, step, value, time.")
    ] = False,
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", metavar="NAME", help="With --series: only of this; again for more.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write runs with params, every summary and tags, or their points, to a file."""
    if metrics and not points:
        raise UsageError("--metric chooses among the points.", "Give --series too.")
    if file == "-" and as_json:
        raise UsageError("Standard output can't be the file and hold a JSON document too.", "Name a file.")
    form = form or ("" if file == "-" else file.rpartition(".")[2].lower())
    found = opened(workspace)
    if points:
        lines = write_points(found, file, form, filter_text, order_by, metrics or ())
    else:
        lines = write_runs(found, file, form, filter_text, order_by)
    if as_json:
        show_json({"file": file, "rows": lines})
    elif file != "-":
        show(f"{file} has {lines:,} {'points' if points else 'runs'}.")


def write_runs(workspace: Workspace, target: str, form: str, filter: str = "", order_by: str = "-started") -> int:
    """Write the runs that match, one a line; how many there are.

    Args:
        target: a file, which is replaced as a whole at the end; "-" for standard output.
        form: one of `FORMATS`.

    Raises:
        UsageError: the format is none, or needs an extra that is not installed; the file can't be written.
        FilterError: the filter or the order makes no sense.
    """
    _check(form, target)
    with workspace.store.read() as db:  # one state of the store, however long it takes
        keys = runs.page_keys(db, RunQuery(filter, order_by, _EVERY))
        columns = {} if form == "jsonl" else _columns(db, keys)
        with writers.opened(target, form, columns) as writer:
            for part in _portions(keys, target):
                writer.records(export.records(db, part))
    return len(keys)


def write_points(
    workspace: Workspace,
    target: str,
    form: str,
    filter: str = "",
    order_by: str = "-started",
    metrics: Sequence[str] = (),
) -> int:
    """Write the points of the runs that match, one a line, by run, metric and step; how many there are.

    Args:
        metrics: only of these; of all by default.

    Raises:
        UsageError, FilterError: as `write_runs`.
    """
    _check(form, target)
    written = 0
    with workspace.store.read() as db:
        keys = runs.page_keys(db, RunQuery(filter, order_by, _EVERY))
        with writers.opened(target, form, writers.POINTS) as writer:
            for part in _portions(keys, target):
                for key, (run_id,) in zip(part, export.own(db, part, ["id"]), strict=True):
                    written += _write_points_of(db, writer, key, run_id, metrics)
    return written


def _write_points_of(db: Connection, writer: Writer, key: int, run_id: str, metrics: Sequence[str]) -> int:
    written = 0
    for metric, found in export.points(db, key, metrics):
        writer.points(run_id, metric, found)
        written += len(found)
    return written


def _check(form: str, target: str) -> None:
    if form not in FORMATS:
        raise UsageError(
            f"{form!r} is no format to export to." if form else "Standard output has no ending to tell the format.",
            f"Known are {', '.join(FORMATS)}: end the name of the file in one, or give --format.",
        )
    if form == "parquet" and target == "-":
        raise UsageError("Parquet can't be written to standard output.", "Name a file.")


def _columns(db: Connection, keys: Sequence[int]) -> dict[str, bool]:
    """The columns, and which of them are numbers: those that the runs have, and no others."""
    names = export.names(db, keys)
    found = {name: name in _NUMBERS for name in export.OWN}
    found |= {f"params.{name}": names.params[name] for name in sorted(names.params)}
    found |= {f"metrics.{name}.{aggregate}": True for name in sorted(names.metrics) for aggregate in AGGREGATES}
    found |= {f"tags.{name}": False for name in sorted(names.tags)}
    if len(found) > _MOST_COLUMNS:
        raise UsageError(
            f"These runs have {len(found):,} columns, and a table has {_MOST_COLUMNS:,} at the most.",
            "Export JSON lines, in which each run has its own, or choose fewer runs with --filter.",
        )
    return found


def _portions(keys: Sequence[int], target: str) -> Iterator[Sequence[int]]:
    told = sys.stderr.isatty() and not (target == "-" and sys.stdout.isatty())
    for begin in range(0, len(keys), _PORTION):
        yield keys[begin : begin + _PORTION]
        if told:
            sys.stderr.write(f"\r{min(begin + _PORTION, len(keys)):,} of {len(keys):,} runs")
            sys.stderr.flush()
    if told:
        sys.stderr.write("\r\x1b[K")
