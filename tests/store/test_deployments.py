"""What the store says of an environment's server."""

import dataclasses

from mlops_console.core.deployments import ServerHealth
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store import deployments
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace


def health(workspace: Workspace, told: ServerHealth, process: ProcessIdentity) -> ServerHealth:
    with workspace.store.write() as tx:
        deployments.ensure_environment(tx, "production", "fraud", "127.0.0.1", 8100)
        deployments.report_server(tx, "production", told, process)
    with workspace.store.read() as db:
        found = deployments.environment(db, "production")
    assert found is not None
    return found.health


def test_a_server_that_was_killed_is_not_called_ready(workspace: Workspace) -> None:
    me = current_process()
    killed = dataclasses.replace(me, started=me.started + 1)  # its pid is another process's now
    before_the_boot = dataclasses.replace(me, boot_id="another")
    elsewhere = dataclasses.replace(me, host="another")
    assert health(workspace, ServerHealth.READY, me) is ServerHealth.READY
    assert health(workspace, ServerHealth.READY, killed) is ServerHealth.STOPPED
    assert health(workspace, ServerHealth.STARTING, before_the_boot) is ServerHealth.STOPPED
    assert health(workspace, ServerHealth.READY, elsewhere) is ServerHealth.READY
    assert health(workspace, ServerHealth.FAILED, killed) is ServerHealth.FAILED
