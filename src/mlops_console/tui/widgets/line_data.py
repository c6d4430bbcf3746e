"""What a line chart shows, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

XAxis = Literal["step", "number", "time"]


@dataclass(frozen=True, slots=True)
class Series:
    """One line. NaN and infinite values leave a gap."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A horizontal line: a limit that the values are held against."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Band:
    """A horizontal band: the range that is expected."""

    low: float
    high: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the x axis at which something happened."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class LineData:
    """All that a line chart shows.

    `include` are values that the y axis reaches in any case, as 0 for counts. `x_axis` tells whole steps, any
    numbers, or seconds since the epoch.
    """

    series: tuple[Series, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    bands: tuple[Band, ...] = ()
    marks: tuple[Mark, ...] = ()
    include: tuple[float, ...] = ()
    x_axis: XAxis = "step"
    x_label: str = ""
    empty: str = "No points yet."
