"""One asks, the other approves: real accounts of the system, as far as numbers without a name are such."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_console.store.workspace import Workspace, open_workspace
from tests.serving.helpers import add_compiled_constant, environment
from tests.support import free_port, wait_for

ANN, BOB, EVE = 64_101, 64_102, 64_103
REVIEWERS = 64_200
TOOLS = ("setfacl", "setpriv")
CONFIG = """
[project]
name = "shared"
[worker]
idle = "60s"
[environments.production]
model = "fraud"
port = {port}
approvals = 1
"""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(tool) is None for tool in TOOLS),
    reason="needs root, to act as two users, and setfacl and setpriv (Debian: acl, util-linux)",
)


class Person:
    """Runs commands as a user, who may read all files: the interpreter may be root's. To write is another matter."""

    def __init__(self, uid: int, workspace: Workspace, groups: tuple[int, ...] = ()) -> None:
        self.uid = uid
        self.root = workspace.root
        joined = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
        read = "+dac_read_search"
        self.become = ["setpriv", "--reuid", f"{uid}", "--regid", f"{uid}", *joined, "--inh-caps", read]
        self.become += ["--ambient-caps", read]

    def runs(self, *arguments: str, status: int = 0) -> str:
        """What the command prints, on both streams."""
        done = subprocess.run(
            [*self.become, sys.executable, "-m", "mlops_console", *arguments],
            cwd=self.root,
            env={**os.environ, "HOME": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=50,
        )
        assert done.returncode == status, done.stdout
        return done.stdout


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Workspace]:
    """Ann's workspace with three versions, which the reviewers share as docs/operations.md says."""
    for folder in (tmp_path, *tmp_path.parents):
        if Path(tempfile.gettempdir()) in folder.parents:
            folder.chmod(0o711)  # pytest's own: SQLite asks for the real user whether its files are there
    root = tmp_path / "project"
    root.mkdir()
    (root / "mlops.toml").write_text(CONFIG.format(port=free_port()))
    found = open_workspace(root)
    for label in range(3):
        add_compiled_constant(found, label)
    found.store.close()
    subprocess.run(["chown", "-R", f"{ANN}:{ANN}", root], check=True)
    acl = ["setfacl", "-R", "-m", f"g:{REVIEWERS}:rwX", "-m", f"d:g:{REVIEWERS}:rwX", root / ".mlops"]
    if subprocess.run(acl, check=False, capture_output=True).returncode:
        pytest.skip("this file system has no access control lists")
    yield found
    Person(ANN, found).runs("worker", "stop")


def test_one_asks_and_the_other_approves(shared: Workspace) -> None:
    ann, bob, eve = Person(ANN, shared), Person(BOB, shared, (REVIEWERS,)), Person(EVE, shared)
    ann.runs("deploy", "fraud:1", "production", "--wait", status=3)
    assert "another person has to approve it" in ann.runs("approve", "production", "1", status=3)
    assert f"It is {ANN}'s" in eve.runs("approve", "production", "1", status=1)

    ann.runs("worker", "stop")  # which nobody else can start: it has its owner's rights
    assert f"only {ANN}, whose workspace it is, can start it" in bob.runs("worker", "start", status=3)
    told = bob.runs("approve", "production", "1", "--reason", "looks right")
    assert f"It waits until {ANN}, whose workspace this is" in told
    ann.runs("worker", "start")
    wait_for(lambda: environment(shared).observed == 1, 40, "revision 1")
    assert f"{BOB}" in bob.runs("history", "production")

    bob.runs("deploy", "fraud:2", "production", "--wait", status=3)  # nobody's part is fixed
    assert "another person has to approve it" in bob.runs("approve", "production", "2", status=3)
    ann.runs("approve", "production", "2")
    wait_for(lambda: environment(shared).observed == 2, 40, "revision 2")
    bob.runs("rollback", "production", "--wait")
    assert environment(shared).observed == 3
    server = environment(shared).processes[0].process
    assert Path(f"/proc/{server.pid}").stat().st_uid == ANN
