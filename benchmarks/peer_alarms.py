"""How often the default rules of other tools alarm on one column: in windows in which nothing has drifted, and in such
that have."""

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.drift_rules import CHUNKS, Nannyml, alibi_detect, evidently
from benchmarks.null_windows import shares

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS = ("normal", "heavy-tailed", "skewed", "discrete", "rare categories")
_ROWS = 12_000_000  # that are drawn for a cell at the most
_MOST, _LEAST = 2_000, 100  # windows of a cell
_EACH = 10  # windows that NannyML is asked about with one reference


@dataclass(frozen=True, slots=True)
class PeerAlarms:
    """Shares of the windows in which one column alarms. `alibi`: the p-values themselves."""

    windows: int
    evidently: float
    nannyml: float
    alibi: tuple[float, ...]

    def any_of(self, peer: str, columns: int) -> float:
        """Windows with an alarm on any of several independent columns, of which no rule but alibi-detect's knows the
        others."""
        one = sum(p < 0.05 / columns for p in self.alibi) / self.windows if peer == "alibi" else getattr(self, peer)
        return float(1 - (1 - one) ** columns)


def sample(kind: str, rng: "np.random.Generator", rows: int, shift: float = 0.0) -> "NDArray[np.float64]":
    """Rows of one column. `shift`: of a normal one, in standard deviations; of "categories", the share of the rows that
    go from the most frequent to the second."""
    import numpy as np

    match kind:
        case "normal":
            return rng.normal(shift, 1, rows)
        case "heavy-tailed":
            return rng.standard_t(2, rows)
        case "skewed":
            return rng.lognormal(0, 1, rows)
        case "discrete":
            return rng.poisson(3, rows).astype(np.float64)
    of = moved(shift) if kind == "categories" else shares(kind)
    return rng.choice(len(of), rows, p=of).astype(np.float64)


def moved(shift: float) -> "NDArray[np.float64]":
    """The shares of five categories."""
    import numpy as np

    return np.array([0.4 - shift, 0.3 + shift, 0.2, 0.07, 0.03])


def peer_alarms(kind: str, rows: int, reference_rows: int, shift: float = 0.0) -> PeerAlarms:
    """NannyML has a reference of 10 chunks of the window's size instead, which is what its defaults are meant for."""
    import numpy as np

    rng = np.random.default_rng(zlib.crc32(f"{kind} {rows} {reference_rows} {shift}".encode()))
    windows = int(np.clip(_ROWS // (reference_rows + rows * 2), _LEAST, _MOST))
    categorical = "categories" in kind
    alarmed, p_values, chunks = 0, [], 0
    for at in range(windows):
        reference, current = sample(kind, rng, reference_rows), sample(kind, rng, rows, shift)
        alarmed += evidently(reference, current, categorical=categorical)
        p_values.append(alibi_detect(reference, current, categorical=categorical))
        if at % _EACH == 0:
            fitted = Nannyml.fit(sample(kind, rng, CHUNKS * rows), categorical=categorical)
        chunks += fitted.drifted(current)
    return PeerAlarms(windows, float(alarmed) / windows, chunks / windows, tuple(p_values))
