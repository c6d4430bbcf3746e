"""Files that commands write: there whole, or not at all."""

import tempfile
from contextlib import suppress
from pathlib import Path

from mlops_console.core.errors import UsageError


def write_whole(path: Path, text: str) -> None:
    """Write a text as UTF-8 beside `path`, and put it in its place when all of it is written.

    Raises:
        UsageError: it can't be written.
    """
    aside: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part", delete=False
        ) as file:
            aside = Path(file.name)
            aside.chmod(0o644)
            file.write(text)
        aside.replace(path)
    except OSError as error:
        if aside is not None:
            with suppress(OSError):
                aside.unlink()
        raise UsageError(f"{path} can't be written: {error.strerror or error}.", "Name another file.") from None
