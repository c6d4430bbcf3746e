"""A short version of `make simulate`: the level is kept, drift is found, and the tables say both."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstwo

from benchmarks import alarm_tables as tables
from benchmarks import counted_rules, drift_rules
from benchmarks.alarm_rates import alarms
from benchmarks.drift_power import our_power
from benchmarks.drift_rules import CHUNKS
from benchmarks.null_windows import SOURCES, as_counted, draw, shares
from benchmarks.peer_alarms import PeerAlarms, alibi_on_nothing, peer_alarms
from mlops_console.core.drift import DriftSettings
from mlops_console.core.models import Column
from mlops_console.drift.features import compare_counts
from mlops_console.drift.profiles import make_profile


@pytest.mark.parametrize(("source", "rows", "each"), [("continuous", 100, 2), ("discrete", 1_000, 5)])
def test_the_level_is_kept(source: str, rows: int, each: int) -> None:
    found = alarms(source, rows, each, 400)
    assert found.suspects
    assert found.checked
    assert found.kept
    assert found.rate_shipped <= found.rate


def test_a_column_that_has_moved_is_found() -> None:
    found = our_power("normal", 0.5, 500, 3)
    assert (found.significant, found.shipped) == (1.0, 1.0)


def test_evidentlys_distance_alarms_on_nearly_every_small_window_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.peer_alarms._ROWS", 1)
    monkeypatch.setattr("benchmarks.peer_alarms._LEAST", 30)
    assert peer_alarms("normal", 50, 10_000).evidently > 0.8


@pytest.mark.parametrize(("kind", "rows"), [("discrete", 50), ("discrete", 800), ("rare categories", 300)])
def test_rules_on_counts_say_what_the_rules_say_on_rows(kind: str, rows: int) -> None:
    """For 40 windows, half of which have drifted so far that the rules are near to alarm."""
    rng = np.random.default_rng(rows)
    of, categorical = shares(kind), kind != "discrete"
    values = np.arange(len(of), dtype=np.float64)
    other = 0.6 * of + 0.4 * np.roll(of, 3)
    reference = rng.multinomial(10_000, of, 40)
    current = np.vstack([rng.multinomial(rows, of, 20), rng.multinomial(rows, other, 20)])
    chunks = rng.multinomial(rows, of, CHUNKS)
    pairs = [
        (np.repeat(values, before), np.repeat(values, after)) for before, after in zip(reference, current, strict=True)
    ]
    expected = [drift_rules.evidently(*pair, categorical=categorical) for pair in pairs]
    assert counted_rules.evidently(values, reference, current, categorical=categorical).tolist() == expected
    p_values = [drift_rules.alibi_detect(*pair, categorical=categorical) for pair in pairs]
    assert counted_rules.alibi_detect(reference, current, categorical=categorical) == pytest.approx(p_values, abs=1e-9)
    fitted = drift_rules.Nannyml.fit(
        np.concatenate([np.repeat(values, chunk) for chunk in chunks]), categorical=categorical
    )
    expected = [fitted.drifted(after) for _, after in pairs]
    assert counted_rules.nannyml(values, chunks, current, categorical=categorical).tolist() == expected
    assert any(expected)
    assert not all(expected)


def test_what_alibi_detect_alarms_about_of_nothing_is_known_exactly() -> None:
    """Of 300 continuous rows against 500, drawn 3,000 times."""
    rng = np.random.default_rng(3)
    found = alibi_on_nothing(500, 300)
    ranks = rng.permuted(np.broadcast_to(np.arange(800) < 500, (3_000, 800)), axis=1)
    apart = np.abs(np.cumsum(np.where(ranks, 1 / 500, -1 / 300), axis=1)).max(axis=1)
    drawn = float((kstwo.sf(apart, round(500 * 300 / 800)) < 0.05).mean())
    assert drawn == pytest.approx(found[0], abs=0.012)
    assert found[0] < 0.05
    assert found[2] < found[1] < found[0]


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
        tables.peers("normal", 50): PeerAlarms(10, 0.5, 0.1, (0.04, 0.004, 0.0004)),
    }
    for _ in range(2):
        tables.write(found, results)
    text = results.read_text()
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "Of 1 cells of ours, 1 keep the level" in text
    assert "| normal | 50 | " in text
    assert "| 50 % | 100 % | 100 % | 10.00 % | 65 % | 100 % | 4.00 % | 3.93 % | 3.92 % |" in text
    assert "| normal | 50 | 50 | " in text.split("### Windows")[1]
