"""A workspace: a folder with a `.mlops/` store, and how it is found."""

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_console.core.errors import ConfigError, NotFoundError, StoreError
from mlops_console.store.database import Store
from mlops_console.store.location import CONFIG, HOME, VARIABLE, nearest
from mlops_console.store.objects import Objects

if TYPE_CHECKING:
    from mlops_console.core.config import Config


@dataclass(frozen=True)
class Workspace:
    """The folder `root` and what lies below its `.mlops/`. The store is opened when it is first asked for."""

    root: Path

    @functools.cached_property
    def store(self) -> Store:
        return Store(self.home / "console.db")

    @functools.cached_property
    def objects(self) -> Objects:
        return Objects(self.home / "objects")

    @property
    def home(self) -> Path:
        return self.root / HOME

    @property
    def config_path(self) -> Path:
        return self.root / CONFIG

    @property
    def predictions_path(self) -> Path:
        return self.home / "predictions.db"

    @property
    def spool_dir(self) -> Path:
        return self.home / "spool"

    @property
    def logs_dir(self) -> Path:
        return self.home / "logs"

    def config(self) -> "Config":
        """What mlops.toml says now.

        Raises:
            ConfigError: there is none, or it is wrong; the message says where.
        """
        from mlops_console.core.config import parse_config

        try:
            text = self.config_path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ConfigError(
                f"There is no {CONFIG} in {self.root}.", "'mlops-console init' writes one to start from."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{self.config_path} can't be read: {error}.", "Mend the file or its permissions."
            ) from None
        return parse_config(text, CONFIG)


def open_workspace(root: Path) -> Workspace:
    """The workspace in this folder; its `.mlops/` is made where there is none yet.

    Raises:
        StoreError: the folder can't be written.
    """
    workspace = Workspace(root.resolve())
    try:
        _make_home(workspace)
    except OSError as error:
        raise StoreError(
            f"The store {workspace.home} can't be made: {error.strerror}.",
            "Check the permissions and the mount of that folder.",
        ) from None
    return workspace


def find_workspace(start: Path | None = None) -> Workspace:
    """The workspace of a folder: the nearest one upwards with `.mlops/` or mlops.toml.

    Args:
        start: the folder to look from; by default `$MLOPS_WORKSPACE`, else the current one.

    Raises:
        NotFoundError: there is none.
    """
    given = start or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    folder = (given or Path.cwd()).resolve()
    if given is not None and not folder.is_dir():
        raise NotFoundError(f"{folder} is not a folder.", "Give the folder of a project with --workspace.")
    found = nearest(str(folder))
    if found is not None:
        return open_workspace(Path(found))
    raise NotFoundError(
        f"{folder} is not a workspace: neither it nor a folder above it has {HOME}/ or {CONFIG}.",
        "Go to a project, or start one with 'mlops-console init'; 'mlops-console demo' shows a sample.",
    )


def _make_home(workspace: Workspace) -> None:
    ignored = workspace.home / ".gitignore"
    if ignored.is_file():
        return
    workspace.home.mkdir(mode=0o700, exist_ok=True)
    workspace.spool_dir.mkdir(exist_ok=True)
    (workspace.home / "objects").mkdir(exist_ok=True)
    workspace.logs_dir.mkdir(exist_ok=True)
    ignored.write_text("*\n")  # last: it says that all of it is there
