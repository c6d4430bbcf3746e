"""`run export`: runs, or their points, as CSV, JSON lines or Parquet, a portion at a time."""

import csv
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from mlops_console.core.errors import UsageError
from mlops_console.core.filters import AGGREGATES
from mlops_console.core.runs import Run
from mlops_console.store import run_table, runs, series
from mlops_console.store.database import Connection
from mlops_console.store.runs import RunQuery
from mlops_console.store.workspace import Workspace

PORTION = 500  # runs read at once
FORMATS = ("csv", "jsonl", "parquet")
_OWN = ("id", "name", "experiment", "status", "started", "ended", "duration", "user", "git", "branch", "error")
_POINTS = ("run", "metric", "step", "value", "time")

Record = Mapping[str, Any]


class Writer(Protocol):
    def write(self, records: Sequence[Record]) -> None: ...


def export(workspace: Workspace, target: str, form: str, query: RunQuery, *, points: bool) -> int:
    """Write the runs that match, or their points; how many lines there are.

    Numbers that are not finite are `nan`, `inf` and `-inf` in CSV, null and texts in JSON lines, themselves in Parquet.

    Args:
        target: a file, which is replaced as a whole at the end; "-" for standard output.
        form: one of `FORMATS`.

    Raises:
        UsageError: the format is none, or needs an extra that is not installed.
        FilterError: the filter or the order makes no sense.
    """
    written = 0
    with workspace.store.read() as db:  # one state of the store, however long it takes
        columns = _POINTS if points else _columns(db)
        with _writer(target, form, columns) as writer:
            for portion in _portions(db, query):
                for records in _point_records(db, portion) if points else [[_record(run) for run in portion]]:
                    writer.write(records)
                    written += len(records)
    return written


def _columns(db: Connection) -> tuple[str, ...]:
    names = run_table.field_names(db, most=5000)
    metrics = [f"metrics.{name}.{aggregate}" for name in names.metrics for aggregate in AGGREGATES]
    params, tags = [f"params.{name}" for name in names.params], [f"tags.{name}" for name in names.tags]
    return (*_OWN, *params, *metrics, *tags)


def _portions(db: Connection, query: RunQuery) -> Iterator[list[Run]]:
    keys = runs.page_keys(db, query)
    for begin in range(0, len(keys), PORTION):
        yield runs.of_keys(db, keys[begin : begin + PORTION])


def _record(run: Run) -> Record:
    ended = run.ended_at
    origin = run.provenance
    return {
        "id": run.id,
        "name": run.name,
        "experiment": run.experiment,
        "status": run.status.value,
        "started": run.started_at,
        "ended": ended,
        "duration": None if ended is None or run.started_at is None else ended - run.started_at,
        "user": origin.user,
        "git": origin.git_commit,
        "branch": origin.git_branch,
        "error": run.error,
        **{f"params.{name}": value for name, value in run.params.items()},
        **{
            f"metrics.{name}.{aggregate}": getattr(summary, aggregate)
            for name, summary in run.metrics.items()
            for aggregate in AGGREGATES
        },
        **{f"tags.{name}": value for name, value in run.tags.items()},
    }


def _point_records(db: Connection, portion: Sequence[Run]) -> Iterator[list[Record]]:
    for run in portion:
        for name in run.metrics:
            found = series.columns(db, run.id, name)
            for begin in range(0, len(found), 50_000):
                part = found.part(begin, begin + 50_000)
                yield [
                    dict(zip(_POINTS, (run.id, name, *point), strict=True))
                    for point in zip(part.steps, part.values, part.ats, strict=True)
                ]


@contextmanager
def _writer(target: str, form: str, columns: Sequence[str]) -> Iterator[Writer]:
    if form not in FORMATS:
        raise UsageError(f"{form or target!r} is no format to export to.", f"Known are {', '.join(FORMATS)}.")
    if target == "-":
        if form == "parquet":
            raise UsageError("Parquet can't be written to standard output.", "Name a file.")
        yield _text_writer(sys.stdout, form, columns)
        return
    path = Path(target)
    aside = path.with_name(f".{path.name}.part")
    try:
        with _opened(aside, form, columns) as writer:
            yield writer
        aside.replace(path)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.", "Name another file.") from None
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path, form: str, columns: Sequence[str]) -> Iterator[Writer]:
    if form == "parquet":
        with _parquet(path, columns) as writer:
            yield writer
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        yield _text_writer(file, form, columns)


def _text_writer(file: IO[str], form: str, columns: Sequence[str]) -> Writer:
    return _Csv(file, columns) if form == "csv" else _JsonLines(file)


class _Csv:
    def __init__(self, file: IO[str], columns: Sequence[str]) -> None:
        self._writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        self._writer.writeheader()

    def write(self, records: Sequence[Record]) -> None:
        self._writer.writerows({name: _plain(value) for name, value in record.items()} for record in records)


class _JsonLines:
    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, records: Sequence[Record]) -> None:
        self._file.writelines(
            json.dumps({name: _finite(value) for name, value in record.items()}) + "\n" for record in records
        )


def _parquet(path: Path, columns: Sequence[str]) -> AbstractContextManager[Writer]:
    try:
        from mlops_console.cli.parquet import opened
    except ImportError:
        raise UsageError("Parquet needs pyarrow.", "Install it with 'pip install mlops-console[parquet]'.") from None
    return opened(path, columns)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
