"""What the clerk does for a run of its own process beside its points: heartbeat, system metrics, what git says."""

import time

from mlops_console.store import runs, series
from mlops_console.store.workspace import Workspace
from mlops_console.tracking import patch
from mlops_console.tracking.patch import Uncommitted
from mlops_console.tracking.provenance import completed, with_dirty
from mlops_console.tracking.system import Monitor

HEARTBEAT = 5.0  # seconds
_GIT_PATIENCE = 3.0  # seconds that the end of a run waits for what git says of its tree


class Vitals:
    """Of one run, from the moment at which its process is first heard of until its end."""

    def __init__(self, workspace: Workspace, run_id: str, tree: Uncommitted | None, monitor: Monitor | None) -> None:
        self._workspace = workspace
        self._run_id = run_id
        self._tree = tree
        self._monitor = monitor
        self._beat_at = time.monotonic()

    def attend(self) -> None:
        """Store what is due.

        Raises:
            StoreError: the store is in trouble. A sample is lost then; the rest is tried again.
        """
        now = time.monotonic()
        if now - self._beat_at >= HEARTBEAT:
            with self._workspace.store.write() as tx:
                runs.heartbeat(tx, self._run_id)
            self._beat_at = now
        if self._tree is not None and self._tree.wait(0.0):
            self._note_tree(self._tree)
        if self._monitor is not None and (points := self._monitor.points(now)):
            with self._workspace.store.write() as tx:
                series.ingest(tx, self._run_id, points)

    def complete(self) -> None:
        """At the end of the run: what git has said, and the packages that were used."""
        self._monitor = None
        if self._tree is not None:
            self._tree.wait(_GIT_PATIENCE)
            self._note_tree(self._tree)
        with self._workspace.store.write() as tx:
            runs.set_provenance(tx, self._run_id, completed(runs.get(tx, self._run_id).provenance))

    def _note_tree(self, tree: Uncommitted) -> None:
        if tree.dirty is not None:
            with self._workspace.store.write() as tx:
                runs.set_provenance(tx, self._run_id, with_dirty(runs.get(tx, self._run_id).provenance, tree.dirty))
                patch.add(tx, self._run_id, tree.files)
        self._tree = None
