"""The market of New South Wales, half-hour by half-hour, as the model is asked about it."""

import pandas as pd

WEEK = 336  # rows


def market() -> pd.DataFrame:
    """Price and demand beside their medians of the week before, as they swing with the seasons; all else as it is."""
    rows = pd.read_csv("elec.csv")
    for name in ("nswprice", "nswdemand"):
        rows[name] /= rows[name].rolling(WEEK, min_periods=48).median().bfill()
    return rows
