"""Take true labels for answered requests from a file."""

import csv
import json
import shlex
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.models import ModelRef
from mlops_console.core.plans import Change, Plan
from mlops_console.core.predictions import Label
from mlops_console.core.text import did_you_mean
from mlops_console.serving.errors import WrongInputError
from mlops_console.serving.feedback import LabelCheck, check_place, number_or_text, scalar
from mlops_console.store import models
from mlops_console.store.database import Connection
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

_AT_ONCE = 10_000  # labels of a transaction: a server must be able to write its log in between
_LONGEST = 1_000_000  # characters of a line


class ImportFeedback(Request):
    """`file`: .csv with the columns id, label and, if need be, row; or .jsonl with an object of these on each line."""

    file: Path


class _LineError(UsageError):
    """A line that can't be taken."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(
            f"{path}, line {line}: {problem}",
            "Mend it and import the file again: what is stored already is only replaced by itself.",
        )


# A line as it was read: its number, id, row and label, not yet checked.
_Line = tuple[int, Any, Any, Any]


def _plan(workspace: Workspace, request: ImportFeedback) -> Plan:
    _reader(request.file)
    if not request.file.is_file():
        raise NotFoundError(f"There is no file {request.file}.", "Give a .csv or a .jsonl file with ids and labels.")
    return Plan(
        "import_feedback",
        request.file.name,
        f"Import true labels from {request.file.name}",
        shlex.join(["mlops-console", "feedback", "import", str(request.file)]),
        changes=(Change("labels of answered requests", "", str(request.file)),),
        notes=("The whole file is checked before its first label is stored.", "A later label replaces an earlier one."),
    )


def _perform(workspace: Workspace, request: ImportFeedback, job: JobContext) -> dict[str, Any]:
    log = PredictionLog(workspace.predictions_path)
    for _ in _checked(workspace, log, request.file):
        pass
    labels = known = 0
    for part in _checked(workspace, log, request.file):
        known += log.add_labels(part)
        labels += len(part)
    return {"file": str(request.file), "labels": labels, "unknown": labels - known}


def _checked(workspace: Workspace, log: PredictionLog, path: Path) -> Iterator[list[Label]]:
    """The labels of a file, some at a time, each as the model that has answered its request knows it."""
    checks: dict[str, LabelCheck | None] = {}
    is_text = path.suffix.lower() == ".csv"
    lines = _reader(path)(path)
    while part := list(islice(lines, _AT_ONCE)):
        answered_by = log.models([request_id for _, request_id, _, _ in part if isinstance(request_id, str)])
        with workspace.store.read() as db:
            for model in {*answered_by.values()} - checks.keys():
                checks[model] = _check_of(db, model)
        yield [_label(path, line, checks.get(answered_by.get(line[1], "")), is_text=is_text) for line in part]


def _check_of(db: Connection, model: str) -> LabelCheck | None:
    """None where the log does not tell the model, or the store does not have it."""
    try:
        return LabelCheck(models.get(db, ModelRef.parse(model)).signature)
    except UsageError:
        return None


def _label(path: Path, line: _Line, check: LabelCheck | None, *, is_text: bool) -> Label:
    number, request_id, row, value = line
    try:
        place = check_place(request_id, row)
    except WrongInputError as error:
        raise _LineError(path, number, error.message) from None
    try:
        if is_text:
            return Label(*place, check.from_text(value) if check else scalar(number_or_text(value)))
        return Label(*place, check.checked(value) if check else scalar(value))
    except WrongInputError as error:
        raise _LineError(path, number, f"The label of {request_id} is {error.message}") from None


def _reader(path: Path) -> Callable[[Path], Iterator[_Line]]:
    readers = {".csv": _read_csv, ".jsonl": _read_json_lines}
    found = readers.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"The ending of {path.name} tells no format of labels.", "Known are .csv and .jsonl.")
    return found


def _read_csv(path: Path) -> Iterator[_Line]:
    with _opened(path) as file:
        rows = csv.reader(_lines(path, file), strict=True)
        try:
            header = next(rows, [])
            places = _places(path, header)
            for values in rows:
                if values:
                    yield _from_csv(path, rows.line_num, values, places, len(header))
        except csv.Error as error:
            raise _LineError(path, rows.line_num, f"It is no CSV: {error}.") from None


def _places(path: Path, header: list[str]) -> tuple[int, int, int | None]:
    """Where id, label and row stand; other columns are passed over."""
    for name in ("id", "label"):
        if name not in header:
            raise _LineError(path, 1, f"There is no column {name!r}{did_you_mean(name, header) or '.'}")
    return header.index("id"), header.index("label"), header.index("row") if "row" in header else None


def _from_csv(path: Path, line: int, values: list[str], places: tuple[int, int, int | None], columns: int) -> _Line:
    if len(values) != columns:
        raise _LineError(path, line, f"It has {len(values)} values, but the header has {columns}.")
    at_id, at_label, at_row = places
    row = values[at_row] if at_row is not None else ""
    return line, values[at_id], int(row) if row.isdecimal() and len(row) < 20 else row or 0, values[at_label]


def _read_json_lines(path: Path) -> Iterator[_Line]:
    with _opened(path) as file:
        for line, text in enumerate(_lines(path, file), 1):
            if not text.strip():
                continue
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                raise _LineError(path, line, "It is no JSON.") from None
            if not isinstance(found, dict) or not {"id", "label"} <= found.keys():
                raise _LineError(path, line, "It is no JSON object with id and label.")
            yield line, found["id"], found.get("row", 0), found["label"]


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", "Check the permissions of the file.") from None


def _lines(path: Path, file: TextIO) -> Iterable[str]:
    """The lines, none of them longer than what anybody means by a line: the memory stays the same for any file."""
    number = 1
    try:
        while text := file.readline(_LONGEST):
            if len(text) == _LONGEST:
                raise _LineError(path, number, f"It has more than {_LONGEST:,} characters.")
            yield text
            number += 1
    except UnicodeDecodeError:
        raise _LineError(path, number, "It, or one soon after it, is no text in UTF-8.") from None


ACTION = Action("import_feedback", ImportFeedback, "caller", _plan, _perform)
