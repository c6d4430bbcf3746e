"""What else there is to say of a feature, a sentence each. It alarms nobody. What is missing or out of range by chance
alone is not told; a category that the reference does not have is, however few rows it has."""

import heapq
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_console.core.text import safe_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHANCE = 0.001  # how often a sentence may be said of what is nothing but chance
_NAMED = 3  # categories
_LENGTH = 40  # characters of a category


def of_types(infinite: int, text: int, rows: int) -> list[str]:
    """Of a numeric column of the window: what is there and is no number."""
    found = []
    if text:
        found.append(f"{text:,} of {rows:,} rows hold something else than a number, which counts as missing")
    if infinite:
        found.append(f"{infinite:,} of {rows:,} rows are infinite, which counts as missing")
    return found


def of_range(reference: "NDArray[np.float64]", current: "NDArray[np.float64]") -> list[str]:
    """Of sorted samples: values beyond all of the reference's, where they are more than chance puts there."""
    import numpy as np

    n, m = len(reference), len(current)
    least, greatest = float(reference[0]), float(reference[-1])
    by_chance = math.log(_CHANCE) / math.log(m / (n + m))  # k of m are beyond all n with a chance of (m / (n + m))^k
    below = int(np.searchsorted(current, least, side="left"))
    above = m - int(np.searchsorted(current, greatest, side="right"))
    found = []
    if below > by_chance:
        found.append(f"{below:,} values are below {least:g}, the least of the reference: down to {current[0]:g}")
    if above > by_chance:
        found.append(f"{above:,} values are above {greatest:g}, the greatest of the reference: up to {current[-1]:g}")
    return found


def of_extremes(
    before: tuple[float | None, float | None], after: tuple[float | None, float | None], std: float | None
) -> list[str]:
    """Of counted samples, of which only the least and the greatest value are known: where they are a standard
    deviation of the reference beyond its own; and constants."""
    (low, high), (least, greatest) = before, after
    if low is None or high is None or least is None or greatest is None or std is None:
        return []
    found = []
    if least < low - std:
        found.append(f"values go down to {least:g}, below {low:g}, the least of the reference")
    if greatest > high + std:
        found.append(f"values go up to {greatest:g}, above {high:g}, the greatest of the reference")
    return found + of_constants((low, high), (least, greatest))


def of_constants(before: tuple[float, float], after: tuple[float, float]) -> list[str]:
    """Of the least and the greatest value of both samples: what always was the same, or now is."""
    was, is_ = before[0] == before[1], after[0] == after[1]
    if was and not is_:
        return [f"it was always {before[0]:g} in the reference, and now it varies"]
    if is_ and not was:
        return [f"it is always {after[0]:g} now, and varied in the reference"]
    if was and is_ and before[0] != after[0]:
        return [f"it was always {before[0]:g} in the reference, and is always {after[0]:g} now"]
    return []


def of_categories(
    labels: Sequence[str], reference: "NDArray[np.int64]", current: "NDArray[np.int64]", pooled: int
) -> list[str]:
    """Vanished, rare and constant categories. `pooled`: how many were tested, rare ones as one."""
    import numpy as np

    n, m = int(reference.sum()), int(current.sum())
    known = np.flatnonzero(reference + current)
    found = []
    expected = reference * (m / n)  # a category that is to be seen so often stays away with a chance of exp(-expected)
    gone = np.flatnonzero((current == 0) & (expected > math.log(max(len(known), 1) / _CHANCE)))
    if len(gone):
        names = [_short(labels[at]) for at in gone[np.argsort(-reference[gone], kind="stable")][:_NAMED]]
        found.append(_counted(len(gone), "vanished", f"{_names(names, len(gone))}: none of {m:,} rows"))
    if pooled < len(known):
        found.append(f"{len(known) - pooled + 1:,} of its {len(known):,} categories are rare, and were tested as one")
    if int((reference > 0).sum()) > 1 and int((current > 0).sum()) == 1:
        found.append(f"it is always {_short(labels[int(np.argmax(current))])} now, and varied in the reference")
    return found


def of_new(new: Mapping[str, int], of_rows: int, rows: int | None = None) -> list[str]:
    """Categories that the reference does not have, with their rows.

    Args:
        of_rows: of the window.
        rows: of all new categories, where `new` may be only some of them.
    """
    if not new:
        return []
    told = sum(new.values())
    largest = heapq.nsmallest(_NAMED, new.items(), key=lambda item: -item[1])
    named = [f"{_short(label)} ({count:,})" for label, count in largest]
    if rows is not None and rows > told:
        return [f"more than {len(new):,} new categories, some of them {', '.join(named)}: {rows:,} of {of_rows:,} rows"]
    return [_counted(len(new), "new", f"{_names(named, len(new))}: {told:,} of {of_rows:,} rows")]


def _counted(count: int, what: str, told: str) -> str:
    return f"{count:,} {what} {'category' if count == 1 else 'categories'}, {told}"


def _names(names: Sequence[str], count: int) -> str:
    more = f" and {count - len(names):,} more" if count > len(names) else ""
    return ", ".join(names) + more


def _short(label: str) -> str:
    return safe_line(label if len(label) <= _LENGTH else f"{label[: _LENGTH - 1]}…")
