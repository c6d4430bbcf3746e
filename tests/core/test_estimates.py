"""How long it will take, and on which stages that hangs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.estimates import Left, Usual, critical_path, left, seconds_of, to_speed_up, usual
from mlops_console.core.runs import RunStatus, StageRun


def stage(
    name: str, *deps: str, status: str = "queued", start: float | None = None, end: float | None = None
) -> StageRun:
    return StageRun(name, 0, RunStatus(status), "true", "", deps, start, end)


def exactly(seconds: float) -> Usual:
    return Usual(seconds, seconds, seconds, 9)


def test_the_usual_time_is_the_median_with_the_middle_half() -> None:
    assert usual([]) is None
    assert usual([4.0]) == Usual(4.0, 4.0, 4.0, 1)
    # quartiles as numpy.quantile([1, 2, 3, 4, 10], [.25, .5, .75]) gives them
    assert usual([10.0, 1.0, 3.0, 2.0, 4.0]) == Usual(3.0, 2.0, 4.0, 5)


def test_slow_is_beyond_what_chance_explains() -> None:
    found = Usual(10.0, 9.0, 11.0, 5)
    assert not found.is_slow(14.9)
    assert found.is_slow(15.1)
    assert not Usual(10.0, 2.0, 20.0, 5).is_slow(40.0)
    assert not Usual(10.0, 10.0, 10.0, 2).is_slow(1000.0)


def test_what_is_left_is_the_longest_way_to_the_end() -> None:
    stages = [
        stage("a", status="succeeded", start=0, end=10),
        stage("b", "a", status="running", start=10),
        stage("c", "a"),
        stage("d", "b", "c"),
    ]
    times = {"b": exactly(20), "c": exactly(5), "d": exactly(7)}
    assert left(stages, times, 16.0, 2) == Left(14 + 7, 14 + 7, 14 + 7)
    assert left(stages, times, 16.0, 1) == Left(14 + 5 + 7, 14 + 5 + 7, 14 + 5 + 7), "c waits for the slot of b"
    assert left(stages, {"b": exactly(20)}, 16.0, 2) is None
    assert left([], {}, 0.0, 2) is None
    assert left(stages[:1], {}, 0.0, 2) == Left(0, 0, 0)


def test_what_is_left_has_a_spread_and_tells_who_is_late() -> None:
    stages = [stage("a", status="running", start=0), stage("b", "a")]
    times = {"a": Usual(10.0, 8.0, 13.0, 5), "b": exactly(20)}
    found = left(stages, times, 6.0, 2)
    assert found == Left(24.0, 22.0, 27.0)
    assert str(found) == "24s (22s–27s) left"
    late = left(stages, times, 60.0, 2)
    assert late == Left(20.0, 20.0, 20.0, ("a",))
    assert str(late) == "a longer than usual"
    assert str(Left(3.0, 3.0, 3.0)) == "3.0s left"


@given(st.data())
def test_slots_bound_what_is_left(data: st.DataObject) -> None:
    names = [str(at) for at in range(data.draw(st.integers(1, 8)))]
    stages = [
        stage(name, *data.draw(st.lists(st.sampled_from(names[:at]), unique=True, max_size=3)) if at else ())
        for at, name in enumerate(names)
    ]
    times = {name: exactly(data.draw(st.integers(0, 9))) for name in names}
    seconds = {name: found.median for name, found in times.items()}
    whole, longest = sum(seconds.values()), sum(seconds[name] for name in critical_path(stages, seconds))
    one, many = left(stages, times, 0.0, 1), left(stages, times, 0.0, len(names))
    some = left(stages, times, 0.0, 2)
    assert one is not None
    assert some is not None
    assert many is not None
    assert (one.median, many.median) == (whole, longest)
    assert max(longest, whole / 2) <= some.median <= whole


def test_the_critical_path_and_what_to_speed_up() -> None:
    stages = [stage("a"), stage("b", "a"), stage("c", "a"), stage("d", "b", "c"), stage("e")]
    seconds = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 3.0, "e": 8.0}
    assert critical_path(stages, seconds) == ("a", "b", "d")
    assert to_speed_up(("a", "b", "d"), seconds) == "b"
    assert critical_path([], {}) == ()
    assert to_speed_up((), {}) is None


def test_a_stage_takes_what_it_took_or_what_is_usual() -> None:
    stages = [
        stage("done", status="succeeded", start=0, end=2),
        stage("running", status="running", start=0),
        stage("late", status="running", start=0),
        stage("waiting"),
    ]
    times = {name: exactly(10) for name in ("done", "running", "waiting")} | {"late": exactly(3)}
    assert seconds_of(stages, times, 5.0) == {"done": 2, "running": 10, "late": 5, "waiting": 10}


@pytest.mark.parametrize("end", [1.0, -1.0])
def test_a_clock_that_jumps_back_makes_no_negative_time(end: float) -> None:
    assert seconds_of([stage("a", status="succeeded", start=0, end=end)], {}, 0.0)["a"] >= 0
