"""Live windows as the servers have counted them: slots of time in the store, added up."""

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_console.core.errors import StoreError
from mlops_console.core.profiles import ReferenceProfile, WindowCounts
from mlops_console.drift.live.counts import add_all, fits, unpack_counts
from mlops_console.store import live_slots
from mlops_console.store.database import Connection
from mlops_console.store.live_slots import LiveSlot
from mlops_console.store.predictions import PredictionLog

if TYPE_CHECKING:
    from mlops_console.core.windows import Window

PARTS = 6  # slots of a window of time
ROW_PARTS = 10  # slots of a window of rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveWindow:
    """`start`: when the first slot begins; `end`: of the last row. Both in seconds since the epoch.

    `answered`: how many rows there were. It is more than the rows of `counts` where a server has counted a sample of
    them only, as it answered more than it could count.
    """

    counts: WindowCounts
    start: float
    end: float
    answered: int


def slot_seconds(window: "Window") -> float:
    """How long a slot of a window of time is, in seconds: a sixth of the window."""
    assert window.seconds is not None
    return window.seconds / PARTS


def slot_start(at: float, seconds: float) -> float:
    """When the slot begins that holds a time. Slots are aligned to the epoch, so that all processes have the same."""
    return math.floor(at / seconds) * seconds


def read_slots(
    db: Connection, environment: str, revision: int, profile: ReferenceProfile, window: "Window", now: float
) -> LiveWindow | None:
    """The newest window of a revision before `now`, in whole slots: of time, to half a slot; of rows, at least so many
    if there are. The window before it is that before its `start`.

    Returns:
        None where nothing was counted, or in slots so long that they are no such window.
    """
    if window.rows is not None:
        return _sum(profile, live_slots.newest(db, environment, revision, now, window.rows))
    assert window.seconds is not None
    return read_between(db, environment, revision, profile, now - window.seconds, now)


def read_between(
    db: Connection, environment: str, revision: int, profile: ReferenceProfile, start: float, end: float
) -> LiveWindow | None:
    """What a revision has answered from `start` until before `end`, in whole slots, to half a slot; else None."""
    found = _sum(profile, live_slots.between(db, environment, revision, start, end))
    slack = (end - start) / PARTS
    if found is None or found.start < start - slack or found.end > end + slack:
        return None
    return found


def rows_so_far(
    db: Connection, environment: str, revisions: Iterable[int], window: "Window | None", now: float
) -> dict[int, int]:
    """How many rows the newest window of each revision has, without reading what was counted of them."""
    if window is None:
        return {}
    start = 0.0 if window.seconds is None else now - window.seconds
    found = {revision: live_slots.count(db, environment, revision, start, now) for revision in revisions}
    return {revision: min(rows, window.rows or rows) for revision, rows in found.items()}


def covers(db: Connection, log: PredictionLog, environment: str, revision: int, start: float) -> bool:
    """Whether the slots tell of all that was answered since `start`: the servers counted by then, or nothing is logged
    from before the first slot. Where they do not, the prediction log may."""
    first = live_slots.first_start(db, environment, revision)
    if first is not None and first <= start:
        return True
    return log.count(environment, start, math.inf if first is None else first) == 0


def _sum(profile: ReferenceProfile, kept: Iterable[LiveSlot]) -> LiveWindow | None:
    """The slots together; what is damaged, or counted in other bins, is told and left out."""
    found: list[tuple[LiveSlot, WindowCounts]] = []
    for slot in kept:
        try:
            counts = unpack_counts(slot.counts)
        except StoreError as error:
            logger.warning("%s", error)
            continue
        if fits(counts, profile):
            found.append((slot, counts))
        else:
            logger.warning("%d live rows were counted in other bins: they are not compared.", slot.rows)
    total = add_all(counts for _, counts in found)
    if total is None:
        return None
    slots = [slot for slot, _ in found]
    start, end = min(slot.start for slot in slots), max(slot.end for slot in slots)
    return LiveWindow(total, start, end, sum(slot.rows for slot in slots))
