"""The ledger as a file of JSON lines: written from the store, and read back to be verified."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.ledger import EMPTY, Head, LedgerEntry, from_line, to_line
from mlops_console.store import ledger
from mlops_console.store.database import Store

_LONGEST = 100_000_000  # characters of a line


def export_entries(store: Store, target: str) -> Head:
    """Write all entries, oldest first, each as one line; the head of what was written.

    Args:
        target: a file, which is replaced as a whole at the end; "-" for standard output. What a terminal would obey is
            escaped there as everywhere in JSON.

    Raises:
        UsageError: the file can't be written.
    """
    if target == "-":
        return _write(store, sys.stdout)
    path = Path(target)
    aside = path.parent / f".mlops-console-ledger-{os.getpid()}.part"
    try:
        with aside.open("w", encoding="ascii") as file:
            head = _write(store, file)
        aside.replace(path)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror or error}.", "Name another file.") from None
    finally:
        with suppress(OSError):  # it is in its place, or it is told already why it could not be made
            aside.unlink()
    return head


def read_entries(path: Path) -> Iterator[LedgerEntry | None]:
    """The entries of such a file, None for a line that is none.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it can't be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            while line := file.readline(_LONGEST):
                yield from_line(line)
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}.", "'mlops-console ledger export FILE' writes one.") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", "Check its permissions.") from None


def _write(store: Store, file: IO[str]) -> Head:
    head = EMPTY
    with store.read() as db:
        for entry in ledger.chain(db):
            file.write(to_line(entry) + "\n")
            head = Head(entry.seq, entry.hash)
    return head
