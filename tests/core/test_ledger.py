"""The hash chain as lines of a file: whatever is done to it, the first broken entry is named."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.errors import UsageError
from mlops_console.core.ledger import EMPTY, GENESIS, Head, LedgerEntry, entry_hash, from_line, strict, to_line, verify

TEXT = st.text(max_size=8)
DETAIL = st.dictionaries(
    TEXT, st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT, max_size=3
)


def entry(seq: int, prev: str, actor: str = "ada", detail: dict[str, Any] | None = None) -> LedgerEntry:
    content = (seq, 1.7e9 + seq / 3, actor, "deploy", "production", "succeeded", detail or {}, prev)
    return LedgerEntry(*content, entry_hash(*content))


def chain(length: int, details: list[dict[str, Any]] | None = None) -> list[LedgerEntry]:
    found: list[LedgerEntry] = []
    for seq in range(1, length + 1):
        prev = found[-1].hash if found else GENESIS
        found.append(entry(seq, prev, detail=details[seq - 1] if details else None))
    return found


def lines(entries: list[LedgerEntry]) -> list[str]:
    return [to_line(entry) for entry in entries]


def broken(found: list[str], **heads: Head) -> int | None:
    result = verify([from_line(line) for line in found], heads).broken
    return result.seq if result else None


@settings(deadline=None)
@given(st.lists(DETAIL, min_size=1, max_size=6))
def test_a_whole_chain_is_whole_however_it_is_written(details: list[dict[str, Any]]) -> None:
    entries = chain(len(details), details)
    assert [from_line(line) for line in lines(entries)] == entries
    found = verify([from_line(line) for line in lines(entries)], {"a ticket": Head(1, entries[0].hash)})
    assert (found.entries, found.broken, found.head.seq) == (len(entries), None, len(entries))
    assert [(kept.where, kept.later) for kept in found.noted] == [("a ticket", len(entries) - 1)]
    reordered = [json.dumps(dict(sorted(json.loads(line).items())), indent=1) for line in lines(entries)]
    assert broken(reordered) is None


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_an_entry_that_was_altered_is_named(length: int, data: st.DataObject) -> None:
    entries = chain(length)
    at = data.draw(st.integers(0, length - 1))
    name = data.draw(st.sampled_from([field.name for field in dataclasses.fields(LedgerEntry)]))
    kept = getattr(entries[at], name)
    other: Any = {"x": 1} if name == "detail" else kept + 1 if name in ("seq", "at") else "0" + kept[1:] + "f"
    altered = dataclasses.replace(entries[at], **{name: other})
    assert broken([*lines(entries[:at]), to_line(altered), *lines(entries[at + 1 :])]) == at + 1


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_an_entry_that_was_dropped_is_named(length: int, data: st.DataObject) -> None:
    entries = chain(length)
    at = data.draw(st.integers(0, length - 2))
    assert broken(lines(entries[:at] + entries[at + 1 :])) == at + 1


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_of_reordered_entries_the_first_is_named(length: int, data: st.DataObject) -> None:
    entries = chain(length)
    order = data.draw(st.permutations(range(length)))
    first_moved = next((place + 1 for place, entry in enumerate(order) if place != entry), None)
    assert broken(lines([entries[entry] for entry in order])) == first_moved


@settings(deadline=None)
@given(st.integers(1, 12), st.data())
def test_an_entry_that_was_put_in_between_is_named(length: int, data: st.DataObject) -> None:
    entries = chain(length)
    at = data.draw(st.integers(0, length - 1))
    before = entries[at - 1].hash if at else GENESIS
    forged = entry(at + 1, before, "eve")  # it follows; what came after it does not
    assert broken(lines([*entries[:at], forged, *entries[at:]])) == at + 2


@settings(deadline=None)
@given(st.integers(1, 12), st.data())
def test_a_truncation_shows_by_a_noted_head_and_not_without(length: int, data: st.DataObject) -> None:
    entries = chain(length)
    left = data.draw(st.integers(0, length - 1))
    cut = lines(entries[:left])
    assert broken(cut) is None
    noted = Head(length, entries[-1].hash)
    assert broken(cut, ticket=noted) == left + 1
    found = verify([from_line(line) for line in cut], {"the ticket": noted}).broken
    assert found is not None
    assert found.why == f"the ticket knows of entry {length}, but the ledger ends at {left}: entries were cut off"


@settings(deadline=None)
@given(st.integers(2, 12), st.data())
def test_a_chain_that_was_written_anew_shows_by_a_noted_head(length: int, data: st.DataObject) -> None:
    entries = chain(length)
    changed = data.draw(st.integers(1, length))
    anew = chain(length, [{}] * (changed - 1) + [{"x": 1}] * (length - changed + 1))
    assert broken(lines(anew)) is None
    noted = data.draw(st.integers(1, length))
    expected = noted if noted >= changed else None
    assert broken(lines(anew), ticket=Head(noted, entries[noted - 1].hash)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no json",
        "[]",
        "{}",
        "[" * 100_000,
        lines(chain(1))[0][:-1] + ', "more": 1}',
        lines(chain(1))[0][:-1] + ', "actor": "ada"}',
        lines(chain(1))[0].replace('"seq": 1', '"seq": true'),
        lines(chain(1))[0].replace('"seq": 1', '"seq": 1.0'),
        lines(chain(1))[0].replace('"ada"', "7"),
    ],
)
def test_what_is_no_entry_is_told(line: str) -> None:
    assert from_line(line) is None
    assert broken([lines(chain(1))[0], line]) == 2


def test_a_head_is_read_as_it_is_written() -> None:
    head = Head(41, "ab" * 32)
    assert Head.parse(f"{head}\n") == head
    assert Head.parse(str(EMPTY)) == EMPTY
    for wrong in ("", "41", "41:xyz", "-1:" + "a" * 64, "1:" + "a" * 63, "01:" + "a" * 64, "1" * 30 + ":" + "a" * 64):
        with pytest.raises(UsageError, match="no head"):
            Head.parse(wrong)


def test_no_detail_needs_more_than_json_has() -> None:
    infinity = float("inf")
    assert strict({"a": float("nan"), 2: [infinity, (-infinity, 1.5)]}) == {"a": None, "2": ["inf", ["-inf", 1.5]]}
