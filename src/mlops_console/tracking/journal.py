"""What one process logs of one run: points, and events such as params, appended to the spool, never to the store."""

import collections
import itertools
import json
import os
import struct
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic, time
from typing import Any, Protocol, SupportsIndex

from mlops_console.core.errors import UsageError
from mlops_console.tracking import spool
from mlops_console.tracking.spool import RECORD, SIZE, SLOTS, SUFFIX, Segment

NAMES = 10_000  # metric names of one run in one process; more are refused with a warning
NAME_LENGTH = 250  # characters
MEMORY_SEGMENTS = 32  # held back while the disk takes none: about a million points
RETRY = 1.0  # seconds between two attempts when nothing more fits into memory

_NO_NUMBERS = "cmMOSU"  # NumPy's kinds: complex, times, objects, texts

_pack = RECORD.pack_into


class Keeper(Protocol):
    def add(self, journal: "Journal") -> None: ...
    def warn(self, problem: str) -> None: ...
    def warn_of_trouble(self, problem: str) -> None: ...


class Journal:
    """The appending end. `segments` is what the clerk takes in, oldest first; the last one is being written.

    Each new segment is reported to the keeper, the clerk of this process. What can't be kept is told to it as well;
    training never sees an exception of it.
    """

    def __init__(
        self,
        folder: Path | None,
        run_id: str,
        keeper: "Callable[[], Keeper]",
        *,
        owns_run: bool,
        sampled: bool = False,
        stage: str = "",
    ) -> None:
        self.run_id = run_id
        self.stage = stage  # of the worker's run that is joined
        self.owns_run = owns_run  # not where a worker's stage joins, nor in a forked child
        self.sampled = sampled  # whether system metrics are wanted
        self.began = monotonic()
        self.lost = 0  # points and events that nobody will ever find
        self.closed = False
        self._folder = folder
        self._keeper = keeper
        self._names: set[str] = set()
        self._refused = False
        self._next_step = 0
        self.reopen()

    def reopen(self) -> None:
        """Begin anew with segments of this process: at first, and in a child after a fork."""
        self._lock = threading.RLock()  # a signal handler may come between, in the same thread
        self._prefix = f"{self.run_id}-{os.getpid()}-{os.urandom(4).hex()}"
        self._numbers = itertools.count(1)
        self._retry_at = 0.0
        self.segments: collections.deque[Segment] = collections.deque()
        self.spare: Segment | None = None
        self._segment: Segment | None = None
        self._ids: dict[str, int] = {}
        self._slot = self._limit = 0

    def detach(self) -> None:
        """In a child after a fork: let go of the parent's segments, without touching them."""
        self.owns_run = False
        for segment in (*self.segments, *([self.spare] if self.spare else [])):
            segment.map.close()
        self.reopen()

    def log(self, metrics: Mapping[str, Any], step: int | None) -> None:
        """Append one point of each metric: the usual way, and fast; whatever is unusual is left to `_log_checked`."""
        at = time()
        with self._lock:
            slot = self._slot
            try:
                if slot + len(metrics) > self._limit:
                    raise KeyError
                at_step = self._next_step if step is None else step
                ids, buffer = self._ids, self._segment.map  # type: ignore[union-attr]
                for name, value in metrics.items():
                    if type(value) is not float:
                        value = number(name, value)
                    _pack(buffer, slot * SIZE, at_step, value, at, ids[name], slot)
                    slot += 1
            except (KeyError, TypeError, ValueError, AttributeError, struct.error):
                self._erase(slot)
                self._log_checked(metrics, step, at)
                return
            if step is None:
                self._next_step += 1
            self._slot = slot

    def event(self, kind: str, **content: Any) -> None:
        """Append something that is no point, as JSON."""
        text = json.dumps({"kind": kind, **content}, default=str).encode()
        with self._lock:
            self._reserve(spool.text_slots(text))
            if self._segment is None:
                self.lost += 1
                return
            self._slot = spool.put_text(self._segment.map, self._slot, spool.EVENT, 0, text)

    def boundary(self, segment: Segment) -> int:
        """The slot up to which a segment may be read: what came from calls that have returned."""
        end = segment.end
        if end is None:
            slot = self._slot
            end = slot if segment.end is None else segment.end
        return end

    def close(self) -> None:
        """Take nothing more. Segments that are not in the store yet stay on disk."""
        with self._lock:
            self.closed = True
            self._limit = 0
            if self._segment is not None:
                self._segment.end = self._slot
            if self.spare is not None:
                self.spare.remove()
                self.spare = None

    def prepare(self) -> None:
        """Have the next segment ready before it is needed. Called by the clerk, which has the time."""
        if self.spare is None and not self.closed and self._slot > self._limit // 4:
            try:
                self.spare = self._new(SLOTS)
            except OSError:
                return  # told when it is needed

    def _log_checked(self, metrics: Mapping[str, Any], step: int | None, at: float) -> None:
        points = _checked(metrics)
        if step is not None:
            step = _checked_step(step)
        points = self._allowed(points)
        names = {name: name.encode() for name in points}
        self._reserve(sum(spool.text_slots(name) for name in names.values()) + len(points))
        step, own = (self._next_step, True) if step is None else (step, False)
        self._next_step += own
        if self._segment is None:
            self.lost += len(points)
            return
        buffer, slot = self._segment.map, self._slot
        for name, text in names.items():
            if name not in self._ids:
                self._ids[name] = len(self._ids)
                slot = spool.put_text(buffer, slot, spool.NAME, self._ids[name], text)
        for name, value in points.items():
            _pack(buffer, slot * SIZE, step, value, at, self._ids[name], slot)
            slot += 1
        self._slot = slot

    def _erase(self, end: int) -> None:
        """Take back what a call that failed has written behind the last slot."""
        if self._segment is not None and end > self._slot:
            self._segment.map[self._slot * SIZE : end * SIZE] = bytes((end - self._slot) * SIZE)

    def _allowed(self, points: dict[str, float]) -> dict[str, float]:
        new = [name for name in points if name not in self._names]
        room = NAMES - len(self._names)
        self._names.update(new[:room])
        if len(new) <= room:
            return points
        if not self._refused:
            self._refused = True
            self._keeper().warn(f"A run has at most {NAMES:,} metric names; {new[room]!r} and others are not stored.")
        return {name: value for name, value in points.items() if name in self._names}

    def _reserve(self, slots: int) -> None:
        """Make sure that so many slots are free, in a new segment where they are not."""
        if self.closed:
            raise UsageError(f"Run {self.run_id} has ended.", "Start another run to log more.")
        if self._segment is not None and self._slot + slots <= self._limit:
            return
        header = json.dumps({"kind": "segment", "run": self.run_id, "stage": self.stage}).encode()
        needed = 1 + spool.text_slots(header) + slots
        segment = self._next(max(SLOTS, needed))
        if self._segment is not None:
            self._segment.end = self._slot
        self._ids = {}
        self._segment = segment
        if segment is None:
            self._slot = self._limit = 0
            return
        self._slot = spool.put_text(segment.map, 1, spool.EVENT, 0, header)
        self._limit = segment.slots
        self.segments.append(segment)
        self._keeper().add(self)

    def _next(self, slots: int) -> Segment | None:
        spare, self.spare = self.spare, None
        if spare is not None and spare.slots >= slots:
            return spare
        if self._segment is None and time() < self._retry_at:
            return None
        try:
            return self._new(slots)
        except OSError as error:
            self._keeper().warn_of_trouble(f"The spool {self._folder} can't be written: {error.strerror}.")
            self._retry_at = time() + RETRY
        in_memory = sum(segment.path is None for segment in self.segments)
        return Segment(None, slots) if in_memory < MEMORY_SEGMENTS else None

    def _new(self, slots: int) -> Segment:
        if self._folder is None:
            return Segment(None, slots)
        return Segment(self._folder / f"{self._prefix}-{next(self._numbers):06d}{SUFFIX}", slots)


def number(name: object, value: Any) -> float:
    """The value of a metric as a float: any number, NumPy scalar or array without dimensions.

    Raises:
        TypeError: it is something else.
        ValueError: it is an integer that no float can hold.
    """
    if isinstance(value, float | int):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"metric {name!r} is an integer too large for a float") from None
    kind = getattr(getattr(value, "dtype", None), "kind", "f")
    if not hasattr(type(value), "__float__") or getattr(value, "shape", ()) != () or kind in _NO_NUMBERS:
        raise TypeError(f"metric {name!r} must be a number, not {type(value).__name__}: {_short(value)}")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"metric {name!r} must be a number, not {type(value).__name__}: {_short(value)}") from None


def checked_name(name: object, what: str) -> str:
    """The name of a metric, param or tag.

    Raises:
        TypeError: it is no text.
        ValueError: it is empty, too long, or no Unicode text.
    """
    if not isinstance(name, str):
        raise TypeError(f"the {what}'s name must be a str, not {type(name).__name__}: {_short(name)}")
    if not name.strip() or len(name) > NAME_LENGTH:
        raise ValueError(f"the {what}'s name must have 1 to {NAME_LENGTH} characters: {_short(name)}")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the {what}'s name is no Unicode text: {_short(name)}") from None
    return str(name)


def _checked(metrics: Mapping[str, Any]) -> dict[str, float]:
    if not isinstance(metrics, Mapping):
        raise TypeError(f"log takes a dict of metrics, not {type(metrics).__name__}: {_short(metrics)}")
    return {checked_name(name, "metric"): number(name, value) for name, value in metrics.items()}


def _checked_step(step: SupportsIndex) -> int:
    try:
        whole = int(step.__index__())
    except (AttributeError, TypeError):
        raise TypeError(f"step must be an int, not {type(step).__name__}: {_short(step)}") from None
    if not -(1 << 63) <= whole < 1 << 63:
        raise ValueError(f"step {whole} does not fit in 64 bits")
    return whole


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
