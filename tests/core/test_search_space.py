"""Ranges as people write them."""

import datetime as dt

import pytest

from mlops_console.core.errors import UsageError
from mlops_console.core.search_space import Choice, Dimension, Range, parse_dimension


def test_dates_are_tried_as_their_text() -> None:
    days = {"a": dt.date(2020, 1, 1), "b": dt.date(2020, 2, 1)}
    assert parse_dimension("since=a,b", days.__getitem__) == ("since", Choice(("2020-01-01", "2020-02-01")))


def number(text: str) -> object:
    return float(text) if text.replace(".", "").isdigit() else text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("depth=2..12", Range(2, 12, whole=True)),
        ("depth = 2..12/5", Range(2, 12, whole=True, step=5)),
        ("lr=log:1e-4..1e-1", Range(1e-4, 0.1, whole=False, log=True)),
        ("n=log:1..1000", Range(1, 1000, whole=True, log=True)),
        ("share=0.1..0.9/0.1", Range(0.1, 0.9, whole=False, step=0.1)),
        ("x=-5..5", Range(-5, 5, whole=True)),
        ("kind=tree,linear", Choice(("tree", "linear"))),
        ("n=1, 2.5,x", Choice((1.0, 2.5, "x"))),
    ],
)
def test_what_is_tried(text: str, found: Dimension) -> None:
    key, dimension = parse_dimension(text, number)
    assert key == text.partition("=")[0].strip()
    assert dimension == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("depth", "not of the form KEY=RANGE"),
        ("=2..3", "not of the form KEY=RANGE"),
        ("depth=", "not of the form KEY=RANGE"),
        ("depth=12..2", "which holds nothing"),
        ("depth=2..2", "which holds nothing"),
        ("lr=log:0..1", "a logarithm needs more than 0"),
        ("lr=log:-1..1", "a logarithm needs more than 0"),
        ("lr=0..1e999", "which no number reaches"),
        ("lr=0..1/0", "in steps of 0"),
        ("lr=0..1/3", "in steps of 3"),
        ("lr=log:1..8/2", "in steps of 2"),
        ("lr=a..b", "which is no range of numbers"),
        ("lr=1..", "which is no range of numbers"),
        ("kind=tree", "only one value"),
        ("kind=tree,tree", "a value twice"),
    ],
)
def test_what_makes_no_sense_is_told(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_dimension(text, number)
