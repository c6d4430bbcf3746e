"""Semantic styles for texts that are drawn as `Content`: the same names as in the grid, see `glyphs.STYLES`."""

from textual.content import Content

from mlops_console.core.text import safe_line
from mlops_console.tui.glyphs import State

Part = str | tuple[str, str] | Content


def styled(text: object, style: str = "") -> Content:
    """Foreign or own text as plain text of a semantic style; never markup."""
    return Content.styled(safe_line(text), css(style)) if style else Content(safe_line(text))


def line(*parts: Part) -> Content:
    """One line of texts, each plain or a (text, semantic style)."""
    return Content("").join(part if isinstance(part, Content) else _part(part) for part in parts)


def told(state: State) -> Content:
    """A state with its glyph and word."""
    return styled(state.text, state.style)


def css(style: str) -> str:
    """A semantic style as Textual's styles name it."""
    return {"": "", "strong": "bold $strong", "key": "bold $accent"}.get(style, f"${style}")


def _part(part: str | tuple[str, str]) -> Content:
    return styled(part) if isinstance(part, str) else styled(*part)
