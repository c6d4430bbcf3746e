"""What a run of the worker records of where it comes from."""

import subprocess

from mlops_console.core.jobs import JobState
from mlops_console.store import artifacts
from mlops_console.worker import client
from tests.worker.project import Project


def _git(project: Project, *arguments: str) -> None:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    subprocess.run(command, cwd=project.root, check=True, capture_output=True)


def test_what_is_not_committed(project: Project) -> None:
    _git(project, "init", "-q")
    _git(project, "add", "-A")
    _git(project, "commit", "-q", "-m", "one")
    project.write("print('changed')")
    (project.root / "new.py").touch()
    job = client.wait(project.workspace, project.train(), timeout=20)
    assert job.state is JobState.SUCCEEDED
    run = project.run(job.id)
    with project.workspace.store.read() as db:
        kept = {a.path: project.workspace.objects.read_checked(a.sha256) for a in artifacts.listing(db, run.id)}
    assert set(kept) == {"git/dirty.patch", "git/untracked.txt"}
    assert b"+print('changed')" in kept["git/dirty.patch"]
    assert kept["git/untracked.txt"] == b"new.py\n"
    assert run.provenance.git_dirty is True
