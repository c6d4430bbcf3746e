"""Schema, profile and hash of a CSV or Parquet file at the speed of reading it.

A CSV file is checked harder than `data.frames.as_frame` does, as pandas fills short rows up and takes the first column
of rows that are too long for their names.
"""

import bz2
import csv
import gzip
import hashlib
import lzma
import os
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any

from mlops_console.core.errors import JobStopped, NotFoundError, UsageError
from mlops_console.data.frames import as_frame
from mlops_console.data.profile import profile_column, schema

if TYPE_CHECKING:
    import pandas as pd

_BLOCK = 1 << 20
_LOOKED_AT = 1000  # rows, to tell which columns take long
_PARQUET = (".parquet", ".pq")
_PACKED: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_PACKED_OTHERWISE = (".zip", ".zst", ".tar", ".tgz")
_HINT = "Give a CSV or Parquet file."
_UNREADABLE = (ValueError, OSError, NotImplementedError, EOFError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is in a file. `schema` and `profile` are as `data.profile` gives them; `sha256` is of the file's bytes."""

    rows: int
    columns: int
    schema: dict[str, str]
    profile: dict[str, dict[str, Any]]
    sha256: str
    frame: "pd.DataFrame" = field(repr=False, compare=False)


def scan(
    path: Path,
    *,
    progress: Callable[[float], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Scanned:
    """Profile a file. Its bytes are hashed and checked beside the reading, and several columns profiled at once.

    Args:
        path: of a CSV file in UTF-8 with a header, which may be packed as .gz, .bz2 or .xz, or of a Parquet file.
        progress: told how far it is, from 0 to 1.
        stopping: whether it was asked to stop. Asked, like `progress`, in the caller's thread only, and not while
            pandas reads.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is no table, or a damaged one, or pyarrow is missing, or the file has changed meanwhile.
        JobStopped: a stop was asked for.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.", _HINT)
    given_up = Event()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            return _scan(path, pool, given_up, progress, stopping)
        finally:
            given_up.set()
            pool.shutdown(cancel_futures=True)


def read(path: Path) -> "pd.DataFrame":
    """The rows of such a file, checked as `scan` checks them, without a hash and without figures.

    Raises:
        NotFoundError, UsageError: as `scan` does.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.", _HINT)
    is_csv = path.suffix.lower() not in _PARQUET
    _check_start(path, is_csv)
    if not is_csv:
        return _read_parquet(path)
    frame = _read_csv(path)
    _check_rows(path, frame, _unpacked(path, Event()))
    return frame


def _scan(
    path: Path,
    pool: ThreadPoolExecutor,
    given_up: Event,
    progress: Callable[[float], None],
    stopping: Callable[[], bool],
) -> Scanned:
    def advance(share: float) -> None:
        if stopping():
            raise JobStopped(f"Reading {path} was stopped.")
        progress(share)

    advance(0.0)
    state = _state(path)
    is_csv = path.suffix.lower() not in _PARQUET
    _check_start(path, is_csv)
    hashed = pool.submit(_hash, path, given_up, None if path.suffix.lower() in _PACKED or not is_csv else _Outside())
    frame = _read_csv(path) if is_csv else _read_parquet(path)
    advance(0.5)
    slowest_first = sorted(frame.items(), key=lambda column: _slowness(column[1]), reverse=True)
    profiles = {name: pool.submit(profile_column, column) for name, column in slowest_first}
    sha256, outside = hashed.result()
    if is_csv:
        _check_rows(path, frame, outside or _unpacked(path, given_up))
    figures = {}
    for number, name in enumerate(frame.columns, start=1):
        figures[name] = profiles[name].result()
        advance(0.5 + 0.5 * number / len(profiles))
    if _state(path) != state:
        raise UsageError(f"{path} has changed while it was read.", "Try again when it is complete.")
    return Scanned(len(frame), frame.shape[1], schema(frame), figures, sha256, frame)


def _slowness(column: "pd.Series[Any]") -> int:
    """Texts take longer than numbers, and the longer the more of them are different."""
    return 0 if column.dtype.kind in "biuf" else 1 + column.iloc[:_LOOKED_AT].astype(str).nunique()


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _open(path: Path) -> IO[bytes]:
    opener = _PACKED.get(path.suffix.lower())
    return path.open("rb", buffering=0) if opener is None else opener(path)


def _check_start(path: Path, is_csv: bool) -> None:
    """What would otherwise be read as a strange table, or end in a strange message."""
    if path.suffix.lower() in _PACKED_OTHERWISE:
        raise UsageError(f"{path} is packed in a way that is not read here.", "Unpack it first.")
    try:
        with _open(path) as file:
            start = file.read(_BLOCK)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from None
    if not start:
        raise UsageError(f"{path} is empty.", _HINT)
    if is_csv and start.startswith(b"PAR1"):
        raise UsageError(f"{path} is a Parquet file, but not called one.", "Rename it to end with .parquet.")
    if is_csv and b"\0" in start:
        raise UsageError(f"{path} is no table: there are NUL bytes in it.", "Give a CSV file in UTF-8.")


def _unreadable(path: Path, error: BaseException) -> UsageError:
    lines = str(error).removeprefix("Error tokenizing data. C error: ").splitlines() or [type(error).__name__]
    return UsageError(f"{path} can't be read as a table: {lines[0].rstrip('.')}.", _HINT)


def _named(path: Path, frame: "pd.DataFrame") -> "pd.DataFrame":
    try:
        return as_frame(frame)
    except UsageError as error:
        raise UsageError(f"{path} can't be read as a table: {error.message}", error.hint) from None


def _read_parquet(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise UsageError(f"Reading {path} needs pyarrow.", "pip install mlops-console[parquet]") from None
    except _UNREADABLE as error:
        raise _unreadable(path, error) from None
    return _named(path, frame)


def _read_csv(path: Path) -> "pd.DataFrame":
    """As `as_frame` reads it. The header is looked at before pandas gives a second "a" the name "a.1"."""
    import pandas as pd

    try:
        header = next(_rows(path), (0, []))[1]
        twice = next((name for at, name in enumerate(header) if name and name in header[:at]), None)
        if twice is not None:
            raise UsageError(f"{path} has two columns {twice[:60]!r}.", "Give each column a name of its own.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            frame = pd.read_csv(path)
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8{_broken_line(path)}.", "Save it as UTF-8.") from None
    except pd.errors.EmptyDataError:
        raise UsageError(f"{path} is empty.", _HINT) from None
    except (*_UNREADABLE, csv.Error) as error:
        _check_widths(path)
        raise _unreadable(path, error) from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas took the first columns of too long rows for an index
        _check_widths(path)
    return _named(path, frame)


def _broken_line(path: Path) -> str:
    with _open(path) as file:
        for number, line in enumerate(_lines(file), start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return f": byte 0x{line[error.start]:02x} in line {number}"
    return ""


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while block := file.read(_BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest


class _Outside:
    """What stands outside of quotes in a CSV file, counted block by block.

    `plain` is false where a quote opens in the middle of a field: what is inside can't be told this way then.
    """

    def __init__(self) -> None:
        self.commas = 0
        self.endings: set[str] = set()
        self.plain = True
        self._inside = False
        self._last = b"\n"
        self._held = b""

    def take(self, block: bytes) -> None:
        import numpy as np

        block = self._held + block
        self._held = block[-1:] if block.endswith(b"\r") else b""  # its "\n" may be the next block's first
        if self._held:
            block = block[:-1]
        if not block:
            return
        codes = np.frombuffer(block, dtype=np.uint8)
        if self._inside or b'"' in block:
            codes = self._without_quoted(codes)
        self._last = block[-1:]
        self.commas += int(np.count_nonzero(codes == ord(",")))
        if b"\r" in block:
            self._count_endings(codes)
        elif "\n" not in self.endings and (codes == ord("\n")).any():
            self.endings.add("\n")

    def close(self) -> None:
        if self._held and not self._inside:
            self.endings.add("\r")

    def _without_quoted(self, codes: Any) -> Any:
        import numpy as np

        is_quote = codes == ord('"')
        opening = np.flatnonzero(is_quote)[int(self._inside) :: 2]
        before = np.where(opening > 0, codes[opening - 1], ord(self._last))
        self.plain = self.plain and bool(np.isin(before, list(b',\r\n"')).all())
        inside = np.cumsum(is_quote, dtype=np.uint8) % 2 != self._inside
        self._inside = bool(inside[-1])
        return np.where(inside, ord('"'), codes)

    def _count_endings(self, codes: Any) -> None:
        import numpy as np

        is_return, is_newline = codes == ord("\r"), codes == ord("\n")
        both = np.count_nonzero(is_return[:-1] & is_newline[1:])
        if both:
            self.endings.add("\r\n")
        if np.count_nonzero(is_return) > both:
            self.endings.add("\r")
        if np.count_nonzero(is_newline) > both:
            self.endings.add("\n")


def _hash(path: Path, given_up: Event, outside: _Outside | None) -> tuple[str, _Outside | None]:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while (block := file.read(_BLOCK)) and not given_up.is_set():
            digest.update(block)
            if outside is not None:
                outside.take(block)
    if outside is not None:
        outside.close()
    return digest.hexdigest(), outside


def _unpacked(path: Path, given_up: Event) -> _Outside:
    outside = _Outside()
    with _open(path) as file:
        while (block := file.read(_BLOCK)) and not given_up.is_set():
            outside.take(block)
    outside.close()
    return outside


def _check_rows(path: Path, frame: "pd.DataFrame", outside: _Outside) -> None:
    """That all rows are as long as the header and end alike.

    pandas has refused longer rows, so that the number of commas is right only where no row is shorter either.
    """
    if outside.plain and len(outside.endings) > 1:
        shown = " and ".join(sorted(repr(ending)[1:-1] for ending in outside.endings))
        raise UsageError(f"{path} has mixed line endings: {shown}.", "Save it with one kind of line ending.")
    if not outside.plain or outside.commas != (frame.shape[1] - 1) * (len(frame) + 1):
        _check_widths(path)


def _check_widths(path: Path) -> None:
    """Row by row, which is slow: only where something is wrong or can't be told otherwise."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        rows = _rows(path)
        width = len(next(rows, (0, []))[1])
        for line, fields in rows:
            if len(fields) != width:
                raise UsageError(
                    f"{path}, line {line}: {_fields(len(fields))}, but the header has {width}.",
                    "Give each row as many fields as the header has; quote a field with a comma in it.",
                )
    except (UnicodeDecodeError, csv.Error, EOFError, zlib.error, lzma.LZMAError):
        return  # what is wrong is something else
    finally:
        csv.field_size_limit(limit)


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count:,} fields"


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that pandas reads, each with the line it begins in."""
    opener = _PACKED.get(path.suffix.lower(), open)
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        begins = 1
        for fields in reader:
            if len(fields) > 1 or (fields and fields[0].strip(" \t")):
                yield begins, fields
            begins = reader.line_num + 1
