"""What the drift view shows, read from the store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.message import Message

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.drift import DriftReport
from mlops_console.core.errors import ConfigError, UsageError
from mlops_console.core.text import safe_line
from mlops_console.tui.writing import Taken, Written, write

if TYPE_CHECKING:
    from mlops_console.drift.export import Form
    from mlops_console.store.workspace import Workspace

FORMS = ("html", "md", "json")
_REPORTS = 200
_EARLIER = 40  # reports that the charts of an exported one show
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


def read_drift(
    workspace: "Workspace", environment: str, report_id: int | None, known: Sequence[DriftReport] = ()
) -> DriftRead:
    """The reports of an environment ("": the most important one); None takes the newest report.

    Args:
        known: reports that are there already and need not be read anew.

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
        stored = tuple(found.name for found in deployments.environments(db))
        names = planned + tuple(name for name in stored if name not in planned)
        if environment not in names:
            environment = "production" if "production" in names else names[0] if names else ""
        history = tuple(deployments.revisions(db, environment, limit=_REVISIONS))
        before = {report.id: report for report in known}
        reports = tuple(drift.reports(db, environment, limit=_REPORTS, known=before)) if environment else ()
        live = next((revision for revision in history if revision.state is RevisionState.LIVE), None)
        state = DriftState(names, environment, live, reports, None, history, every)
        wanted = next((report for report in reports if report.id == report_id), state.newest)
        whole = drift.report(db, wanted.id) if wanted else None
    return DriftRead(replace(state, report=whole))


def write_report(workspace: "Workspace", report_id: int, path: Path) -> Written | Taken:
    """A report with all that it says in a file; the ending of its name decides in which form.

    Raises:
        UsageError: the ending is none of `FORMS`.
        StoreError: the store can't be read, or the file can't be written.
    """
    from mlops_console.drift.export import render
    from mlops_console.store import drift

    form = path.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise UsageError(f"{safe_line(path.name, 100)} is no format.", "Let the name end in .html, .md or .json.")
    with workspace.store.read() as db:
        report = drift.report(db, report_id)
        past = drift.reports(db, report.environment, limit=_REPORTS)
    earlier = [older for older in past if older.id < report.id and older.against == report.against]
    return write(path, render(report, cast("Form", form), earlier[:_EARLIER][::-1]))
