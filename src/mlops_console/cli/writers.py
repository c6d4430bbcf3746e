"""The files that runs and points are exported to: CSV and JSON lines here, Parquet in its own module.

Numbers that are not finite are `nan`, `inf` and `-inf` in CSV; null, "inf" and "-inf" in JSON lines, as in all JSON of
the commands; themselves in Parquet.
"""

import csv
import itertools
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

from mlops_console.core.errors import UsageError
from mlops_console.store.chunks import Columns

FORMATS = ("csv", "jsonl", "parquet")
POINTS = {"run": False, "metric": False, "step": True, "value": True, "time": True}

Record = Mapping[str, Any]  # by column; what a run does not have is not in it


class Writer(Protocol):
    def records(self, records: Sequence[Record]) -> None:
        """Some lines, each with its columns."""

    def points(self, run: str, metric: str, found: Columns) -> None:
        """Some points, one a line, to a file with the columns `POINTS`."""


@contextmanager
def opened(target: str, form: str, columns: Mapping[str, bool]) -> Iterator[Writer]:
    """A writer of one of `FORMATS`; the file takes its place when all of it is written, or not at all.

    Args:
        columns: by name, whether they are numbers. JSON lines need none.

    Raises:
        UsageError: the file can't be written, or pyarrow is needed and not there.
    """
    if target == "-":
        if sys.stdout.isatty():
            raise UsageError(
                "What is exported may hold anything, also what a terminal obeys.", "Name a file, or pipe it on."
            )
        yield _text_writer(sys.stdout, form, columns)
        return
    path = Path(target)
    aside = path.parent / f".mlops-console-export-{os.getpid()}.part"
    try:
        with _file(aside, form, columns) as writer:
            yield writer
        aside.replace(path)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror or error}.", "Name another file.") from None
    finally:
        with suppress(OSError):  # there is none, or it is told already why
            aside.unlink()


@contextmanager
def _file(path: Path, form: str, columns: Mapping[str, bool]) -> Iterator[Writer]:
    if form == "parquet":
        with _parquet(path, columns) as writer:
            yield writer
        return
    with path.open("w", encoding="utf-8", newline="", errors="replace") as file:
        yield _text_writer(file, form, columns)


def _text_writer(file: IO[str], form: str, columns: Mapping[str, bool]) -> Writer:
    return _Csv(file, columns) if form == "csv" else _JsonLines(file)


def _parquet(path: Path, columns: Mapping[str, bool]) -> AbstractContextManager[Writer]:
    try:
        from mlops_console.cli.parquet import opened as opened_parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow.", "Install it with 'pip install mlops-console[parquet]'.") from None
    return opened_parquet(path, columns)


class _Csv:
    def __init__(self, file: IO[str], columns: Mapping[str, bool]) -> None:
        self._writer, self._columns = csv.writer(file, lineterminator="\n"), list(columns)
        self._writer.writerow(self._columns)

    def records(self, records: Sequence[Record]) -> None:
        self._writer.writerows([text(record.get(name)) for name in self._columns] for record in records)

    def points(self, run: str, metric: str, found: Columns) -> None:
        self._writer.writerows(
            zip(itertools.repeat(run), itertools.repeat(metric), found.steps, found.values, found.ats)
        )


class _JsonLines:
    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def records(self, records: Sequence[Record]) -> None:
        self._file.writelines(
            json.dumps({name: _finite(value) for name, value in record.items()}) + "\n" for record in records
        )

    def points(self, run: str, metric: str, found: Columns) -> None:
        beginning = f'{{"run": {json.dumps(run)}, "metric": {json.dumps(metric)}'
        self._file.writelines(
            f'{beginning}, "step": {step}, "value": {_number(value)}, "time": {_number(at)}}}\n'
            for step, value, at in zip(found.steps, found.values, found.ats, strict=True)
        )


def text(value: Any) -> Any:
    """A value of a column of texts, or of CSV: what is neither text nor number is JSON."""
    if value is None or isinstance(value, str | float) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return json.dumps(value)


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
