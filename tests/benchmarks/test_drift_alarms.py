"""A short version of `make simulate`: the level is kept, drift is found, and the tables say both."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import alarm_tables as tables
from benchmarks.alarm_rates import alarms
from benchmarks.drift_power import our_power
from benchmarks.null_windows import SOURCES, as_counted, draw
from benchmarks.peer_alarms import PeerAlarms, peer_alarms
from mlops_console.core.drift import DriftSettings
from mlops_console.core.models import Column
from mlops_console.drift.features import compare_counts
from mlops_console.drift.profiles import make_profile


@pytest.mark.parametrize(("source", "rows", "each"), [("continuous", 100, 2), ("discrete", 1_000, 5)])
def test_the_level_is_kept(source: str, rows: int, each: int) -> None:
    found = alarms(source, rows, each, 400)
    assert found.judged == found.suspects
    assert found.kept
    assert found.rate_shipped <= found.rate


def test_a_column_that_has_moved_is_found() -> None:
    found = our_power("normal", 0.5, 500, 3)
    assert (found.significant, found.shipped) == (1.0, 1.0)


def test_evidentlys_distance_alarms_on_nearly_every_small_window_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.peer_alarms._ROWS", 1)
    assert peer_alarms("normal", 50, 10_000).evidently > 0.8


@pytest.mark.parametrize("source", SOURCES)
def test_counts_are_drawn_as_windows_are_counted(source: str) -> None:
    reference, current = draw(source, np.random.default_rng(0), 2, 3, 500)
    profile, window = as_counted(source, reference[0], current[0])
    for feature in profile.features:
        assert sum(feature.counts) == 10_000
        counted = window.features[feature.name]
        assert len(counted.counts) == len(feature.counts)
        assert sum(counted.counts) == 500
    assert len(compare_counts(profile, window, DriftSettings())) == 3


def test_the_bins_of_a_discrete_column_are_those_of_the_product() -> None:
    reference, current = draw("discrete", np.random.default_rng(0), 1, 1, 500)
    drawn, _ = as_counted("discrete", reference[0], current[0])
    rows = np.repeat(np.arange(reference.shape[-1], dtype=np.float64), reference[0, 0])
    made = make_profile({"x0": rows}, [Column("x0", "float64", "numeric")])
    inner = [edge for edge in made.features[0].edges if edge >= 0]  # the product has one below the least value as well
    assert list(drawn.features[0].edges) == inner


def test_the_tables_have_a_dash_for_what_was_not_simulated_and_replace_the_ones_before(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    results.write_text(f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n")
    found: dict[str, object] = {
        tables.ours("continuous", 50, 1): alarms("continuous", 50, 1, 50),
        tables.peers("normal", 50): PeerAlarms(10, 0.5, 0.1, (0.01,) * 10),
    }
    for _ in range(2):
        tables.write(found, results)
    text = results.read_text()
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "Of 1 cells of ours, 1 keep the level" in text
    assert "| normal | 50 | " in text
    assert "| 50 % | 100 % | 100 % | 10.00 % | 65 % | 100 % | 100 % | 0.00 % |" in text
