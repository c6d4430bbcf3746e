"""Ask a model server about machines; after a while it is winter and a pressure gauge is worn.

For instance `python replay.py --url http://127.0.0.1:8100 --rows 4000 --shift-after 2000`.
"""

import tomllib
from functools import cache
from pathlib import Path

import pandas as pd
import traffic
from telemetry import telemetry
from windows import windows

# The cold hall cools the machines and stiffens their grease, and the zero of the worn gauge has moved. All three
# change the level of a sensor; its spread and its slope, which the same wear makes, stay what they were.
LEVEL = {"temperature_mean": -4.0, "current_mean": 0.5, "pressure_mean": -0.2}  # °C, A, bar
SHIFTED = tuple(LEVEL)
MACHINES = 600
PARAMS = tomllib.loads((Path(__file__).resolve().parent / "params.toml").read_text(encoding="utf-8"))


@cache
def looks(n: int, seed: int) -> pd.DataFrame:
    """`n` windows, drawn from the lives of machines that no model was trained on."""
    every = windows(telemetry(MACHINES, 100_000 + seed))
    return every.sample(n, replace=n > len(every), random_state=seed)


def rows(n: int, seed: int, shifted: bool = False) -> list[traffic.Row]:
    """`n` windows as the sensors show them."""
    drawn = looks(n, seed).drop(columns=["machine", "remaining"])
    if shifted:
        drawn = drawn.assign(**{name: drawn[name] + change for name, change in LEVEL.items()})
    return drawn.round(5).to_dict("records")


def truths(n: int, seed: int, shifted: bool = False) -> list[int]:
    """Which of the same machines broke soon after: in winter no others than in summer."""
    return (looks(n, seed)["remaining"] <= PARAMS["prepare"]["horizon"]).astype(int).tolist()


if __name__ == "__main__":
    traffic.main(rows, truths)
