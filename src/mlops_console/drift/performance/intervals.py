"""Intervals of 95 %."""

import math

from mlops_console.core.performance import Figure

Z = 1.959963984540054  # 97.5 % of a normal distribution are below
_WIDEST = 20.0  # of a logarithm: beyond that an interval holds everything


def wilson(share: float, count: float) -> tuple[float, float]:
    """Of a share of `count` independent rows: Wilson, JASA 22 (1927), 209."""
    centre = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))  # rounded: 1 is in that of 1


def of_share(metric: str, value: float, deviation: float, centre: float | None = None) -> Figure:
    """A figure between 0 and 1 whose error is normal with this standard deviation, around `centre` if that is not the
    value itself. The value is always in its interval."""
    middle = value if centre is None else centre
    low, high = max(0.0, middle - Z * deviation), min(1.0, middle + Z * deviation)
    return Figure(metric, value, min(low, value), max(high, value))


def of_magnitude(metric: str, value: float, deviation: float) -> Figure:
    """A figure above 0 whose logarithm has a normal error, as that of a mean of few large and many small values."""
    if value <= 0:
        return Figure(metric, value, value, value)
    factor = math.exp(min(Z * deviation / value, _WIDEST))
    return Figure(metric, value, value / factor, value * factor)
