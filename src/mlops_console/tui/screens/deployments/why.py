"""Why is this live? The whole chain on one screen."""

import shlex
import time
from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from mlops_console.tui.messages import ReadFailed
from mlops_console.tui.reader import Reader
from mlops_console.tui.screens.deployments.lineage_facts import lineage_facts
from mlops_console.tui.screens.deployments.reading import LineageRead, read_lineage
from mlops_console.tui.screens.dialogs.dialog import Dialog
from mlops_console.tui.widgets.facts import Fact, Facts


class WhyDialog(Dialog[None]):
    """A revision, or what is live: from its gates to the data that its version was trained on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w,q,enter", "cancel", "Leave", show=False),
        Binding("Y", "copy", "Copy command", show=False),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
    ]
    DEFAULT_CSS = """
    WhyDialog > Vertical { width: 120; max-width: 98%; height: 96%; max-height: 96%; }
    """

    def __init__(self, environment: str, revision: int | None) -> None:
        which = f"revision {revision} of {environment}" if revision is not None else f"what is live in {environment}"
        super().__init__(f"Why {which}?", [("↑↓", "scroll"), ("Y", "copy command"), ("esc", "leave")])
        number = ["--revision", str(revision)] if revision is not None else []
        self._command = shlex.join(["mlops-console", "why", environment, *number])
        self._chain = Chain(environment, revision)

    def compose_inside(self) -> Iterable[Widget]:
        yield self._chain

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._command)
        self.app.notify("Copied the shell command.", markup=False, timeout=2)

    def action_scroll(self, by: int) -> None:
        self._chain.facts.scroll_relative(y=by, animate=False)


class Chain(Reader):
    """Reads the chain once and shows it."""

    DEFAULT_CSS = """
    Chain { height: 1fr; }
    Chain Facts { background: $surface; }
    """

    def __init__(self, environment: str, revision: int | None) -> None:
        super().__init__()
        self._environment = environment
        self._revision = revision
        self.facts = Facts()

    def compose(self) -> ComposeResult:
        yield self.facts

    def on_mount(self) -> None:
        self.facts.show([Fact("", "Reading…")])
        self.facts.focus()
        environment, revision = self._environment, self._revision
        self.read("lineage", lambda workspace: read_lineage(workspace, environment, revision))

    def on_lineage_read(self, event: LineageRead) -> None:
        event.stop()
        self.facts.show(lineage_facts(event.lineage, time.time()))

    def on_read_failed(self, event: ReadFailed) -> None:
        event.stop()
        self.facts.show([Fact("", event.error.message, "bad"), Fact("", event.error.hint)])
