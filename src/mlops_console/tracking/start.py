"""`start_run`: a new run, or the one that a worker has started this process for."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.store.location import HOME, VARIABLE, nearest
from mlops_console.tracking import endings, names, process
from mlops_console.tracking.journal import Journal, checked_name
from mlops_console.tracking.run import Run, clean

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

RUN_VARIABLE = "MLOPS_RUN_ID"
STAGE_VARIABLE = "MLOPS_STAGE"
EXPERIMENT = "default"


def start_run(
    name: str | None = None,
    *,
    experiment: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    workspace: "str | Path | Workspace | None" = None,
    system_metrics: bool = True,
    capture_output: bool = False,
) -> Run:
    """Start a run, with or without `with`.

    Inside a stage that the worker has started, this joins the worker's run; `name` and `experiment` are the worker's
    then. Outside of `with` the run ends with the program: `failed` after an uncaught exception or a non-zero
    `sys.exit`, `stopped` after SIGINT, SIGTERM or SIGHUP, else `succeeded`.

    Args:
        name: by default one like calm-otter-42.
        experiment: by default "default".
        params: as for `Run.log_params`.
        tags: as for `Run.set_tags`.
        workspace: a folder; by default `$MLOPS_WORKSPACE`, else the current one. The nearest folder from there upwards
            with `.mlops/` or mlops.toml is meant; where there is none, the folder itself becomes a workspace.
        system_metrics: every 15 s log what the process and the machine are busy with, as `system/cpu` and others. Of a
            worker's run the worker does it.
        capture_output: until the run ends, keep a copy of what Python code writes to stdout and stderr, up to 64 MiB.
            In a stage the worker keeps it anyway.

    Raises:
        TypeError: an argument is of the wrong type.
        NotFoundError: the folder given as workspace does not exist.
    """
    joined = os.environ.get(RUN_VARIABLE)
    for value, what in ((name, "run"), (experiment, "experiment")):
        if value is not None:
            checked_name(value, what)
    root = locate(workspace)
    run_id = _checked_id(joined) if joined else os.urandom(8).hex()
    journal = Journal(
        _spool_folder(root),
        run_id,
        lambda: process.clerk(root),
        owns_run=not joined,
        sampled=system_metrics,
        stage=os.environ.get(STAGE_VARIABLE, "") if joined else "",
    )
    run_name = None if joined else clean(name or names.generate())
    run = Run(run_id, run_name, root, journal)
    if not joined:
        journal.event("start", name=run_name, experiment=clean(experiment or EXPERIMENT), **_facts())
    if params:
        run.log_params(params)
    if tags:
        run.set_tags(tags)
    process.runs.add(run)
    endings.watch(process.end_all)
    if capture_output and not joined:
        run._capture_output()
    return run


def locate(workspace: "str | Path | Workspace | None") -> Path:
    """The folder of the workspace that is meant.

    Raises:
        NotFoundError: it does not exist.
    """
    if workspace is not None and not isinstance(workspace, str | Path):
        return workspace.root
    folder = Path(workspace or os.environ.get(VARIABLE) or Path.cwd())
    if not folder.is_dir():
        raise NotFoundError(f"The workspace {folder} is not a folder.", "Make it, or name the folder of a project.")
    folder = folder.resolve()
    return Path(nearest(str(folder)) or folder)


def _checked_id(run_id: str) -> str:
    if not (run_id.isascii() and run_id.replace("-", "").isalnum()):
        raise UsageError(f"{RUN_VARIABLE} is {run_id[:60]!r}, which is no run's id.", "Only the worker should set it.")
    return run_id


def _spool_folder(root: Path) -> Path:
    folder = root / HOME / "spool"
    try:
        (root / HOME).mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(exist_ok=True)
    except OSError:
        pass  # the journal tells, and keeps what it can in memory
    return folder


def _facts() -> dict[str, Any]:
    import getpass
    import shlex

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return {
        "at": time(),
        "user": user,
        "command": clean(shlex.join(sys.orig_argv))[:4000],
        "folder": str(Path.cwd()),
        "python": ".".join(map(str, sys.version_info[:3])),
    }
