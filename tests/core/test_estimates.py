"""How long it will take, and on which stages that hangs."""

import pytest

from mlops_console.core.estimates import Usual, critical_path, left, seconds_of, to_speed_up, usual
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
    assert left(stages, times, 16.0) == 14 + 7
    assert left(stages, times, 1000.0) == 5 + 7
    assert left(stages, {"b": exactly(20)}, 16.0) is None
    assert left([], {}, 0.0) is None
    assert left(stages[:1], {}, 0.0) == 0


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
