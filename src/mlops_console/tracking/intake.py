"""The clerk's side towards the store: segments are read and put away, runs are kept alive and described."""

from pathlib import Path

from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store import datasets, runs, spools
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.ingest import Reader, take_in
from mlops_console.tracking.journal import Journal
from mlops_console.tracking.patch import Uncommitted
from mlops_console.tracking.recover import take_in_left_behind
from mlops_console.tracking.spool import Segment
from mlops_console.tracking.system import Monitor
from mlops_console.tracking.vitals import Vitals


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
        self._vitals: dict[str, Vitals] = {}
        self._tree: Uncommitted | None = None

    def position(self, segment: Segment) -> int:
        """The first slot of a segment that is not in the store yet."""
        reader = self._readers.get(segment)
        return reader.slot if reader else 1

    def take_in(self, journal: Journal) -> None:
        """Bring all that a journal holds into the store, and look after its run."""
        vitals = self._vitals_of(journal)
        while journal.segments:
            segment = journal.segments[0]
            if not self._read(journal, segment):
                break
            self._put_away(journal, segment)
        journal.prepare()
        if vitals is not None:
            vitals.attend()

    def name(self, run_id: str) -> str:
        with self.workspace.store.read() as db:
            return runs.get(db, run_id).name

    def reference(self, run_id: str) -> DatasetVersion | None:
        """The dataset that a run has logged as "train", else the first one."""
        with self.workspace.store.read() as db:
            inputs = [entry for entry in datasets.run_inputs(db, run_id) if entry.logged]
        found = next((entry for entry in inputs if entry.role == "train"), inputs[0] if inputs else None)
        return found.version if found else None

    def describe(self, run_id: str) -> None:
        """At the end of a run: what its forked children left, the packages it used, whether its tree was dirty."""
        take_in_left_behind(self.workspace, run_id)
        vitals = self._vitals.get(run_id) or Vitals(self.workspace, run_id, None, None)
        vitals.complete()

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

    def _vitals_of(self, journal: Journal) -> Vitals | None:
        """None where the run is another process's to look after."""
        if not journal.owns_run:
            return None
        found = self._vitals.get(journal.run_id)
        if found is None:
            monitor = Monitor(journal.began) if journal.sampled else None
            found = self._vitals[journal.run_id] = Vitals(self.workspace, journal.run_id, self._tree_now(), monitor)
        return found

    def _tree_now(self) -> Uncommitted | None:
        """The tree as it is now, or was a moment ago; None where the current folder is gone."""
        try:
            folder = Path.cwd()
        except OSError:
            return None
        if self._tree is None or not self._tree.is_fresh(folder):
            self._tree = Uncommitted(folder, self.workspace.objects)
        return self._tree
