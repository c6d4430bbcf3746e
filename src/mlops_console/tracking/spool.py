"""The spool: what a process has logged, as fixed-size records in memory-mapped segment files.

A record is 32 bytes, `=qddII`: step, value, time, name id and, written last, the commit word: the record's own slot
number. A slot whose commit word is not its number was never finished, and nothing after it was either. Slot 0 holds
the magic. Two name ids are no metrics: `NAME` and `EVENT` announce a text, whose length, kind and CRC-32 stand in the
record and whose bytes fill the slots after it (they are written before the record is). Each segment stands alone: it
begins with the event that names its run, and it defines every metric name that it uses.

The kernel keeps dirty pages of a dead process, so a record that was written survives `kill -9`. Blocks are allocated
before use, as a full disk under a sparse map would end the training with SIGBUS.
"""

import contextlib
import fcntl
import json
import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

RECORD = struct.Struct("=qddII")  # of this machine: the file never leaves it
SIZE = RECORD.size
MAGIC = b"mlops-console spool, format 1\n\0\0"
SUFFIX = ".spool"
EVENT = 0xFFFF_FFFF
NAME = 0xFFFF_FFFE
SLOTS = 1 << 15  # of a segment: 1 MiB
_FIRST_LOOK = 16  # slots

Buffer = mmap.mmap | bytes | bytearray
Event = dict[str, Any]


class Segment:
    """One mapped file, or the same in memory where no file can be had; locked by the process that writes it."""

    def __init__(self, path: Path | None, slots: int = SLOTS) -> None:
        """Allocate and map a segment.

        Raises:
            OSError: the disk is full, or the folder can't be written.
        """
        self.path = path
        self.slots = slots
        self.end: int | None = None  # the first slot that is not used, once the segment is full
        self.map = _mapped(path, slots * SIZE) if path else mmap.mmap(-1, slots * SIZE)
        self.map[:SIZE] = MAGIC
        for page in range(mmap.PAGESIZE, len(self.map), mmap.PAGESIZE):
            self.map[page] = 0  # a page fault now is none in the training loop

    def remove(self) -> None:
        """Unmap it and delete the file: all of it is in the store."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        self.map.close()


def _mapped(path: Path, size: int) -> mmap.mmap:
    """A new file, locked before it gets its name: nobody who looks for segments left behind finds it without owner."""
    aside = path.with_suffix(".new")
    descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        # The map keeps a duplicate of the descriptor, and with it the lock, for as long as it lives.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _allocate(descriptor, size)
        os.pwrite(descriptor, MAGIC, 0)
        mapped = mmap.mmap(descriptor, size)
        aside.rename(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return mapped


def _allocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.write(descriptor, bytes(size))


def text_slots(text: bytes) -> int:
    """How many slots a text takes, with its record."""
    return 1 + -(-len(text) // SIZE)


def put_text(buffer: mmap.mmap | bytearray, slot: int, kind: int, number: int, text: bytes) -> int:
    """Write a text from `slot` on; the slot after it. `number` is a metric's name id, and 0 for an event."""
    begin = (slot + 1) * SIZE
    buffer[begin : begin + len(text)] = text
    RECORD.pack_into(buffer, slot * SIZE, len(text) << 32 | number, 0.0, float(zlib.crc32(text)), kind, slot)
    return slot + text_slots(text)


class Stretch(NamedTuple):
    """Points that stand one after the other, column by column; `names` are the ids of their metrics."""

    steps: Sequence[int]
    values: Sequence[float]
    ats: Sequence[float]
    names: Sequence[int]


def parse(buffer: Buffer, slot: int, end: int, names: dict[int, str]) -> Iterator[tuple[int, Stretch | Event]]:
    """The finished records from `slot` up to `end` or the first unfinished one, each with the slot after it.

    Args:
        names: the metric names that the segment has defined before `slot`; those found are added.
    """
    while slot < end:
        stop = _points_end(buffer, slot, end)
        if stop > slot:
            yield stop, _stretch(buffer, slot, stop)
            slot = stop
            continue
        length, _, checksum, kind, commit = RECORD.unpack_from(buffer, slot * SIZE)
        if commit != slot:
            return
        text = bytes(buffer[(slot + 1) * SIZE : (slot + 1) * SIZE + (length >> 32)])
        if zlib.crc32(text) != checksum:
            return
        slot += text_slots(text)
        if kind == NAME:
            names[length & 0xFFFF_FFFF] = text.decode()
        else:
            yield slot, json.loads(text)


def _points_end(buffer: Buffer, slot: int, end: int) -> int:
    """The slot after the last of the finished points that begin at `slot`.

    It looks further the more it has found: a text may follow at once, and a thousand new names are a thousand texts.
    """
    width = _FIRST_LOOK
    while slot < end:
        stop = min(slot + width, end)
        with memoryview(buffer) as raw, raw[slot * SIZE : stop * SIZE].cast("I") as words:
            kinds, commits = words[6::8].tolist(), words[7::8].tolist()
        if max(kinds) >= NAME or commits != list(range(slot, stop)):
            found = zip(kinds, commits, strict=True)
            return next(at for at, (kind, commit) in enumerate(found, slot) if kind >= NAME or commit != at)
        slot, width = stop, width * 8
    return end


def _stretch(buffer: Buffer, slot: int, end: int) -> Stretch:
    with memoryview(buffer) as raw, raw[slot * SIZE : end * SIZE] as part:
        whole, real, words = part.cast("q"), part.cast("d"), part.cast("I")
        found = Stretch(whole[0::4].tolist(), real[1::4].tolist(), real[2::4].tolist(), words[6::8].tolist())
        for view in (whole, real, words):
            view.release()
    return found


@contextlib.contextmanager
def left_behind(path: Path) -> Iterator[mmap.mmap | None]:
    """A segment whose process is gone, locked for us alone; None if it has an owner or is no segment (any more)."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError):
            yield None
            return
        found = os.fstat(file.fileno())
        if found.st_nlink == 0 or found.st_size < SIZE:
            yield None
            return
        mapped = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        yield mapped if mapped[:SIZE] == MAGIC else None
