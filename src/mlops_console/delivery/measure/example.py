"""Whether a version predicts its own input example."""

from typing import Any

from mlops_console.core.errors import ModelError
from mlops_console.delivery.measure.served import Served
from mlops_console.serving.loading import test
from mlops_console.store.workspace import Workspace


def measure(workspace: Workspace, served: Served) -> dict[str, Any]:
    """Whether it passes, the number of rows, and else why not."""
    try:
        example = test(workspace, served.loaded)
    except ModelError as error:
        return {"passes": False, "rows": 0, "problem": error.message.rstrip(".")}
    if example is None:
        return {"passes": False, "rows": 0, "problem": f"{served.version.ref} has no input example"}
    return {"passes": True, "rows": example.rows, "problem": ""}
