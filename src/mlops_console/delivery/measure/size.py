"""How large a version is: its file, and the memory that it takes."""

from typing import Any

from mlops_console.core.models import ModelVersion
from mlops_console.delivery.measure.served import Served
from mlops_console.store import compiled
from mlops_console.store.workspace import Workspace


def measure(workspace: Workspace, version: ModelVersion) -> dict[str, Any]:
    """Bytes of the file that a server loads, and by how much the process grows with it.

    It is loaded twice: the first time brings in the libraries, which are not the model's.
    """
    import psutil

    process = psutil.Process()
    first = Served(workspace, version)
    before = process.memory_info().rss
    second = Served(workspace, version)
    grown = process.memory_info().rss - before
    assert first.form == second.form
    with workspace.store.read() as db:
        form = compiled.get(db, version.model, version.version) if second.loaded.is_compiled else None
    file = form.size if form and form.size else version.size
    return {"file": file, "memory": max(grown, 0), "form": second.form}
