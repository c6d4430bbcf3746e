"""The first line: where one is on the left, what matters now on the right."""

from textual.content import Content
from textual.widget import Widget

from mlops_console.core.text import safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.messages import StatusLoaded
from mlops_console.tui.paint import line, styled
from mlops_console.tui.widgets.fit import cut


class Header(Widget):
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

    def show_place(self, *crumbs: str) -> None:
        self._crumbs = crumbs
        self._refresh_if_changed()

    def show_status(self, status: StatusLoaded) -> None:
        self._status = status
        self._refresh_if_changed()

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
        texts = [styled(cut(crumb, max(room, 1)), "strong" if at == len(crumbs) - 1 else "") for at, crumb in enumerate(crumbs)]
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
        status = self._status
        if status is None:
            return parts
        worker = glyphs.state(status.worker)
        jobs = f" {status.jobs} job{'s' * (status.jobs != 1)}" if status.jobs else f" {worker.word}"
        parts.append((3, line((worker.glyph, worker.style), " worker", jobs)))
        if status.alerts:
            count = len(status.alerts)
            parts.append((2, styled(f"{glyphs.ALERT} {count} alert{'s' * (count != 1)}", "warn")))
        environment = status.environment
        if environment is not None and environment.desired is not None:
            health = glyphs.state(environment.health)
            live = line(f"{environment.name} ", (environment.desired.model_ref, "strong"), (f" {health.glyph}", health.style))
            parts.append((0, live if health.word == "ready" else live + styled(f" {health.word}", health.style)))
        return parts
