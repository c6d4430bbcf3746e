"""Which served rows a retraining should use, and why."""

from typing import TYPE_CHECKING, Any

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.drift import DriftReport
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.models import Column, ModelRef, ModelVersion
from mlops_console.core.retraining import RetrainingWindow
from mlops_console.core.text import clock, safe_line
from mlops_console.drift.labels import floats_of
from mlops_console.store import deployments, drift, models
from mlops_console.store.database import Connection
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

LABEL = "label"  # the column of the labels
_DATE = len("2026-03-03 ")
_MINUTE = len("2026-03-03 12:04")


def live_revision(db: Connection, environment: str) -> Revision:
    """What an environment serves.

    Raises:
        NotFoundError: nothing is live there.
    """
    live = next((r for r in deployments.revisions(db, environment) if r.state is RevisionState.LIVE), None)
    if live is None:
        raise NotFoundError(
            f"Nothing is live in {environment!r}, so it has no served rows to train on.",
            f"'mlops-console deploy MODEL {environment}' makes a version serve there.",
        )
    return live


def propose(workspace: Workspace, environment: str, now: float) -> RetrainingWindow:
    """The window that a retraining should use: from when the live revision began to drift until now.

    It begins with the window of the first drifted report of this drift; with the log where nothing has drifted, or
    where the log is kept for less long.

    Raises:
        NotFoundError: nothing is live there.
        StoreError: the store or the prediction log can't be read.
    """
    log = PredictionLog(workspace.predictions_path)
    with workspace.store.read() as db:
        report = drift.began(db, environment, live_revision(db, environment).revision)
    first = log.first_at(environment)
    kept = now if first is None else first - 1e-3  # the first row is in it
    if report is None or report.window_end < kept:
        why = f"{_moved(report)} had moved before" if report else "nothing has drifted"
        told = f"since {_clock(kept, now)}, where the prediction log begins ({why})"
        return _window(log, environment, kept, now, told)
    start = max(report.window_start, kept)
    told = f"since {_clock(start, now)}, the start of the window in which {_moved(report)} began to move"
    return _window(log, environment, start, now, told)


def goes_on(workspace: Workspace, environment: str) -> bool:
    """Whether what is live in an environment has drifted, as far as its newest reports say.

    Raises:
        NotFoundError: nothing is live there.
    """
    with workspace.store.read() as db:
        return drift.began(db, environment, live_revision(db, environment).revision) is not None


def window(workspace: Workspace, environment: str, start: float, end: float) -> RetrainingWindow:
    """A window that somebody has named.

    Raises:
        StoreError: the prediction log can't be read.
    """
    log = PredictionLog(workspace.predictions_path)
    return _window(log, environment, start, end, f"from {_clock(start, end)} to {_clock(end)}")


def served_rows(workspace: Workspace, environment: str, start: float, end: float) -> "pd.DataFrame":
    """The labelled rows that an environment has answered with `start` < at <= `end`, oldest first.

    Returns:
        The columns of the live version's signature, and `label`. Numbers are what they are in the signature, or float64
        with NaN where some are missing, or were answered by a version that took others; all else is object with None
        for missing.

    Raises:
        NotFoundError: nothing is live there.
        UsageError: the model has an input that is called `label` itself.
        StoreError: the store or the prediction log can't be read.
    """
    import pandas as pd

    with workspace.store.read() as db:
        live = live_revision(db, environment)
        version = models.get(db, ModelRef(live.model, live.version))
    _check_label(version)
    found: dict[Column, list[object]] = {column: [] for column in version.signature.inputs}
    labels = []
    for row, label in PredictionLog(workspace.predictions_path).labelled(environment, start, end):
        for column, values in found.items():
            values.append(row.inputs.get(column.name))
        labels.append(label)
    frame = {column.name: _series(column, values) for column, values in found.items()}
    return pd.DataFrame({**frame, LABEL: pd.Series(labels, dtype=None if labels else "object")})


def _window(log: PredictionLog, environment: str, start: float, end: float, when: str) -> RetrainingWindow:
    rows, labelled = log.count(environment, start, end), log.count_labelled(environment, start, end)
    missing = rows - labelled
    have, are = ("has", "is") if missing == 1 else ("have", "are")
    left_out = f"; {missing:,} {have} no label yet and {are} left out" if missing else ""
    reason = f"the {labelled:,} labelled row{'' if labelled == 1 else 's'} {when}{left_out}"
    return RetrainingWindow(environment, start, end, rows, labelled, reason)


def _moved(report: DriftReport) -> str:
    first, *others = map(safe_line, report.drifted_features or ("the traffic",))
    if len(others) == 1:
        return f"{first} and {others[0]}"
    return f"{first} and {len(others)} others" if others else first


def _clock(at: float, beside: float | None = None) -> str:
    """To the minute; without the date where the day is that of the moment beside it."""
    told = clock(at)[:_MINUTE]
    return told[_DATE:] if beside is not None and told[:_DATE] == clock(beside)[:_DATE] else told


def _series(column: Column, values: list[object]) -> "pd.Series[Any]":
    import pandas as pd

    if column.kind != "numeric":
        return pd.Series(values, dtype="object")
    if None not in values:
        try:
            return pd.Series(values, dtype=column.dtype)
        except (ValueError, TypeError, OverflowError):  # what another version has answered
            pass
    return pd.Series(floats_of(values)[0])


def _check_label(version: ModelVersion) -> None:
    if any(column.name == LABEL for column in version.signature.inputs):
        raise UsageError(
            f"{version.ref} has an input called {LABEL!r}, which is the column of the labels of served rows.",
            "Give the input another name.",
        )
