"""What an ONNX form is asked, and what scikit-learn says to it."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import ModelError
from mlops_console.core.models import Column, Signature
from mlops_console.core.text import safe_line
from mlops_console.models import probes
from mlops_console.models.conversion import is_text
from mlops_console.models.probes import Row
from mlops_console.models.rows import REFUSALS, to_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

Answers = dict[str, "NDArray[Any]"]
Progress = Callable[[float, str], None]


class NotCompilableError(ModelError):
    """No ONNX form of this model could be vouched for, however it were made."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Rows, and what scikit-learn says to them."""

    rows: list[Row]
    answers: Answers


@dataclass(frozen=True, slots=True)
class Questions:
    """All that a form is asked.

    Attributes:
        known: of which every answer must agree.
        rungs: numbers of growing magnitude, up to which scikit-learn answers.
        reach: the greatest magnitude among the version's own rows.
        gaps: nullable columns in which scikit-learn takes a missing value.
        private: columns whose values are kept nowhere.
    """

    known: Asked
    rungs: tuple[tuple[float, Asked], ...]
    reach: float
    gaps: tuple[str, ...]
    private: frozenset[str]


def ask_all(
    estimator: Any, signature: Signature, rows: Sequence[Row], progress: Progress, private: frozenset[str]
) -> Questions:
    """Ask scikit-learn all that a form will be asked.

    Raises:
        NotCompilableError: scikit-learn refuses something that no form would.
    """
    columns = signature.inputs
    complete = [row for row in rows if None not in row.values()]
    if not complete:
        raise NotCompilableError("There are no rows to compare on: log_model takes an input_example, and a reference.")
    progress(0.0, "asking scikit-learn")
    _must_answer(estimator, signature, complete[: probes.BASES], "its own rows")
    for column in columns:
        if is_text(column):
            _must_answer(
                estimator,
                signature,
                probes.texts(complete, column),
                f"texts in {_quoted(column)} that it does not know",
            )
    gaps = tuple(c.name for c in columns if c.nullable and _takes_gaps(estimator, signature, complete, c))
    taken = frozenset(gaps)
    known = [row for row in rows if all(value is not None or name in taken for name, value in row.items())]
    known += [row for column in columns if column.name in taken for row in probes.gaps(complete, column)]
    known += [*probes.all_gaps(complete, gaps), *probes.shuffled(complete, columns), *probes.truths(complete, columns)]
    known += [row for column in columns if is_text(column) for row in probes.texts(complete, column)]
    answers = _must_answer(estimator, signature, known, "rows made of values that it knows")
    progress(0.2, "asking scikit-learn for extremes")
    reach = max((abs(row[c.name]) for row in complete for c in columns if c.kind == "numeric"), default=0.0)
    rungs = tuple(_rungs(estimator, signature, complete, reach))
    return Questions(Asked(known, answers), rungs, reach, gaps, private)


def _must_answer(estimator: Any, signature: Signature, rows: list[Row], what: str) -> Answers:
    answers = ask(estimator, signature, rows)
    if answers is None:
        raise NotCompilableError(f"scikit-learn refuses {what}, which an ONNX form would answer.")
    return answers


def _takes_gaps(estimator: Any, signature: Signature, rows: list[Row], column: Column) -> bool:
    """Whether scikit-learn takes a missing value there. What it refuses a form refuses too.

    Raises:
        NotCompilableError: it takes a missing text, for which ONNX has no value.
    """
    if ask(estimator, signature, probes.gaps(rows, column)) is None:
        return False
    if is_text(column):
        raise NotCompilableError(f"Texts in {_quoted(column)} may be missing, and ONNX has no missing texts.")
    return True


def _rungs(estimator: Any, signature: Signature, rows: list[Row], reach: float) -> Iterable[tuple[float, Asked]]:
    """Numbers beyond those that the model has learnt, as far as scikit-learn answers."""
    if not any(column.kind == "numeric" for column in signature.inputs):
        return
    for size in sorted({*probes.LADDER, 4 * reach}):
        made = probes.magnitudes(rows, signature.inputs, size)
        answers = ask(estimator, signature, made)
        if answers is None:
            if size <= reach:
                raise NotCompilableError(
                    "scikit-learn refuses numbers that it does not know, which no ONNX form would."
                )
            return
        yield size, Asked(made, answers)


def ask(estimator: Any, signature: Signature, rows: Sequence[Row]) -> Answers | None:
    """What scikit-learn answers; None where it refuses."""
    import numpy as np

    if not rows:
        return {}
    values = to_rows(estimator, signature.inputs, by_column(signature.inputs, rows))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = {"predict": np.asarray(estimator.predict(values))}
            if signature.probabilities:
                answers["predict_proba"] = np.asarray(estimator.predict_proba(values))
    except REFUSALS:
        return None
    return answers


def by_column(columns: Sequence[Column], rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {column.name: [row[column.name] for row in rows] for column in columns}


def _quoted(column: Column) -> str:
    return f"column {safe_line(column.name, 40)!r}"
