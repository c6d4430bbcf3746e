"""What was live when."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.timeline import spans


def revision(number: int, live_at: float | None, ended_at: float | None = None) -> Revision:
    state = RevisionState.RETIRED if ended_at is not None else RevisionState.LIVE
    return Revision(
        "production", number, "fraud", number, "deploy", state, "ann", "", 0.0, live_at=live_at, ended_at=ended_at
    )


def told(*revisions: Revision, until: float) -> list[tuple[int, float, float, bool]]:
    return [(span.revision.revision, span.start, span.end, span.is_open) for span in spans(revisions, until)]


def test_spans_follow_each_other() -> None:
    history = (revision(4, 50.0), revision(1, 10.0, 20.001), revision(2, None, 25.0), revision(3, 20.0, 50.001))
    assert told(*history, until=90.0) == [(1, 10.0, 20.0, False), (3, 20.0, 50.0, False), (4, 50.0, 90.0, True)]
    assert spans(history, 90.0)[2].seconds == 40.0


def test_a_moment_in_the_past_is_seen_as_it_was() -> None:
    history = (revision(1, 10.0, 20.0), revision(3, 20.0, 50.0), revision(4, 50.0))
    assert told(*history, until=30.0) == [(1, 10.0, 20.0, False), (3, 20.0, 30.0, True)]
    assert told(*history, until=10.0) == []


def test_what_ended_with_nothing_after_it_leaves_a_gap() -> None:
    assert told(revision(1, 10.0, 20.0), revision(2, 30.0), until=40.0) == [
        (1, 10.0, 20.0, False),
        (2, 30.0, 40.0, True),
    ]
    assert told(revision(1, 10.0, 20.0), until=40.0) == [(1, 10.0, 20.0, False)]


def test_nothing_was_ever_live() -> None:
    assert told(revision(1, None, 5.0), until=10.0) == []
    assert told(until=10.0) == []


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e9), st.none() | st.floats(-10, 1e9)), max_size=8), st.floats(0, 2e9))
def test_spans_never_overlap_whatever_the_clock_did(times: list[tuple[float, float | None]], until: float) -> None:
    history = [revision(n, at, None if took is None else at + took) for n, (at, took) in enumerate(times)]
    found = spans(history, until)
    assert all(span.start <= span.end <= until for span in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    assert sum(span.is_open for span in found) <= 1
