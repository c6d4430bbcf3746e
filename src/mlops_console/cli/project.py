"""`init` and `doctor`."""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from mlops_console._version import __version__
from mlops_console.cli.options import JsonOption, WorkspaceOption
from mlops_console.cli.output import show, show_json
from mlops_console.core.errors import MlopsError, UsageError
from mlops_console.store import archive, deployments, jobs
from mlops_console.store.identity import process_state
from mlops_console.store.location import CONFIG
from mlops_console.store.workspace import Workspace, find_workspace, open_workspace
from mlops_console.worker import messages

TEMPLATE = """\
# What mlops-console knows of this project. docs/configuration.md tells of every key.

[project]
name = "{name}"

# A pipeline is a DAG of commands: a stage waits for the stages whose `outs` are its `deps`.
# [pipelines.train]
# params = "params.toml"
# [pipelines.train.stages.prepare]
# run = "python prepare.py"
# deps = ["prepare.py", "data/raw.csv"]
# outs = ["build/train.csv", "build/test.csv"]
# [pipelines.train.stages.fit]
# run = "python fit.py"          # logs with: import mlops_console as mlops; mlops.start_run()
# deps = ["fit.py", "build/train.csv", "build/test.csv"]
# params = ["fit"]               # the section of params.toml that it reads

# A table that runs read: its versions are kept, and 'mlops-console dataset infer raw' proposes what it should hold.
# [datasets.raw]
# path = "data/raw.csv"

# What starts a pipeline by itself: a schedule, a change of files, the end of another pipeline, drift.
# [[triggers]]
# on = "schedule"
# cron = "0 3 * * mon"
# do = "train"

# Which figure says that one version is better than another.
# [models.{name}]
# metric = "test/roc_auc"
# goal = "maximize"

# Where a model serves. A gate that fails refuses the deployment.
# [environments.staging]
# model = "{name}"
# port = 8101
# [environments.production]
# model = "{name}"
# port = 8100
# requires = "staging"
# gates = ["test/roc_auc >= 0.80", "test/roc_auc >= live - 0.01"]

# How live traffic is compared with the data that the live version was trained on.
# [monitor]
# window = "1h"

# Who is told when something is wrong; 'mlops-console alert test' tries it.
# [alerts]
# urls = ["https://example.org/hook"]   # with the extra `alerts` also slack://…, mailto://… and more
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `doctor` has looked at."""

    what: str
    ok: bool
    found: str
    hint: str = ""


def add_to(app: typer.Typer) -> None:
    app.command("init")(init)
    app.command("doctor")(doctor)


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="By default this folder.")] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write a commented mlops.toml to start from."""
    path = folder.resolve() / CONFIG
    if path.exists():
        raise UsageError(f"{path} is there already.", "Edit it, or choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-._") or "project"
        path.write_text(TEMPLATE.format(name=name), encoding="utf-8")
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()  # half a file would be taken for a whole one the next time
        raise MlopsError(f"{path} can't be written: {error.strerror}.", "Choose another folder.") from None
    open_workspace(folder)
    if as_json:
        show_json({"config": str(path)})
    else:
        show(f"Wrote {path}. Say there what a training is, then 'mlops-console train' runs it.")


def doctor(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Look whether everything is in order; exits with 1 if something is not."""
    checks = list(_checks(workspace))
    if as_json:
        show_json({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            show(f"{'✓' if check.ok else '✗'} {check.what:<12}{check.found}")
            if not check.ok:
                show(f"  {'':<12}{check.hint}")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _checks(folder: Path | None) -> Iterator[Check]:
    yield Check(
        "program",
        True,
        f"mlops-console {__version__}, Python {sys.version.split()[0]}, SQLite {archive.sqlite_version()}",
    )
    colours = os.environ.get("COLORTERM") or os.environ.get("TERM") or "none"
    size = shutil.get_terminal_size()
    yield Check("terminal", True, f"{size.columns}×{size.lines}, colours: {colours}")
    try:
        found = find_workspace(folder)
        verdict = archive.integrity(found)
    except MlopsError as error:
        yield Check("workspace", False, error.message, error.hint)
        return
    yield Check("workspace", True, str(found.root))
    yield Check("store", verdict == "ok", f"integrity {verdict}", "Bring back a backup with 'mlops-console restore'.")
    yield _config(found)
    yield _disk(found)
    yield from (Check("alerts", False, problem, "docs/alerts.md tells how.") for problem in messages.problems(found))
    yield from _processes(found)


def _config(workspace: Workspace) -> Check:
    try:
        config = workspace.config()
    except MlopsError as error:
        return Check(CONFIG, False, error.message, error.hint)
    return Check(CONFIG, True, f"{len(config.pipelines)} pipelines, {len(config.environments)} environments")


def _disk(workspace: Workspace) -> Check:
    free = shutil.disk_usage(workspace.root).free
    return Check("disk", free > 500e6, f"{free / 1e9:.1f} GB free", "Free some space before the next training.")


def _processes(workspace: Workspace) -> Iterator[Check]:
    with workspace.store.read() as db:
        worker = jobs.worker(db)
        environments = deployments.environments(db)
    alive = worker is not None and process_state(worker.process) != "dead"
    yield Check(
        "worker", True, f"running, pid {worker.process.pid}" if worker and alive else "not running; a job starts it"
    )
    for environment in environments:
        healthy = environment.error is None
        told = f"{environment.health}{f': {environment.error}' if environment.error else ''}"
        yield Check(environment.name, healthy, told, "'mlops-console worker start' starts it anew.")
