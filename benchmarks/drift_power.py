"""How often our verdict finds one column of ten that has moved."""

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.alarm_rates import SHIPPED, SIGNIFICANCE
from benchmarks.null_windows import REFERENCE, as_counted, draw
from benchmarks.peer_alarms import moved
from mlops_console.core.profiles import FeatureCounts, FeatureProfile, ReferenceProfile, WindowCounts
from mlops_console.drift.features import compare_counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLUMNS = 10
MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Power:
    """Shares of the windows in which the column that has moved alarms, and in which another one does."""

    windows: int
    significant: float
    shipped: float
    others: float


def our_power(kind: str, shift: float, rows: int, windows: int) -> Power:
    """In the bins of a profile of 10,000 rows. `kind`: "normal" or "categories", see `peer_alarms.sample`."""
    import numpy as np

    rng = np.random.default_rng(zlib.crc32(f"{kind} {shift} {rows}".encode()))
    significant = shipped = others = 0
    for _ in range(windows):
        profile, window = _report(kind, rng, shift, rows)
        found = [feature.name for feature in compare_counts(profile, window, SIGNIFICANCE) if feature.drifted]
        significant += MOVED in found
        others += any(name != MOVED for name in found)
        if MOVED in found:
            shipped += any(f.name == MOVED and f.drifted for f in compare_counts(profile, window, SHIPPED))
    return Power(windows, significant / windows, shipped / windows, others / windows)


def _report(kind: str, rng: "np.random.Generator", shift: float, rows: int) -> tuple[ReferenceProfile, WindowCounts]:
    """Nine columns that have not moved, and one that has."""
    reference, current = draw("continuous", rng, 1, COLUMNS - 1, rows)
    profile, window = as_counted("continuous", reference[0], current[0])
    feature, counts = (_number if kind == "normal" else _category)(rng, shift, rows)
    return (
        replace(profile, features=(*profile.features, feature)),
        replace(window, features={**window.features, MOVED: FeatureCounts(tuple(counts.tolist()))}),
    )


def _number(rng: "np.random.Generator", shift: float, rows: int) -> tuple[FeatureProfile, "NDArray[np.int64]"]:
    """The edges are at order statistics of the reference, as in `null_windows`."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    spacings = np.full(100, REFERENCE / 100)
    spacings[-1] += 1
    edges = ndtri(np.cumsum(rng.dirichlet(spacings))[:-1])
    counts = rng.multinomial(rows, np.diff(ndtr(edges - shift), prepend=0, append=1))
    own = tuple([REFERENCE // 100] * 100)
    profile = FeatureProfile(
        MOVED, "numeric", "input", REFERENCE, 0, own, tuple(edges.tolist()), (), REFERENCE, 0.0, 1.0
    )
    return profile, counts


def _category(rng: "np.random.Generator", shift: float, rows: int) -> tuple[FeatureProfile, "NDArray[np.int64]"]:
    own = rng.multinomial(REFERENCE, moved(0.0))
    labels = tuple(f"c{number}" for number in range(len(own)))
    profile = FeatureProfile(
        MOVED, "categorical", "input", REFERENCE, 0, (*own.tolist(), 0), labels=labels, distinct=len(labels)
    )
    return profile, rng.multinomial(rows, [*moved(shift), 0.0])
