"""Compiling a model version: its ONNX form, and whether that answers as scikit-learn does.

A form is vouched for only where both were asked: on the version's own rows, and on `models.probes`. What it can't take
as scikit-learn does it refuses (`Form.limit`, `Form.gaps`), and what it would take though scikit-learn refuses it (a
category that an encoder must know) makes the version one that is not compiled.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mlops_console.core.errors import ModelError
from mlops_console.core.models import Column, CompiledModel, Signature
from mlops_console.core.text import safe_line
from mlops_console.models import probes
from mlops_console.models.compiled import Compiled, Form, UncoveredRowsError
from mlops_console.models.conversion import Graph, convert, is_text, pack, variants
from mlops_console.models.probes import Row
from mlops_console.models.rows import to_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCE = 1e-5  # of a probability; of a regressor's answer, relative above 1

_TIE = 1e-6  # nearer than this, probabilities that were float32 can't be told apart
_SINGLE = 30  # rows that are also asked for one by one
_ROUNDS = 5  # of timing
_REPEATS = 20  # in a round

# What scikit-learn raises for rows that fit the signature, but that this very model can't take.
_REFUSED = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError)

Answers = dict[str, "NDArray[Any]"]
Progress = Callable[[float, str], None]


class NotCompilableError(ModelError):
    """No ONNX form of this model could be vouched for, however it were made."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Rows, and what scikit-learn says to them."""

    rows: list[Row]
    answers: Answers


@dataclass(frozen=True, slots=True)
class _Questions:
    """All that a form is asked.

    Attributes:
        known: of which every answer must agree.
        rungs: numbers of growing magnitude, up to which scikit-learn answers.
        reach: the greatest magnitude among the version's own rows.
        gaps: nullable columns in which scikit-learn takes a missing value.
    """

    known: _Asked
    rungs: tuple[tuple[float, _Asked], ...]
    reach: float
    gaps: tuple[str, ...]


@dataclass(slots=True)
class _Tally:
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


def compile_model(
    estimator: Any, signature: Signature, rows: Sequence[Row], progress: Progress
) -> tuple[CompiledModel, bytes | None]:
    """Convert an estimator to ONNX and compare the two: what came of it, and the file where they agree.

    Args:
        estimator: as `models.storage` loads it.
        signature: what it takes and gives.
        rows: of the version's own, as `fitting` gives them.
        progress: told how far it is, from 0 to 1, and at what; what it raises ends the compiling.
    """
    try:
        questions = _questions(estimator, signature, rows, progress)
    except NotCompilableError as error:
        return CompiledModel("unsupported", time.time(), reason=error.message), None
    closest: CompiledModel | None = None
    problem = ""
    ways = list(variants(signature))
    for number, variant in enumerate(ways):
        progress(0.3 + 0.7 * number / len(ways), f"converting to ONNX in float{64 if variant.precise else 32}")
        try:
            graph = convert(estimator, signature, variant)
            found, content = _judge(graph, estimator, signature, questions, progress)
        except ModelError as error:
            problem = problem or error.message
        else:
            if found.state == "agrees":
                return found, content
            if closest is None or _distance(found) < _distance(closest):
                closest = found
    return closest or CompiledModel("unsupported", time.time(), reason=problem), None


def fitting(signature: Signature, records: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Rows from an input example or a dataset's sample as JSON values, without those that a server would refuse."""
    rows = [{c.name: _value(c, record.get(c.name)) for c in signature.inputs} for record in records]
    return [row for row in rows if all(c.nullable or row[c.name] is not None for c in signature.inputs)]


def _value(column: Column, value: Any) -> Any:
    """A value as a request would have it; None where it is missing or none of this column."""
    if is_text(column):
        return value if isinstance(value, str) else None
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if column.dtype == "bool":
        return bool(value)
    if column.dtype.startswith("float"):
        return float(value)
    return int(value) if float(value).is_integer() else None


def _questions(estimator: Any, signature: Signature, rows: Sequence[Row], progress: Progress) -> _Questions:
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
    return _Questions(_Asked(known, answers), tuple(_rungs(estimator, signature, complete, reach)), reach, gaps)


def _must_answer(estimator: Any, signature: Signature, rows: list[Row], what: str) -> Answers:
    answers = _ask(estimator, signature, rows)
    if answers is None:
        raise NotCompilableError(f"scikit-learn refuses {what}, which an ONNX form would answer.")
    return answers


def _takes_gaps(estimator: Any, signature: Signature, rows: list[Row], column: Column) -> bool:
    """Whether scikit-learn takes a missing value there. What it refuses a form refuses too.

    Raises:
        NotCompilableError: it takes a missing text, for which ONNX has no value.
    """
    if _ask(estimator, signature, probes.gaps(rows, column)) is None:
        return False
    if is_text(column):
        raise NotCompilableError(f"Texts in {_quoted(column)} may be missing, and ONNX has no missing texts.")
    return True


def _rungs(estimator: Any, signature: Signature, rows: list[Row], reach: float) -> Iterable[tuple[float, _Asked]]:
    """Numbers beyond those that the model has learnt, as far as scikit-learn answers."""
    if not any(column.kind == "numeric" for column in signature.inputs):
        return
    for size in sorted({*probes.LADDER, 4 * reach}):
        made = probes.magnitudes(rows, signature.inputs, size)
        answers = _ask(estimator, signature, made)
        if answers is None:
            if size <= reach:
                raise NotCompilableError(
                    "scikit-learn refuses numbers that it does not know, which no ONNX form would."
                )
            return
        yield size, _Asked(made, answers)


def _judge(
    graph: Graph, estimator: Any, signature: Signature, questions: _Questions, progress: Progress
) -> tuple[CompiledModel, bytes]:
    """Compare a graph's answers with scikit-learn's.

    Raises:
        NotCompilableError: it is slower than scikit-learn.
        ModelError: onnxruntime can't load it.
    """
    progress(0.6, "comparing the answers")
    form, tally = _labelled(graph, signature, questions)
    limit = math.inf
    if tally.agrees and questions.rungs:
        compiled = Compiled(_packed(graph, form))
        limit = _climb(compiled, questions.rungs, tally)
        if limit < questions.reach:
            tally.refused = f"Its ONNX form answers otherwise for numbers beyond ±{limit:g}, which the reference has."
    form = replace(form, limit=limit)
    content = _packed(graph, form)
    if tally.agrees:
        compiled = Compiled(content)
        _ask_singly(compiled, questions.known, tally)
    if not tally.agrees:
        return _told("differs", tally), content
    _check_speed(compiled, estimator, signature, questions.known.rows[0])
    return _told("agrees", tally), content


def _labelled(graph: Graph, signature: Signature, questions: _Questions) -> tuple[Form, _Tally]:
    """The form whose labels agree: by the greatest probability, or by an output of their own (an SVC votes)."""
    labels: tuple[Literal["argmax", "output", "none"], ...] = ("none",)
    if signature.task == "classification":
        labels = ("argmax", "output") if signature.probabilities else ("output",)
    tried = []
    for label in labels:
        form = _form(graph, signature, questions, label)
        tally = _Tally()
        _compare(Compiled(_packed(graph, form)), questions.known, tally)
        if tally.agrees:
            return form, tally
        tried.append((form, tally))
    return min(tried, key=lambda one: (bool(one[1].refused), one[1].wrong))


def _form(
    graph: Graph, signature: Signature, questions: _Questions, label: Literal["argmax", "output", "none"]
) -> Form:
    return Form(
        columns=tuple(column.name for column in signature.inputs),
        texts=tuple(column.name for column in signature.inputs if is_text(column)),
        together=graph.variant.together,
        precise=graph.variant.precise,
        limit=math.inf,
        nullable=tuple(column.name for column in signature.inputs if column.nullable),
        gaps=questions.gaps,
        label=label,
        tie=_TIE if graph.rounded else 0.0,
        classes=signature.classes,
        dtype=questions.known.answers["predict"].dtype.str,
        probabilities=signature.probabilities,
    )


def _packed(graph: Graph, form: Form) -> bytes:
    """The first output of skl2onnx is the label or the answer, the second one the probabilities."""
    wanted = graph.outputs[1:2] if form.label == "argmax" else graph.outputs[: 1 + form.probabilities]
    return pack(graph, wanted, form)


def _climb(compiled: Compiled, rungs: Sequence[tuple[float, _Asked]], tally: _Tally) -> float:
    """The greatest magnitude up to which all answers agree; what was compared up to there goes into the tally."""
    limit = 0.0
    for size, asked in rungs:
        tried = replace(tally)
        _compare(compiled, asked, tried)
        if not tried.agrees:
            break
        limit = size
        tally.rows, tally.difference, tally.worst = tried.rows, tried.difference, tried.worst
    return limit


def _ask(estimator: Any, signature: Signature, rows: Sequence[Row]) -> Answers | None:
    """What scikit-learn answers; None where it refuses."""
    import numpy as np

    if not rows:
        return {}
    values = to_rows(estimator, signature.inputs, _by_column(signature.inputs, rows))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = {"predict": np.asarray(estimator.predict(values))}
            if signature.probabilities:
                answers["predict_proba"] = np.asarray(estimator.predict_proba(values))
    except _REFUSED:
        return None
    return answers


def _by_column(columns: Sequence[Column], rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {column.name: [row[column.name] for row in rows] for column in columns}


def _compare(compiled: Compiled, asked: _Asked, tally: _Tally) -> None:
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


def _ask_singly(compiled: Compiled, asked: _Asked, tally: _Tally) -> None:
    """Some rows one by one, as most requests have them: a server takes a shorter way then."""
    step = max(1, len(asked.rows) // _SINGLE)
    for at in range(0, len(asked.rows), step):
        part = {name: values[at : at + 1] for name, values in asked.answers.items()}
        _compare(compiled, _Asked(asked.rows[at : at + 1], part), tally)


def _count(asked: _Asked, answers: Answers, tally: _Tally) -> None:
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


def _check_speed(compiled: Compiled, estimator: Any, signature: Signature, row: Row) -> None:
    """Raise `NotCompilableError` if one row takes longer than in scikit-learn, as neighbours do."""
    columns = _by_column(signature.inputs, [row])
    ours = _fastest(lambda: compiled.predict(columns, 1))
    theirs = _fastest(lambda: _ask(estimator, signature, [row]))
    if ours > theirs:
        raise NotCompilableError(
            f"Its ONNX form agrees, but takes {ours * 1e6:,.0f} µs for a row, and scikit-learn {theirs * 1e6:,.0f} µs."
        )


def _fastest(work: Callable[[], Any]) -> float:
    """Seconds of one call, in the best of some rounds: what else the machine does takes time from the others."""
    best = math.inf
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        for _ in range(_REPEATS):
            work()
        best = min(best, (time.perf_counter() - start) / _REPEATS)
    return best


def _told(state: Literal["agrees", "differs"], tally: _Tally) -> CompiledModel:
    return CompiledModel(
        state,
        time.time(),
        rows=tally.rows,
        worst_difference=tally.difference,
        worst=tally.worst,
        reason=tally.reason,
    )


def _distance(found: CompiledModel) -> float:
    return math.inf if found.worst_difference is None else found.worst_difference


def _quoted(column: Column) -> str:
    return f"column {safe_line(column.name, 40)!r}"
