"""Watches the files of the triggers on 'change', in a thread of its own.

What the operating system tells is only a hint to look: what counts is how the files are once nothing has changed for as
long as a trigger wants. So nothing is lost where hints are. A file that was written anew counts as changed, though it
may hold the same again.
"""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from watchfiles import watch

from mlops_console.core.moments import seconds
from mlops_console.core.triggers import Trigger, Watched

log = logging.getLogger(__name__)

_STEP = 100  # milliseconds without news after which hints are given
_GROUP = 400  # milliseconds after which they are given in any case
_TIMEOUT = 500  # milliseconds after which it looks up where there is no news
_END = 1.0  # seconds that its thread is waited for
_PAUSE = 5.0  # seconds between two looks where the operating system tells nothing


class Watch:
    """What the files of these triggers are like, each as soon as they are at rest.

    Args:
        known: the triggers whose files were looked at before; those of others count as they are now.
    """

    def __init__(self, root: Path, triggers: tuple[Trigger, ...], outs: tuple[str, ...], known: frozenset[str]) -> None:
        self._root = root
        self._files = {trigger.name: Watched(trigger.paths, outs) for trigger in triggers}
        self._patience = {trigger.name: seconds(trigger.debounce) for trigger in triggers}
        self._known = known
        self._changed: dict[str, float] = {}  # when the newest hint came, on the monotonic clock
        self._at_rest: dict[str, str] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_dead(self) -> bool:
        """Whether its thread has ended by itself."""
        return not (self._thread.is_alive() or self._ended.is_set())

    def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_END)

    def at_rest(self, name: str) -> str | None:
        """A text that says how the files of a trigger are; None as long as they have not come to rest."""
        return self._at_rest.get(name)

    def _work(self) -> None:
        for name in self._files:
            if name not in self._known:
                self._look_at(name)
        told = ""
        while not self._ended.is_set():
            try:
                self._follow()
            # A folder that is gone already, more folders than may be watched, or a name that is no UTF-8: that one is a
            # RuntimeError of the library.
            except (OSError, RuntimeError) as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("files are looked at every %.0f s, as they can't be watched: %s", _PAUSE, error)
                self._hint(*self._files)
                self._ended.wait(_PAUSE)
                self._look(time.monotonic() + _PAUSE)

    def _follow(self) -> None:
        """Until there is a folder more or less."""
        folders = set(self._folders())
        hints = watch(
            *sorted(folders),
            watch_filter=None,
            debounce=_GROUP,
            step=_STEP,
            rust_timeout=_TIMEOUT,
            yield_on_timeout=True,
            recursive=False,
            stop_event=self._ended,
            raise_interrupt=False,
        )
        self._hint(*self._files)  # what happened before the watch began
        for changes in hints:
            paths = {Path(path) for _, path in changes}
            for path in paths:
                inner = self._inner(path)
                folder = path in folders or path.is_dir()
                self._hint(*(n for n, files in self._files.items() if (files.enters if folder else files.has)(inner)))
            self._look(time.monotonic())
            if any((path in folders) != (path.is_dir() and self._enters(self._inner(path))) for path in paths):
                return

    def _hint(self, *names: str) -> None:
        self._changed |= dict.fromkeys(names, time.monotonic())

    def _look(self, now: float) -> None:
        for name, changed in list(self._changed.items()):
            if now - changed >= self._patience[name]:
                del self._changed[name]
                self._look_at(name)

    def _look_at(self, name: str) -> None:
        self._at_rest[name] = state(self._root, self._files[name])

    def _inner(self, path: Path) -> str:
        return "" if path == self._root else path.relative_to(self._root).as_posix()

    def _enters(self, folder: str) -> bool:
        return any(files.enters(folder) for files in self._files.values())

    def _folders(self) -> Iterator[Path]:
        for files in self._files.values():
            for folder, _ in _walk(self._root, files):
                yield self._root / folder


def state(root: Path, files: Watched) -> str:
    """A digest of names, sizes and times of the files that a trigger looks at."""
    found = []
    for folder, names in _walk(root, files):
        for name in names:
            path = f"{folder}/{name}" if folder else name
            if files.has(path):
                try:
                    told = (root / path).stat()
                except OSError:  # it is gone, or a link to nowhere
                    continue
                found.append(f"{path}\0{told.st_size}\0{told.st_mtime_ns}")
    return hashlib.sha256(os.fsencode("\n".join(sorted(found)))).hexdigest()


def _walk(root: Path, files: Watched) -> Iterator[tuple[str, list[str]]]:
    """The folders that may hold files of a trigger, with the files in them."""
    for at, folders, names in os.walk(root):
        folder = os.path.relpath(at, root)
        folder = "" if folder == "." else folder
        folders[:] = [name for name in folders if files.enters(f"{folder}/{name}" if folder else name)]
        yield folder, names
