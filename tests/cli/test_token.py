"""`token create`: the token alone on standard output, and what it means for all others beside it."""

from pathlib import Path

import pytest

from mlops_console.store import deploying
from mlops_console.store.workspace import Workspace
from tests.cli.test_commands import CONFIG, console, document

TOLD = "From now on production answers only who brings a token"


@pytest.fixture
def project(workspace: Workspace) -> Path:
    workspace.config_path.write_text(CONFIG)
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 8100)
    return workspace.root


def test_the_first_token_says_that_from_now_on_all_need_one(project: Path) -> None:
    first = console("token", "create", "production", "ci", cwd=project)
    assert len(first.stdout.split()) == 1  # so that TOKEN=$(mlops-console token create …) holds
    assert TOLD in first.stderr
    second = console("token", "create", "production", "shop", cwd=project)
    assert (len(second.stdout.split()), second.stderr) == (1, "")


def test_the_only_one_that_still_holds_says_so_too(project: Path) -> None:
    console("token", "create", "production", "ci", cwd=project)
    console("token", "revoke", "production", "ci", cwd=project)
    assert TOLD in console("token", "create", "production", "shop", cwd=project).stderr


def test_json_is_one_document_and_nothing_else(project: Path) -> None:
    assert document("token", "create", "production", "ci", cwd=project).keys() == {"environment", "name", "token"}
