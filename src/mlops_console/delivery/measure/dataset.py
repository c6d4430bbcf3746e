"""The dataset that candidates are measured on, and what a version says to its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.config import Config
from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.errors import ModelError, UsageError
from mlops_console.core.models import Column
from mlops_console.core.text import safe_line
from mlops_console.data.frames import as_frame
from mlops_console.data.hashing import Hasher
from mlops_console.data.scan import scan
from mlops_console.data.versions import record_version
from mlops_console.delivery.measure.needs import evaluated
from mlops_console.delivery.measure.served import Served
from mlops_console.serving.errors import HttpError
from mlops_console.serving.inputs import MOST_CELLS, prepared
from mlops_console.store import datasets
from mlops_console.store.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_AT_ONCE = 10_000  # rows
MISSING = "(missing)"  # what rows without a value are called


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The rows of a dataset version, and the columns whose values are looked at one by one."""

    version: DatasetVersion
    frame: "pd.DataFrame"
    target: str
    slices: tuple[str, ...]
    sensitive: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """What a version says to the rows that it takes and whose target is known.

    Attributes:
        frame: these rows.
        true, predicted: of shape (rows,); numbers of the classes, or the figures of a regression.
        chances: of shape (rows, classes); None where the model gives none.
        classes: how many there are; 0 for a regression.
    """

    frame: "pd.DataFrame"
    true: "NDArray[Any]"
    predicted: "NDArray[Any]"
    chances: "NDArray[np.float64] | None"
    classes: int


def read(workspace: Workspace, config: Config, environment: str) -> Evaluation:
    """The dataset as its file is now; a content that was never seen becomes its next version.

    Raises:
        UsageError, NotFoundError: the file is not there, no table, or changes meanwhile, or has no such target.
        ConfigError: mlops.toml does not say which it is.
    """
    evaluate, dataset, target = evaluated(config, environment)
    path = workspace.root / dataset.path
    before = Hasher(workspace).tree(dataset.path)
    with workspace.store.read() as db:
        version = datasets.find(db, evaluate.dataset, before.sha256) if before else None
    if version is not None:
        frame = as_frame(path)
    else:
        scanned = scan(path)
        version, frame = record_version(workspace, evaluate.dataset, scanned, dataset.expect).version, scanned.frame
    after = Hasher(workspace).tree(dataset.path)
    if after is None or after.sha256 != version.sha256:
        raise UsageError(f"{dataset.path} has changed while it was read.", "Try again when it is complete.")
    if target not in frame:
        raise UsageError(f"{version.ref} has no column {target!r}, its target.", "Mend the target in mlops.toml.")
    return Evaluation(version, frame, target, evaluate.slices, evaluate.sensitive)


def ask(served: Served, evaluation: Evaluation) -> Answers:
    """Let a version predict the rows. Left out are those without a target, or without a value that it needs.

    Raises:
        ModelError: it can't predict them, or the target is none of its classes.
    """
    import numpy as np

    ref, data = served.version.ref, evaluation.version.ref
    signature = served.version.signature
    frame = evaluation.frame
    needed = [column.name for column in signature.inputs if not column.nullable]
    lacking = [name for name in needed if name not in frame]
    if lacking:
        raise ModelError(f"{data} has no column {safe_line(lacking[0])}, which {ref} needs.")
    frame = frame[frame[[evaluation.target, *needed]].notna().all(axis=1)]
    if frame.empty:
        raise ModelError(f"{data} has no row with a target and all that {ref} needs.")
    inputs, outputs = prepared(signature), []
    step = max(1, min(_AT_ONCE, MOST_CELLS // len(signature.inputs)))
    for begin in range(0, len(frame), step):
        part = frame.iloc[begin : begin + step]
        columns = {c.name: _values(c, part[c.name]) for c in signature.inputs if c.name in part}
        try:
            outputs.append(served.predict(inputs.from_columns(columns)))
        except HttpError as error:
            raise ModelError(f"{ref} can't predict the rows of {data}: {error.message}") from None
    predicted = np.concatenate([part["predict"] for part in outputs])
    if signature.task == "regression":
        return Answers(frame, _figures(frame[evaluation.target], data), predicted.astype(np.float64), None, 0)
    chances = np.concatenate([part["predict_proba"] for part in outputs]) if signature.probabilities else None
    true = _codes(frame[evaluation.target].tolist(), signature.classes, f"The target of {data}", ref)
    said = _codes(predicted.tolist(), signature.classes, f"The answer of {ref}", ref)
    return Answers(frame, true, said, chances, len(signature.classes))


def labels(column: "pd.Series[Any]") -> "NDArray[Any]":
    """The values of a column as texts, written alike whatever they are: 3.0 is 3."""
    import numpy as np

    found = np.empty(len(column), dtype=object)
    found[:] = [
        MISSING if missing else str(int(v)) if isinstance(v, float) and v.is_integer() else str(v)
        for v, missing in zip(column.tolist(), column.isna(), strict=True)
    ]
    return found


def _values(column: Column, values: "pd.Series[Any]") -> list[Any]:
    """As a request would have them."""
    missing = values.isna().tolist()
    found: list[Any] = values.tolist()
    whole = column.dtype.startswith(("int", "uint"))
    if whole:
        found = [int(v) if isinstance(v, float) and v.is_integer() else v for v in found]
    elif column.dtype == "bool":
        found = [bool(v) if v in (0, 1) else v for v in found]
    return [None if absent else value for value, absent in zip(found, missing, strict=True)]


def _codes(values: Sequence[Any], classes: Sequence[Any], what: str, ref: str) -> "NDArray[np.int64]":
    """The numbers of the classes that values are: equal to one, or written like one."""
    import numpy as np

    known = {str(label): code for code, label in enumerate(classes)} | {c: code for code, c in enumerate(classes)}
    try:
        return np.array([known[v] if v in known else known[str(v)] for v in values], dtype=np.int64)
    except KeyError as error:
        raise ModelError(f"{what} holds {safe_line(error.args[0], 60)}, which is no class of {ref}.") from None


def _figures(column: "pd.Series[Any]", data: str) -> "NDArray[np.float64]":
    import numpy as np

    try:
        return column.to_numpy(dtype=np.float64)
    except (ValueError, TypeError):
        raise ModelError(f"The target of {data} holds values that are no numbers.") from None
