"""The clerk: the one thread of a process that brings what it logs into the store, so that training never waits for it.

All connections to the store are the clerk's own. Before a fork it closes them: SQLite's must not be carried into a child.
"""

import contextlib
import os
import queue
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_console.core.errors import MlopsError
from mlops_console.tracking.journal import Journal

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace
    from mlops_console.tracking.intake import Intake

TICK = 0.1  # seconds between two looks at the spool
HEARTBEAT = 5.0  # seconds
PATIENCE = 5.0  # seconds without progress until the end of a run no longer waits for the store
_BACKOFF = 5.0  # seconds, at most, between two attempts at a store in trouble

T = TypeVar("T")


class TrackingWarning(UserWarning):
    """Something could not be stored; training goes on."""


class Clerk:
    """Takes in the journals of one workspace, in a daemon thread that starts with the first of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._wake = threading.Event()
        self._calls: queue.SimpleQueue[_Call[Any]] = queue.SimpleQueue()
        self._journals: list[Journal] = []
        self._warned = False
        self._fork = _Rendezvous()
        self._intake: Intake | None = None
        self._attempts = 0  # at taking in, finished ones
        self._failures = 0  # of them, in a row
        self.error: MlopsError | OSError | None = None  # of the last attempt
        self._thread = threading.Thread(target=self._work, name="mlops-console clerk", daemon=True)
        self._thread.start()

    def add(self, journal: Journal) -> None:
        self._journals.append(journal)

    def warn(self, problem: str) -> None:
        """Tell once per process; what was not stored is told at the end of each run."""
        if not self._warned:
            self._warned = True
            with contextlib.suppress(TrackingWarning):  # where warnings are errors, training goes on all the same
                warnings.warn(f"mlops-console: {problem} Training goes on.", TrackingWarning, stacklevel=2)

    def call(self, function: "Callable[[Workspace], T]") -> T:
        """Let the clerk do something with the store, and wait for it; its errors are raised here."""
        call = _Call(function)
        self._calls.put(call)
        self._wake.set()
        return call.result()

    def drain(self, journal: Journal) -> bool:
        """Wait until all of a journal is in the store; False when that fails or does not come on for `PATIENCE`."""
        attempts, pending = self._attempts, -1
        deadline = time.monotonic() + PATIENCE
        self._wake.set()
        while (left := self.pending(journal)) and time.monotonic() < deadline:
            if self.error is not None and self._attempts > attempts + 1:
                return False
            if left != pending:
                pending, deadline = left, time.monotonic() + PATIENCE
            self._wake.set()
            time.sleep(0.001)
        return not left

    def pending(self, journal: Journal) -> int:
        """How many slots of a journal are not in the store yet."""
        intake = self._intake
        return sum(
            journal.boundary(segment) - (intake.position(segment) if intake else 1)
            for segment in list(journal.segments)
        )

    def release(self, journal: Journal) -> None:
        """Take a journal that has ended off the list."""
        if journal in self._journals:
            self._journals.remove(journal)

    def before_fork(self) -> None:
        if self._thread.is_alive():
            self._wake.set()
            self._fork.ask(self._wake)

    def after_fork(self) -> None:
        self._fork.over()

    def _work(self) -> None:
        due = 0.0
        while True:
            self._wake.wait(TICK if self._journals else None)
            self._wake.clear()
            self._fork.meet(self._close)
            self._answer_calls()
            if time.monotonic() < due and not self._fresh():
                continue
            self._attempt()
            delay = min(TICK * 2**self._failures, _BACKOFF) if self._failures else 0.0
            due = time.monotonic() + delay

    def _fresh(self) -> bool:
        """Whether it is worth an attempt before its time: a run is about to end."""
        return any(journal.closed for journal in self._journals)

    def _attempt(self) -> None:
        try:
            if self._intake is None:
                from mlops_console.tracking.intake import Intake

                self._intake = Intake(self.root)
            for journal in list(self._journals):
                self._intake.take_in(journal)
        except (MlopsError, OSError) as error:
            self.error = error
            self._failures = min(self._failures + 1, 16)
            self.warn(str(error))
        else:
            self.error, self._failures = None, 0
        self._attempts += 1

    def _answer_calls(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            call.perform(self._workspace)

    def _workspace(self) -> "Workspace":
        from mlops_console.tracking.intake import Intake

        if self._intake is None:
            self._intake = Intake(self.root)
        return self._intake.workspace

    def _close(self) -> None:
        if self._intake is not None:
            self._intake.close()
