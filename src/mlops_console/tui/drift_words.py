"""The words and figures of drift that several parts of the console say alike."""

from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.text import safe_line
from mlops_console.drift import wording
from mlops_console.tui import glyphs
from mlops_console.tui.glyphs import State


def told(feature: FeatureDrift) -> State:
    """Drifted, stable, or not tested at all."""
    return glyphs.state(feature.outcome)


def named(feature: FeatureDrift) -> str:
    """Its name, with a sign for what is no input."""
    return safe_line(wording.named(feature), 200)


def drifted(report: DriftReport) -> list[FeatureDrift]:
    return [feature for feature in report.features if feature.drifted]


def figures(feature: FeatureDrift) -> str:
    """A verdict where a sentence has no room: `drifted: 0.31 σ, limit 0.20 σ, seen from 0.09 σ`."""
    if not feature.tested:
        return feature.verdict
    parts = [(f"{feature.outcome}:", feature.effect), (", limit", feature.threshold)]
    parts.append((", seen from", feature.smallest_shift))
    return "".join(f"{said} {wording.effect(value, feature)}" for said, value in parts if value is not None)
