"""Live windows: what a server process has answered, counted in the bins of each version's reference profile.

The thread of the prediction log counts, many requests at once; the answering thread only queues what it has at hand.
Another thread writes what was counted into the store, as that may be locked for long: every two seconds, each slot in
the place of its last state. So a process that is killed loses two seconds, and none counts anything twice: each slot of
each process has a name that is never given again.

A request takes some microseconds to be counted, which a server at full load would feel. So of more than 2,000 requests
a second, or 20,000 rows in larger ones, only a sample is binned, drawn by lot; how many rows there were is exact all
the same.
"""

import logging
import random
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import ConfigError, MlopsError, StoreError
from mlops_console.core.models import ModelRef
from mlops_console.core.text import safe_line
from mlops_console.drift.live.counts import WindowCounter, pack_counts
from mlops_console.drift.live.slots import ROW_PARTS, slot_seconds, slot_start
from mlops_console.drift.profiles import PREDICTION, probability_names, unpack_profile
from mlops_console.store import live_slots, models
from mlops_console.store.live_slots import LiveSlot
from mlops_console.store.workspace import Workspace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_console.core.profiles import ReferenceProfile
    from mlops_console.core.windows import Window
    from mlops_console.serving.prediction_log import Answered

MOST_ROWS = 100_000  # that may wait to be counted; beyond it rows are left out, and that is told
MOST_RATE = 20_000  # rows a second that are all counted
_REQUEST = 10  # rows that it takes as long to count as a request of one
_SHORTEST_LOOK = 0.05  # seconds in which a rate can be seen
_WINDOW = "1h"  # where mlops.toml has never been right
_AT_ONCE = 1_000  # requests that are counted together
_WRITE_EVERY = 2.0  # seconds
_PRUNE_EVERY = 300.0
_LOOK_EVERY = 2.0  # seconds between two looks at mlops.toml
_KEEP = 8 * 86_400.0  # seconds, beside the window itself: the same hour of a week ago is there
_KEEP_WINDOWS = 10  # of windows of rows
_KEEP_BYTES = 1 << 26  # of an environment
_OPEN = 4  # slots, each of another revision
_UNWRITTEN = 200  # slots that are kept while the store can't be written
_SHORTEST = 0.1  # seconds of a slot of rows, however many come: each takes some milliseconds to be packed
_RETRY = 60.0  # seconds until a profile that could not be read, or counted by, is tried again
_MISFITS = (ValueError, TypeError, LookupError, OverflowError)  # what counting by a profile of another form comes to

_at = attrgetter("at")
_revision = attrgetter("revision")
_rows = attrgetter("batch.rows")

logger = logging.getLogger(__name__)


class _Slot:
    """One that is being counted. `end`: of its last row; `process`: its name in the store."""

    def __init__(
        self, revision: int, start: float, window: "Window", private: tuple[str, ...], profile: "ReferenceProfile"
    ) -> None:
        self.revision = revision
        self.start = self.end = start
        self.window = window
        self.private = private
        self.process = secrets.token_hex(8)
        self.is_kept = True  # all that was counted is written, or about to be
        self.passed = 0  # rows that were answered, and not counted
        self._counter = WindowCounter(profile, private)
        self._classes = probability_names(profile.held_out.classes) if profile.held_out is not None else []
        self._numeric = {f.name for f in profile.features if f.role == "input" and f.kind == "numeric"}
        self._has_answers = any(feature.role == "prediction" for feature in profile.features)

    def count(self, requests: "Sequence[Answered]") -> None:
        is_numeric = requests[0].batch.columns.keys() == self._numeric
        inputs = _numbers(requests) if is_numeric else None
        answers = _predictions(requests, self._classes) if self._has_answers else {}
        self._counter.add(inputs or _inputs(requests), answers)
        self.end = max(self.end, max(map(_at, requests)))
        self.is_kept = False

    def takes(self, requests: "Sequence[Answered]", start: float, window: "Window", private: tuple[str, ...]) -> int:
        """How many of these requests, from the first one on, are still its own; of a window of time, `start` is that of
        their slot."""
        if window != self.window or private != self.private:
            return 0
        if window.rows is None:
            return len(requests) if start == self.start else 0
        rows = self._rows
        for position, answered in enumerate(requests):
            if rows >= window.rows / ROW_PARTS and abs(answered.at - self.start) >= _SHORTEST:
                return position
            rows += answered.batch.rows
        return len(requests)

    def packed(self) -> LiveSlot:
        counts = pack_counts(self._counter.counts())
        return LiveSlot(self.revision, self.start, self.process, self.end, self._rows, counts)

    @property
    def _rows(self) -> int:
        return self._counter.rows + self.passed


class LiveWindows:
    """Takes answered requests from one thread, and counts them in another one: `count` and `close` are its."""

    def __init__(self, workspace: Workspace, environment: str) -> None:
        self._queue: deque[Answered] = deque()
        self._share = 1.0  # of the requests that are counted
        self._work = 0  # rows, or what takes as long: added to by the answering thread only, as are the next three
        self._put = 0  # rows that were queued
        self._passed: dict[int, int] = {}  # rows that were not, by revision
        self._left_out = 0  # of them, because too much waited
        self._taken = 0  # rows that were queued and are counted, and so on for what was passed and left out
        self._seen: dict[int, int] = {}
        self._told = 0
        self._looked = (time.monotonic(), 0)  # when the share was settled, and how much work there had been
        self._settings = _Settings(workspace)
        self._open: OrderedDict[int, _Slot] = OrderedDict()  # by revision, the last one that was counted in at the end
        self._store = _Writer(workspace, environment)
        self._write_at = 0.0

    @property
    def window(self) -> "Window | None":
        """What is counted at present; None before the first request. It may be asked for by any thread."""
        return self._settings.known

    def put(self, answered: "Answered") -> None:
        """Queue a request; where there are too many, only some."""
        rows, revision = answered.batch.rows, answered.revision
        self._work += rows - 1 + _REQUEST
        is_full = self._put - self._taken > MOST_ROWS
        if is_full or (self._share < 1 and random.random() >= self._share):
            self._passed[revision] = self._passed.get(revision, 0) + rows
            self._left_out += rows if is_full else 0
            return
        self._put += rows
        self._queue.append(answered)

    def count(self, private: tuple[str, ...] = ()) -> None:
        """Count what waits, and have it written if it is time.

        Args:
            private: columns of which no value is kept.
        """
        waiting = len(self._queue)
        while waiting:
            part = [self._queue.popleft() for _ in range(min(waiting, _AT_ONCE))]
            waiting -= len(part)
            revisions = set(map(_revision, part))
            for revision in revisions:
                is_all = len(revisions) == 1
                mine = part if is_all else [answered for answered in part if answered.revision == revision]
                try:
                    self._count(revision, mine, private)
                except _MISFITS as error:  # the log of predictions goes on, whatever a profile is like
                    self._open.pop(revision, None)  # of the last rows it has counted some columns and not others
                    problem = f"They do not fit its reference profile: {type(error).__name__}: {error}."
                    self._settings.put_off(revision, mine[0].model_ref, problem)
            self._taken += sum(map(_rows, part))
        self._take_passed()
        if time.monotonic() >= self._write_at:
            self._write_at = time.monotonic() + _WRITE_EVERY
            self._write()

    def close(self) -> None:
        """Write what was counted and end."""
        self._write()
        self._store.close()

    def _count(self, revision: int, requests: "list[Answered]", private: tuple[str, ...]) -> None:
        profile = self._settings.profile(revision, requests[0].model_ref)
        if profile is None:
            return
        window = self._settings.window()
        for start, part in _by_slot(requests, window):
            while part:
                slot = self._open.get(revision)
                taken = slot.takes(part, start, window, private) if slot is not None else 0
                if slot is None or not taken:
                    # One whose time comes again, as the clock was set back, is begun anew beside its first part.
                    self._keep(slot)
                    begun = start if window.rows is None else part[0].at
                    slot = self._open[revision] = _Slot(revision, begun, window, private, profile)
                    taken = slot.takes(part, start, window, private)
                self._open.move_to_end(revision)
                slot.count(part[:taken])
                part = part[taken:]
        while len(self._open) > _OPEN:
            self._keep(self._open.popitem(last=False)[1])

    def _take_passed(self) -> None:
        """Add what was not counted to the rows of the open slots, and settle how much of what comes next is."""
        passed = dict(self._passed)
        for revision, slot in self._open.items():
            new = passed.get(revision, 0) - self._seen.get(revision, 0)
            if new:
                self._seen[revision] = passed[revision]
                slot.passed += new
                slot.is_kept = False
        work, now = self._work, time.monotonic()
        before, work_before = self._looked
        if now - before >= _SHORTEST_LOOK:
            self._looked = now, work
            self._share = min(1.0, MOST_RATE * (now - before) / max(1, work - work_before))

    def _keep(self, slot: _Slot | None) -> None:
        """Have what a slot has counted so far written."""
        if slot is not None and not slot.is_kept:
            self._store.keep(slot.packed())
            slot.is_kept = True

    def _write(self) -> None:
        if self._left_out > self._told:
            left_out, self._told = self._left_out - self._told, self._left_out
            logger.warning("%d live rows are not counted: too many waited.", left_out)
        for slot in self._open.values():
            self._keep(slot)
        self._store.write(self._settings.window)


class _Settings:
    """What is counted, and how: the window of mlops.toml, followed as it changes, and the profiles of the versions."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._profiles: dict[int, ReferenceProfile | None] = {}  # by revision, as are the next two
        self._retry_at: dict[int, float] = {}
        self._told: dict[int, str] = {}
        self.known: Window | None = None
        self._seen: object = None  # the state of mlops.toml that the window is of
        self._look_at = 0.0

    def window(self) -> "Window":
        """The window that mlops.toml tells; while it is wrong, the one that it told last."""
        if self.known is None or time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_EVERY
            self.known = self._followed()
        return self.known

    def _followed(self) -> "Window":
        from mlops_console.core.windows import parse_window

        known = self.known or parse_window(_WINDOW)
        try:
            found = self._workspace.config_path.stat()
        except OSError:
            return known
        seen = found.st_mtime_ns, found.st_size, found.st_ino
        if seen != self._seen:
            self._seen = seen
            with suppress(ConfigError):
                return parse_window(self._workspace.config().monitor.window)
        return known

    def profile(self, revision: int, model_ref: str) -> "ReferenceProfile | None":
        """That of a revision's version; None where it has none, or none that can be read now."""
        if revision not in self._profiles and time.monotonic() >= self._retry_at.get(revision, 0.0):
            if len(self._profiles) >= 2 * _OPEN:
                self._profiles.clear()
            try:
                self._profiles[revision] = self._read(model_ref)
            except (MlopsError, OSError) as error:
                self.put_off(revision, model_ref, str(error))
        return self._profiles.get(revision)

    def put_off(self, revision: int, model_ref: str, problem: str) -> None:
        """Do without a revision's profile for a while, and say why, once."""
        self._profiles.pop(revision, None)
        self._retry_at[revision] = time.monotonic() + _RETRY
        if self._told.get(revision) != problem:
            self._told[revision] = problem
            logger.warning("The live rows of %s are not counted. %s", model_ref, safe_line(problem, 500))

    def _read(self, model_ref: str) -> "ReferenceProfile | None":
        with self._workspace.store.read() as db:
            sha256 = models.get(db, ModelRef.parse(model_ref)).profile
        return None if sha256 is None else unpack_profile(self._workspace.objects.read_checked(sha256))


class _Writer:
    """Writes slots by a thread of its own; what the store does not take waits, and is written later."""

    def __init__(self, workspace: Workspace, environment: str) -> None:
        self._workspace = workspace
        self._environment = environment
        self._waiting: dict[str, LiveSlot] = {}  # by the slot's name: only its newest state is of use
        self._under_way: dict[str, LiveSlot] = {}
        self._writing: Future[str] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live-slots")
        self._prune_at = 0.0
        self._problem = ""

    def keep(self, slot: LiveSlot) -> None:
        """Take a slot that is to be written with the others."""
        self._waiting.pop(slot.process, None)
        self._waiting[slot.process] = slot
        if len(self._waiting) > _UNWRITTEN:
            oldest = self._waiting.pop(next(iter(self._waiting)))
            logger.warning("%d live rows are not counted: they could not be stored. %s", oldest.rows, self._problem)

    def write(self, window: "Callable[[], Window]") -> None:
        """Begin to write what was kept, unless that is still under way; `window` says how long slots are kept."""
        if not self._is_done() or not self._waiting:
            return
        prune = None
        if time.monotonic() >= self._prune_at:
            self._prune_at, prune = time.monotonic() + _PRUNE_EVERY, window()
        self._under_way, self._waiting = self._waiting, {}
        self._writing = self._thread.submit(self._put, tuple(self._under_way.values()), prune)

    def close(self) -> None:
        """Write what waits and end."""
        self._thread.submit(str).result()  # whatever is under way
        if self._is_done() and self._waiting:
            self._put(tuple(self._waiting.values()), None)
        self._thread.shutdown()

    def _is_done(self) -> bool:
        """Whether nothing is under way; what could not be written waits again, behind its newer states."""
        if self._writing is None:
            return True
        if not self._writing.done():
            return False
        problem, self._writing = self._writing.result(), None
        if problem:
            self._waiting = self._under_way | self._waiting
            if not self._problem:
                logger.warning("What was counted of live rows waits to be stored. %s", problem)
        self._under_way, self._problem = {}, problem
        return True

    def _put(self, slots: tuple[LiveSlot, ...], prune: "Window | None") -> str:
        """Store slots, and with a window to `prune` by delete the oldest; what keeps it from that, or ""."""
        try:
            with self._workspace.store.write() as tx:
                live_slots.put(tx, self._environment, slots)
                if prune is not None:
                    before = time.time() - _KEEP - (prune.seconds or 0.0)
                    most_rows = None if prune.rows is None else prune.rows * _KEEP_WINDOWS
                    live_slots.prune(tx, self._environment, before, _KEEP_BYTES, most_rows)
        except (StoreError, OSError) as error:
            return str(error)
        return ""


def _by_slot(requests: "list[Answered]", window: "Window") -> "Iterable[tuple[float, list[Answered]]]":
    """The requests by the start of their slot; those of a window of rows are all of one, from the first one's time."""
    if window.seconds is None:
        return [(requests[0].at, requests)]
    seconds = slot_seconds(window)
    times = list(map(_at, requests))
    if slot_start(min(times), seconds) == slot_start(max(times), seconds):
        return [(slot_start(times[0], seconds), requests)]
    found: dict[float, list[Answered]] = {}
    for at, answered in zip(times, requests, strict=True):
        found.setdefault(slot_start(at, seconds), []).append(answered)
    return found.items()


def _numbers(requests: "Sequence[Answered]") -> "dict[str, NDArray[Any]] | None":
    """The inputs of all requests by column, where each is of one row, and of numbers only; else None."""
    import numpy as np

    batches = [answered.batch for answered in requests]
    width = len(batches[0].columns)
    if sum(map(_rows, requests)) != len(requests):
        return None
    cells = chain.from_iterable(chain.from_iterable([batch.columns.values() for batch in batches]))
    try:
        found = np.fromiter(cells, np.float64, len(requests) * width)  # None becomes NaN
    except (TypeError, ValueError, OverflowError):  # a profile of other kinds than the signature
        return None
    return dict(zip(batches[0].columns, found.reshape(-1, width).T.copy(), strict=True))


def _inputs(requests: "Sequence[Answered]") -> dict[str, list[Any]]:
    """The inputs of all requests by column, without a step in Python for each."""
    batches = [answered.batch.columns for answered in requests]
    lists = zip(*(columns.values() for columns in batches), strict=True)
    return {name: list(chain.from_iterable(values)) for name, values in zip(batches[0], lists, strict=True)}


def _predictions(requests: "Sequence[Answered]", classes: Sequence[tuple[int, str]]) -> "dict[str, NDArray[Any]]":
    """What was answered, by the names of a profile; `classes` are the probabilities that it has."""
    import numpy as np

    outputs = [answered.outputs for answered in requests]
    found = {PREDICTION: np.concatenate([output["predict"] for output in outputs]).ravel()}
    if classes and "predict_proba" in outputs[0]:
        probabilities = np.concatenate([output["predict_proba"] for output in outputs])
        found |= {name: probabilities[:, position] for position, name in classes}
    return found
