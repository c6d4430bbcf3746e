"""How often the default rules of other tools alarm on one column: in windows in which nothing has drifted, and in such
that have."""

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import counted_rules
from benchmarks.drift_rules import CHUNKS, Nannyml, alibi_detect, evidently
from benchmarks.null_windows import shares
from mlops_console.drift.statistics.nulls import kolmogorov_smirnov

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS = ("normal", "heavy-tailed", "skewed", "discrete", "rare categories")
COUNTED = ("discrete", "rare categories", "categories")  # kinds of few values, of which counts are drawn
EACH = (1, 10, 100)  # columns of a report
ALIBI_LEVEL = 0.05  # of the report, which alibi-detect divides by the number of columns
_ROWS = 25_000_000  # of continuous columns that are drawn for a cell at the most
_MOST, _LEAST = 10_000, 100  # windows of a cell
_MOST_MOVED = 300  # windows of a cell in which a column has moved
_ALIBI_WINDOWS = 100_000  # of counts, as what alibi-detect divides its level to is rare
_EACH_FIT = 10  # windows that NannyML is asked about with one reference


@dataclass(frozen=True, slots=True)
class PeerAlarms:
    """Shares of the windows in which one column alarms. `alibi`: where it is one of 1, 10 and 100 columns."""

    windows: int
    evidently: float
    nannyml: float
    alibi: tuple[float, ...]

    def one_of(self, peer: str, columns: int) -> float:
        return self.alibi[EACH.index(columns)] if peer == "alibi" else float(getattr(self, peer))

    def any_of(self, peer: str, columns: int) -> float:
        """Windows with an alarm on any of several independent columns, of which no rule but alibi-detect's knows the
        others."""
        return 1 - (1 - self.one_of(peer, columns)) ** columns


def sample(kind: str, rng: "np.random.Generator", rows: int, shift: float = 0.0) -> "NDArray[np.float64]":
    """Rows of one continuous column. `shift`: of a normal one, in standard deviations."""
    match kind:
        case "normal":
            return rng.normal(shift, 1, rows)
        case "heavy-tailed":
            return rng.standard_t(2, rows)
        case _:
            return rng.lognormal(0, 1, rows)


def moved(shift: float) -> "NDArray[np.float64]":
    """The shares of five categories. `shift`: of the rows, which go from the most frequent to the second."""
    import numpy as np

    return np.array([0.4 - shift, 0.3 + shift, 0.2, 0.07, 0.03])


def peer_alarms(kind: str, rows: int, reference_rows: int, shift: float = 0.0) -> PeerAlarms:
    """NannyML has a reference of 10 chunks of the window's size instead, which is what its defaults are meant for."""
    import numpy as np

    rng = np.random.default_rng(zlib.crc32(f"{kind} {rows} {reference_rows} {shift}".encode()))
    if kind in COUNTED:
        return _counted(kind, rng, rows, reference_rows, shift)
    windows = int(np.clip(_ROWS // (reference_rows + rows * 2), _LEAST, _MOST_MOVED if shift else _MOST))
    alarmed, p_values, chunks = 0, [], 0
    for at in range(windows):
        reference, current = sample(kind, rng, reference_rows), sample(kind, rng, rows, shift)
        alarmed += evidently(reference, current, categorical=False)
        if shift:
            p_values.append(alibi_detect(reference, current, categorical=False))
        if at % _EACH_FIT == 0:
            fitted = Nannyml.fit(sample(kind, rng, CHUNKS * rows), categorical=False)
        chunks += fitted.drifted(current)
    found = _below(np.array(p_values)) if shift else alibi_on_nothing(reference_rows, rows)
    return PeerAlarms(windows, float(alarmed) / windows, chunks / windows, found)


def _counted(kind: str, rng: "np.random.Generator", rows: int, reference_rows: int, shift: float) -> PeerAlarms:
    import numpy as np

    before, after = (moved(by) if kind == "categories" else shares(kind) for by in (0.0, shift))
    values, categorical = np.arange(len(before), dtype=np.float64), kind != "discrete"
    windows = _MOST_MOVED if shift else _MOST
    reference, current = rng.multinomial(reference_rows, before, windows), rng.multinomial(rows, after, windows)
    alarmed = counted_rules.evidently(values, reference, current, categorical=categorical)
    chunks = 0
    for start in range(0, windows, _EACH_FIT):
        fitted = rng.multinomial(rows, before, CHUNKS)
        some = current[start : start + _EACH_FIT]
        chunks += int(counted_rules.nannyml(values, fitted, some, categorical=categorical).sum())
    p_values = [counted_rules.alibi_detect(reference, current, categorical=categorical)]
    for _ in range(0 if shift else _ALIBI_WINDOWS // windows - 1):
        reference, current = rng.multinomial(reference_rows, before, windows), rng.multinomial(rows, after, windows)
        p_values.append(counted_rules.alibi_detect(reference, current, categorical=categorical))
    return PeerAlarms(windows, float(alarmed.mean()), chunks / windows, _below(np.concatenate(p_values)))


def _below(p_values: "NDArray[np.float64]") -> tuple[float, ...]:
    return tuple(float((p_values < ALIBI_LEVEL / columns).mean()) for columns in EACH)


def alibi_on_nothing(n: int, m: int) -> tuple[float, ...]:
    """Of continuous columns nothing has to be drawn: its p-value is the large-sample one of the Kolmogorov-Smirnov
    distance, whose chances are known exactly."""
    from scipy.stats import kstwo

    found = []
    for columns in EACH:
        critical = float(kstwo.isf(ALIBI_LEVEL / columns, round(n * m / (n + m))))
        beyond = ((math.floor(n * (j / m + critical)) + 1, j) for j in range(m + 1))
        i, j = min(((i, j) for i, j in beyond if i <= n), key=lambda at: at[0] / n - at[1] / m)
        found.append(kolmogorov_smirnov(i, n, j, m))
    return tuple(found)
