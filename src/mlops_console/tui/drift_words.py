"""The words and figures of drift that several parts of the console say alike."""

from collections.abc import Iterable

from mlops_console.core.drift import DriftReport, FeatureDrift, Unit, effect_text
from mlops_console.core.text import safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.glyphs import State

ROLES = {"input": "", "prediction": "→ ", "error": "± ", "together": "& "}  # what stands before a name


def told(feature: FeatureDrift) -> State:
    """Drifted, stable, or not tested at all."""
    return glyphs.state(feature.outcome)


def named(feature: FeatureDrift) -> str:
    """Its name, with a sign for what is no input."""
    return f"{ROLES[feature.role]}{safe_line(feature.name, 200)}"


def drifted(report: DriftReport) -> list[FeatureDrift]:
    return [feature for feature in report.features if feature.drifted]


def sentence(report: DriftReport) -> str:
    """What a report says, in one honest sentence: the worst of what has moved, or what would have been seen."""
    if why := report.untested_because:
        return f"{why[:1].upper()}{why[1:]}: no verdict."
    found = drifted(report)
    if found:
        worst, *others = found
        more = f" {len(others)} more: {', '.join(safe_line(f.name, 40) for f in others)}." if others else ""
        return f"{safe_line(worst.verdict, 400).rstrip('.')}.{more}"
    tested = [feature for feature in report.features if feature.tested]
    what = "tested features" if len(tested) < len(report.features) else "features"
    seen = _would_be_seen(tested)
    return f"None of {len(tested)} {what} differs beyond chance (level {report.level:g}){seen}."


def _would_be_seen(tested: Iterable[FeatureDrift]) -> str:
    """What would have been seen in each of them."""
    least: dict[Unit, float] = {}
    for feature in tested:
        if feature.smallest_shift is not None:
            least[feature.unit] = max(least.get(feature.unit, 0.0), feature.smallest_shift)
    texts = [f"{effect_text(value, unit)}{' of the rows' if unit == 'share' else ''}" for unit, value in least.items()]
    return f"; a shift of {' or '.join(texts)} would have been seen" if texts else ""
