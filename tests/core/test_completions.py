"""What a filter that is being typed may become."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.completions import MOST, Completion, complete
from mlops_console.core.filters import Field, parse_filter
from mlops_console.core.runs import FieldNames

NAMES = FieldNames(("train/loss", "val/auc", "odd name"), ("lr", "optimizer"), ("team",))


def _values(field: Field, beginning: str) -> list[str]:
    known = {"optimizer": ["adam", "sgd", "rms prop"], "team": ["risk"]}
    texts = known.get(field.key, ["succeeded", "failed"] if field.kind == "status" else [])
    return [text for text in texts if text.startswith(beginning)]


def _complete(text: str) -> Completion:
    return complete(text, len(text), NAMES, _values)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("metrics.v", "metrics.val/auc"),
        ("val", "metrics.val/auc"),
        ("metrics.odd", "metrics.`odd name`"),
        ("odd", "metrics.`odd name`"),
        ("metrics.val/auc.", "metrics.val/auc.first"),
        ("metrics.`odd name`.m", "metrics.`odd name`.min"),
        ("metrics.val/auc ", ">"),
        ("params.optimizer = a", "adam"),
        ("params.optimizer = r", '"rms prop"'),
        ("params.optimizer in (adam, s", "sgd"),
        ("params.optimizer not in (", "adam"),
        ("status = f", "failed"),
        ("started > ", "1h ago"),
        ("duration > 5", "5m"),
        ("status = failed ", "and"),
        ("status = failed and par", "params.lr"),
        ("not (tag", "tags.team"),
        ("params.optimizer", "params.optimizer"),
    ],
)
def test_what_comes_first(text: str, first: str) -> None:
    choices = _complete(text).choices
    if text == first:  # what is typed in full is not offered again
        assert first not in choices
    else:
        assert choices[0] == first


def test_the_word_at_the_cursor_is_what_changes() -> None:
    found = complete("stat = failed", 4, NAMES, _values)
    assert (found.start, found.end) == (0, 4)
    assert found.choices[0] == "status"


def test_choices_are_bounded_and_quick_for_many_names() -> None:
    names = FieldNames(tuple(f"metric {number}" for number in range(10_000)))
    assert len(complete("metric", 6, names, _values).choices) == MOST


@given(st.text(max_size=40), st.data())
def test_any_text_can_be_completed_and_goes_on_to_be(text: str, data: st.DataObject) -> None:
    cursor = data.draw(st.integers(0, len(text)))
    found = complete(text, cursor, NAMES, _values)
    assert 0 <= found.start <= found.end == cursor
    for choice in found.choices[:5]:
        taken = text[: found.start] + choice
        complete(taken, len(taken), NAMES, _values)


@given(st.data())
def test_what_is_completed_step_by_step_is_a_filter(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(_complete("params.").choices))
    operator = data.draw(st.sampled_from(("=", "!=", "~")))
    assert operator in _complete(f"{field} ").choices
    values = _complete(f"{field} {operator} ").choices or ("1",)
    assert parse_filter(f"{field} {operator} {data.draw(st.sampled_from(values))}", 0.0) is not None
