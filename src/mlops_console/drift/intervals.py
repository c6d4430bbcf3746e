"""Intervals of 95 %."""

import math

from mlops_console.core.performance import Figure

Z = 1.959963984540054  # 97.5 % of a normal distribution are below


def wilson(share: float, count: float) -> tuple[float, float]:
    """Of a share of `count` independent rows: Wilson, JASA 22 (1927), 209."""
    centre = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def of_share(metric: str, value: float, deviation: float) -> Figure:
    """A figure between 0 and 1 whose error is normal with this standard deviation."""
    return Figure(metric, value, max(0.0, value - Z * deviation), min(1.0, value + Z * deviation))


def of_magnitude(metric: str, value: float, deviation: float) -> Figure:
    """A figure above 0 whose logarithm has a normal error, as that of a mean of few large and many small values."""
    if value <= 0:
        return Figure(metric, value, value, value)
    factor = math.exp(Z * deviation / value)
    return Figure(metric, value, value / factor, value * factor)
