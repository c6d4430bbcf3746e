"""Reading the plots that a run has kept, in a thread."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core import plots
from mlops_console.core.errors import MlopsError
from mlops_console.core.plots import Plot
from mlops_console.core.runs import Artifact

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

MOST = 100  # plots of one run that are read


@dataclass
class PlotsLoaded(Message, bubble=False):
    """The plots of a run by their names; a text instead of one says why it can't be read."""

    run_id: str
    plots: tuple[tuple[str, Plot | str], ...]


def read_plots(workspace: "Workspace", run_id: str) -> PlotsLoaded:
    """The artifacts of a run that are plots."""
    from mlops_console.store import artifacts

    with workspace.store.read() as db:
        kept = [artifact for artifact in artifacts.listing(db, run_id) if plots.plot_name(artifact.path)]
    found = [(plots.plot_name(artifact.path) or "", _read(workspace, artifact)) for artifact in kept[:MOST]]
    if len(kept) > MOST:
        found.append(("…", f"{len(kept) - MOST:,} more plots are kept as artifacts; the first {MOST} are shown."))
    return PlotsLoaded(run_id, tuple(found))


def _read(workspace: "Workspace", artifact: Artifact) -> Plot | str:
    try:
        if artifact.size > plots.SIZE:  # not even read
            raise plots.PlotError(f"The plot's file has {artifact.size:,} bytes, more than {plots.SIZE:,}.")
        return plots.from_json(workspace.objects.read_checked(artifact.sha256))
    except MlopsError as error:
        return error.message
