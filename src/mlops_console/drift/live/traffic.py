"""Windows of live data: from when to when they are, and what was answered in them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_console.core.deployments import Revision
from mlops_console.core.models import ModelVersion
from mlops_console.core.profiles import ReferenceProfile, WindowCounts
from mlops_console.core.windows import Window
from mlops_console.drift.live.counts import add_all, count_window
from mlops_console.drift.live.rows import LiveRows, read_live_rows
from mlops_console.drift.live.slots import covers, read_slots
from mlops_console.drift.profiles import PREDICTION, probability_names
from mlops_console.store import deployments
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WEEK = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Span:
    """The rows with `start` < at <= `end`; with `rows`, only the newest of them."""

    start: float
    end: float
    rows: int | None = None


def span_of(log: PredictionLog, live: Revision, window: Window, now: float) -> Span:
    """The newest traffic up to `now`, not from before the revision went live."""
    began = began_at(live, now)
    if window.rows is None:
        assert window.seconds is not None, "a window is of either"
        return Span(max(now - window.seconds, began), now)
    first = log.start_of_newest(live.environment, live.revision, window.rows, now)
    start = began if first is None else max(math.nextafter(first, -math.inf), began)
    return Span(start, now, window.rows)


def began_at(live: Revision, now: float) -> float:
    """When a revision went live. A clock that went back must not put that after `now`."""
    return min(live.live_at or live.created_at, now)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A window, counted.

    Attributes:
        total: rows that were answered in it; about that, where an even sample of them was counted.
        last: when the last row was counted, seconds since the epoch: what came later is not in `counts`.
        rows: those of the prediction log, where the window was counted from it.
        revisions: who has answered.
    """

    counts: WindowCounts
    span: Span
    total: int
    last: float
    rows: LiveRows | None = None
    revisions: tuple[Revision, ...] = ()

    @property
    def counted_span(self) -> Span:
        """The rows of the span that were counted: servers are some seconds behind the prediction log."""
        return replace(self.span, end=self.last)


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """What an environment has answered, in the bins of one version's profile: as its servers have counted it, and where
    they have not, from the prediction log.

    Attributes:
        live: the revision that serves.
        version: of that revision.
        most: rows of the prediction log that are read; of more, an even sample.
        private: columns that the log never has.
    """

    workspace: Workspace
    log: PredictionLog
    live: Revision
    version: ModelVersion
    profile: ReferenceProfile
    most: int
    private: frozenset[str]

    def newest(self, window: Window, now: float) -> Counted:
        """The newest window up to `now` of the live revision."""
        return self._counted(window, span_of(self.log, self.live, window, now))

    def before(self, current: Counted, window: Window, *, week: bool) -> Counted | None:
        """The window before one, or that of a week before: of the live revision if it was live all the time, else of
        whoever was, as the prediction log has it; None where nothing was answered then."""
        span = self._span_before(current.span, window, week=week)
        if (self.live.live_at or self.live.created_at) <= span.start:
            found = self._counted(window, span)
            return found if found.counts.rows else None
        with self.workspace.store.read() as db:
            revisions = [r for r in deployments.revisions(db, self.live.environment) if _was_live(r, span)]
        parts = [part for part in (self._from_log(revision, span) for revision in revisions) if part.counts.rows]
        total = add_all(part.counts for part in parts)
        if total is None:
            return None
        answered = tuple(revision for part in parts for revision in part.revisions)
        return Counted(total, span, sum(part.total for part in parts), span.end, revisions=answered)

    def rows_of(self, revision: Revision, span: Span) -> LiveRows:
        """The rows themselves, as far as the prediction log has them; see `step`."""
        signature, step = self.version.signature, self.step(span)
        number = revision.revision
        rows = read_live_rows(self.log, revision.environment, number, signature, span.start, span.end, self.most)
        return rows if span.rows is None else _newest(rows, math.ceil(span.rows / step))

    def step(self, span: Span) -> int:
        """Of so many rows of the prediction log one is read: 1 unless they are too many."""
        return max(1, math.ceil(self.log.count(self.live.environment, span.start, span.end) / self.most))

    def public(self, rows: LiveRows) -> "dict[str, NDArray[Any]]":
        """The inputs that the log has."""
        return {name: values for name, values in rows.inputs.items() if name not in self.private}

    def is_of_version(self, revision: Revision) -> bool:
        return (revision.model, revision.version) == (self.version.model, self.version.version)

    def _span_before(self, current: Span, window: Window, *, week: bool) -> Span:
        end = current.end - _WEEK if week else current.start
        if window.seconds is not None:
            return Span(end - window.seconds, end)
        assert window.rows is not None, "a window is of either"
        first = self.log.start_of_newest(self.live.environment, None, window.rows, end)
        return Span(end if first is None else math.nextafter(first, -math.inf), end, window.rows)

    def _counted(self, window: Window, span: Span) -> Counted:
        """What the live revision has answered in a span that is such a window."""
        environment, revision = self.live.environment, self.live.revision
        with self.workspace.store.read() as db:
            if covers(db, self.log, environment, revision, span.start):
                found = read_slots(db, environment, revision, self.profile, window, span.end)
                if found is not None:
                    start = max(found.start, began_at(self.live, span.end))
                    last = min(found.end, span.end)
                    return Counted(
                        found.counts, replace(span, start=start), found.answered, last, revisions=(self.live,)
                    )
        return self._from_log(self.live, span)

    def _from_log(self, revision: Revision, span: Span) -> Counted:
        """Of another version only the inputs, which alone mean the same."""
        rows = self.rows_of(revision, span)
        predictions = dict(self._predictions(rows)) if self.is_of_version(revision) else {}
        counts = count_window(self.profile, self.public(rows), predictions)
        return Counted(counts, span, rows.rows * self.step(span), span.end, rows, (revision,))

    def _predictions(self, rows: LiveRows) -> "Iterator[tuple[str, NDArray[Any]]]":
        """As `profiles.prediction_columns` has them of held-out rows."""
        yield PREDICTION, rows.predictions
        if rows.probabilities is not None:
            for position, name in probability_names(self.version.signature.classes):
                yield name, rows.probabilities[:, position]


def _was_live(revision: Revision, span: Span) -> bool:
    if revision.live_at is None or revision.live_at >= span.end:
        return False
    return revision.ended_at is None or revision.ended_at > span.start


def _newest(rows: LiveRows, count: int) -> LiveRows:
    if rows.rows <= count:
        return rows
    chances = rows.probabilities
    return replace(
        rows,
        inputs={name: values[-count:] for name, values in rows.inputs.items()},
        predictions=rows.predictions[-count:],
        probabilities=None if chances is None else chances[-count:],
        labels=rows.labels[-count:],
        delays=rows.delays[-count:],
    )
