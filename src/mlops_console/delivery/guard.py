"""`python -m mlops_console.delivery.guard GRACE COMMAND …`: runs a target's command, ends it when its worker is gone.

It ends with the command's exit code. When its stdin is closed, by the worker or by its death, the command gets SIGTERM
with all that is in its process group, and SIGKILL after `GRACE` seconds. Until then it holds the lock that it has
inherited: so two commands never run at once, whoever was killed in between.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

NOT_FOUND = 127  # as shells have it
_LOOK = 0.02  # seconds between two looks whether all have ended


def main(grace: float, command: list[str]) -> int:
    signal.signal(signal.SIGTERM, _pass_over)  # what is sent to the group is for the command
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{command[0]} can't be run: {error.strerror}.\n")
        return NOT_FOUND
    left = threading.Event()
    ending = threading.Thread(target=_end_when_left, args=(process, grace, left), daemon=True)
    ending.start()
    code = process.wait()
    if left.is_set():
        ending.join()
    sys.stdout.flush()
    os._exit(code if code >= 0 else 128 - code)  # the thread that reads stdin would keep the interpreter from ending


def _end_when_left(process: "subprocess.Popen[bytes]", grace: float, left: threading.Event) -> None:
    sys.stdin.buffer.read()
    left.set()
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while process.returncode is None or _is_anybody_left():
        if time.monotonic() > deadline:
            os.killpg(0, signal.SIGKILL)  # this process too
        time.sleep(_LOOK)


def _is_anybody_left() -> bool:
    """Whether another process than this one is in its group."""
    import psutil

    for process in psutil.process_iter(["status"]):
        try:
            ours = process.pid != os.getpid() and os.getpgid(process.pid) == os.getpgrp()
        except ProcessLookupError:
            continue
        if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
            return True
    return False


def _pass_over(number: int, frame: FrameType | None) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
