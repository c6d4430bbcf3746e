"""Live reload of what people edit: mlops.toml and the themes. All of it in a thread, after the first frame."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message
from textual.theme import Theme

from mlops_console.core.errors import MlopsError
from mlops_console.store.shipped import shipped
from mlops_console.tui import themes
from mlops_console.tui.background import Background
from mlops_console.tui.messages import ConfigLoaded, ReadFailed, ThemesLoaded
from mlops_console.tui.themes import ThemeProblem

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace


class Watcher(Background):
    """Posts `ConfigLoaded` and `ThemesLoaded`: once at its start, and whenever a file has changed."""

    def __init__(self, workspace: "Workspace", post: Callable[[Message], object]) -> None:
        super().__init__("watcher", workspace)
        self._post = post

    def _work(self) -> None:
        self._load_themes()
        self._load_config()
        from watchfiles import watch

        folders = [self._workspace.root, shipped("themes"), themes.user_folder()]
        present = [folder for folder in folders if folder.is_dir()]
        for changes in watch(*present, stop_event=self._ended, recursive=False, rust_timeout=500):
            names = {Path(path).name for _, path in changes}
            if "mlops.toml" in names:
                self._load_config()
            if any(name.endswith(".toml") and name != "mlops.toml" for name in names):
                self._load_themes()

    def _load_config(self) -> None:
        if not self._workspace.config_path.is_file():
            return  # a workspace that only keeps runs needs none
        try:
            self._post(ConfigLoaded(self._workspace.config()))
        except MlopsError as error:
            self._post(ReadFailed("config", error))

    def _load_themes(self) -> None:
        found = themes.load_all()
        good = tuple(theme for theme in found if isinstance(theme, Theme))
        self._post(ThemesLoaded(good, tuple(theme for theme in found if isinstance(theme, ThemeProblem))))
