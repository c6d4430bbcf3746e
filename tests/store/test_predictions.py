"""The prediction log."""

from pathlib import Path

from mlops_console.core.drift import Prediction
from mlops_console.store.predictions import PredictionLog


def test_rows_are_counted_by_stretches_of_time(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path / "predictions.db")
    assert log.counts("production", 100.0, 3, 10.0) == (0, 0, 0)
    assert log.count("production", 0.0, 100.0) == 0
    times = (70.0, 70.5, 85.0, 90.0, 90.1, 99.0, 100.0, 100.1)
    log.append("production", [Prediction(at, 1, {}, 0) for at in times])
    log.append("staging", [Prediction(95.0, 1, {}, 0)])
    assert log.counts("production", 100.0, 3, 10.0) == (1, 2, 3)  # a stretch has its end, not its beginning
    assert log.count("production", 70.0, 100.0) == 6
    assert [row.at for row in log.stream("production", 90.0, 100.0)] == [90.1, 99.0, 100.0]
