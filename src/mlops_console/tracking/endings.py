"""How a program ends, noticed without changing it: by an exception, by sys.exit, by a signal, or by reaching its end.

Inside of `with` the run sees the exception itself. Outside of it:
- an uncaught exception is in `sys.last_value` by the time that atexit runs, whatever `sys.excepthook` does with it;
- the status of `sys.exit` (and `exit`, `quit`) is known to nobody any more then, so they raise a `SystemExit` whose
  `code` tells when it is the interpreter itself that asks for it: it does so only when the program ends by it, not when
  the program catches it. A plain `raise SystemExit(3)` outside of `with` can't be told from the end of the script;
- SIGTERM and SIGHUP are handled where nobody else does, and sent again when the runs have been ended.
"""

import _sitebuiltins
import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NamedTuple, NoReturn

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_TEXT = 2000  # characters of an error's text


class Ending(NamedTuple):
    status: str  # "succeeded", "failed" or "stopped"
    error: str | None = None


SUCCEEDED = Ending("succeeded")


def of_exception(error: BaseException, traceback: TracebackType | None) -> Ending:
    """What an exception that nobody caught makes of a run."""
    if isinstance(error, SystemExit):
        return of_exit(error.code)
    if isinstance(error, KeyboardInterrupt):
        return Ending("stopped", "KeyboardInterrupt (SIGINT)")
    if isinstance(error, GeneratorExit):
        return Ending("stopped", "GeneratorExit")
    return Ending("failed", _describe(error, traceback))


def of_exit(code: Any) -> Ending:
    """What `sys.exit(code)` makes of a run."""
    if code is None or code == 0:
        return SUCCEEDED
    return Ending("failed", f"SystemExit: {str(code)[:_TEXT]}")


def _describe(error: BaseException, traceback: TracebackType | None) -> str:
    import traceback as tracebacks

    lines = tracebacks.format_exception_only(error)  # survives an exception whose own __str__ fails
    text = next((line for line in lines if not line.startswith(" ")), lines[-1]).strip()
    frames = tracebacks.extract_tb(traceback, limit=-1)
    where = f" (in {frames[-1].name}, {frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return text[:_TEXT] + where


class _Watch:
    """What has been noticed so far in this process."""

    def __init__(self) -> None:
        self.pid = 0  # of the process that watches; a forked child does not
        self.exit_code: Any = None
        self.end: Callable[[Ending], None] | None = None
        self.last_value: object = None


_watch = _Watch()


class _Exit(SystemExit):
    """A SystemExit that notices when it ends the program: then the interpreter asks for its code, not Python code."""

    @property
    def code(self) -> Any:  # type: ignore[override]
        status = super().code
        if _called_by_interpreter():
            _watch.exit_code = status
        return status


_Exit.__name__ = _Exit.__qualname__ = "SystemExit"
_Exit.__module__ = "builtins"


def _called_by_interpreter() -> bool:
    try:
        sys._getframe(2)
    except ValueError:
        return True
    return False


def watch(end: Callable[[Ending], None]) -> None:
    """Call `end` when this process ends in any way that a process can notice. To be called for each run."""
    if _watch.pid == 0:
        atexit.register(_at_exit)
        sys.exit = _exit
        _sitebuiltins.Quitter.__call__ = _quit  # type: ignore[method-assign]
    if _watch.pid != os.getpid():
        _watch.pid, _watch.end, _watch.exit_code, _watch.last_value = os.getpid(), end, None, _last_value()
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _on_signal)


def unwatch_signals() -> None:
    """No run is open any more, or this is a forked child: let signals kill as they do by default.

    A handler in Python waits for the main thread to come back from what it waits for; a worker of a multiprocessing
    pool, which is ended by SIGTERM, might never.
    """
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) is _on_signal:
                signal.signal(number, signal.SIG_DFL)


def _exit(status: Any = None, /) -> NoReturn:
    """Exit the interpreter by raising SystemExit(status)."""
    # In other threads it ends the thread only, and threading wants the very class.
    raise (_Exit if threading.current_thread() is threading.main_thread() else SystemExit)(status)


def _quit(self: Any, code: Any = None) -> NoReturn:
    with contextlib.suppress(OSError, AttributeError):  # as the original does
        sys.stdin.close()
    _exit(code)


def _last_value() -> Any:
    return getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)


def _at_exit() -> None:
    if _watch.end is None or _watch.pid != os.getpid():
        return
    error = _last_value()
    if isinstance(error, BaseException) and error is not _watch.last_value and not hasattr(sys, "ps1"):
        _watch.end(of_exception(error, error.__traceback__))
        if isinstance(error, KeyboardInterrupt):
            _keep_exit_status()
    else:
        _watch.end(of_exit(_watch.exit_code))


def _keep_exit_status() -> None:
    """Let the program die of its KeyboardInterrupt as it was about to.

    The interpreter notes one that ends the program, and then dies of SIGINT itself; every `exec` of a text clears the
    note (the standard library makes its named tuples and data classes that way), and sets it again in this way.
    """
    with contextlib.suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt")  # noqa: S102 - a constant


def _on_signal(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    if _watch.end is not None and _watch.pid == os.getpid():
        _watch.end(Ending("stopped", signal.Signals(number).name))
    os.kill(os.getpid(), number)
