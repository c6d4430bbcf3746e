"""A real pseudo-terminal with the program in it, read through pyte as a person's terminal would show it."""

import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyte

from tests.support import wait_for

# What Textual sends and pyte takes for text: the kitty keyboard protocol and OSC strings (title, pointer shape).
_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<>=?][0-9;]*u|\x1b\].*?(?:\x07|\x1b\\)|\x1b\[\?[0-9;]*\$p|\x1b_.*?\x1b\\")
_UNFINISHED = re.compile(rb"\x1b(?:\[[<>=?]?[0-9;]*|\][^\x07\x1b]*|_[^\x1b]*)?$")
_KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "tab": "\t",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "end": "\x1b[F",
}


class Terminal:
    """Runs a command on a pseudo-terminal of `columns` x `lines`."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, columns: int = 120, lines: int = 40, env: Mapping[str, str] = {}
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self.received = 0
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "LINES": str(lines), "COLUMNS": str(columns), **env}
        self.process = subprocess.Popen(
            command, cwd=cwd, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        self._reader.join(5)
        os.close(self._master)

    @property
    def text(self) -> str:
        """What the screen shows now, a line each."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self.screen.display)

    def press(self, *keys: str) -> None:
        """Press keys: a character each, or one of `_KEYS` by its name."""
        for key in keys:
            assert len(key) == 1 or key in _KEYS, key
            os.write(self._master, _KEYS.get(key, key).encode())

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_text(self, pattern: str, timeout: float = 30.0) -> str:
        """Wait until the screen matches a regular expression; the screen then."""
        try:
            wait_for(lambda: re.search(pattern, self.text), timeout, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None
        return self.text

    def kill(self) -> None:
        """SIGKILL, as when a laptop is closed on an SSH session."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def _read(self) -> None:
        pending = b""
        while True:
            try:
                data = os.read(self._master, 65_536)
            except OSError:  # the program has ended and with it the other side
                return
            if not data:
                return
            whole = _UNKNOWN_TO_PYTE.sub(b"", pending + data)
            cut = _UNFINISHED.search(whole)
            whole, pending = (whole[: cut.start()], whole[cut.start() :]) if cut else (whole, b"")
            with self._lock:
                self.received += len(data)
                self._stream.feed(whole)
