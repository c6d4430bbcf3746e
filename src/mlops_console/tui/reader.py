"""Reading the store off the UI thread: one read of a kind at a time, the newest wish next."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from textual.message import Message
from textual.widget import Widget
from textual.worker import Worker, get_current_worker

from mlops_console.core.errors import MlopsError
from mlops_console.tui.messages import ReadFailed

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace
    from mlops_console.tui.app import ConsoleApp

Read = Callable[["Workspace"], Message]


@dataclass
class ReadEnded(Message, bubble=False):
    """A read of this kind is over, however it ended."""

    what: str


class Reader(Widget):
    """A widget that reads. Wishes of one kind never pile up: at most one is being read and one waits."""

    def __init__(self, *children: Widget, **options: Any) -> None:
        super().__init__(*children, **options)
        self._reading: set[str] = set()
        self._wished: dict[str, Read] = {}

    @property
    def console(self) -> "ConsoleApp":
        """The app, as what it is."""
        return cast("ConsoleApp", self.app)

    def read(self, what: str, read: Read) -> None:
        """Call `read(workspace)` in a thread and post the message it returns to this widget.

        An expected error arrives as `ReadFailed(what, error)` instead. A wish made while one of the same kind is
        being read is granted afterwards; of several, only the last.
        """
        if what in self._reading:
            self._wished[what] = read
            return
        self._reading.add(what)
        workspace = self.console.workspace
        self.run_worker(
            lambda: self._perform(what, read, workspace),
            name=what,
            group=f"read-{what}",
            thread=True,
            exit_on_error=False,
        )

    def _perform(self, what: str, read: Read, workspace: "Workspace") -> None:
        """In the thread."""
        message: Message
        try:
            message = read(workspace)
        except MlopsError as error:
            message = ReadFailed(what, error)
        finally:
            if not get_current_worker().is_cancelled:
                self.post_message(ReadEnded(what))
        if not get_current_worker().is_cancelled:
            self.post_message(message)

    def on_read_ended(self, event: ReadEnded) -> None:
        event.stop()
        self._reading.discard(event.what)
        wish = self._wished.pop(event.what, None)
        if wish is not None and self.is_attached:
            self.read(event.what, wish)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        self.console.worker_changed(event.worker)
