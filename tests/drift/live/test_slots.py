"""Slots of live rows in a real store, read back as windows."""

import logging
from collections.abc import Sequence

import pytest

from mlops_console.core.profiles import FeatureProfile, ReferenceProfile
from mlops_console.core.windows import Window, parse_window
from mlops_console.drift.live.counts import count_window, pack_counts
from mlops_console.drift.live.slots import LiveWindow, covers, read_between, read_slots, slot_start
from mlops_console.store import live_slots
from mlops_console.store.live_slots import LiveSlot
from mlops_console.store.predictions import EncodedRequest, PredictionLog
from mlops_console.store.workspace import Workspace

PROFILE = ReferenceProfile(9, (FeatureProfile("x", "numeric", "input", 9, 0, (5, 4), edges=(0.5,)),))
HOUR = parse_window("1h")


def slot(
    start: float, values: Sequence[float] = (0.0, 1.0), end: float = 0.0, process: str = "a", revision: int = 3
) -> LiveSlot:
    counts = pack_counts(count_window(PROFILE, {"x": list(values)}))
    return LiveSlot(revision, start, process, end or start + 599, len(values), counts)


def put(workspace: Workspace, *slots: LiveSlot) -> None:
    with workspace.store.write() as tx:
        live_slots.put(tx, "production", slots)


def window(workspace: Workspace, now: float, of: Window = HOUR, revision: int = 3) -> LiveWindow | None:
    with workspace.store.read() as db:
        return read_slots(db, "production", revision, PROFILE, of, now)


def starts(workspace: Workspace) -> list[float]:
    with workspace.store.read() as db:
        return [row[0] for row in db.execute("SELECT start FROM live_slots ORDER BY start")]


def hours(*numbers: float) -> list[LiveSlot]:
    return [slot(36_000 + 600 * number) for number in numbers]


def test_slots_are_aligned_to_the_epoch() -> None:
    assert [slot_start(at, 600) for at in (36_000.0, 36_599.9, 36_600.0)] == [36_000, 36_000, 36_600]


def test_a_window_of_time_is_its_slots_of_all_processes(workspace: Workspace) -> None:
    put(workspace, *hours(*range(12)), slot(36_000 + 600 * 11, process="b"), slot(36_000 + 600 * 11, revision=4))
    found = window(workspace, 36_000 + 600 * 12)
    assert found is not None
    assert (found.counts.rows, found.start, found.end) == (14, 39_600, 43_199)
    assert found.counts.features["x"].counts == (7, 7)


def test_a_slot_is_in_one_of_two_windows_that_follow_each_other(workspace: Workspace) -> None:
    put(workspace, *hours(*range(12)), slot(36_000 + 7_200, end=36_000 + 7_260))
    now = 36_000 + 7_261
    newest = window(workspace, now)
    assert newest is not None
    before = window(workspace, newest.start)
    assert before is not None
    assert newest.counts.rows + before.counts.rows == 26
    assert before.end < newest.start


def test_a_slot_begins_anew_where_the_clock_was_set_back(workspace: Workspace) -> None:
    put(workspace, slot(36_000), slot(36_600), slot(36_000, process="b"), slot(90_000))
    found = window(workspace, 37_300)
    assert found is not None
    assert found.counts.rows == 6  # without what was counted while the clock was ahead


def test_a_window_of_rows_has_at_least_so_many(workspace: Workspace) -> None:
    put(workspace, *(slot(float(number), end=number + 0.5) for number in range(100, 140)))
    found = window(workspace, 200, parse_window("11 rows"))
    assert found is not None
    assert (found.counts.rows, found.start, found.end) == (12, 134, 139.5)
    before = window(workspace, found.start, parse_window("11 rows"))
    assert before is not None
    assert (before.counts.rows, before.end) == (12, 133.5)
    few = window(workspace, 101.5, parse_window("11 rows"))
    assert few is not None
    assert few.counts.rows == 4


def test_nothing_counted_or_in_too_long_slots_is_no_window(workspace: Workspace) -> None:
    assert window(workspace, 36_000) is None
    put(workspace, slot(36_000, end=39_599))
    assert window(workspace, 38_000, parse_window("10m")) is None
    assert window(workspace, 39_600) is not None


def test_the_same_hour_of_last_week(workspace: Workspace) -> None:
    put(workspace, *hours(0, 1, 2))
    with workspace.store.read() as db:
        found = read_between(db, "production", 3, PROFILE, 36_600, 37_800)
    assert found is not None
    assert (found.counts.rows, found.start) == (4, 36_600)


def test_what_is_damaged_or_of_other_bins_is_told_and_left_out(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    other = ReferenceProfile(9, (FeatureProfile("x", "numeric", "input", 9, 0, (5, 4, 3), edges=(0.5, 0.6)),))
    packed = pack_counts(count_window(other, {"x": [1.0]}))
    whole = slot(36_600)
    put(workspace, whole, slot(36_000)._replace(counts=b"\0damaged"), slot(37_200)._replace(counts=packed))
    with caplog.at_level(logging.WARNING):
        found = window(workspace, 38_000)
    assert found is not None
    assert (found.counts.rows, found.start) == (2, 36_600)
    assert [record.message.split(".")[0] for record in caplog.records] == [
        "A window of live rows is damaged: Error -3 while decompressing data: incorrect header check",
        "2 live rows were counted in other bins: they are not compared",
    ]


def test_slots_cover_what_was_logged_since_they_are_counted(workspace: Workspace) -> None:
    log = PredictionLog(workspace.predictions_path)

    def covered(start: float) -> bool:
        with workspace.store.read() as db:
            return covers(db, log, "production", 3, start)

    assert covered(0)
    log.append("production", [EncodedRequest("a", 36_500, 3, "m:1", 0.1, 1, '{"x": [1]}', "{}")])
    assert not covered(0)
    put(workspace, slot(36_600))
    assert covered(36_600)
    assert covered(36_550)  # nothing was asked in between
    assert not covered(36_400)
    log.close()


def test_a_slot_is_written_in_the_place_of_its_last_state(workspace: Workspace) -> None:
    put(workspace, slot(36_000))
    put(workspace, slot(36_000, [1.0] * 5), slot(36_000, process="b"))
    found = window(workspace, 36_700)
    assert found is not None
    assert found.counts.rows == 7


def test_old_slots_go(workspace: Workspace) -> None:
    put(workspace, *hours(*range(10)))
    with workspace.store.write() as tx:
        live_slots.prune(tx, "production", 36_000 + 1_200, 1 << 30)
        live_slots.prune(tx, "elsewhere", 1e12, 0)
    assert starts(workspace) == [36_000 + 600 * number for number in range(2, 10)]
    with workspace.store.write() as tx:
        live_slots.prune(tx, "production", 0, 1 << 30, most_rows=5)
    assert starts(workspace) == [36_000 + 600 * number for number in range(7, 10)]
    with workspace.store.write() as tx:
        live_slots.prune(tx, "production", 0, len(slot(0).counts) + 5)
    assert starts(workspace) == [36_000 + 600 * 9]
