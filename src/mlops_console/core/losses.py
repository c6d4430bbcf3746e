"""How much worse a model is than it was on the held-out rows of training, as far as both samples make it certain.

Both figures have an error of their own, and they are of other rows. Of two intervals that one of the difference is made
(Zou and Donner, Statistics in Medicine 27 (2008), 1693: the method of variance estimates recovery; of two shares with
Wilson's intervals it is Newcombe's hybrid score interval, Statistics in Medicine 17 (1998), 873, method 10). Only their
bounds at 95 % are known; at another level they are as far from the figure as they would be on the scale on which such
intervals are symmetric: of shares the logit, as Wilson's are (Newcombe, The American Statistician 55 (2001), 200), of
errors the logarithm.
"""

import math
from statistics import NormalDist

from mlops_console.core.performance import Figure, better_when_lower

LEVEL = 0.025  # one end of an interval of 95 %: about so often what has not changed is found worse at all
_NORMAL = NormalDist()
_Z = -_NORMAL.inv_cdf(LEVEL)


def least_loss(before: Figure, after: Figure, looked_at: int = 1) -> float | None:
    """How much worse it is at least: of a share by how much it is less, of an error by what share of it it is greater.

    Below 0 where it may as well have become better. None where nothing can be said: an error that was 0 before.

    Args:
        before: on held-out rows. `after`: the same metric, of other rows.
        looked_at: of how many figures the worst is looked for. Each has its part of the level (Bonferroni).
    """
    z = -_NORMAL.inv_cdf(LEVEL / looked_at)
    if not better_when_lower(before.metric):
        return before.value - after.value - math.hypot(_below(before, z), _above(after, z))
    if before.value <= 0 or after.value <= 0:
        return None
    if after.low <= 0:
        return -1.0  # it may have become as good as can be
    arms = math.log(before.high) - math.log(before.value), math.log(after.value) - math.log(after.low)
    least = math.log(after.value) - math.log(before.value) - z / _Z * math.hypot(*arms)
    return math.expm1(min(least, 700.0))


def _below(figure: Figure, z: float) -> float:
    return figure.value - _end(figure.value, figure.low, z)


def _above(figure: Figure, z: float) -> float:
    """As far as what is above it is below its complement."""
    return _below(Figure(figure.metric, 1 - figure.value, 1 - figure.high, 1 - figure.low), z)


def _end(value: float, low: float, z: float) -> float:
    """The lower end at `z` of an interval of a share whose lower end at 95 % is `low`."""
    if not 0 < low < value:
        return low
    if value >= 1:  # all of n rows, of which Wilson's interval begins at n / (n + z²)
        return low / (low + (1 - low) * (z / _Z) ** 2)
    middle = math.log(value / (1 - value))
    half = middle - math.log(low / (1 - low))
    odds = 2 * math.asinh(z / _Z * math.sinh(half / 2)) - middle  # against, as a logarithm
    return 1 / (1 + math.exp(min(odds, 700.0)))
