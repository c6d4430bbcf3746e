"""The rows of a file, by its ending: JSON lines here, CSV and Parquet by `data.scan`."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.data import scan
from mlops_console.data.frames import as_frame

if TYPE_CHECKING:
    import pandas as pd

_JSON_LINES = (".jsonl", ".ndjson")
_AT_ONCE = 20_000  # objects that are there beside the columns made of them
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")  # half a character, unless its other half follows


def read_table(path: Path) -> "pd.DataFrame":
    """The rows of a file.

    Args:
        path: of a CSV file in UTF-8 with a header (which may be packed as .gz, .bz2 or .xz), of a Parquet file, or of
            JSON lines: one object a line, what it does not have is missing.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is no table, or a damaged one, or pyarrow is missing.
    """
    if path.suffix.lower() in _JSON_LINES:
        return _read_json_lines(path)
    return scan.read(path)


def _read_json_lines(path: Path) -> "pd.DataFrame":
    import pandas as pd

    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.", "Give a file of JSON lines.")
    rows = _objects(path)
    parts = []
    while portion := list(islice(rows, _AT_ONCE)):
        parts.append(pd.DataFrame.from_records(portion))
    if not parts:
        raise UsageError(f"{path} is empty.", "Give a file with one JSON object a line.")
    frame = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    try:
        return as_frame(frame)
    except UsageError as error:
        raise UsageError(f"{path} can't be read as a table: {error.message}", error.hint) from None


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    hint = "Give a file with one JSON object a line, in UTF-8."
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                raise UsageError(f"{path}, line {number}: this is no JSON.", hint) from None
            if not isinstance(found, dict):
                raise UsageError(f"{path}, line {number}: this is no object.", hint)
            if _SURROGATE.search(line) and not _is_text(found):
                raise UsageError(f"{path}, line {number}: a text in it has half a character.", hint)
            yield found


def _is_text(found: dict[str, Any]) -> bool:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
