"""Stage `prepare`: what the last cycles of a machine looked like, and whether it broke soon after."""

from pathlib import Path

import numpy as np
import pandas as pd
from telemetry import SENSORS

import mlops_console as mlops

WINDOW = 12  # cycles that are looked at
STEP = 6  # cycles from one look to the next


def windows(telemetry: pd.DataFrame) -> pd.DataFrame:
    """The mean, spread and slope per cycle of every sensor in windows of each machine's history.

    Each row also has the machine and the cycles that `remaining` until it broke.
    """
    time = np.arange(WINDOW) - (WINDOW - 1) / 2
    machine, cycle = telemetry["machine"].to_numpy(), telemetry["cycle"].to_numpy()
    is_one_machine = machine[: 1 - WINDOW] == machine[WINDOW - 1 :]
    first = np.flatnonzero(is_one_machine & (cycle[: 1 - WINDOW] % STEP == 0))
    view = np.lib.stride_tricks.sliding_window_view(telemetry[SENSORS].to_numpy(), WINDOW, axis=0)[first]
    figures = {"mean": view.mean(axis=2), "std": view.std(axis=2), "slope": view @ time / (time @ time)}
    looks = {f"{sensor}_{name}": values[:, i] for i, sensor in enumerate(SENSORS) for name, values in figures.items()}
    remaining = telemetry["remaining"].to_numpy()[first + WINDOW - 1]
    return pd.DataFrame(looks).assign(machine=machine[first], remaining=remaining)


def main() -> None:
    params = mlops.params("prepare")
    looks = windows(pd.read_csv("data/telemetry.csv")).round(5)
    looks["fails_soon"] = (looks.pop("remaining") <= params["horizon"]).astype(int)
    machine, share = looks.pop("machine"), params["share"]
    part = pd.cut(machine / machine.max(), [-1, 1 - 2 * share, 1 - share, 1], labels=["train", "valid", "test"])
    Path("build").mkdir(exist_ok=True)
    for name, rows in looks.groupby(part, observed=True):
        rows.to_csv(f"build/{name}.csv", index=False)
        print(f"{name}: {len(rows)} windows, {rows['fails_soon'].mean():.1%} of machines that fail soon")


if __name__ == "__main__":
    main()
