"""What a line chart shows, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

XAxis = Literal["step", "number", "time", "elapsed"]


@dataclass(frozen=True, slots=True)
class Series:
    """One line. NaN and infinite values leave a gap.

    Attributes:
        xs, ys: its points, in any order; of a long series at least the extremes.
        mean_xs, mean_ys: what is smoothed instead of the points, where these are extremes only.
        exact: the points are all there are.
    """

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    mean_xs: Sequence[float] = ()
    mean_ys: Sequence[float] = ()
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Threshold:
    """A horizontal line: a limit that the values are held against."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Band:
    """The range that is expected, from point to point of the x axis, where all three are finite.

    Attributes:
        xs: in their order, with what is low and what is high there.
        is_limit: what is high is a limit, drawn as a line.
    """

    label: str
    xs: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]
    is_limit: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the x axis at which something happened."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class LineData:
    """All that a line chart shows.

    Attributes:
        include: values that the y axis reaches in any case, as 0 for counts.
        x_axis: whole steps, any numbers, seconds since the epoch ("time") or since a start ("elapsed").
        x_label: the name of the x axis, where there is room for it.
        empty: said when there is no point.
        log: the y axis is logarithmic; values that are not positive leave a gap and are counted in the legend.
        smooth: the weight of `core.smoothing`; above 0 the smoothed lines lie on the muted raw ones.
        x_range: the part of the x axis that is shown; None for all of the data.
        cursor: where on the x axis the cross-hair is; the legend has the values there.
        legend: whether there is one: not where what stands above the chart says as much.
        figures: the legend has the last value of each line, or the one at the cursor.
        head: lines above the chart, each in parts, the very first one stronger; what has no room is left out.
    """

    series: tuple[Series, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    bands: tuple[Band, ...] = ()
    marks: tuple[Mark, ...] = ()
    include: tuple[float, ...] = ()
    x_axis: XAxis = "step"
    x_label: str = ""
    empty: str = "No points yet."
    log: bool = False
    smooth: float = 0.0
    x_range: tuple[float, float] | None = None
    cursor: float | None = None
    legend: bool = True
    figures: bool = True
    head: tuple[tuple[str, ...], ...] = ()
