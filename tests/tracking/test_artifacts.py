"""`load_artifact`."""

import pytest

import mlops_console as mlops
from mlops_console.core.errors import NotFoundError
from mlops_console.store.workspace import Workspace


def test_what_was_kept_comes_back(workspace: Workspace) -> None:
    (workspace.root / "roc.png").write_bytes(b"picture")
    with mlops.start_run(workspace=workspace) as run:
        run.log_artifact(workspace.root / "roc.png", "figures/roc.png")
    assert mlops.load_artifact(run.id, "figures/roc.png", workspace=workspace) == b"picture"
    with pytest.raises(NotFoundError, match=r"no artifact 'x\.png'"):
        mlops.load_artifact(run.id, "x.png", workspace=workspace)
