"""What the store says of an environment's server."""

import dataclasses

from mlops_console.cli import shapes
from mlops_console.core.deployments import ServerHealth
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store import deployments
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import add_version, make_live, write_config


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


def test_what_is_on_its_way_is_not_called_live(workspace: Workspace) -> None:
    write_config(workspace)
    make_live(workspace, "production", add_version(workspace))
    second = add_version(workspace)
    with workspace.store.write() as tx:
        deployments.add_revision(tx, "production", second, kind="deploy", actor="ann", reason="")
        [found] = deployments.environments(tx)
    assert found.live is not None
    assert found.desired is not None
    assert (found.live.model_ref, found.desired.model_ref) == ("fraud:1", "fraud:2")
    shown = shapes.environment(found, None)
    assert (shown["version"], shown["since"]) == (1, found.live.live_at)
