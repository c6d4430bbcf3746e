"""What a run reads: the deps of its stages that are datasets of mlops.toml."""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from mlops_console.core.config import Dataset, Stage
from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.errors import JobStopped, MlopsError
from mlops_console.core.stage_cache import Inputs
from mlops_console.core.text import size
from mlops_console.data.hashing import Hasher
from mlops_console.pipelines.cache import sha256_in
from mlops_console.store import datasets
from mlops_console.store.workspace import Workspace

_CHECKS = re.compile(r"\bdataset\s+check\b")
LARGEST = 1_000_000_000  # bytes of a file that is read into memory without being asked for

_SCANNING = threading.Lock()  # what two stages read is scanned once; and one scan at a time is memory enough


def record(
    workspace: Workspace,
    folder: Path,
    run_id: str,
    known: Sequence[tuple[str, Dataset, str]],
    inputs: Inputs | None,
    hasher: Hasher,
    note: Callable[[str], None],
    stopping: Callable[[], bool],
) -> None:
    """Make the versions of the datasets that a stage reads inputs of its run. Only a stop keeps the stage from running.

    Args:
        folder: where the stage finds its deps.
        known: the datasets that are among them (see `of_stage`).
        inputs: of the stage, with the content of its deps; None where they need not be known otherwise.
        note: told of what is left out, and why.

    Raises:
        JobStopped: a stop was asked for.
    """
    for name, dataset, dep in known:
        try:
            sha256 = inputs.deps[dep] if inputs else sha256_in(hasher, dep)
            version = _version(workspace, folder, name, dataset, sha256, stopping)
            with workspace.store.write() as tx:
                datasets.add_run_input(tx, run_id, name, version, logged=False)
        except JobStopped:
            raise
        except MlopsError as error:
            note(f"no version of dataset {name} is recorded: {error.message}")
        except OSError as error:  # the file has gone meanwhile
            note(f"no version of dataset {name} is recorded: {error.strerror or error}")


def of_stage(known: Mapping[str, Dataset], stage: Stage) -> list[tuple[str, Dataset, str]]:
    """The datasets that are deps of a stage, by name, each with the dep as the stage writes it."""
    deps = {os.path.normpath(dep): dep for dep in stage.deps}
    found = ((name, dataset, deps.get(os.path.normpath(dataset.path))) for name, dataset in known.items())
    return [(name, dataset, dep) for name, dataset, dep in found if dep is not None]


def expected(known: Mapping[str, Dataset], stage: Stage) -> dict[str, str]:
    """The SHA-256 of what each dataset should hold that a stage reads and checks: once that changes, it checks anew."""
    if not _CHECKS.search(stage.run):
        return {}
    return {
        name: hashlib.sha256(dataset.expect.model_dump_json().encode()).hexdigest()
        for name, dataset, _ in of_stage(known, stage)
    }


def _version(
    workspace: Workspace, folder: Path, name: str, dataset: Dataset, sha256: str, stopping: Callable[[], bool]
) -> DatasetVersion:
    known = partial(_known, workspace, name, sha256)
    found = known()
    if found is not None:
        return found
    with _SCANNING:
        return known() or _scanned(workspace, folder, name, dataset, sha256, stopping)


def _known(workspace: Workspace, name: str, sha256: str) -> DatasetVersion | None:
    with workspace.store.read() as db:
        return datasets.find(db, name, sha256)


def _scanned(
    workspace: Workspace, folder: Path, name: str, dataset: Dataset, sha256: str, stopping: Callable[[], bool]
) -> DatasetVersion:
    from mlops_console.data.scan import scan  # most runs need none of it
    from mlops_console.data.versions import record_version

    place = folder / dataset.path
    if place.is_file() and place.stat().st_size > LARGEST:
        told = f"{dataset.path} has {size(place.stat().st_size)}"
        raise MlopsError(f"{told}; 'mlops-console dataset scan {name}' reads it all the same.")
    version = record_version(workspace, name, scan(place, stopping=stopping), dataset.expect).version
    if version.sha256 != sha256:
        raise MlopsError(f"{dataset.path} has changed while it was read.")
    return version
