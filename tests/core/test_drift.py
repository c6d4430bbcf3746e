"""What a drift report says as a whole."""

import pytest

from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift, effect_text, percent


def feature(p_value: float | None, drifted: bool = False) -> FeatureDrift:
    return FeatureDrift("x", "numeric", "ks", 100, 50, p_value, p_value, None, drifted, "")


def report(*features: FeatureDrift, rows: int = 50, reference_rows: int = 100) -> DriftReport:
    drifted = any(f.drifted for f in features)
    return DriftReport(1, "production", "fraud", 1, 1, 0.0, 1.0, rows, reference_rows, 0.01, drifted, 1.0, features)


@pytest.mark.parametrize(
    ("found", "verdict", "because"),
    [
        (report(feature(0.5), feature(0.0, True)), DriftVerdict.DRIFTED, ""),
        (report(feature(0.5), feature(None)), DriftVerdict.STABLE, ""),
        (report(feature(None), rows=2), DriftVerdict.UNTESTED, "too few rows (2 of at least 30)"),
        (report(rows=0), DriftVerdict.UNTESTED, "too few rows (0 of at least 30)"),
        (report(feature(None), reference_rows=5), DriftVerdict.UNTESTED, "too few reference rows (5 of at least 30)"),
        (report(feature(None)), DriftVerdict.UNTESTED, "no feature could be tested"),
    ],
)
def test_what_tested_nothing_is_neither_drifted_nor_stable(
    found: DriftReport, verdict: DriftVerdict, because: str
) -> None:
    assert (found.verdict, found.untested_because) == (verdict, because)


def test_effects_have_their_unit() -> None:
    texts = [effect_text(effect, "σ") for effect in (0.314, 4321.0, None, float("nan"))]
    assert texts == ["0.31 σ", "4,321 σ", "–", "NaN"]
    texts = [effect_text(effect, "share") for effect in (0.0412, 0.12, 0.962, None)]
    assert texts == ["4.1 %", "12 %", "96.2 %", "–"]
    assert [percent(share) for share in (0.0, 0.0996, 1.0)] == ["0 %", "10 %", "100 %"]
