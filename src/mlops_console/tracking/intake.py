"""The clerk's side towards the store: segments are read and put away, runs are kept alive and described."""

import threading
import time
from pathlib import Path

from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store import datasets, runs, spools
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.git import is_dirty
from mlops_console.tracking.ingest import Reader, take_in
from mlops_console.tracking.journal import Journal
from mlops_console.tracking.provenance import completed
from mlops_console.tracking.recover import take_in_left_behind
from mlops_console.tracking.spool import Segment

HEARTBEAT = 5.0  # seconds
_GIT_PATIENCE = 3.0  # seconds that the end of a run waits to learn whether its tree was dirty


class Intake:
    """Takes in the segments of this process's journals.

    Raises:
        StoreError: the workspace or its store can't be made or opened.
    """

    def __init__(self, root: Path) -> None:
        self.workspace: Workspace = open_workspace(root)
        self.workspace.store  # noqa: B018 - opened now, so that what is wrong with it is told now
        self._process: ProcessIdentity = current_process()
        self._readers: dict[Segment, Reader] = {}
        self._beats: dict[str, float] = {}
        self._dirty = _Dirty()

    def position(self, segment: Segment) -> int:
        """The first slot of a segment that is not in the store yet."""
        reader = self._readers.get(segment)
        return reader.slot if reader else 1

    def take_in(self, journal: Journal) -> None:
        """Bring all that a journal holds into the store."""
        while journal.segments:
            segment = journal.segments[0]
            if not self._read(journal, segment):
                break
            self._put_away(journal, segment)
        journal.prepare()
        self._beat(journal)

    def name(self, run_id: str) -> str:
        with self.workspace.store.read() as db:
            return runs.get(db, run_id).name

    def reference(self, run_id: str) -> DatasetVersion | None:
        """The dataset that a run has logged as "train", else the first one."""
        with self.workspace.store.read() as db:
            inputs = datasets.run_inputs(db, run_id)
        found = next((entry for entry in inputs if entry.role == "train"), inputs[0] if inputs else None)
        return found.version if found else None

    def describe(self, run_id: str) -> None:
        """At the end of a run: the packages it used, whether its tree was dirty, and what its forked children left."""
        take_in_left_behind(self.workspace, run_id)
        dirty = self._dirty.wait()
        with self.workspace.store.write() as tx:
            runs.set_provenance(tx, run_id, completed(runs.get(tx, run_id).provenance, dirty))

    def _read(self, journal: Journal, segment: Segment) -> bool:
        """Read on in a segment; whether it has been read to its end and no more will come."""
        reader = self._readers.get(segment)
        if reader is None:
            name = segment.path.name if segment.path else ""
            reader = self._readers[segment] = Reader(name, segment.map)
        while take_in(self.workspace, reader, journal.boundary(segment), self._process):
            pass
        return segment.end is not None and reader.slot >= segment.end

    def _put_away(self, journal: Journal, segment: Segment) -> None:
        del self._readers[segment]
        journal.segments.popleft()
        segment.remove()
        if segment.path is not None:
            with self.workspace.store.write() as tx:
                spools.forget(tx, segment.path.name)

    def _beat(self, journal: Journal) -> None:
        now = time.monotonic()
        if journal.owns_run and now - self._beats.setdefault(journal.run_id, now) >= HEARTBEAT:
            with self.workspace.store.write() as tx:
                runs.heartbeat(tx, journal.run_id)
            self._beats[journal.run_id] = now


class _Dirty:
    """Whether the tree has changes that are not committed, asked of git beside everything else."""

    def __init__(self) -> None:
        self._answer: bool | None = None
        self._thread = threading.Thread(target=self._ask, args=(Path.cwd(),), daemon=True)
        self._thread.start()

    def _ask(self, folder: Path) -> None:
        self._answer = is_dirty(folder)

    def wait(self) -> bool | None:
        self._thread.join(_GIT_PATIENCE)
        return self._answer
