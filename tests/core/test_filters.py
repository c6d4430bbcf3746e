"""The filter language: what it reads, and where it says that something is wrong."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core import filters
from mlops_console.core.filters import (
    AGGREGATES,
    NUMBERS,
    TEXTS,
    TIMES,
    Comparison,
    Field,
    FilterError,
    Pattern,
    field_text,
    matches,
    parse_field,
    parse_filter,
    parse_order,
)

NOW = 1_000_000.0
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
FIELDS = st.one_of(
    st.builds(Field, st.just("metrics"), KEYS, st.sampled_from(("", *AGGREGATES))),
    st.builds(Field, st.sampled_from(("params", "tags")), KEYS),
    st.builds(Field, st.sampled_from((*TEXTS, *TIMES, *NUMBERS))),
)


def _one(text: str) -> Comparison:
    found = parse_filter(text, NOW)
    assert isinstance(found, Comparison)
    return found


@given(FIELDS)
def test_the_text_of_a_field_is_read_as_that_field(field: Field) -> None:
    assert parse_field(field_text(field)) == field


@given(FIELDS)
def test_a_field_can_stand_in_a_filter(field: Field) -> None:
    assert _one(f"{field_text(field)} = 1").field == field


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("metrics.val/auc", Field("metrics", "val/auc")),
        ("metrics.val/auc.max", Field("metrics", "val/auc", "max")),
        ("metrics.max", Field("metrics", "max")),
        ("metrics.`a b`", Field("metrics", "a b")),
        ("metrics.`a b`.min", Field("metrics", "a b", "min")),
        ("metrics.`loss.max`", Field("metrics", "loss.max")),
        ("metrics.`loss.max`.mean", Field("metrics", "loss.max", "mean")),
        ("params.fit.lr", Field("params", "fit.lr")),
        ("params.fit.max", Field("params", "fit.max")),
        ("tags.`a``b`", Field("tags", "a`b")),
        ("status", Field("status")),
    ],
)
def test_fields(text: str, field: Field) -> None:
    assert parse_field(text) == field


@pytest.mark.parametrize("text", ["metrics.", "metrics.``", "metrics.`a`.worst", "params.`a`.max", "colour", "params"])
def test_what_is_no_field(text: str) -> None:
    with pytest.raises(FilterError, match="is no field"):
        parse_field(text)


def test_dates_may_have_a_zone() -> None:
    expected = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC).timestamp()
    assert _one("started > 2026-03-01T12:00Z").value == expected
    assert _one("started > 2026-03-01T14:00+02:00").value == expected
    assert _one("started > 2026-03-01T12:00:00Z").value == expected


def test_spans() -> None:
    assert _one("started > 2d ago").value == NOW - 2 * 86_400
    assert _one("duration > 90s").value == 90.0


def test_regexes() -> None:
    assert _one("name ~ /otter-\\d+/").value == Pattern("otter-\\d+")
    assert _one("tags.path !~ /a\\/b/").value == Pattern("a/b")
    assert _one("tags.path ~ /data/x").value == "/data/x"
    assert _one('name ~ "/otter/"').value == "/otter/"
    assert matches("OTTER", "calm-otter-1")
    assert not matches("(?-i:OTTER)", "calm-otter-1")
    assert not matches("otter", None)
    assert not matches("end$", "x" * 2000 + "end")


@pytest.mark.parametrize(
    "regex", ["(a+)+", "(a*)*b", "((a+)b?)*", "(?:x{2,}y)+", "([a+]+c)*", "a" * 300, "(", "[z-a]", "(?P<n>"]
)
def test_hopeless_regexes_are_refused_at_their_column(regex: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(f"name ~ /{regex}/", NOW)
    assert caught.value.column == 8


@pytest.mark.parametrize("regex", ["(foo|bar)+", "(a+b)?", "[a+]+", "\\(a+\\)+", "a+b*c+", "(ab){2}"])
def test_harmless_regexes_are_taken(regex: str) -> None:
    assert _one(f"name ~ /{regex}/").value == Pattern(regex)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("colour = 1", 1),
        ("metrics.auc >", 14),
        ("metrics.auc > high", 15),
        ("metrics.auc ! 1", 13),
        ("name = a b", 10),
        ("(name = a", 10),
        ("status in (failed", 18),
        ("status in failed", 11),
        ("name = a and and", 14),
        ("started > 2026-13-01", 11),
        ("name = 'open", 8),
    ],
)
def test_an_error_points_at_its_column(text: str, column: int) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, NOW)
    assert caught.value.column == column
    shown, caret = caught.value.pointed()
    assert shown == text
    assert caret == " " * (column - 1) + "^"


def test_of_a_long_filter_the_error_shows_the_part_that_matters() -> None:
    text = " and ".join(["name = a"] * 50) + " and colour = 1"
    with pytest.raises(FilterError) as caught:
        parse_filter(text, NOW)
    shown, caret = caught.value.pointed()
    assert len(shown) <= 100
    assert shown[len(caret) - 1 :].startswith("colour")


WORDS = [
    *("metrics.a", "params.`b", "status", "in", "(", ")", "and", "or", "not", ",", ">", "=", "~", "!~", "/a+/", "1"),
    *("'x'", "2d", "ago", "2026-03-01", "`", "\\", "/", "'", "\x00", "é"),
]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)))
def test_any_text_is_a_filter_or_an_error_at_a_column_of_it(text: str) -> None:
    try:
        parse_filter(text, NOW)
    except FilterError as error:
        assert 1 <= error.column <= len(text) + 1
        shown, caret = error.pointed()
        assert len(shown) <= 100
        assert len(caret) <= 101


@given(st.text(max_size=30))
def test_any_text_is_an_order_or_an_error(text: str) -> None:
    try:
        parse_order(text)
    except FilterError as error:
        assert error.column >= 1


def test_a_filter_has_bounds() -> None:
    with pytest.raises(FilterError, match="at most 200 conditions"):
        parse_filter(" or ".join(["name = a"] * 201), NOW)
    with pytest.raises(FilterError, match="within each other"):
        parse_filter("(" * 30 + "name = a" + ")" * 30, NOW)
    assert filters.MOST == 200
