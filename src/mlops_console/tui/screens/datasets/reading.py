"""What the datasets view reads, in a thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.datasets import DatasetVersion, Expected, ReadingRun, VersionRow
from mlops_console.core.errors import ConfigError

if TYPE_CHECKING:
    from mlops_console.data.changes import DatasetDiff
    from mlops_console.store.workspace import Workspace

MOST = 2000  # versions that are shown


@dataclass(frozen=True, slots=True)
class Known:
    """A dataset of mlops.toml, and all that is expected of it now."""

    path: str
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class Datasets:
    """The versions by dataset, newest first; `more` says that there are older ones."""

    versions: tuple[VersionRow, ...] = ()
    known: Mapping[str, Known] = field(default_factory=dict)
    more: bool = False

    @property
    def unread(self) -> list[str]:
        """The datasets of mlops.toml that have no version yet."""
        read = {row.dataset for row in self.versions}
        return [name for name in self.known if name not in read]

    def is_newest(self, row: VersionRow) -> bool:
        return row is next(found for found in self.versions if found.dataset == row.dataset)


@dataclass(frozen=True, slots=True)
class Details:
    """A version, the one before it, and the runs that have read it."""

    version: DatasetVersion
    before: DatasetVersion | None
    diff: "DatasetDiff | None"
    runs: tuple[ReadingRun, ...]


@dataclass
class DatasetsRead(Message, bubble=False):
    datasets: Datasets


@dataclass
class DetailsRead(Message, bubble=False):
    details: Details


def read_datasets(workspace: "Workspace") -> DatasetsRead:
    """All datasets.

    Raises:
        StoreError: the store can't be read.
    """
    from mlops_console.store import datasets

    with workspace.store.read() as db:
        found = datasets.rows(db, MOST + 1)
    return DatasetsRead(Datasets(tuple(found[:MOST]), _known(workspace), len(found) > MOST))


def _known(workspace: "Workspace") -> dict[str, Known]:
    from mlops_console.data.expectations import listed

    try:
        config = workspace.config()
    except ConfigError:
        return {}  # the app says what is wrong with it; the store is shown all the same
    return {name: Known(dataset.path, listed(dataset.expect)) for name, dataset in config.datasets.items()}


def read_details(workspace: "Workspace", dataset: str, number: int) -> DetailsRead:
    """One version with all that its tabs show.

    Raises:
        StoreError, NotFoundError: it can't be read.
    """
    from mlops_console.data.changes import compare_versions
    from mlops_console.store import datasets

    with workspace.store.read() as db:
        version = datasets.get(db, dataset, number)
        before = datasets.before(db, version)
        runs = tuple(datasets.reading_runs(db, version))
    return DetailsRead(Details(version, before, compare_versions(before, version) if before else None, runs))
