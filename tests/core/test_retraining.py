"""Windows of served rows, as people write them and as stages are told of them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.errors import UsageError
from mlops_console.core.retraining import VARIABLES, RetrainingWindow, of_variables, parse_served


def window(start: float, end: float, labelled: int = 500) -> RetrainingWindow:
    return RetrainingWindow("production", start, end, 600, labelled, f"the {labelled} labelled rows")


@given(st.floats(0, 4e9), st.floats(0.001, 1e7))
def test_what_is_written_is_read_back(start: float, span: float) -> None:
    written = window(start, start + span)
    environment, first, last = parse_served(written.text)
    assert first is not None
    assert last is not None
    assert (environment, first, last) == (
        "production",
        pytest.approx(start, abs=1e-5),
        pytest.approx(start + span, abs=1e-5),
    )
    assert of_variables(written.variables) == ("production", start, start + span)


def test_times_as_iso_and_as_seconds() -> None:
    local = time.mktime((2026, 3, 3, 12, 0, 0, 0, 0, -1))
    assert parse_served("production") == ("production", None, None)
    assert parse_served("production:1700000000..1700003600.5") == ("production", 1_700_000_000, 1_700_003_600.5)
    assert parse_served("production:2026-03-03T12:00..") == ("production", local, None)
    assert parse_served("production:2026-03-03T12:00:00Z..2026-03-03T13:00:00+00:00")[1:] == (
        1_772_539_200,
        1_772_542_800,
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("production:", "names no window"),
        ("production:2026-03-03", "names no window"),
        ("production:99999999999999999..", "is no time"),
        ("production:253402300800..", "is no time"),
        ("production:..2026-03-03", "names no window"),
        (":2026-03-03..", "names no window"),
        ("production:yesterday..", "'yesterday' is no time"),
        ("production:2026-03-03..2026-03-02", "ends before it starts"),
        ("production:2026-03-03..2026-03-03", "ends before it starts"),
    ],
)
def test_what_is_no_window(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_served(text)


def test_a_process_without_a_window_has_none() -> None:
    assert of_variables({}) is None
    assert of_variables(dict.fromkeys(VARIABLES, "")) is None


def test_too_few_labelled_rows_are_told() -> None:
    assert window(1, 2, labelled=100).refused is None
    assert window(1, 2, labelled=99).refused == (
        "A retraining takes at least 100 labelled rows, and it would have the 99 labelled rows."
    )
