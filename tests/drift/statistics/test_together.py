"""All columns at once: what no column shows by itself is found, chance is not."""

import numpy as np
import pytest

from mlops_console.core.drift import DriftSettings, FeatureDrift
from mlops_console.core.models import Column
from mlops_console.drift.features import compare
from mlops_console.drift.statistics.together import compare_together

COLUMNS = [Column(f"x{i}", "float64", "numeric") for i in range(4)] + [Column("c", "object", "categorical")]


def rows(count: int, seed: int, turn: float = 0.8) -> dict[str, np.ndarray]:
    """Four numbers of which the first two go together by `turn`, and a category."""
    rng = np.random.default_rng(seed)
    found = {f"x{i}": rng.normal(size=count) for i in range(4)}
    found["x1"] = turn * found["x0"] + np.sqrt(1 - turn**2) * found["x1"]
    return found | {"c": rng.choice(np.array(["a", "b", None], dtype=object), count)}


def together(reference: dict[str, np.ndarray], window: dict[str, np.ndarray]) -> FeatureDrift:
    found = compare_together(reference, window, COLUMNS, DriftSettings())
    assert found is not None
    return found


def test_a_correlation_that_turns_round_is_found_and_named() -> None:
    reference, window = rows(600, 0), rows(300, 1, turn=-0.8)
    assert not any(f.drifted for f in compare(reference, window, COLUMNS, DriftSettings()))
    found = together(reference, window)
    assert found.drifted
    assert found.role == "together"
    assert found.test == "domain_classifier"
    assert found.statistic > 0.75
    assert found.effect == pytest.approx(2 * found.statistic - 1)
    assert found.effect >= found.threshold
    assert found.verdict.startswith("(all columns): a classifier tells rows of the window from those of the reference")
    (told,) = found.findings
    assert "x0" in told
    assert "x1" in told


def test_a_shift_of_a_category_with_a_number_is_found() -> None:
    reference, window = rows(500, 2), rows(500, 3)
    window["c"] = np.where(window["x3"] > 0, "a", "b").astype(object)
    found = together(reference, window)
    assert found.drifted
    assert found.findings[0].startswith("what gives its rows away: c (")


def test_without_drift_it_alarms_as_often_as_its_level() -> None:
    """Of 100 windows at a level of 0.1, where every effect counts, 9: as often as the first of eleven is the greatest.
    More than 19 have a chance of 0.1 %; were p-values too small by a factor of 3, fewer than 20 had one of 1 %."""
    settings = DriftSettings(level=0.1, least_effect=0.0)
    sides = [(rows(40 + at % 30, 2 * at), rows(30 + at % 20, 2 * at + 1)) for at in range(100)]
    found = [compare_together(*side, COLUMNS, settings) for side in sides]
    alarms = sum(verdict is not None and verdict.drifted for verdict in found)
    assert 2 <= alarms <= 19


def test_rows_that_are_all_alike_are_not_told_apart_by_their_order() -> None:
    reference = {c.name: np.repeat([0.0, 1.0], 50) for c in COLUMNS[:4]}
    window = {c.name: np.repeat([0.0, 1.0], 40) for c in COLUMNS[:4]}
    found = compare_together(reference, window, COLUMNS, DriftSettings())
    assert found is not None
    assert not found.drifted


def test_the_same_data_get_the_same_verdict() -> None:
    reference, window = rows(200, 5), rows(100, 6)
    assert together(reference, window) == together(reference, window)


@pytest.mark.parametrize(
    ("reference", "window", "profile"),
    [
        (rows(100, 0), rows(29, 1), "calibrated"),
        (rows(100, 0), {"x0": np.arange(100.0)}, "calibrated"),
        (rows(100, 0), rows(100, 1), "evidently"),
        ({c.name: np.ones(50) for c in COLUMNS[:4]}, {c.name: np.ones(50) for c in COLUMNS[:4]}, "calibrated"),
        ({}, {}, "calibrated"),
    ],
)
def test_where_there_is_nothing_to_tell_apart_there_is_no_verdict(
    reference: dict[str, np.ndarray], window: dict[str, np.ndarray], profile: str
) -> None:
    assert compare_together(reference, window, COLUMNS, DriftSettings(profile=profile)) is None  # type: ignore[arg-type]
