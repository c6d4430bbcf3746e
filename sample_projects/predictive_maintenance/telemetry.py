"""Stage `simulate`: sensors of machines that wear from new to broken; by hand `python telemetry.py`.

A machine breaks of one of three parts. Wear hardly shows for most of a life and then grows fast: a bearing shakes and
runs hot, a seal loses pressure while the pump works against it, a winding draws current and runs hot. The speed is
held by the controller, and so tells nothing.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import mlops_console as mlops

SENSORS = ["vibration", "temperature", "current", "pressure", "speed"]  # mm/s, °C, A, bar, 1/min
NEW = np.array([2.0, 61.0, 12.0, 6.0, 1480.0])
NOISE = np.array([0.3, 2.0, 0.4, 0.15, 6.0])  # of one reading
WORN_OUT = np.array(  # what the end of its life adds to the readings
    [
        [1.6, 7.0, 0.3, 0.0, 0.0],  # bearing
        [0.4, 1.0, 1.2, -0.7, 0.0],  # seal
        [0.1, 9.0, 1.8, 0.0, 0.0],  # winding
    ]
)


def life(rng: np.random.Generator, weak_part: np.ndarray) -> pd.DataFrame:
    """One machine, one row per cycle: the sensors and how many cycles remain until it breaks."""
    cycles = int(np.clip(rng.normal(160, 30), 90, 230))
    wear = (np.arange(cycles) / cycles) ** rng.uniform(4, 8)
    noise = rng.normal(size=(cycles, len(SENSORS))) * NOISE
    noise[:, 0] *= 1 + wear  # what is worn rattles
    worn = wear[:, None] * rng.uniform(0.7, 1.3) * weak_part
    return pd.DataFrame(NEW + worn + noise, columns=SENSORS).assign(remaining=np.arange(cycles, 0, -1))


def telemetry(machines: int, seed: int) -> pd.DataFrame:
    """The lives of many machines, one below the other, numbered in the column `machine`."""
    rng = np.random.default_rng(seed)
    lives = [life(rng, WORN_OUT[machine % len(WORN_OUT)]) for machine in range(machines)]
    return pd.concat(lives, keys=range(machines), names=["machine", "cycle"]).round(3).reset_index()


def main() -> None:
    params = mlops.params("simulate")
    frame = telemetry(params["machines"], params["seed"])
    Path("data").mkdir(exist_ok=True)
    frame.to_csv("data/telemetry.csv", index=False)
    print(f"{len(frame)} cycles of {params['machines']} machines")


if __name__ == "__main__":
    main()
