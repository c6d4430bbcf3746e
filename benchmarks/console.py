"""The console on a pseudo-terminal: what it draws after a key, how many bytes that takes, and when."""

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil

COMMAND = (sys.executable, "-m", "mlops_console")
_MOST = 30.0  # seconds to wait for anything at all


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came after a key: seconds until the first byte and until the last, and how many bytes."""

    first: float
    last: float
    size: int


class Console:
    """The console of a workspace on a pseudo-terminal of `columns` x `lines`."""

    def __init__(self, folder: Path, columns: int = 120, lines: int = 40, command: Sequence[str] = COMMAND) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(lines)}
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self.received = b""

    def __enter__(self) -> "Console":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def wait(self, marker: bytes) -> float:
        """Seconds since the start of the process until `marker` has been drawn."""
        begin = len(self.received)
        while marker not in self.received[max(0, begin - len(marker)) :]:
            if not self._read(_MOST):
                raise TimeoutError(f"The console drew no {marker!r}: {self.received[-500:]!r}")
        return time.perf_counter() - self.begun

    def press(self, key: str, quiet: float = 0.1) -> Drawn:
        """Press a key and read what it brings, until nothing more has come for `quiet` seconds."""
        self.settle(0)
        begin = time.perf_counter()
        os.write(self._master, key.encode())
        return self.drawn(begin, quiet)

    def drawn(self, begin: float, quiet: float) -> Drawn:
        """What comes from now on until nothing more has come for `quiet` seconds; times are since `begin`."""
        size = self._read(_MOST)
        if not size:
            raise TimeoutError(f"The console drew nothing: {self.received[-500:]!r}")
        first = last = time.perf_counter()
        while found := self._read(quiet):
            size += found
            last = time.perf_counter()
        return Drawn(first - begin, last - begin, size)

    def settle(self, quiet: float) -> int:
        """Read until nothing has come for `quiet` seconds; how many bytes that were."""
        size = 0
        while found := self._read(quiet):
            size += found
        return size

    def listen(self, seconds: float) -> int:
        """How many bytes come in this time."""
        size, end = 0, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            size += self._read(left)
        return size

    @property
    def megabytes(self) -> float:
        """The memory that the process has in use now."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has used so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def _read(self, timeout: float) -> int:
        if not select.select([self._master], [], [], timeout)[0]:
            return 0
        data = os.read(self._master, 1 << 16)
        self.received += data
        return len(data)
