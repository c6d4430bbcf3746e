"""Compiling a model version: its ONNX form, and whether that answers as scikit-learn does.

A form is vouched for only where both were asked: on the version's own rows, and on `models.probes`. What it can't take
as scikit-learn does it refuses (`Form.limit`, `Form.gaps`), and what it would take though scikit-learn refuses it (a
category that an encoder must know) makes the version one that is not compiled.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from mlops_console.core.errors import ModelError
from mlops_console.core.models import Column, CompiledModel, Signature
from mlops_console.models.agreement import Tally, compare, compare_singly
from mlops_console.models.compiled import Compiled, Form
from mlops_console.models.conversion import Graph, convert, is_text, pack, variants
from mlops_console.models.probes import Row
from mlops_console.models.questions import Asked, NotCompilableError, Progress, Questions, ask, ask_all, by_column

_TIE = 1e-6  # nearer than this, probabilities that were float32 can't be told apart
_ROUNDS = 5  # of timing
_REPEATS = 20  # in a round


def compile_model(
    estimator: Any,
    signature: Signature,
    rows: Sequence[Row],
    progress: Progress,
    private: frozenset[str] = frozenset(),
) -> tuple[CompiledModel, bytes | None]:
    """Convert an estimator to ONNX and compare the two: what came of it, and the file where they agree.

    Args:
        estimator: as `models.storage` loads it.
        signature: what it takes and gives.
        rows: of the version's own, as `fitting` gives them.
        progress: told how far it is, from 0 to 1, and at what; what it raises ends the compiling.
        private: columns whose values are not in what came of it.
    """
    try:
        questions = ask_all(estimator, signature, rows, progress, private)
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


def _judge(
    graph: Graph, estimator: Any, signature: Signature, questions: Questions, progress: Progress
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
        compare_singly(compiled, questions.known, tally)
    if not tally.agrees:
        return _told("differs", tally, questions.private), content
    _check_speed(compiled, estimator, signature, questions.known.rows[0])
    return _told("agrees", tally, questions.private), content


def _labelled(graph: Graph, signature: Signature, questions: Questions) -> tuple[Form, Tally]:
    """The form whose labels agree: by the greatest probability, or by an output of their own (an SVC votes)."""
    labels: tuple[Literal["argmax", "output", "none"], ...] = ("none",)
    if signature.task == "classification":
        labels = ("argmax", "output") if signature.probabilities else ("output",)
    tried = []
    for label in labels:
        form = _form(graph, signature, questions, label)
        tally = Tally()
        compare(Compiled(_packed(graph, form)), questions.known, tally)
        if tally.agrees:
            return form, tally
        tried.append((form, tally))
    return min(tried, key=lambda one: (bool(one[1].refused), one[1].wrong))


def _form(graph: Graph, signature: Signature, questions: Questions, label: Literal["argmax", "output", "none"]) -> Form:
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


def _climb(compiled: Compiled, rungs: Sequence[tuple[float, Asked]], tally: Tally) -> float:
    """The greatest magnitude up to which all answers agree; what was compared up to there goes into the tally."""
    limit = 0.0
    for size, asked in rungs:
        tried = replace(tally)
        compare(compiled, asked, tried)
        if not tried.agrees:
            break
        limit = size
        tally.rows, tally.difference, tally.worst = tried.rows, tried.difference, tried.worst
    return limit


def _check_speed(compiled: Compiled, estimator: Any, signature: Signature, row: Row) -> None:
    """Raise `NotCompilableError` if one row takes longer than in scikit-learn, as neighbours do."""
    columns = by_column(signature.inputs, [row])
    ours = _fastest(lambda: compiled.predict(columns, 1))
    theirs = _fastest(lambda: ask(estimator, signature, [row]))
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


def _told(state: Literal["agrees", "differs"], tally: Tally, private: frozenset[str]) -> CompiledModel:
    worst = tally.worst
    if worst is not None:
        worst = {**worst, "row": {name: value for name, value in worst["row"].items() if name not in private}}
    return CompiledModel(
        state,
        time.time(),
        rows=tally.rows,
        worst_difference=tally.difference,
        worst=worst,
        reason=tally.reason,
    )


def _distance(found: CompiledModel) -> float:
    return math.inf if found.worst_difference is None else found.worst_difference
