"""Aliases: pointing, moving, taking away."""

import pytest

from mlops_console import actions
from mlops_console.core.errors import NotFoundError
from mlops_console.core.models import Signature
from mlops_console.core.plans import Change
from mlops_console.store import ledger, models
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client


@pytest.fixture(autouse=True)
def versions(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        for digest in ("a", "b"):
            models.add_version(
                tx, "fraud", sha256=digest * 64, size=1, estimator="E", signature=Signature((), "classification")
            )


def aliases(workspace: Workspace) -> list[tuple[str, ...]]:
    with workspace.store.read() as db:
        return [version.aliases for version in models.versions(db, "fraud")]


def test_an_alias_is_pointed_moved_and_taken_away(workspace: Workspace) -> None:
    client.execute(workspace, "set_alias", {"model": "fraud", "alias": "champion", "version": 1})
    assert aliases(workspace) == [(), ("champion",)]
    request = {"model": "fraud", "alias": "champion", "version": 2}
    assert actions.plan(workspace, "set_alias", request).changes == (Change("fraud@champion", "fraud:1", "fraud:2"),)
    client.execute(workspace, "set_alias", request)
    assert aliases(workspace) == [("champion",), ()]
    client.execute(workspace, "set_alias", {**request, "version": None})
    assert aliases(workspace) == [(), ()]
    with workspace.store.read() as db:
        assert [entry.detail["before"] for entry in ledger.entries(db)] == [2, 1, None]


def test_the_command_of_a_plan_is_one_that_the_shell_knows(workspace: Workspace) -> None:
    request = {"model": "fraud", "alias": "champion", "version": 2}
    assert actions.plan(workspace, "set_alias", request).command == "mlops-console model alias fraud:2 champion"
    client.execute(workspace, "set_alias", request)
    removed = actions.plan(workspace, "set_alias", {**request, "version": None})
    assert removed.command == "mlops-console model alias fraud:2 champion --remove"


@pytest.mark.parametrize("version", [3, None])
def test_what_does_not_exist_is_told(workspace: Workspace, version: int | None) -> None:
    with pytest.raises(NotFoundError):
        client.execute(workspace, "set_alias", {"model": "fraud", "alias": "champion", "version": version})
