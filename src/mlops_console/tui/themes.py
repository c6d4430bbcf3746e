"""Themes: TOML files, shipped and user-written alike, checked when they are read."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from mlops_console.core.errors import StoreError
from mlops_console.store.shipped import shipped

DEFAULT = "dark"

# The colours a theme file may name, with what stands in where it does not: (dark, light).
_COLORS: dict[str, tuple[str, str]] = {
    "background": ("#121212", "#ffffff"),
    "surface": ("#1c1c1c", "#f5f5f5"),
    "panel": ("#262626", "#eeeeee"),
    "line": ("#444444", "#bcbcbc"),
    "foreground": ("#d0d0d0", "#303030"),
    "strong": ("#eeeeee", "#080808"),
    "muted": ("#8a8a8a", "#626262"),
    "accent": ("#87afd7", "#005f87"),
    "ok": ("#87af5f", "#005f00"),
    "run": ("#5fafd7", "#005faf"),
    "warn": ("#d7af5f", "#875f00"),
    "bad": ("#ff8787", "#af0000"),
    "cursor": ("#303a46", "#d0e2f0"),
    "cursor-text": ("#ffffff", "#080808"),
    "mark": ("#d7af5f", "#875f00"),
    "series-1": ("#87afd7", "#005faf"),
    "series-2": ("#d7af5f", "#875f00"),
    "series-3": ("#87af87", "#005f5f"),
    "series-4": ("#d787af", "#87005f"),
    "series-5": ("#d7d787", "#5f5f00"),
    "series-6": ("#d75f87", "#d70000"),
    "series-7": ("#5f87ff", "#5f00d7"),
    "series-8": ("#5fafaf", "#008787"),
}


@dataclass(frozen=True, slots=True)
class ThemeProblem:
    """A theme file that can't be used, and why: one sentence."""

    name: str
    problem: str


def user_folder() -> Path:
    """Where people put their own themes."""
    from platformdirs import user_config_path

    return user_config_path("mlops-console") / "themes"


def kept_path() -> Path:
    """Where the theme that was chosen last is kept."""
    return user_folder().parent / "console.toml"


def kept() -> str | None:
    """The name of the theme that was chosen last; None if there is none that can be read."""
    try:
        name = tomllib.loads(kept_path().read_text(encoding="utf-8")).get("theme")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    return name if isinstance(name, str) and Path(name).name == name else None


def keep(name: str) -> Path:
    """Remember the name of a theme for the next start.

    Raises:
        StoreError: the file can't be written.
    """
    path = kept_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"theme = {json.dumps(name)}\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"The theme can't be kept in {path}: {error.strerror}.", "It holds until the console is left."
        ) from error
    return path


def load_shipped(name: str) -> Theme | ThemeProblem:
    """A theme that comes with the program."""
    return load(shipped("themes") / f"{name}.toml")


def load_all() -> list[Theme | ThemeProblem]:
    """Every theme there is; one of the user's wins over a shipped one of the same name."""
    found: dict[str, Path] = {}
    for folder in (shipped("themes"), user_folder()):
        if folder.is_dir():
            found |= {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return [load(path) for path in found.values()]


def load(path: Path) -> Theme | ThemeProblem:
    """One theme file, checked."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return ThemeProblem(path.stem, f"The theme {path.name} can't be read: {error}.")
    problem = _problem(data)
    if problem:
        return ThemeProblem(path.stem, f"The theme {path.name} is not used: {problem}.")
    return theme(path.stem, data.get("dark", True), data.get("colors", {}))


def theme(name: str, dark: bool = True, colors: dict[str, str] | None = None) -> Theme:
    """A Textual theme from our semantic colours; what is missing gets its default."""
    chosen = {key: pair[0 if dark else 1] for key, pair in _COLORS.items()} | (colors or {})
    return Theme(
        name=name,
        dark=dark,
        primary=chosen["accent"],
        secondary=chosen["run"],
        accent=chosen["accent"],
        success=chosen["ok"],
        warning=chosen["warn"],
        error=chosen["bad"],
        foreground=chosen["foreground"],
        background=chosen["background"],
        surface=chosen["surface"],
        panel=chosen["panel"],
        text_alpha=1.0,
        variables=_variables(chosen),
    )


def variables() -> dict[str, str]:
    """The variables that every theme has, for style sheets read before a theme is."""
    return theme(DEFAULT).variables


def _variables(colors: dict[str, str]) -> dict[str, str]:
    own = {key: colors[key] for key in _COLORS if key not in ("background", "surface", "panel", "foreground", "accent")}
    return own | {
        "border": colors["accent"],
        "border-blurred": colors["line"],
        "block-cursor-background": colors["cursor"],
        "block-cursor-foreground": colors["cursor-text"],
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": colors["cursor"],
        "block-cursor-blurred-foreground": colors["cursor-text"],
        "block-hover-background": colors["panel"],
        "input-cursor-background": colors["foreground"],
        "input-cursor-foreground": colors["background"],
        "input-selection-background": colors["cursor"],
        "scrollbar": colors["line"],
        "scrollbar-hover": colors["muted"],
        "scrollbar-active": colors["accent"],
        "scrollbar-background": colors["background"],
        "scrollbar-background-hover": colors["background"],
        "scrollbar-background-active": colors["background"],
        "scrollbar-corner-color": colors["background"],
    }


def _problem(data: dict[str, Any]) -> str:
    """What is wrong with a theme file, or ""."""
    unknown = set(data) - {"title", "dark", "colors"}
    if unknown:
        return f"it has an unknown key {sorted(unknown)[0]!r}"
    if not isinstance(data.get("dark", True), bool):
        return "'dark' must be true or false"
    colors = data.get("colors", {})
    if not isinstance(colors, dict):
        return "[colors] must be a table"
    for key, value in colors.items():
        if key not in _COLORS:
            return f"[colors] has an unknown colour {key!r}"
        try:
            Color.parse(value)
        except (ColorParseError, TypeError, AttributeError):
            return f'[colors] {key} = {value!r} is no colour such as "#87afd7"'
    return ""
