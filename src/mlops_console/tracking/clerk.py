"""The clerk: the one thread of a process that brings what it logs into the store, so that training never waits for it.

All connections to the store are the clerk's own. It closes them before a fork, as SQLite's must not get into a child.
"""

import contextlib
import queue
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mlops_console.core.errors import MlopsError, StoreError
from mlops_console.tracking.journal import Journal
from mlops_console.tracking.spool import Stretch, parse

if TYPE_CHECKING:
    from mlops_console.tracking.intake import Intake

TICK = 0.1  # seconds between two looks at the spool
PATIENCE = 5.0  # seconds without progress until the end of a run no longer waits for the store
_BACKOFF = 5.0  # seconds, at most, between two attempts at a store in trouble
_REST = 1.0  # seconds, at most, between two attempts at a busy store
_FORK_PATIENCE = 5.0  # seconds that a fork waits for the clerk to close its connections


T = TypeVar("T")


class TrackingWarning(UserWarning):
    """Something could not be stored; training goes on."""


class Clerk:
    """Takes in the journals of one workspace, in a daemon thread that starts with it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._errors: dict[Journal, MlopsError | OSError] = {}  # of the last attempt to take in each
        self._journals: list[Journal] = []
        # What wakes it. A queue of this kind may be used in a signal handler; a threading.Event may not.
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._attempts = 0
        self._failures = 0  # in a row
        self._warned = False
        self._resumes: list[threading.Event] = []
        self._intake: Intake | None = None
        self._thread = threading.Thread(target=self._work, name="mlops-console clerk", daemon=True)
        self._thread.start()

    def add(self, journal: Journal) -> None:
        """Look after a journal until it is closed and all of it is stored."""
        if journal not in self._journals:
            self._journals.append(journal)
            self._calls.put(None)

    def warn_of_trouble(self, problem: str) -> None:
        """Tell of trouble with the store once per process; what was not stored is told at the end of each run."""
        if not self._warned:
            self._warned = True
            self.warn(problem)

    def warn(self, problem: str) -> None:
        from mlops_console.core.text import safe_line

        with contextlib.suppress(TrackingWarning):  # where warnings are errors, training goes on all the same
            warnings.warn(f"mlops-console: {safe_line(problem)} Training goes on.", TrackingWarning, stacklevel=2)

    def call(self, function: "Callable[[Intake], T]") -> T:
        """Let the clerk do something with the store, and wait for it; its errors are raised here."""
        results: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

        def perform() -> None:
            try:
                results.put((function(self._open()), None))
            except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that has asked
                results.put((None, error))

        self._calls.put(perform)
        while True:
            try:
                result, error = results.get(timeout=1.0)
                break
            except queue.Empty:
                if not self._thread.is_alive():
                    raise StoreError("The thread that writes to the store has died.", "Its error is above.") from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def drain(self, journal: Journal) -> bool:
        """Wait until all of a journal is in the store; False if that fails, or does not come on for `PATIENCE`."""
        attempts, pending = self._attempts, -1
        deadline = time.monotonic() + PATIENCE
        while left := self.pending(journal):
            if left != pending:
                pending, deadline = left, time.monotonic() + PATIENCE
            failed = journal in self._errors and self._attempts > attempts + 1
            if failed or time.monotonic() > deadline:
                return False
            if self._calls.empty():
                self._calls.put(None)
            time.sleep(0.001)
        return True

    def pending(self, journal: Journal) -> int:
        """How many records of a journal are not in the store yet, with its closed segments that are not put away."""
        intake = self._intake
        return sum(
            journal.boundary(segment) - (intake.position(segment) if intake else 1) + (segment.end is not None)
            for segment in list(journal.segments)
        )

    def error(self, journal: Journal) -> MlopsError | OSError | None:
        """Why the last attempt to take in a journal has failed; None if it has not."""
        return self._errors.get(journal)

    def left(self, journal: Journal) -> tuple[int, int]:
        """Of a journal that has ended: how many records wait in files, and how many are lost when the process ends."""
        waiting, lost = 0, journal.lost
        for segment in list(journal.segments):
            begin = self._intake.position(segment) if self._intake else 1
            records = parse(segment.map, 1, journal.boundary(segment), {})
            left = sum(
                min(max(reached - begin, 0), len(item.steps)) if isinstance(item, Stretch) else reached > begin
                for reached, item in records
            )
            if segment.path is None:
                lost += left
            else:
                waiting += left
        return waiting, lost

    def before_fork(self) -> None:
        """Let the clerk close its connections and stand still."""
        paused, resume = threading.Event(), threading.Event()

        def pause() -> None:
            if self._intake is not None:
                self._intake.workspace.store.close()
            paused.set()
            resume.wait()

        self._resumes.append(resume)
        self._calls.put(pause)
        paused.wait(_FORK_PATIENCE)

    def after_fork(self) -> None:
        """In the parent: go on."""
        self._resumes.pop().set()

    def _work(self) -> None:
        due = 0.0
        while True:
            self._answer(TICK if self._journals else None)
            ending = any(journal.closed for journal in self._journals)
            if time.monotonic() >= due or ending:
                begun = time.monotonic()
                self._attempt()
                now = time.monotonic()
                # With many writers at one store each waits for the others: the longer, the larger its next portion.
                rest = min(TICK * 2**self._failures, _BACKOFF) if self._failures else min(4 * (now - begun), _REST)
                due = now + rest

    def _answer(self, timeout: float | None) -> None:
        """Do what is asked; wait up to `timeout` seconds for the first of it."""
        try:
            while True:
                call = self._calls.get(timeout=timeout)
                if call is not None:
                    call()
                timeout = 0
        except queue.Empty:
            return

    def _attempt(self) -> None:
        for journal in list(self._journals):
            try:
                self._open().take_in(journal)
            except (MlopsError, OSError) as error:
                self._errors[journal] = error
                self.warn_of_trouble(str(error))
                continue
            self._errors.pop(journal, None)
            if journal.closed and not journal.segments:
                self._journals.remove(journal)
        self._failures = min(self._failures + 1, 10) if self._errors else 0
        self._attempts += 1

    def _open(self) -> "Intake":
        """The store's side of the work. Its imports are slow, so they are made here, in the clerk's thread."""
        if self._intake is None:
            from mlops_console.tracking.intake import Intake

            self._intake = Intake(self.root)
        return self._intake
