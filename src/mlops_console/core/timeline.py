"""What was live when, in one environment: the spans of its revisions."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from mlops_console.core.deployments import Revision


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in seconds since the epoch, in which a revision was live.

    `is_open`: it was live at the end of what was looked at, so that `end` is no end of its own.
    """

    revision: Revision
    start: float
    end: float
    is_open: bool

    @property
    def seconds(self) -> float:
        return self.end - self.start


def spans(revisions: Iterable[Revision], until: float) -> tuple[Span, ...]:
    """The spans that began before `until`, oldest first; none overlaps the next.

    A revision that went live takes the place of the one before at that moment, a little before the store has said so of
    the other one.

    Args:
        revisions: of one environment, in any order.
        until: the end of what is looked at: now, or a moment in the past.
    """
    found = sorted((r.live_at, r.revision, r) for r in revisions if r.live_at is not None and r.live_at < until)
    nexts = [start for start, _, _ in found[1:]]
    return tuple(
        _span(revision, start, following, until)
        for (start, _, revision), following in itertools.zip_longest(found, nexts)
    )


def _span(revision: Revision, start: float, following: float | None, until: float) -> Span:
    """`following`: when the next one began; None of the last."""
    end = until if following is None else following
    is_open = following is None and (revision.ended_at is None or revision.ended_at >= until)
    if revision.ended_at is not None:
        end = min(revision.ended_at, end)
    return Span(revision, start, max(end, start), is_open)
