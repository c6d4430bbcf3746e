"""`demo`: a copy of a sample project, trained, deployed, under traffic that drifts; then the console on it."""

import re
import shlex
import shutil
import socket
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from mlops_console.cli import progress
from mlops_console.cli.acting import error_of
from mlops_console.cli.output import show
from mlops_console.cli.status import show_overview
from mlops_console.core.deployments import ServerHealth
from mlops_console.core.errors import JobError, StoreError, UsageError
from mlops_console.store import deployments, jobs, models
from mlops_console.store.shipped import shipped
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.worker import client

DEFAULT = "breast_cancer"
SCRIPT = "demo.toml"
_START = 30.0  # seconds within which a model server must answer
_LEFT_BEHIND = shutil.ignore_patterns("__pycache__", ".mlops", "build", "data", "*.pyc")


@dataclass(frozen=True, slots=True)
class Script:
    """What demo.toml of a sample project says.

    `versions` are the params of one training each; the numbers in `deploy` say which of them go live, one after
    another, through all of `environments`; `traffic` is the pipeline that sends requests.
    """

    model: str
    environments: tuple[str, ...]
    versions: tuple[dict[str, Any], ...]
    deploy: tuple[int, ...]
    traffic: str


def add_to(app: typer.Typer, open_console: Callable[..., None]) -> None:
    @app.command("demo")
    def demo(
        folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the copy goes.")] = Path("mlops-demo"),
        project: Annotated[
            str,
            typer.Option("--project", metavar="NAME", help="breast_cancer, fraud_detection or predictive_maintenance."),
        ] = DEFAULT,
        no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the console.")] = False,
    ) -> None:
        """A sample project, trained, deployed, under traffic that drifts."""
        workspace = prepare(folder.resolve(), project)
        if no_open or not (sys.stdin.isatty() and sys.stdout.isatty()):
            _tell(workspace)
        else:
            open_console(workspace.root)
            _say_goodbye(workspace)


def prepare(folder: Path, project: str) -> Workspace:
    """Make the copy and do in it all that the demo shows; what is done already is not done again.

    Raises:
        UsageError: there is no such sample project, or the folder holds something else.
        JobError: a training or a deployment failed.
    """
    workspace = _copy(folder, project)
    script = _script(folder)
    if script.model != _script(shipped("sample_projects") / project).model:
        raise UsageError(f"{folder} is the copy of another sample project than {project}.", "Choose a new folder.")
    show(f"{project} in {folder}")
    with workspace.store.read() as db:
        trained = len(models.versions(db, script.model))
        revisions = [r for e in script.environments for r in deployments.revisions(db, e) if r.live_at is not None]
        replayed = any(job.subject == script.traffic for job in jobs.open_jobs(db))
    for number, params in enumerate(script.versions[trained:], start=trained + 1):
        changed = ", ".join(f"{key} = {value}" for key, value in params.items()) or "the params of params.toml"
        _do(workspace, f"train version {number} with {changed}", "train", {"pipeline": "train", "params": params})
    served = {(revision.environment, revision.version) for revision in revisions}
    if not served:
        _move_ports(workspace.config_path)
    for version in script.deploy:
        for environment in script.environments:
            if (environment, version) not in served:
                ref = f"{script.model}:{version}"
                request = {"model_ref": ref, "environment": environment, "reason": "the demo"}
                _do(workspace, f"deploy {ref} to {environment}", "deploy", request)
    client.start_worker(workspace)
    _await_servers(workspace, script)
    if not replayed:
        show("  send traffic that drifts after half a minute, and the labels of most of it")
        client.execute(workspace, "train", {"pipeline": script.traffic})
    return workspace


def _copy(folder: Path, project: str) -> Workspace:
    source = shipped("sample_projects") / project
    if not (source / SCRIPT).is_file():
        raise UsageError(f"There is no sample project {project!r}.", f"There are: {', '.join(_projects())}.")
    if not (folder / SCRIPT).is_file():
        if folder.is_file() or (folder.exists() and any(folder.iterdir())):
            raise UsageError(f"{folder} is not empty and no copy of a sample project.", "Choose a new folder.")
        try:
            shutil.copytree(source, folder, ignore=_LEFT_BEHIND, dirs_exist_ok=True)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)  # half a copy is none
            reason = error.strerror or "not all of the sample project could be copied"
            raise StoreError(f"{folder} can't be written: {reason}.", "Choose another folder.") from None
    return open_workspace(folder)


def _script(folder: Path) -> Script:
    data = tomllib.loads((folder / SCRIPT).read_text(encoding="utf-8"))
    return Script(
        data["model"], tuple(data["environments"]), tuple(data["versions"]), tuple(data["deploy"]), data["traffic"]
    )


def _move_ports(config: Path) -> None:
    """Give the copy other ports where somebody listens on those of the sample."""
    text = config.read_text(encoding="utf-8")
    for port in sorted(set(re.findall(r"(?m)^port = (\d+)$", text))):
        if not _is_free(int(port)):
            other = _free_port()
            show(f"  port {port} is taken: it is {other} here")
            text = re.sub(rf"\b{port}\b", str(other), text)
    config.write_text(text, encoding="utf-8")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _do(workspace: Workspace, told: str, action: str, request: dict[str, Any]) -> None:
    show(f"  {told} …")
    job_id = client.execute(workspace, action, request).job_id
    assert job_id is not None, f"{action} is a job"
    error = error_of(progress.wait(workspace, job_id))
    if error is not None:
        raise JobError(f"The demo stopped: {error.message}", f"'mlops-console job show {job_id}' tells more.")


def _await_servers(workspace: Workspace, script: Script) -> None:
    """Wait until the servers answer: those of an earlier demo have to start again."""
    deadline = time.monotonic() + _START
    while True:
        with workspace.store.read() as db:
            found = [deployments.environment(db, name) for name in script.environments]
        if all(environment is not None and environment.health is ServerHealth.READY for environment in found):
            return
        if time.monotonic() > deadline:
            raise JobError("The demo's model servers did not start.", "'mlops-console status' tells why.")
        time.sleep(0.05)


def _projects() -> list[str]:
    return sorted(path.parent.name for path in shipped("sample_projects").glob(f"*/{SCRIPT}"))


def _tell(workspace: Workspace) -> None:
    show()
    show_overview(workspace)
    show()
    _say_goodbye(workspace)


def _say_goodbye(workspace: Workspace) -> None:
    """The demo goes on without the console: how to come back, and how to end it."""
    where = f"--workspace {shlex.quote(str(workspace.root))}"
    program = _program()
    show("The worker, the model servers and the traffic go on.")
    show(f"Open the console:     {program} {where}")
    show("Look there at:        6 the drift, a minute from now; 9 its alerts, on which t retrains and r rolls back")
    show(f"Stop all that runs:   {program} worker stop {where}")


def _program() -> str:
    """How a person starts this program again, from where they are."""
    if shutil.which("mlops-console"):
        return "mlops-console"
    if Path(sys.argv[0]).name != "__main__.py":
        return shlex.quote(sys.argv[0])
    python = "python" if shutil.which("python") == sys.executable else shlex.quote(sys.executable)
    return f"{python} -m mlops_console"
