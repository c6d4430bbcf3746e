"""The generated data are the same each time, and what the READMEs say of them is so."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from mlops_console.store.shipped import shipped

Load = Callable[[Path, str], ModuleType]


@pytest.fixture
def fraud(load: Load) -> ModuleType:
    return load(shipped("sample_projects") / "fraud_detection", "transactions")


@pytest.fixture
def telemetry(load: Load) -> ModuleType:
    return load(shipped("sample_projects") / "predictive_maintenance", "telemetry")


@pytest.fixture
def windows(load: Load) -> ModuleType:
    return load(shipped("sample_projects") / "predictive_maintenance", "windows")


@pytest.mark.parametrize("holiday", [False, True])
def test_the_same_seed_gives_the_same_transactions(fraud: ModuleType, holiday: bool) -> None:
    once = fraud.transactions(500, seed=3, holiday=holiday)
    assert len(once) == 500
    assert not once.isna().any(axis=None)
    assert_frame_equal(once, fraud.transactions(500, seed=3, holiday=holiday))
    assert not once.equals(fraud.transactions(500, seed=4, holiday=holiday))


@pytest.mark.parametrize("seed", [1, 7, 20])
def test_two_to_three_percent_of_the_transactions_are_fraud(fraud: ModuleType, seed: int) -> None:
    frame = fraud.transactions(20_000, seed)
    assert 0.02 <= frame["is_fraud"].mean() <= 0.03
    assert frame["day"].is_monotonic_increasing
    assert frame["hour"].between(0, 23).all()
    assert (frame["amount"] > 0).all()


def test_the_same_seed_gives_the_same_telemetry(telemetry: ModuleType) -> None:
    once = telemetry.telemetry(6, seed=3)
    assert_frame_equal(once, telemetry.telemetry(6, seed=3))
    assert not once.equals(telemetry.telemetry(6, seed=4))


def test_machines_run_until_they_break_and_wear_shows_in_the_end(telemetry: ModuleType) -> None:
    frame = telemetry.telemetry(30, seed=3)
    lives = frame.groupby("machine")
    assert (lives["remaining"].last() == 1).all()
    assert (lives["cycle"].last() + 1 == lives.size()).all()
    new, worn = frame[frame["cycle"] < 20], frame[frame["remaining"] <= 20]
    change = (worn[telemetry.SENSORS].mean() - new[telemetry.SENSORS].mean()) / telemetry.NOISE
    assert (change[["vibration", "temperature", "current"]] > 0.5).all()
    assert change["pressure"] < -0.5
    assert abs(change["speed"]) < 0.2


def test_a_window_has_the_mean_the_spread_and_the_slope_of_its_cycles(
    telemetry: ModuleType, windows: ModuleType
) -> None:
    history = telemetry.telemetry(2, seed=3)
    looks = windows.windows(history)
    second = looks[looks["machine"] == 1].iloc[2]
    begin = 2 * windows.STEP
    cycles = history[history["machine"] == 1].iloc[begin : begin + windows.WINDOW]
    assert second["remaining"] == cycles["remaining"].iloc[-1]
    for sensor in telemetry.SENSORS:
        slope, _ = np.polyfit(np.arange(windows.WINDOW), cycles[sensor], 1)
        expected = pd.Series([cycles[sensor].mean(), cycles[sensor].std(ddof=0), slope])
        found = second[[f"{sensor}_mean", f"{sensor}_std", f"{sensor}_slope"]]
        np.testing.assert_allclose(found.to_numpy(float), expected, rtol=1e-9)
