"""`load_artifact`: what a run has kept."""

from pathlib import Path

from mlops_console.store import artifacts, runs
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.start import locate


def load_artifact(run: str, path: str, *, workspace: str | Path | Workspace | None = None) -> bytes:
    """The content of a file that a run has kept, checked by its SHA-256.

    Args:
        run: its id, the beginning of it, or its name.
        path: the name under which it was kept: `figures/roc.png`.
        workspace: as for `start_run`.

    Raises:
        NotFoundError: there is no such run, or it has kept no such file.
        StoreError: the content is missing or damaged.
    """
    found = open_workspace(locate(workspace))
    try:
        with found.store.read() as db:
            kept = artifacts.get(db, runs.get(db, run).id, path)
    finally:
        found.store.close()
    return found.objects.read_checked(kept.sha256)
