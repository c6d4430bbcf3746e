"""When an alert opens and when it is over."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.alert_rules import Limits, Move, State, decide

LIMITS = Limits(bound=0.05, clear=0.02, hold=60, clear_for=30, cool_down=300)
VALUES = st.one_of(st.none(), st.floats(0, 1), st.just(float("nan")))
LOOKS = st.lists(st.tuples(st.floats(0, 200), VALUES), max_size=60)


def play(limits: Limits, looks: list[tuple[float, float | None]]) -> list[tuple[float, Move]]:
    """The moves that follow from figures, each so many seconds after the one before."""
    state, now, moves = State(), 1000.0, []
    for pause, value in looks:
        now += pause
        state, move = decide(limits, state, value, now)
        if move is not Move.NOTHING:
            moves.append((now, move))
    return moves


def test_an_alert_opens_after_its_time_and_ends_after_its_time() -> None:
    looks = [(0, 0.1), (59, 0.1), (1, None), (10, 0.03), (10, 0.02), (29, None), (1, None)]
    assert play(LIMITS, looks) == [(1060, Move.OPEN), (1110, Move.RESOLVE)]


def test_between_the_bounds_nothing_opens_and_nothing_ends() -> None:
    between = [(100.0, 0.03)] * 5
    assert play(LIMITS, between) == []
    assert [move for _, move in play(LIMITS, [(0, 0.1), (60, 0.1), *between])] == [Move.OPEN]


def test_one_right_figure_begins_its_time_anew() -> None:
    assert play(LIMITS, [(0, 0.1), (40, 0.05), (1, 0.1), (59, 0.1), (1, 0.1)]) == [(1101, Move.OPEN)]


def test_what_can_not_be_told_any_more_does_not_open_and_what_is_open_stays() -> None:
    unknown = (10.0, float("nan"))
    assert play(LIMITS, [(0, 0.1), unknown, (200, None)]) == []
    assert play(LIMITS, [(0, 0.1), (60, 0.1), unknown, (200, None)]) == [(1060, Move.OPEN)]
    assert play(LIMITS, [(0, 0.1), (60, 0.1), (1, 0.0), unknown, (20, None)])[1:] == [(1091, Move.RESOLVE)]


def test_the_same_does_not_open_again_before_it_has_cooled_down() -> None:
    limits = Limits(bound=0.05, clear=0.05, cool_down=300)
    looks = [(0, 0.1), (10, 0.0), (10, 0.1), (280, None), (9, None), (1, None)]
    assert play(limits, looks) == [(1000, Move.OPEN), (1010, Move.RESOLVE), (1310, Move.OPEN)]


def test_of_the_disk_what_is_below_is_wrong() -> None:
    limits = Limits(bound=5, clear=10, low=True)
    assert [m for _, m in play(limits, [(0, 6), (1, 4), (1, 7), (1, 10)])] == [Move.OPEN, Move.RESOLVE]


@given(LOOKS)
def test_moves_take_turns_and_keep_their_spans(looks: list[tuple[float, float | None]]) -> None:
    moves = play(LIMITS, looks)
    assert [move for _, move in moves] == [Move.OPEN, Move.RESOLVE] * (len(moves) // 2) + [Move.OPEN] * (len(moves) % 2)
    for (before, _), (after, move) in itertools.pairwise(moves):
        least = LIMITS.clear_for if move is Move.RESOLVE else LIMITS.cool_down
        assert after - before >= least - 1e-6


@given(LOOKS, st.floats(0, 1e7))
def test_a_clock_that_goes_back_locks_nothing(looks: list[tuple[float, float | None]], back: float) -> None:
    """Whatever was before, at most the spans of the rule later it is as the figures say."""
    state, now = State(), 2e7
    for pause, value in looks:
        now += pause
        state, _ = decide(LIMITS, state, value, now)
    now -= back
    for value, is_open in ((1.0, True), (0.0, False)):
        for _ in range(3):
            state, _ = decide(LIMITS, state, value, now)
            now += LIMITS.hold + LIMITS.clear_for + LIMITS.cool_down
        assert state.is_open is is_open


@given(VALUES, st.floats(0, 2e3), st.booleans(), st.booleans())
def test_deciding_twice_at_once_changes_nothing(value: float | None, since: float, bad: bool, is_open: bool) -> None:
    state, _ = decide(LIMITS, State(bad, since, is_open), value, 1e3)
    assert decide(LIMITS, state, None, 1e3) in ((state, Move.NOTHING), decide(LIMITS, state, value, 1e3))
