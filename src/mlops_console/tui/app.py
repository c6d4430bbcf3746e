"""The console's app: it holds settings, theme, keymap and the main screen, and hands every command to who does it."""

import gc
import logging
import os
import select
import signal
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.theme import Theme

from mlops_console.tui import commands, themes
from mlops_console.tui.app_actions import ActingApp
from mlops_console.tui.commands import Keymap
from mlops_console.tui.feed import Feed
from mlops_console.tui.messages import ConfigLoaded, ReadFailed, StoreChanged, ThemesLoaded
from mlops_console.tui.recovery import Recovery
from mlops_console.tui.screens.main import MainScreen
from mlops_console.tui.telling import LOG, LOG_NAME
from mlops_console.tui.themes import ThemeProblem
from mlops_console.tui.warming import Warming
from mlops_console.tui.watching import Watcher

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_FOLDER = Path(__file__).parent
_KEYBOARD = 0  # the standard input's descriptor, which Textual reads


class ConsoleApp(ActingApp, inherit_bindings=False):
    """The console on one workspace."""

    TITLE = "mlops-console"
    CSS_PATH: ClassVar[list[str | PurePath]] = [_FOLDER / "app.tcss", _FOLDER / "screens" / "main.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [*commands.bindings("app")]
    COMMANDS: ClassVar[set[Any]] = {lambda: _palette()}

    def __init__(
        self, workspace: "Workspace", read_only: bool = False, theme: str | None = None, view: str = "overview"
    ) -> None:
        super().__init__()
        self.workspace = workspace
        self.read_only = self._read_only_asked = read_only
        self.listening = False
        self.keymap: Keymap = commands.DEFAULT_KEYMAP
        self.animation_level = "none"
        self._theme_wanted = theme
        self._main = MainScreen(workspace.root.name, view)
        self._threads = (
            Feed(workspace, self.post_message),
            Watcher(workspace, self.post_message),
            Recovery(workspace),
            Warming(workspace),
        )
        self._told = set()
        self._on_a_terminal = os.isatty(_KEYBOARD)  # one that is gone says no later on
        self._theme_kept = themes.kept()
        self._begin_theme(theme or self._theme_kept or themes.DEFAULT)

    @property
    def main(self) -> MainScreen:
        return self._main

    @property
    def important_environment(self) -> str | None:
        """The environment that a rollback means where none is selected."""
        environment = self._main.header.environment
        return environment.name if environment else None

    def get_default_screen(self) -> MainScreen:
        return self._main

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.variables()

    def on_mount(self) -> None:
        self._main.header.read_only = self.read_only
        self.call_after_refresh(self._begin)

    def on_unmount(self) -> None:
        for thread in self._threads:
            thread.stop()

    # What the threads tell

    @property
    def _over(self) -> bool:
        """Whether the screens are gone: what threads still tell comes too late."""
        return not self.screen_stack

    def on_store_changed(self, event: StoreChanged) -> None:
        if self._over:
            return
        self.listening = True
        self._main.store_changed(event.topics)

    def on_config_loaded(self, event: ConfigLoaded) -> None:
        if self._over:
            return
        config = event.config
        self._main.header.show_project(config.project.name)
        self.read_only = self._read_only_asked or config.console.read_only
        self._main.header.show_read_only(self.read_only)
        self.keymap = commands.keymap(config.console.keys)
        self.set_keymap(dict(self.keymap.keys))
        self._main.place_changed()
        for problem in self.keymap.problems:
            self.tell(f"{problem}; it keeps its default.", "warning")
        if self._theme_wanted is None and config.console.theme:
            self.use_theme(config.console.theme)
        self._show_config_problem("")
        if self.listening:
            self._main.store_changed(frozenset({"config"}))

    def on_read_failed(self, event: ReadFailed) -> None:
        if self._over:
            return
        self.tell_error(event.error)
        if event.what == "config":
            self._show_config_problem(event.error.message)

    def _show_config_problem(self, problem: str) -> None:
        """What is wrong with mlops.toml stays in sight until it is mended."""
        if self._main.header.show_config_problem(problem) and self.listening:
            self._main.store_changed(frozenset({"environments"}))  # the overview tells the sentence

    def on_themes_loaded(self, event: ThemesLoaded) -> None:
        if self._over:
            return
        for theme in event.themes:
            changed = self.available_themes.get(theme.name) != theme
            self.register_theme(theme)
            if changed and theme.name == self.theme:
                self.refresh_css(animate=False)
        first, self.own_themes = not self.own_themes, tuple(theme.name for theme in event.themes)
        if first and (wanted := self._theme_wanted or self._theme_kept):
            self.use_theme(wanted)  # it may be the user's own
        for problem in event.problems:
            self.tell(problem.problem, "warning")

    def _begin(self) -> None:
        """After the first frame: what takes longer than a frame may."""
        for thread in self._threads:
            thread.start()
        self.set_interval(1.0, self._main.tick)
        if self._on_a_terminal:
            self.set_interval(1.0, _end_with_the_terminal)
            # Modules and stylesheet stay: looking through them for garbage held up every eighth key by 60 ms.
            gc.freeze()
            gc.set_threshold(10_000)

    def _begin_theme(self, name: str) -> None:
        loaded = themes.load_shipped(name)
        theme: Theme = themes.theme(themes.DEFAULT) if isinstance(loaded, ThemeProblem) else loaded
        self.register_theme(theme)
        self.theme = theme.name


def _end_with_the_terminal() -> None:
    """Do what the kernel does to whom it tells of the hang-up. One who is not told would read nothing for ever."""
    hung_up = select.poll()
    hung_up.register(_KEYBOARD, 0)
    if hung_up.poll(0):
        signal.raise_signal(signal.SIGHUP)


def _palette() -> Any:
    from mlops_console.tui.palette import ConsoleCommands

    return ConsoleCommands


def run_console(workspace_path: Path | None, read_only: bool, theme: str | None) -> None:
    """Open the console on the nearest workspace.

    Args:
        workspace_path: where to look from; None: `$MLOPS_WORKSPACE`, else the current folder.
        read_only: without any action; they are refused in this process as well.
        theme: the name of a theme; None: that of mlops.toml, else the one chosen last with `T`, else "dark".

    Raises:
        NotFoundError: there is no workspace.
        StoreError: its store can't be opened.
    """
    from mlops_console.store.workspace import find_workspace

    if read_only:
        os.environ["MLOPS_READ_ONLY"] = "1"
    workspace = find_workspace(workspace_path)
    LOG.addHandler(logging.FileHandler(workspace.home / LOG_NAME, encoding="utf-8", delay=True))
    LOG.propagate = False
    workspace.store.close()  # it is opened here, so that a store that can't be is told before the screen is taken
    ConsoleApp(workspace, read_only or _read_only_by(os.environ), theme).run()


def _read_only_by(environment: Mapping[str, str]) -> bool:
    return environment.get("MLOPS_READ_ONLY", "").lower() not in ("", "0", "false", "no")
