"""How the console tells of results and errors: toasts for the expected, a dialogue for the rest, never a traceback."""

import contextlib
import logging
import traceback
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import App
from textual.notifications import Notify, SeverityLevel
from textual.worker import Worker, WorkerState

from mlops_console.core.errors import MlopsError
from mlops_console.core.text import safe_line, safe_text

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

LOG = logging.getLogger("mlops_console.tui")
LOG_NAME = "console.log"
_TOASTS = 2  # at once
_QUIET = 10.0  # seconds within which the same error is not told again


class ConsoleCrash(Exception):  # noqa: N818 - what the console ends with; its cause is the error
    """An error in the console itself that it can't go on after."""

    def __init__(self, error: BaseException, log: str) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self._text = (
            f"The console has ended: {type(error).__name__}: {safe_line(error, 400)}.\n"
            f"Nothing that runs is touched. The whole report is in {log}."
        )

    def __rich__(self) -> Text:
        return Text(self._text)


class TellingApp(App[None], inherit_bindings=False):
    """A base of `ConsoleApp`, which sets what is declared here."""

    workspace: "Workspace"
    _told: set[str]

    def tell(self, text: str, severity: SeverityLevel = "information") -> None:
        """A toast; the text is foreign."""
        self.notify(safe_text(text, 600), severity=severity, markup=False)

    def on_notify(self, _: Notify) -> None:
        """At most two toasts at once: the older ones make room."""
        for old in list(self._notifications)[: 1 - _TOASTS]:
            self._unnotify(old, refresh=False)

    def tell_error(self, error: MlopsError) -> None:
        """What is wrong and what to do; the same one only once in a while."""
        text = f"{error.message} {error.hint}".strip()
        if text not in self._told:
            self._told.add(text)
            self.set_timer(_QUIET, lambda: self._told.discard(text))
            self.tell(text, "error")

    def worker_changed(self, worker: Worker[Any]) -> None:
        """An expected error of a worker is a toast; an unexpected one a dialogue, and the console goes on."""
        if worker.state is not WorkerState.ERROR or worker.error is None:
            return
        if isinstance(worker.error, MlopsError):
            self.tell_error(worker.error)
        else:
            self._show_crash(worker.error)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        self.worker_changed(event.worker)

    def _show_crash(self, error: BaseException) -> None:
        from mlops_console.tui.screens.dialogs.error import ErrorDialog

        self.push_screen(ErrorDialog(error, self._report(error), self._log_path))

    def _handle_exception(self, error: Exception) -> None:
        """Textual's last resort prints every local variable; people get a sentence, and the log the rest."""
        self._report(error)
        crash = ConsoleCrash(error, self._log_path)
        crash.__cause__ = error
        super()._handle_exception(crash)

    @property
    def _log_path(self) -> str:
        return str(self.workspace.home / LOG_NAME)

    @staticmethod
    def _report(error: BaseException) -> str:
        """Log the traceback, and give it back."""
        report = "".join(traceback.format_exception(error))
        with contextlib.suppress(OSError):  # a disk that can't be written is not the trouble to tell of now
            LOG.error(report)
        return report
