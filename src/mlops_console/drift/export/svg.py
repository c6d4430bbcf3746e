"""Pieces of SVG. Every text and every attribute is escaped here and nowhere else."""

from collections.abc import Iterable
from html import escape

from mlops_console.core.text import safe_line

Points = Iterable[tuple[float, float]]


def text(value: object) -> str:
    """Foreign text within HTML or SVG."""
    return escape(safe_line(value), quote=True)


def element(name: str, *content: str, **attributes: object) -> str:
    """An element whose content is markup already. `class_` is its class, `x1_` or `stroke_width` are `x1`,
    `stroke-width`."""
    given = "".join(f' {key.strip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return f"<{name}{given}>{''.join(content)}</{name}>"


def chart(width: int, height: int, description: str, *content: str) -> str:
    """A picture that is read out as its description."""
    return element(
        "svg",
        element("title", text(description)),
        *content,
        class_="chart",
        role="img",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        xmlns="http://www.w3.org/2000/svg",
    )


def rect(x: float, y: float, width: float, height: float, kind: str, *content: str) -> str:
    return element("rect", *content, x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), class_=kind)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def label(x: float, y: float, value: object, kind: str = "", anchor: str = "start") -> str:
    return element("text", text(value), x=x, y=y, text_anchor=anchor, class_=f"label {kind}".strip())


def polyline(points: Points, kind: str) -> str:
    return element("polyline", points=_points(points), class_=kind)


def polygon(points: Points, kind: str) -> str:
    return element("polygon", points=_points(points), class_=kind)


def circle(x: float, y: float, radius: float, kind: str) -> str:
    return element("circle", cx=x, cy=y, r=radius, class_=kind)


def _points(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _value(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else text(value)
