"""The Ansible recipe, for real: a package comes to localhost, serves there, is replaced, rolled back and stopped."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from mlops_console.core.deployments import ServerHealth
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.e2e.projects import do
from tests.serving.helpers import add_constant
from tests.support import free_port, wait_for

RECIPE = Path(__file__).parents[2] / "docs" / "targets" / "ansible"
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not PLAYBOOK.exists(), reason="ansible-core is not installed beside this Python"),
    pytest.mark.skipif(shutil.which("unzip") is None, reason="ansible.builtin.unarchive needs unzip"),
]

TOML = """
[project]
name = "fraud-detection"
[environments.production]
model = "fraud"
port = {port}
[environments.production.target]
deploy = "ansible-playbook -i ansible/inventory.ini ansible/deploy.yml {variables}"
status = "ansible-playbook -i ansible/inventory.ini ansible/status.yml"
"""


@pytest.fixture
def host(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that stands for the host; whatever serves there ends with the test."""
    root = tmp_path / "host"
    monkeypatch.setenv("ANSIBLE_LOCAL_TEMP", str(tmp_path / "ansible-local"))
    monkeypatch.setenv("ANSIBLE_REMOTE_TEMP", str(tmp_path / "ansible-remote"))
    monkeypatch.setenv("ANSIBLE_NOCOLOR", "1")
    shutil.copytree(RECIPE, workspace.root / "ansible")
    variables = f"-e mlops_root={root} -e mlops_python={sys.executable}"
    workspace.config_path.write_text(TOML.format(port=free_port(), variables=variables))
    yield root
    client.stop_worker(workspace)
    if (root / "server.pid").exists():
        os.kill(int((root / "server.pid").read_text()), signal.SIGKILL)


def answered(workspace: Workspace) -> tuple[str, int]:
    """Which version answers on the port, and what it predicts."""
    port = workspace.config().environments["production"].port
    answer = httpx.post(f"http://127.0.0.1:{port}/invocations", json={"dataframe_records": [{"x": 1.0}]})
    return answer.headers["X-Model"], answer.json()["predictions"][0]


@pytest.mark.long
def test_versions_come_go_and_come_back(workspace: Workspace, host: Path) -> None:
    for label in (10, 20):
        add_constant(workspace, label)
    do(workspace, "deploy", model_ref="fraud:1", environment="production")
    assert answered(workspace) == ("fraud:1", 10)
    do(workspace, "deploy", model_ref="fraud:2", environment="production")
    assert answered(workspace) == ("fraud:2", 20)
    server = psutil.Process(int((host / "server.pid").read_text()))
    assert Path(server.cwd()) == host

    job = do(workspace, "rollback", environment="production")
    assert answered(workspace) == ("fraud:1", 10)
    assert not server.is_running()
    log = (workspace.logs_dir / str(job.id) / "target.log").read_text()
    assert "failed=0" in log
    with workspace.store.read() as db:
        found = deployments.environment(db, "production")
    assert found is not None
    assert (found.health, found.live and found.live.model_ref) == (ServerHealth.READY, "fraud:1")

    again = play(workspace, host)
    assert "changed=0" in again.splitlines()[-1]
    play(workspace, host, "-e", "mlops_stopped=true")
    wait_for(lambda: not (host / "server.pid").exists())
    with pytest.raises(httpx.ConnectError):
        answered(workspace)


def play(workspace: Workspace, host: Path, *more: str) -> str:
    """What the playbook prints when it is run by hand for version 1."""
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MLOPS_MODEL": "fraud",
        "MLOPS_VERSION": "1",
        "MLOPS_ENVIRONMENT": "production",
        "MLOPS_PORT": str(workspace.config().environments["production"].port),
        "MLOPS_PATH": str(workspace.home / "targets" / "production" / "fraud-1.skops"),
        "MLOPS_WORKSPACE": str(workspace.root),
        "MLOPS_REVISION": "3",
    }
    where = ("-e", f"mlops_root={host}", "-e", f"mlops_python={sys.executable}")
    done = subprocess.run(
        [PLAYBOOK, "-i", "ansible/inventory.ini", "ansible/deploy.yml", *where, *more],
        cwd=workspace.root,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()
