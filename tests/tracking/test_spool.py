"""The codec of the spool, and segments as files."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.tracking import spool
from mlops_console.tracking.spool import EVENT, MAGIC, NAME, RECORD, SIZE, Event, Segment, put_text
from tests.tracking.records import Point, records

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=250)
VALUES = st.floats(allow_nan=False)
STEPS = st.integers(-(2**63), 2**63 - 1)
ITEMS = st.lists(st.tuples(NAMES, STEPS, VALUES, VALUES) | st.dictionaries(NAMES, VALUES), max_size=30)


def _written(items: list[Point | Event]) -> tuple[bytearray, int]:
    """The records of a segment, and the slot after the last."""
    import json

    buffer, slot, ids = bytearray(1 << 20), 1, {}
    for item in items:
        if isinstance(item, dict):
            slot = put_text(buffer, slot, EVENT, 0, json.dumps(item).encode())
            continue
        name, step, value, at = item
        if name not in ids:
            ids[name] = len(ids)
            slot = put_text(buffer, slot, NAME, ids[name], name.encode())
        RECORD.pack_into(buffer, slot * SIZE, step, value, at, ids[name], slot)
        slot += 1
    return buffer, slot


def _read(buffer: bytes | bytearray, end: int) -> list[Point | Event]:
    return [item for _, item in records(buffer, 1, end, {})]


@given(ITEMS)
def test_what_is_written_is_read(items: list[Point | Event]) -> None:
    buffer, end = _written(items)
    assert _read(buffer, end) == items


@given(ITEMS, st.data())
def test_reading_may_stop_and_go_on_anywhere(items: list[Point | Event], data: st.DataObject) -> None:
    buffer, end = _written(items)
    names: dict[int, str] = {}
    found: list[Point | Event] = []
    slot = 1
    while len(found) < len(items):
        count = data.draw(st.integers(1, 5))
        for reached, item in records(buffer, slot, end, names):
            found.append(item)
            slot = reached
            count -= 1
            if not count:
                break
    assert found == items


@given(ITEMS, st.integers(0, 1 << 20))
def test_a_torn_end_loses_nothing_before_it(items: list[Point | Event], cut: int) -> None:
    """Whatever is missing from some byte on, what is read is a beginning of what was written."""
    buffer, end = _written(items)
    cut = cut % (end * SIZE)
    torn = buffer[:cut] + bytes(len(buffer) - cut)
    found = _read(torn, len(torn) // SIZE)
    assert found == items[: len(found)]
    whole = sum(reached * SIZE <= cut for reached, _ in records(buffer, 1, end, {}))
    assert len(found) >= whole


def test_nan_and_infinity_survive() -> None:
    buffer, end = _written([("a", 0, math.nan, 0.0), ("a", 1, -math.inf, 0.0)])
    (_, _, first, _), (_, _, second, _) = _read(buffer, end)
    assert math.isnan(first)
    assert second == -math.inf


def test_a_text_whose_bytes_were_lost_is_no_record() -> None:
    """After a power cut a page may be lost while a later one is there."""
    buffer, end = _written([{"kind": "params", "text": "x" * 100}, ("a", 1, 1.0, 1.0)])
    buffer[3 * SIZE : 4 * SIZE] = bytes(SIZE)
    assert _read(buffer, end) == []


def test_a_segment_is_allocated_not_sparse(tmp_path: Path) -> None:
    segment = Segment(tmp_path / "run.spool")
    assert (tmp_path / "run.spool").stat().st_blocks * 512 >= spool.SLOTS * SIZE
    assert segment.map[:SIZE] == MAGIC
    segment.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_segment_with_an_owner_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.spool"
    segment = Segment(path)
    with spool.left_behind(path) as found:
        assert found is None
    segment.map.close()
    with spool.left_behind(path) as found:
        assert found is not None


@pytest.mark.parametrize("content", [b"", b"junk", bytes(4096)])
def test_a_file_that_is_no_segment_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.spool"
    path.write_bytes(content)
    with spool.left_behind(path) as found:
        assert found is None


def test_a_folder_that_takes_no_file_raises_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        Segment(tmp_path / "missing" / "run.spool")
