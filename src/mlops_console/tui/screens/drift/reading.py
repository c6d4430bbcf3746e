"""What the drift view shows, read from the store."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.drift import DriftReport
from mlops_console.core.errors import ConfigError

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_REPORTS = 200
_REVISIONS = 50


@dataclass(frozen=True, slots=True)
class DriftState:
    """One environment: its reports newest first (without histograms), and the one that is looked at, whole.

    `revisions` are its newest ones, newest first; `every` how often its traffic is checked by itself.
    """

    environments: tuple[str, ...] = ()
    environment: str = ""
    live: Revision | None = None
    reports: tuple[DriftReport, ...] = ()
    report: DriftReport | None = None
    revisions: tuple[Revision, ...] = ()
    every: str = ""

    @property
    def against_reference(self) -> tuple[DriftReport, ...]:
        """Those that a trend is made of, newest first."""
        return tuple(report for report in self.reports if report.against == "reference")

    @property
    def newest(self) -> DriftReport | None:
        """The one that is looked at where none is chosen."""
        return next(iter(self.against_reference or self.reports), None)

    @property
    def is_newest(self) -> bool:
        return self.report is None or self.newest is None or self.report.id == self.newest.id


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
        config = workspace.config()
        planned, every = tuple(config.environments), config.monitor.every or ""
    except ConfigError:
        planned, every = (), ""  # the app says what is wrong with it; the store is shown all the same
    with workspace.store.read() as db:
        known = tuple(found.name for found in deployments.environments(db))
        names = planned + tuple(name for name in known if name not in planned)
        if environment not in names:
            environment = "production" if "production" in names else names[0] if names else ""
        history = tuple(deployments.revisions(db, environment, limit=_REVISIONS))
        reports = tuple(drift.reports(db, environment, limit=_REPORTS)) if environment else ()
        live = next((revision for revision in history if revision.state is RevisionState.LIVE), None)
        state = DriftState(names, environment, live, reports, None, history, every)
        wanted = next((report for report in reports if report.id == report_id), state.newest)
        whole = drift.report(db, wanted.id) if wanted else None
    return DriftRead(replace(state, report=whole))
