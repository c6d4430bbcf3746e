"""Where a workspace is, found with the least of imports: a training script asks this before anything heavier."""

from pathlib import Path

HOME = ".mlops"
CONFIG = "mlops.toml"
VARIABLE = "MLOPS_WORKSPACE"


def nearest(folder: Path) -> Path | None:
    """The nearest folder, from this one upwards, that has `.mlops/` or mlops.toml; None if there is none."""
    for candidate in (folder, *folder.parents):
        if (candidate / HOME).is_dir() or (candidate / CONFIG).is_file():
            return candidate
    return None
