"""`served`: what an environment has answered, with what turned out to be true."""

import datetime as dt
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_console.core import retraining
from mlops_console.drift.retraining import served_rows
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.start import locate

if TYPE_CHECKING:
    import pandas as pd

Time = float | str | dt.datetime


def served(
    environment: str | None = None,
    *,
    start: Time | None = None,
    end: Time | None = None,
    workspace: str | Path | Workspace | None = None,
) -> "pd.DataFrame | None":
    """The rows that an environment has answered and that have a label, oldest first.

    In a stage with `served = true` and without arguments, those of the window that the pipeline is run with (`train
    --served`). Nothing is sampled: as many rows as have labels in the prediction log.

    Args:
        environment: by default that of the pipeline's window.
        start: only rows that were answered after this: seconds since the epoch, an ISO text or a datetime (both in this
            machine's time zone where they name none); by default all that the prediction log has.
        end: only rows that were answered until then; by default until now.
        workspace: as for `start_run`.

    Returns:
        The input columns of the version that is live there, and `label`. Numbers are what they are in its signature, or
        float64 with NaN where some are missing; all else is object with None for missing (as of a private column).
        None where no environment is named and the pipeline was run without a window.

    Raises:
        NotFoundError: nothing is live there.
        UsageError: a time is none, or the model has an input that is called `label`.
        StoreError: the store or the prediction log can't be read.
    """
    if environment is None:
        told = retraining.of_variables(os.environ)
        if told is None:
            return None
        environment, since, until = told
    else:
        since, until = 0.0, time.time()
    found = open_workspace(locate(workspace))
    try:
        return served_rows(
            found,
            environment,
            since if start is None else _point(start),
            until if end is None else _point(end),
        )
    finally:
        found.store.close()


def _point(at: Time) -> float:
    if isinstance(at, dt.datetime):
        return at.timestamp()
    return retraining.point(at, "a time of served rows") if isinstance(at, str) else float(at)
