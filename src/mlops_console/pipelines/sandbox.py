"""A folder of its own for a pipeline that runs beside others: the project as it is, and outs that are its alone."""

import os
import shutil
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_console.data.hashing import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def sandbox(root: Path, folder: Path, outs: Iterable[str]) -> "Iterator[Path]":
    """Make `folder`, with links to all that is in the project but the outs; it is gone again afterwards.

    Folders that lie above an out are real ones, so that what is written beside it stays in here too.

    Args:
        outs: normal paths, relative to the project.
    """
    paths = {Path(os.path.normpath(out)) for out in outs}
    above = {parent for path in paths for parent in path.parents}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _fill(root, folder, Path(), paths, above)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(root: Path, folder: Path, at: Path, outs: set[Path], above: set[Path]) -> None:
    for entry in os.scandir(root / at):
        path = at / entry.name
        if path in outs or entry.name in LEFT_OUT:
            continue
        if path in above and entry.is_dir():
            (folder / path).mkdir()
            _fill(root, folder, path, outs, above)
        else:
            (folder / path).symlink_to(root / path)
