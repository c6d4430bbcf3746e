"""Customers, and who of them buys."""

import numpy as np
import pandas as pd


def customers(count: int, seed: int, moved: float = 0.0) -> pd.DataFrame:
    """Those who spend more than is usual buy; what is usual moves."""
    rng = np.random.default_rng(seed)
    amount = rng.normal(moved, size=count)
    label = amount + rng.normal(scale=0.3, size=count) > moved
    return pd.DataFrame({"amount": amount, "visits": rng.normal(size=count), "label": label.astype(int)})
