"""How far the answers of an ONNX form are from scikit-learn's."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.models.compiled import Compiled, UncoveredRowsError
from mlops_console.models.questions import Answers, Asked

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCE = 1e-5  # of a probability; of a regressor's answer, relative above 1

_SINGLE = 30  # rows that are also asked for one by one


@dataclass(slots=True)
class Tally:
    """How far a form's answers are from scikit-learn's."""

    rows: int = 0
    wrong: int = 0  # labels
    difference: float = 0.0
    worst: dict[str, Any] | None = None
    refused: str = ""

    @property
    def agrees(self) -> bool:
        return not self.refused and not self.wrong and self.difference <= TOLERANCE

    @property
    def reason(self) -> str:
        if self.agrees:
            return ""
        if self.refused:
            return self.refused
        if self.wrong:
            return f"Its ONNX form gives another label in {self.wrong:,} of {self.rows:,} rows."
        return f"The answers of its ONNX form differ by up to {self.difference:.2g}; {TOLERANCE:g} is allowed."


def compare(compiled: Compiled, asked: Asked, tally: Tally) -> None:
    """Ask a form what scikit-learn was asked, and add to the tally."""
    import numpy as np

    columns = {name: [row[name] for row in asked.rows] for name in compiled.form.columns}
    try:
        with np.errstate(over="ignore"):  # float32 ends sooner than float64: its answers tell where
            answers = compiled.predict(columns, len(asked.rows))
    except UncoveredRowsError as error:
        tally.refused = error.message
        return
    _count(asked, answers, tally)


def compare_singly(compiled: Compiled, asked: Asked, tally: Tally) -> None:
    """Some rows one by one, as most requests have them: a server takes a shorter way then."""
    step = max(1, len(asked.rows) // _SINGLE)
    for at in range(0, len(asked.rows), step):
        part = {name: values[at : at + 1] for name, values in asked.answers.items()}
        compare(compiled, Asked(asked.rows[at : at + 1], part), tally)


def _count(asked: Asked, answers: Answers, tally: Tally) -> None:
    import numpy as np

    expected = asked.answers
    if any(expected[name].shape != answers[name].shape for name in expected):
        tally.refused = "Its ONNX form gives answers of another shape."
        return
    with np.errstate(invalid="ignore", over="ignore"):
        if "predict_proba" in expected:
            apart = _apart(expected["predict_proba"], answers["predict_proba"]).max(axis=1)
        elif expected["predict"].dtype.kind == "f":
            size = np.maximum(1.0, np.abs(expected["predict"]))
            apart = _apart(expected["predict"] / size, answers["predict"] / size)
        else:
            apart = np.zeros(len(asked.rows))
    exact = expected["predict"].dtype.kind != "f" or "predict_proba" in expected
    wrong = (expected["predict"] != answers["predict"]) if exact else np.zeros(len(apart), dtype=bool)
    worst = int(np.lexsort((apart, wrong))[-1])
    tally.rows += len(apart)
    if (
        tally.worst is None
        or (wrong[worst] and not tally.wrong)
        or (apart[worst] > tally.difference and not tally.wrong)
    ):
        tally.worst = {
            "row": dict(asked.rows[worst]),
            "scikit-learn": _at(expected, worst),
            "onnx": _at(answers, worst),
        }
    tally.wrong += int(wrong.sum())
    tally.difference = max(tally.difference, float(apart.max()))


def _apart(a: "NDArray[Any]", b: "NDArray[Any]") -> "NDArray[Any]":
    """The absolute difference; none of two that are both no number, and 1 where one of them is none."""
    import numpy as np

    same = (a == b) | (np.isnan(a) & np.isnan(b))
    found = np.where(same, 0.0, np.abs(a - b))
    return np.where(np.isfinite(found), found, 1.0)


def _at(answers: Answers, row: int) -> dict[str, Any]:
    """The answers to one row as JSON can hold them."""
    return {name: _plain(values[row : row + 1].tolist()[0]) for name, values in answers.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
