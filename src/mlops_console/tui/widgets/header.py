"""The first line: where one is on the left, what matters now on the right."""

from typing import TYPE_CHECKING

from textual.content import Content

from mlops_console.core.deployments import Environment
from mlops_console.core.text import safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.messages import ReadFailed, StatusLoaded
from mlops_console.tui.paint import line, styled
from mlops_console.tui.reader import Reader
from mlops_console.tui.widgets.fit import cut

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_TOPICS = {"jobs", "workers", "alerts", "environments"}


class Header(Reader):
    """`project ▸ view ▸ thing`, then worker, alerts and what is live in the most important environment."""

    DEFAULT_CSS = """
    Header { height: 1; background: $panel; color: $foreground; padding: 0 1; }
    """

    def __init__(self, project: str) -> None:
        super().__init__()
        self.project = project
        self.read_only = False
        self._crumbs: tuple[str, ...] = ()
        self._status: StatusLoaded | None = None
        self._text = ""
        self._config_problem = ""

    def show_place(self, *crumbs: str) -> None:
        self._crumbs = crumbs
        self._refresh_if_changed()

    def show_project(self, name: str) -> None:
        self.project = name
        self._refresh_if_changed()

    def show_read_only(self, read_only: bool) -> None:
        self.read_only = read_only
        self._refresh_if_changed()

    def show_config_problem(self, problem: str) -> bool:
        """What is wrong with mlops.toml, "" if nothing is; whether that is new."""
        changed = problem != self._config_problem
        self._config_problem = problem
        self._refresh_if_changed()
        return changed

    @property
    def environment(self) -> Environment | None:
        """The most important environment: production, else the last one that serves something."""
        return self._status.environment if self._status else None

    def reload(self, topics: frozenset[str]) -> None:
        if topics & _TOPICS:
            self.read("status", read_status)

    def on_status_loaded(self, status: StatusLoaded) -> None:
        self._status = status
        self._refresh_if_changed()

    def on_read_failed(self, event: ReadFailed) -> None:
        event.stop()  # the view that is shown tells of the same trouble

    def _refresh_if_changed(self) -> None:
        """Nothing goes down the line for a status that reads the same."""
        content = self.render()
        if content.markup != self._text:
            self._text = content.markup
            self.refresh()

    def render(self) -> Content:
        width = self.size.width or 80
        right = self._fitting_status(max(width - 24, width // 2))
        room = width - right.cell_length - 1
        place = self._place(room)
        return place + " " * max(width - place.cell_length - right.cell_length, 1) + right

    def _place(self, room: int) -> Content:
        crumbs = [safe_line(crumb) for crumb in (self.project, *self._crumbs) if crumb]
        while len(crumbs) > 1 and len(" ▸ ".join(crumbs)) > room and len(crumbs[-1]) < room:
            crumbs.pop(0)
        texts = [
            styled(cut(crumb, max(room, 1)), "strong" if at == len(crumbs) - 1 else "")
            for at, crumb in enumerate(crumbs)
        ]
        return styled(" ▸ ", "muted").join(texts)

    def _fitting_status(self, room: int) -> Content:
        """As many parts of the status as fit, the most important ones first."""
        gap = "   " if self.size.width >= 100 else "  "
        parts = self._parts()
        while parts and (found := Content(gap).join(part for _, part in parts)).cell_length > room:
            parts.remove(max(parts, key=lambda part: part[0]))
        return found if parts else Content("")

    def _parts(self) -> list[tuple[int, Content]]:
        """The parts of the status from left to right; the number says which one goes last when it gets narrow."""
        parts: list[tuple[int, Content]] = []
        if self.read_only:
            parts.append((1, styled("read-only", "warn")))
        if self._config_problem:
            parts.append((0, styled(f"{glyphs.ALERT} mlops.toml", "bad")))
        status = self._status
        if status is None:
            return parts
        worker = glyphs.state(status.worker)
        jobs = f" {status.jobs} job{'s' * (status.jobs != 1)}" if status.jobs else f" {worker.word}"
        parts.append((3, line((worker.glyph, worker.style), " worker", jobs)))
        if status.alerts:
            count = len(status.alerts)
            style = "warn" if any(alert.state == "open" for alert in status.alerts) else "muted"
            parts.append((2, styled(f"{glyphs.ALERT} {count} alert{'s' * (count != 1)}", style)))
        environment = status.environment
        shown = environment and (environment.live or environment.candidate)
        if environment and shown:
            health = glyphs.state(environment.health)
            live = line(f"{environment.name} ", (shown.model_ref, "strong"), (f" {health.glyph}", health.style))
            parts.append((0, live if health.word == "ready" else live + styled(f" {health.word}", health.style)))
        return parts


def read_status(workspace: "Workspace") -> StatusLoaded:
    """In a thread: what the header shows."""
    from mlops_console.store import alerts, deployments, identity, jobs

    with workspace.store.read() as db:
        worker = jobs.worker(db)
        open_jobs = len(jobs.open_jobs(db))
        found = tuple(alerts.open_alerts(db))
        environments = [
            environment for environment in deployments.environments(db) if environment.live or environment.candidate
        ]
    alive = worker is not None and identity.process_state(worker.process) != "dead"
    return StatusLoaded(
        worker="working" if alive and open_jobs else "idle" if alive else "off",
        jobs=open_jobs,
        alerts=found,
        environment=max(environments, key=lambda e: e.name == "production", default=None),
    )
