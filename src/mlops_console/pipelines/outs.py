"""Outs in their place: taken away, and put there from the object store."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from mlops_console.core.errors import StoreError, UsageError
from mlops_console.store.objects import Objects


def put(objects: Objects, folder: Path, path: str, is_folder: bool, files: Iterable[tuple[str, str, bool]]) -> None:
    """Make an out what it was, whatever is there now.

    Args:
        folder: that of the project or trial; `path` and those of the files are relative to it.
        files: path, SHA-256, and whether it is executable. A path that ends with "/" is an empty folder.

    Raises:
        UsageError: it can't be written where it belongs.
        StoreError: an object is missing or damaged; a damaged one is kept no longer.
    """
    take_away(folder, path)
    if is_folder:
        (folder / path).mkdir(parents=True)
    for file, sha256, executable in files:
        if file.endswith("/"):
            (folder / file).mkdir(parents=True, exist_ok=True)
            continue
        try:
            objects.restore(sha256, folder / file, executable)
        except StoreError:
            objects.discard_damaged(sha256)
            raise


def take_away(folder: Path, path: str) -> None:
    """Take an out away, if it is there.

    Raises:
        UsageError: it would not be in the project.
    """
    check_place(folder, path)
    place = folder / path
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def check_place(folder: Path, path: str) -> None:
    """See that an out would be written where it belongs.

    Raises:
        UsageError: a link leads out of the project.
    """
    if not (folder / path).parent.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{path} would be written outside of the project, through a link.", "Remove the link.")
