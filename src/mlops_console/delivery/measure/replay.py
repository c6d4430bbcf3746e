"""The newest logged requests of an environment, answered by a candidate beside the live version."""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_console.core.errors import ModelError
from mlops_console.core.models import Signature
from mlops_console.core.predictions import LoggedRequest
from mlops_console.core.replay import Latency, ReplayedRow, ReplayReport
from mlops_console.core.text import param, shorten
from mlops_console.delivery.measure.latency import quantiles, seconds
from mlops_console.delivery.measure.served import Outputs, Served
from mlops_console.serving.errors import HttpError
from mlops_console.serving.inputs import Batch, prepared

TOLERANCE = 1e-6  # of a number; relative where the live answer is above 1
WORST = 5  # rows that are shown
BINS = 21
_TIMED = 200  # requests whose latency is measured one by one
_WARM_UP = 10
_AT_ONCE = 5_000  # rows of one prediction
_LONGEST = 60  # characters of a value


@dataclass(frozen=True, slots=True)
class _Replayed:
    """A request and what both versions say to it; the candidate says nothing where it refuses it."""

    live_batch: Batch
    candidate_batch: Batch | None
    live: Outputs
    candidate: Outputs | None


@dataclass(frozen=True, slots=True)
class _Row:
    """Both answers to a row; `difference` is candidate minus live, of a probability or of the prediction."""

    inputs: Mapping[str, Any]
    live: Any
    candidate: Any
    refused: bool
    agrees: bool
    difference: float | None


def measure(live: Served, candidate: Served, requests: Sequence[LoggedRequest]) -> ReplayReport:
    """Replay requests.

    Raises:
        ModelError: there are none that the live version takes.
    """
    asked = list(_replayed(live, candidate, requests))
    if not asked:
        raise ModelError(f"{live.version.ref} takes none of the {len(requests):,} newest logged requests.")
    compared = _compared(live.version.signature, candidate.version.signature)
    rows = [row for request in asked for row in _rows(request, compared)]
    differences = [row.difference for row in rows if row.difference is not None]
    edges, counts = _histogram(differences)
    live_latency, candidate_latency = _latencies(live, candidate, asked)
    return ReplayReport(
        live=live.version.ref,
        requests=len(asked),
        rows=len(rows),
        left_out=len(requests) - len(asked),
        refused=sum(row.refused for row in rows),
        agreement=sum(row.agrees for row in rows) / len(rows),
        difference_of=compared.what if differences else "",
        mean_difference=math.fsum(map(abs, differences)) / len(differences) if differences else None,
        max_difference=max(map(abs, differences)) if differences else None,
        edges=edges,
        counts=counts,
        worst=tuple(_told(row) for row in heapq.nlargest(WORST, rows, key=_badness) if not row.agrees),
        live_latency=live_latency,
        candidate_latency=candidate_latency,
    )


def _replayed(live: Served, candidate: Served, requests: Sequence[LoggedRequest]) -> Iterator[_Replayed]:
    """Those that the live version takes. One that was for a version before it, or lacks columns that are never logged,
    says nothing of the candidate."""
    batches = [(_checked(live, request), _checked(candidate, request)) for request in requests]
    before = _answers(live, [batch for batch, _ in batches])
    after = _answers(candidate, [batch for _, batch in batches])
    for (batch, other), ours, theirs in zip(batches, before, after, strict=True):
        if batch is not None and ours is not None:
            yield _Replayed(batch, other, ours, theirs)


def _checked(served: Served, request: LoggedRequest) -> Batch | None:
    """The request as a server would take it; None where it would refuse it."""
    columns = {name: list(values) for name, values in request.inputs.items()}
    try:
        return prepared(served.version.signature).from_columns(columns)
    except HttpError:
        return None


def _answers(served: Served, batches: Sequence[Batch | None]) -> list[Outputs | None]:
    """To each request; many are asked at once, and one by one where one of them is refused."""
    found: list[Outputs | None] = [None] * len(batches)
    waiting: list[int] = []
    rows = 0
    for at, batch in enumerate(batches):
        if batch is not None:
            waiting.append(at)
            rows += batch.rows
        if waiting and (rows >= _AT_ONCE or at == len(batches) - 1):
            _ask(served, [(at, known) for at in waiting if (known := batches[at]) is not None], found)
            waiting, rows = [], 0
    return found


def _ask(served: Served, asked: Sequence[tuple[int, Batch]], found: list[Outputs | None]) -> None:
    batches = [batch for _, batch in asked]
    together = {name: [v for batch in batches for v in batch.columns[name]] for name in batches[0].columns}
    try:
        outputs = served.predict(Batch(sum(batch.rows for batch in batches), together))
    except HttpError:
        if len(asked) > 1:
            for one in asked:
                _ask(served, [one], found)
        return
    end = 0
    for at, batch in asked:
        begin, end = end, end + batch.rows
        found[at] = {name: array[begin:end] for name, array in outputs.items()}


@dataclass(frozen=True, slots=True)
class _Compared:
    """What the two versions' answers have in common: labels, numbers, and what can be subtracted."""

    labels: bool
    what: str = ""  # that is subtracted
    chances: bool = False  # of the second class


def _compared(live: Signature, candidate: Signature) -> _Compared:
    if live.task == "regression":
        return _Compared(False, "prediction" if candidate.task == "regression" else "")
    alike = live.classes == candidate.classes and len(live.classes) == 2
    if alike and live.probabilities and candidate.probabilities:
        return _Compared(True, f"probability of {shorten(str(live.classes[1]), _LONGEST)}", True)
    return _Compared(True)


def _rows(request: _Replayed, compared: _Compared) -> Iterator[_Row]:
    ours = request.live["predict"].tolist()
    theirs = [None] * len(ours) if request.candidate is None else request.candidate["predict"].tolist()
    differences: list[float | None] = [None] * len(ours)
    if compared.what and request.candidate is not None:
        sides = (request.live, request.candidate)
        before, after = [s["predict_proba"][:, 1] if compared.chances else s["predict"] for s in sides]
        differences = [float(value) if math.isfinite(value) else None for value in after - before]
    for at, (mine, other, difference) in enumerate(zip(ours, theirs, differences, strict=True)):
        refused = request.candidate is None
        agrees = not refused and (mine == other if compared.labels else _is_same_number(mine, other))
        inputs = {name: values[at] for name, values in request.live_batch.columns.items()}
        yield _Row(inputs, mine, other, refused, agrees, difference)


def _is_same_number(live: Any, candidate: Any) -> bool:
    numbers = isinstance(candidate, int | float)
    return numbers and bool(abs(candidate - live) <= TOLERANCE * max(1.0, abs(live)))


def _badness(row: _Row) -> float:
    if row.agrees:
        return -1.0
    return math.inf if row.refused else abs(row.difference or 0.0)


def _told(row: _Row) -> ReplayedRow:
    inputs = {shorten(name, _LONGEST): _value(value) for name, value in row.inputs.items()}
    return ReplayedRow(inputs, _value(row.live), "refused" if row.refused else _value(row.candidate), row.difference)


def _value(value: Any) -> str:
    return shorten(param(value), _LONGEST)


def _histogram(differences: Sequence[float]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Bins of equal width around 0, which lies in the middle of one."""
    import numpy as np

    if not differences:
        return (), ()
    most = max(map(abs, differences)) or TOLERANCE
    counts, edges = np.histogram(differences, bins=BINS, range=(-most, most))
    return tuple(edges.tolist()), tuple(counts.tolist())


def _latencies(live: Served, candidate: Served, asked: Sequence[_Replayed]) -> tuple[Latency | None, Latency | None]:
    """Of the newest requests that both take, one by one and in turns."""
    pairs = [(r.live_batch, r.candidate_batch) for r in asked if r.candidate_batch is not None and r.candidate]
    timed = pairs[:_TIMED]
    taken: tuple[list[float], list[float]] = ([], [])
    for batch, other in [*timed[:_WARM_UP], *timed]:
        taken[0].append(seconds(live, batch))
        taken[1].append(seconds(candidate, other))
    if not timed:
        return None, None
    before, after = (quantiles(side[len(timed[:_WARM_UP]) :]) for side in taken)
    return Latency(**before), Latency(**after)
