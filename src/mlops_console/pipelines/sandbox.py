"""A folder of its own for a pipeline that runs beside others: the project as it is, and outs that are its alone."""

import os
import shutil
from collections.abc import Iterable, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_console.core.config import Stage
from mlops_console.data.hashing import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def sandbox(root: Path, folder: Path, stages: Iterable[Stage]) -> "Iterator[Path]":
    """Make `folder`, with links to all that is in the project but the outs of the stages; it is gone again afterwards.

    A link leads out of here: `..` in a folder that is one, and a script that is one and asks where it is, are in the
    project. So real are the folders that stages run in, the Python files among their deps, and what lies above
    these and above the outs.
    """
    found = list(stages)
    outs = {_normal(out) for stage in found for out in stage.outs}
    scripts = {_normal(dep) for stage in found for dep in stage.deps if dep.endswith(".py")}
    cwds = {_normal(stage.cwd) for stage in found}
    above = {parent for path in outs | scripts | cwds for parent in path.parents}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _fill(root, folder, Path(), outs, scripts, above | cwds)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _normal(path: str) -> Path:
    return Path(os.path.normpath(path))


def _fill(root: Path, folder: Path, at: Path, outs: Set[Path], copied: Set[Path], real: Set[Path]) -> None:
    for entry in os.scandir(root / at):
        path = at / entry.name
        if path in outs or entry.name in LEFT_OUT:
            continue
        if path in real and entry.is_dir():
            (folder / path).mkdir()
            _fill(root, folder, path, outs, copied, real)
        elif path in copied and entry.is_file():
            shutil.copy2(root / path, folder / path)
        else:
            (folder / path).symlink_to(root / path)
