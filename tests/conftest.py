"""Fixtures of all tests."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import Phase, settings

from mlops_console.store import migrations
from mlops_console.store.database import Store
from mlops_console.store.workspace import Workspace, open_workspace

# A failing example is told as it was found: to make it smaller or to explain it outlasts the time limit of a test.
settings.register_profile("brief", phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target))
settings.load_profile("brief")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> None:
    """A failure is told without a time limit: one that is reached in the middle of a report ends the whole run."""
    if call.excinfo is not None:
        signal.setitimer(signal.ITIMER_REAL, 0)  # that of pytest-timeout


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own settings reaches a test."""
    for name in (
        "MLOPS_WORKSPACE",
        "MLOPS_RUN_ID",
        "MLOPS_PARAMS",
        "MLOPS_WINDOW_ENVIRONMENT",
        "MLOPS_READ_ONLY",
        "NO_COLOR",
        "SSH_CONNECTION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg-config"))


@pytest.fixture(scope="session", autouse=True)
def stores_are_copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new store goes through all formats there ever were. Each test has one: all but the first are copies."""
    template, newest, make = tmp_path_factory.mktemp("store") / "console.db", migrations.newest(), Store._make
    Store(template).close()

    def copy(store: Store) -> None:
        aside = store.path.with_name(f".{uuid4().hex}")
        try:
            shutil.copyfile(template, aside)
        except OSError:  # let it tell why
            return make(store)
        with contextlib.suppress(FileExistsError):
            os.link(aside, store.path)
        aside.unlink()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "_make", lambda store: (copy if migrations.newest() == newest else make)(store))
        yield


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A fresh workspace."""
    folder = tmp_path / "project"
    folder.mkdir()
    workspace = open_workspace(folder)
    yield workspace
    workspace.store.close()
