"""`token create`: the token alone on standard output, and what it means for all others beside it."""

from pathlib import Path

import pytest

from mlops_console.store import deploying
from mlops_console.store.workspace import Workspace
from tests.cli.test_commands import CONFIG, console, document, fails

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


def test_the_last_one_that_is_revoked_says_that_nobody_is_let_in(project: Path) -> None:
    for name in ("ci", "shop"):
        console("token", "create", "production", name, cwd=project)
    assert console("token", "revoke", "production", "ci", cwd=project).stderr == ""
    last = console("token", "revoke", "production", "shop", cwd=project)
    assert last.stdout == "Done: revoke the token shop of production.\n"
    assert "No other token is left: production lets nobody in" in last.stderr
    assert "production lets nobody in" in console("status", cwd=project).stdout


def test_a_name_that_was_revoked_is_free(project: Path) -> None:
    first = console("token", "create", "production", "ci", cwd=project)
    fails("token", "create", "production", "ci", cwd=project, status=2, told="has a token 'ci' already")
    console("token", "revoke", "production", "ci", cwd=project)
    fails("token", "revoke", "production", "ci", cwd=project, status=2, told="'ci' of production is revoked already")
    second = console("token", "create", "production", "ci", cwd=project)
    assert second.returncode == 0
    assert second.stdout != first.stdout
    [token] = document("token", "list", "production", cwd=project)["tokens"]
    assert (token["name"], token["revoked_at"]) == ("ci", None)


def test_json_is_one_document_and_nothing_else(project: Path) -> None:
    assert document("token", "create", "production", "ci", cwd=project).keys() == {"environment", "name", "token"}
