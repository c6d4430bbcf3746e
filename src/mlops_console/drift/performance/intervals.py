"""Intervals of 95 %."""

import math

from mlops_console.core.performance import Figure

Z = 1.959963984540054  # 97.5 % of a normal distribution are below
_MOST_ODDS = 2.0  # deviation of log odds that are told, which is a factor of 50 either way
_WIDEST = 20.0  # of a logarithm: beyond that an interval holds everything


def wilson(share: float, count: float) -> tuple[float, float]:
    """Of a share of `count` independent rows: Wilson, JASA 22 (1927), 209."""
    centre = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))  # rounded: 1 is in that of 1


def of_share(metric: str, value: float, deviation: float) -> Figure:
    """A figure between 0 and 1 whose error is normal with this standard deviation."""
    return Figure(metric, value, max(0.0, value - Z * deviation), min(1.0, value + Z * deviation))


def of_odds(metric: str, value: float, deviation: float, centre: float) -> Figure:
    """A figure between 0 and 1 whose log odds have a normal error, as of few rows the figure's own is skewed; its own
    where it is not far enough from 0 and 1 for that. The value is always in its interval.

    Args:
        deviation: standard deviation of the figure itself.
        centre: of the interval.
    """
    slope = centre * (1 - centre)
    if deviation < _MOST_ODDS * slope:
        odds, factor = centre / (1 - centre), math.exp(Z * deviation / slope)
        low, high = (one / (1 + one) for one in (odds / factor, odds * factor))
    else:
        low, high = max(0.0, centre - Z * deviation), min(1.0, centre + Z * deviation)
    return Figure(metric, value, min(low, value), max(high, value))


def of_magnitude(metric: str, value: float, deviation: float) -> Figure:
    """A figure above 0 whose logarithm has a normal error, as that of a mean of few large and many small values."""
    if value <= 0:
        return Figure(metric, value, value, value)
    factor = math.exp(min(Z * deviation / value, _WIDEST))
    return Figure(metric, value, value / factor, value * factor)
