"""How values are written, and that foreign text can do no harm."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core import text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (0.94213, "0.9421"),
        (1234.5678, "1,234.6"),
        (12_300_000, "12,300,000"),
        (3.0, "3"),
        (0.00001234, "1.23e-05"),
        (float("nan"), "NaN"),
        (float("inf"), "∞"),
        (float("-inf"), "-∞"),
        (-0.5, "-0.5000"),
    ],
)
def test_numbers(value: float | None, written: str) -> None:
    assert text.number(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(None, "–"), (0.41, "0.4s"), (42, "42s"), (192, "3m12s"), (3900, "1h05m"), (187_200, "2d4h"), (-3, "0.0s")],
)
def test_durations(seconds: float | None, written: str) -> None:
    assert text.duration(seconds) == written


@pytest.mark.parametrize(("ago", "written"), [(1, "now"), (42, "42s ago"), (400, "6m ago"), (200_000, "2d ago")])
def test_ages(ago: float, written: str) -> None:
    assert text.age(1000.0, 1000.0 + ago) == written


@pytest.mark.parametrize("at", [None, 1e18, -1e18, 1e300, float("nan"), float("inf"), float("-inf")])
def test_no_clock_shows_a_time_that_no_calendar_has(at: float | None) -> None:
    assert text.clock(at) == "–"


@pytest.mark.parametrize(
    ("at", "written"),
    [(0.0, "1970-01-01 05:45:00"), (-1.0, "1970-01-01 05:44:59"), (1_700_000_000.9, "2023-11-15 03:58:20")],
)
def test_a_clock_shows_the_local_time(monkeypatch: pytest.MonkeyPatch, at: float, written: str) -> None:
    monkeypatch.setenv("TZ", "XXX-5:45")
    time.tzset()
    try:
        assert text.clock(at) == written
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("count", "written"), [(None, "–"), (812, "812 B"), (1234, "1.2 kB"), (3_400_000, "3.4 MB")])
def test_sizes(count: int | None, written: str) -> None:
    assert text.size(count) == written


def test_a_long_name_is_cut_in_the_middle() -> None:
    assert text.shorten("a-very-long-name", 9) == "a-ve…name"
    assert text.shorten("short", 9) == "short"
    assert text.shorten("ab", 1) == "…"
    assert text.shorten("ab", 0) == ""


@given(st.text(), st.integers(0, 40))
def test_a_cut_name_fits(name: str, width: int) -> None:
    assert len(text.shorten(name, width)) <= width


@given(st.text())
def test_no_control_character_survives(foreign: str) -> None:
    safe = text.safe_line(foreign)
    assert all(unicodedata.category(c) not in ("Cc", "Cs") for c in safe)
    assert not set(safe) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029")


def test_escapes_become_visible() -> None:
    assert text.safe_line("\x1b]52;c;aGk=\x07") == "␛]52;c;aGk=␇"
    assert text.safe_text("a\nb\tc") == "a\nb\tc"
    assert text.safe_line("a\nb\x9b2J") == "a␤b�2J"
    assert text.safe_line("tag\U000e0041") == "tag�"


def test_a_giant_line_is_cut_and_says_so() -> None:
    safe = text.safe_text("x" * 10_000_000)
    assert len(safe) < 21_000
    assert safe.endswith("(9,980,000 more characters)")
