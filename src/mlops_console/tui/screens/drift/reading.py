"""What the drift view shows, read from the store."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.drift import DriftReport
from mlops_console.core.errors import ConfigError

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_REPORTS = 200


@dataclass(frozen=True, slots=True)
class DriftState:
    """One environment: its reports newest first (without histograms), and the one that is looked at, whole."""

    environments: tuple[str, ...] = ()
    environment: str = ""
    live: Revision | None = None
    reports: tuple[DriftReport, ...] = ()
    report: DriftReport | None = None

    @property
    def is_newest(self) -> bool:
        return self.report is None or self.report.id == self.reports[0].id


@dataclass
class DriftRead(Message, bubble=False):
    state: DriftState


def read_drift(workspace: "Workspace", environment: str, report_id: int | None) -> DriftRead:
    """The reports of an environment ("": the most important one); None takes the newest report.

    Raises:
        StoreError: the store can't be read.
    """
    from mlops_console.store import deployments, drift

    try:
        planned = tuple(workspace.config().environments)
    except ConfigError:
        planned = ()  # the app says what is wrong with it; the store is shown all the same
    with workspace.store.read() as db:
        known = tuple(found.name for found in deployments.environments(db))
        names = planned + tuple(name for name in known if name not in planned)
        if environment not in names:
            environment = "production" if "production" in names else names[0] if names else ""
        history = deployments.revisions(db, environment, limit=50)
        reports = tuple(drift.reports(db, environment, limit=_REPORTS)) if environment else ()
        wanted = next((report.id for report in reports if report.id == report_id), None)
        whole = drift.report(db, wanted or reports[0].id) if reports else None
    live = next((revision for revision in history if revision.state is RevisionState.LIVE), None)
    return DriftRead(DriftState(names, environment, live, reports, whole))
