"""Where a workspace is, found with the least of imports: commands and training scripts ask this before all else."""

import os

HOME = ".mlops"
CONFIG = "mlops.toml"
VARIABLE = "MLOPS_WORKSPACE"


def nearest(folder: str) -> str | None:
    """The nearest folder, from this absolute one upwards, that has `.mlops/` or mlops.toml; None if there is none."""
    while True:
        if os.path.isdir(os.path.join(folder, HOME)) or os.path.isfile(os.path.join(folder, CONFIG)):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
