"""A few rounds of `make chaos`: processes that log and processes that recover are killed at any moment."""

from pathlib import Path

import pytest

from benchmarks import chaos


def test_no_acknowledged_point_is_lost_whoever_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "LONGEST", 0.15)
    monkeypatch.setattr(chaos, "AT_ONCE", 3)
    outcome = chaos.chaos(tmp_path, rounds=6, seed=7)
    assert outcome.problems == []
    assert (outcome.killed, outcome.recoverers_killed) == (10, 6)
    assert outcome.points > 0
