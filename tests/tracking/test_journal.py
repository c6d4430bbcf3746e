"""What `run.log` takes, refuses and keeps, without a store."""

import math
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.errors import UsageError
from mlops_console.tracking import journal as journals
from mlops_console.tracking import spool
from mlops_console.tracking.journal import Journal
from tests.tracking.records import Point, records


class _Keeper:
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def add(self, journal: Journal) -> None:
        pass

    def warn(self, problem: str) -> None:
        self.warnings.append(problem)

    warn_of_trouble = warn


@pytest.fixture
def keeper() -> _Keeper:
    return _Keeper()


@pytest.fixture
def journal(tmp_path: Path, keeper: _Keeper) -> Iterator[Journal]:
    journal = Journal(tmp_path, "0123", lambda: keeper, owns_run=True)
    yield journal
    for segment in journal.segments:
        segment.remove()


def _points(journal: Journal) -> list[Point]:
    found: list[Point] = []
    for segment in journal.segments:
        items = records(segment.map, 1, journal.boundary(segment), {})
        found += [item for _, item in items if isinstance(item, tuple)]
    return found


def _values(journal: Journal) -> list[tuple[str, int, float]]:
    return [(name, step, value) for name, step, value, _ in _points(journal)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, 0.5),
        (3, 3.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.bool_(True), 1.0),
        (np.array(0.25), 0.25),
        (Fraction(1, 2), 0.5),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
    ],
)
def test_numbers_are_kept(journal: Journal, value: Any, expected: float) -> None:
    journal.log({"a": value}, 1)
    journal.log({"a": value}, 2)
    assert _values(journal) == [("a", 1, expected), ("a", 2, expected)]


def test_nan_is_kept(journal: Journal) -> None:
    journal.log({"a": math.nan}, None)
    assert math.isnan(_points(journal)[0][2])


@pytest.mark.parametrize(
    "value",
    [
        "1.0",
        None,
        [1.0],
        (),
        {},
        b"1",
        1j,
        np.complex64(1),
        np.array([1.0]),
        np.str_("1"),
        np.datetime64("2020"),
        object(),
    ],
)
def test_what_is_no_number_is_refused_at_once(journal: Journal, value: Any) -> None:
    for _ in range(2):  # with a name that is new, and with one that is known
        with pytest.raises(TypeError, match="'b' must be a number"):
            journal.log({"a": 1.0, "b": value}, 1)
        journal.log({"a": 2.0, "b": 2.0}, 2)
    assert _values(journal) == [("a", 2, 2.0), ("b", 2, 2.0)] * 2


@pytest.mark.parametrize("metrics", [None, 1.0, "a", [("a", 1.0)], {"a"}])
def test_what_is_no_dict_is_refused(journal: Journal, metrics: Any) -> None:
    with pytest.raises(TypeError, match="log takes a dict"):
        journal.log(metrics, None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (1, TypeError),
        (None, TypeError),
        ("", ValueError),
        (" ", ValueError),
        ("x" * 251, ValueError),
        ("\ud800", ValueError),
    ],
)
def test_names_are_checked(journal: Journal, name: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="the metric's name"):
        journal.log({name: 1.0}, None)
    assert _points(journal) == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "\x1b[31mred", "[/bold]", "a\0b", "名前", "'; DROP TABLE runs; --", "x" * 250]
)
def test_hostile_names_are_only_names(journal: Journal, name: str) -> None:
    journal.log({name: 1.0}, None)
    assert _values(journal) == [(name, 0, 1.0)]


@pytest.mark.parametrize(
    ("step", "kind"), [("1", TypeError), (1.0, TypeError), (2**63, ValueError), (-(2**63) - 1, ValueError)]
)
def test_steps_are_checked(journal: Journal, step: Any, kind: type[Exception]) -> None:
    journal.log({"a": 1.0}, 0)
    with pytest.raises(kind, match="step"):
        journal.log({"a": 1.0}, step)
    assert len(_points(journal)) == 1


def test_an_integer_too_large_is_refused(journal: Journal) -> None:
    with pytest.raises(ValueError, match="too large"):
        journal.log({"a": 10**400}, None)


def test_any_64_bit_step_in_any_order(journal: Journal) -> None:
    steps = [2**63 - 1, -(2**63), 0, True, np.int32(5)]
    for step in steps:
        journal.log({"a": 1.0}, step)
    assert [step for _, step, _ in _values(journal)] == [int(step) for step in steps]


def test_calls_without_a_step_are_counted(journal: Journal) -> None:
    journal.log({"a": 1.0}, None)
    journal.log({"a": 1.0}, 100)
    with pytest.raises(TypeError):
        journal.log({"a": "x"}, None)
    journal.log({"a": 1.0, "b": 1.0}, None)
    assert _values(journal) == [("a", 0, 1.0), ("a", 100, 1.0), ("a", 1, 1.0), ("b", 1, 1.0)]


def test_full_segments_are_followed_by_others(journal: Journal) -> None:
    count = spool.SLOTS * 2 + 100
    for step in range(count):
        journal.log({"a": float(step), "b": 1.0} if step % 1000 == 0 else {"a": float(step)}, step)
    assert len(journal.segments) == 3
    assert [value for name, _, value in _values(journal) if name == "a"] == [float(step) for step in range(count)]


def test_a_call_larger_than_a_segment(journal: Journal) -> None:
    journal.event("params", params={"text": "x" * (spool.SLOTS * 40)})
    journal.log({f"m{number}": 1.0 for number in range(journals.NAMES)}, 0)
    assert len(_points(journal)) == journals.NAMES


def test_names_beyond_the_bound_are_refused_with_one_warning(
    journal: Journal, keeper: _Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert journals.NAMES == 10_000
    monkeypatch.setattr(journals, "NAMES", 1_000)
    for number in range(journals.NAMES + 5):
        journal.log({f"m{number}": 1.0, "kept": 1.0}, 0)
    names = {name for name, _, _ in _values(journal)}
    assert len(names) == journals.NAMES
    assert len(keeper.warnings) == 1
    assert "1,000 metric names" in keeper.warnings[0]
    assert sum(name == "kept" for name, _, _ in _values(journal)) == journals.NAMES + 5


def test_threads_share_a_run(journal: Journal) -> None:
    def work(name: str) -> None:
        for step in range(5000):
            journal.log({name: 1.0, f"{name}/b": 2.0}, step)

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(_values(journal))) == 4 * 2 * 5000


def test_where_no_file_can_be_had_memory_serves_for_a_while(
    tmp_path: Path, keeper: _Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "MEMORY_SEGMENTS", 2)
    journal = Journal(tmp_path / "missing", "0123", lambda: keeper, owns_run=True)
    journal.log({"a": 1.0}, None)
    assert _values(journal) == [("a", 0, 1.0)]
    assert len(keeper.warnings) == 1
    for step in range(spool.SLOTS * journals.MEMORY_SEGMENTS):
        journal.log({"a": 1.0}, step)
    kept = len(_points(journal))
    assert journal.lost == spool.SLOTS * journals.MEMORY_SEGMENTS + 1 - kept
    assert len(journal.segments) == journals.MEMORY_SEGMENTS


def test_a_run_that_has_ended_takes_nothing_more(journal: Journal) -> None:
    journal.log({"a": 1.0}, None)
    journal.close()
    with pytest.raises(UsageError, match="has ended"):
        journal.log({"a": 1.0}, None)
    assert len(_points(journal)) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.dictionaries(
                st.text("abc", min_size=1, max_size=3), st.floats(allow_nan=False) | st.integers(-5, 5), max_size=4
            ),
            st.none() | st.integers(-5, 5),
        )
    )
)
def test_log_keeps_everything_in_order(tmp_path: Path, calls: list[tuple[dict[str, float], int | None]]) -> None:
    journal = Journal(tmp_path, "0123", _Keeper, owns_run=True)
    expected, counted = [], 0
    for metrics, step in calls:
        journal.log(metrics, step)
        at = counted if step is None else step
        counted += step is None
        expected += [(name, at, float(value)) for name, value in metrics.items()]
    assert _values(journal) == expected
    for segment in journal.segments:
        segment.remove()
