"""A file becomes a version of its dataset."""

from dataclasses import dataclass, replace

from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.errors import StoreError
from mlops_console.core.expectations import Expectations
from mlops_console.data.expectations import judge, listed
from mlops_console.data.samples import pack_sample, take_sample
from mlops_console.data.scan import Scanned
from mlops_console.store import datasets
from mlops_console.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Recorded:
    """A version, and whether its content was not known before."""

    version: DatasetVersion
    is_new: bool


def record_version(workspace: Workspace, name: str, found: Scanned, expectations: Expectations) -> Recorded:
    """Record what was scanned as a version of a dataset, with whether it holds what is expected.

    Raises:
        StoreError: the store can't be written.
    """
    with workspace.store.read() as db:
        known = datasets.find(db, name, found.sha256)
    sample = (known.sample if known else None) or _keep_sample(workspace, found)
    verdict = judge(found.frame, expectations) if listed(expectations) else None
    with workspace.store.write() as tx:
        version = datasets.add_version(
            tx,
            name,
            sha256=found.sha256,
            rows=found.rows,
            columns=found.columns,
            schema=found.schema,
            profile=found.profile,
            sample=sample,
        )
        if verdict is not None:
            datasets.set_verdict(tx, version, verdict)
            version = replace(version, verdict=verdict)
    return Recorded(version, known is None)


def _keep_sample(workspace: Workspace, found: Scanned) -> str:
    try:
        return workspace.objects.put_bytes(pack_sample(take_sample(found.frame)))
    except OSError as error:
        raise StoreError(f"A sample of the rows can't be kept: {error.strerror}.", "Free some space.") from None
