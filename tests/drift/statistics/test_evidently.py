"""The `evidently` profile says what Evidently 0.7.23 says.

EXPECTED are the scores that the real package has given (evidently 0.7.23, pandas 2.3.3: DataDriftPreset of these very
frames, with the columns declared numerical and categorical).
"""

import numpy as np
import pandas as pd
import pytest

from mlops_console.core.drift import DriftSettings, FeatureDrift
from mlops_console.core.models import Column
from mlops_console.drift.features import compare, compare_counts
from mlops_console.drift.live.counts import count_window
from mlops_console.drift.profiles import make_profile

SETTINGS = DriftSettings(profile="evidently")
NUMERIC, CATEGORICAL = ("normal", "few", "skew", "whole"), ("two", "colour", "rare")
COLUMNS = [Column(name, "float64", "numeric") for name in NUMERIC] + [
    Column(name, "object", "categorical") for name in CATEGORICAL
]
EXPECTED = {  # rows of the reference, rows of the window, seed: the test and the score of each column
    (400, 300, 1): {
        "normal": ("ks", 0.01967284903711078),
        "few": ("chi2", 0.23974161382145323),
        "skew": ("ks", 0.5861411546818949),
        "whole": ("ks", 0.4314226989046274),
        "two": ("z", 0.5852809094128881),
        "colour": ("chi2", 0.14199454657868915),
        "rare": ("chi2", 0.0),
    },
    (1000, 50, 2): {
        "normal": ("ks", 0.13352903737198726),
        "few": ("chi2", 0.502472520194472),
        "skew": ("ks", 0.6474690029891204),
        "whole": ("ks", 0.846270780562694),
        "two": ("z", 0.7614102527799167),
        "colour": ("chi2", 0.63786712142152),
        "rare": ("chi2", 0.8474415171473437),
    },
    (1001, 200, 3): {  # of `normal` and `colour` not more than 1,000 rows have a value
        "normal": ("ks", 0.3588261429140106),
        "few": ("jensen_shannon", 0.06336246622797614),
        "skew": ("wasserstein", 0.18091525254605742),
        "whole": ("wasserstein", 0.12109699048316491),
        "two": ("jensen_shannon", 0.05129133982231212),
        "colour": ("chi2", 0.04452061939833384),
        "rare": ("jensen_shannon", 0.10286194329915926),
    },
    (3000, 900, 4): {
        "normal": ("wasserstein", 0.17912716103630835),
        "few": ("jensen_shannon", 0.03407912909759494),
        "skew": ("wasserstein", 0.06772776620421397),
        "whole": ("wasserstein", 0.02917058061856276),
        "two": ("jensen_shannon", 0.03634929265692947),
        "colour": ("jensen_shannon", 0.041329495781459794),
        "rare": ("jensen_shannon", 0.029685468955040217),
    },
}


def sides(n: int, m: int, seed: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)

    def rows(count: int, shift: float) -> dict[str, np.ndarray]:
        frame = pd.DataFrame(
            {
                "normal": rng.normal(shift, 1, count),
                "few": rng.choice([1.0, 2.0, 3.0, 4.0], count, p=[0.4, 0.3, 0.2, 0.1]),
                "skew": rng.lognormal(shift / 2, 1, count),
                "whole": rng.integers(0, 30, count).astype(float),
                "two": rng.choice(["a", "b"], count, p=[0.5 + shift / 5, 0.5 - shift / 5]),
                "colour": rng.choice(list("rgbxyz"), count, p=[0.3, 0.25, 0.2, 0.15, 0.07, 0.03]),
                "rare": rng.choice(list("abcdefgh"), count, p=[0.9, 0.04, 0.02, 0.01, 0.01, 0.01, 0.005, 0.005]),
            }
        )
        frame.loc[frame.index[::17], "normal"] = np.nan
        frame.loc[frame.index[::13], "colour"] = None
        return {name: frame[name].to_numpy(dtype=float if name in NUMERIC else object) for name in frame}

    return [rows(n, 0), rows(m, 0.15)]


def score(found: FeatureDrift) -> float:
    """What Evidently calls so: a p-value of up to 1,000 rows, a distance of more."""
    scored = found.statistic if found.test in ("wasserstein", "jensen_shannon") else found.p_value
    assert scored is not None
    return scored


@pytest.mark.parametrize("case", EXPECTED)
def test_tests_scores_and_verdicts_are_evidentlys(case: tuple[int, int, int]) -> None:
    found = {feature.name: feature for feature in compare(*sides(*case), COLUMNS, SETTINGS)}
    for name, (test, expected) in EXPECTED[case].items():
        feature = found[name]
        assert feature.test == test
        assert score(feature) == pytest.approx(expected, abs=1e-6)
        by_distance = test in ("wasserstein", "jensen_shannon")
        assert feature.drifted == (expected >= 0.1 if by_distance else expected <= 0.05)
        assert (feature.effect >= feature.threshold) == feature.drifted
        assert "by Evidently's rule" in feature.verdict


@pytest.mark.parametrize("case", EXPECTED)
def test_bins_come_near_to_it(case: tuple[int, int, int]) -> None:
    """Exactly where values have bins of their own; as near as 100 bins come to the rows elsewhere."""
    reference, window = sides(*case)
    profile = make_profile(reference, COLUMNS)
    found = {f.name: f for f in compare_counts(profile, count_window(profile, window, {}), SETTINGS)}
    for name, (test, expected) in EXPECTED[case].items():
        assert found[name].test == test
        near = {"ks": 0.15, "wasserstein": 0.06}.get(test, 1e-6)
        assert score(found[name]) == pytest.approx(expected, abs=near)


def test_an_alarm_by_distance_tells_what_it_is_worth() -> None:
    """Evidently alarms on most windows of 50 rows though nothing has moved; the p-value says so."""
    rng = np.random.default_rng(1)
    reference, window = {"normal": rng.normal(size=2_000)}, {"normal": rng.normal(size=50)}
    found = compare(reference, window, COLUMNS[:1], SETTINGS)[0]
    assert found.drifted
    assert found.p_value > 0.05
    assert found.verdict.startswith("normal has drifted by Evidently's rule: Wasserstein distance 0.")


def test_its_thresholds_know_no_least_number_of_rows() -> None:
    assert compare({"normal": np.arange(9.0)}, {"normal": np.arange(5.0)}, COLUMNS[:1], SETTINGS)[0].tested
    none = compare({"normal": np.arange(9.0)}, {"normal": np.array([np.nan])}, COLUMNS[:1], SETTINGS)[0]
    assert not none.tested
    assert none.verdict.endswith("0 values in the window, at least 1 is needed: too few rows for a verdict")
