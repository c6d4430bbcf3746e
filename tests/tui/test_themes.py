"""Theme files: shipped ones are good, bad ones are named and not used."""

from pathlib import Path

import pytest
from textual.theme import Theme

from mlops_console.store.shipped import shipped
from mlops_console.tui import themes
from mlops_console.tui.themes import ThemeProblem

SHIPPED = sorted(path.stem for path in shipped("themes").glob("*.toml"))
LEVELS = {0x00, 0x5F, 0x87, 0xAF, 0xD7, 0xFF}
GREYS = {8 + 10 * step for step in range(24)}


def test_dark_light_and_high_contrast_are_shipped() -> None:
    assert {"dark", "light", "high-contrast"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_themes_are_good_and_of_the_256_colours(name: str) -> None:
    theme = themes.load_shipped(name)
    assert isinstance(theme, Theme)
    own = [theme.primary, theme.background, theme.surface, theme.panel, theme.foreground, theme.variables["bad"]]
    for color in own:
        assert color is not None
        red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
        assert {red, green, blue} <= LEVELS or (red == green == blue and red in GREYS), color


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colors = 3", "must be a table"),
        ("dark = 'yes'", "'dark' must be true or false"),
        ("[colors]\nbackgruond = '#000000'", "unknown colour 'backgruond'"),
        ("[colors]\nok = 'grassy'", "ok = 'grassy' is no colour"),
        ("[colors]\nok = 3", "is no colour"),
        ("[colors", "can't be read"),
        ("colours = {}", "unknown key 'colours'"),
    ],
)
def test_a_bad_theme_is_named_with_its_fault(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    found = themes.load(path)
    assert isinstance(found, ThemeProblem)
    assert said in found.problem
    assert "mine.toml" in found.problem


def test_what_a_theme_leaves_out_has_a_default(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("dark = false\n[colors]\nok = '#00af00'")
    found = themes.load(path)
    assert isinstance(found, Theme)
    assert found.variables["ok"] == "#00af00"
    assert found.background == "#ffffff"


def test_a_theme_of_the_user_wins_over_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(themes, "user_folder", lambda: tmp_path)
    (tmp_path / "dark.toml").write_text("[colors]\nok = '#00ff00'")
    found = {theme.name: theme for theme in themes.load_all() if isinstance(theme, Theme)}
    assert found["dark"].variables["ok"] == "#00ff00"
    assert "light" in found
