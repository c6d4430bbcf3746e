"""What was live when, as bars on one scale and in words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.text import clock
from mlops_console.core.timeline import spans
from mlops_console.tui.screens.deployments.timeline import timeline_rows
from mlops_console.tui.widgets.chart_paint import plain
from tests.tui.seed import HOSTILE

START = 1_700_000_000.0
FIRST = Revision("production", 1, "fraud", 1, "deploy", RevisionState.RETIRED, "ana", "", START, START, START + 3000.0)
SECOND = replace(FIRST, revision=2, version=2, live_at=START + 3000.0, ended_at=START + 4500.0)
THIRD = replace(FIRST, revision=3, kind="rollback", live_at=START + 4500.0, ended_at=None, state=RevisionState.LIVE)
FOUND = spans([FIRST, SECOND, THIRD], START + 6000.0)


def test_each_version_has_a_row_in_which_its_spans_stand_where_they_were() -> None:
    rows = plain(timeline_rows(FOUND, None, 60, 12)).splitlines()
    one, two = (next(row for row in rows if row.startswith(f" fraud:{n} ")) for n in (1, 2))
    both = [(a, b) for a, b in zip(one[9:-6], two[9:-6], strict=True) if "█" in (a, b)]
    assert all((a == "█") != (b == "█") for a, b in both)  # never two at once
    assert abs(one.count("█") - 3 * two.count("█")) <= 3
    assert one.rstrip().endswith("1h15m")


def test_the_words_tell_begin_end_and_length() -> None:
    text = plain(timeline_rows(FOUND, 2, 90, 12))
    assert f"▌fraud:2 r2   {clock(START + 3000)} → {clock(START + 4500)}  25m00s  by ana" in text
    assert f" fraud:1 r3   {clock(START + 4500)} → now  25m00s" in text
    assert text.index("r3 ") < text.index("r2 ") < text.index("r1 ")


def test_two_short_spans_in_one_cell_are_told_apart_from_one() -> None:
    short = [replace(FIRST, revision=n, live_at=START + n, ended_at=START + n + 0.5) for n in (1, 2)]
    text = plain(timeline_rows(spans([*short, replace(THIRD, version=9)], START + 90_000.0), None, 60, 12))
    assert "┆" in text


def test_versions_without_room_are_counted() -> None:
    many = [replace(FIRST, revision=n, version=n, live_at=START + n, ended_at=START + n + 1) for n in range(1, 9)]
    text = plain(timeline_rows(spans(many, START + 100.0), None, 80, 10))
    assert "and 5 older versions" in text


def test_nothing_live_says_so() -> None:
    assert "Nothing was ever live here." in plain(timeline_rows((), None, 60, 5))


@pytest.mark.parametrize("size", [(1, 1), (20, 3), (60, 8), (200, 50)])
def test_hostile_names_come_through_as_text(size: tuple[int, int]) -> None:
    hostile = spans([replace(FIRST, model=HOSTILE, actor=HOSTILE)], START + 6000.0)
    assert not set("\x1b\x07\u202e") & set(plain(timeline_rows(hostile, 1, *size)))


@given(
    st.lists(st.tuples(st.integers(1, 5), st.floats(0, 1e9), st.none() | st.floats(0, 1e9)), max_size=30),
    st.integers(0, 120),
    st.integers(0, 30),
)
def test_fills_any_size_exactly(lives: list[tuple[int, float, float | None]], width: int, height: int) -> None:
    revisions = [
        replace(FIRST, revision=at + 1, version=version, live_at=live, ended_at=end)
        for at, (version, live, end) in enumerate(lives)
    ]
    rows = timeline_rows(spans(revisions, 2e9), 3, width, height)
    assert len(rows) == (height if width else 0)
    assert all(sum(cell_len(ink.text) for ink in row) == width for row in rows)
