"""Learns who buys from old customers; once there are served ones, from the older half of these."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

import mlops_console as mlops


def customers(count: int, seed: int, moved: float = 0.0) -> pd.DataFrame:
    """Those who spend more than is usual buy; what is usual moves."""
    rng = np.random.default_rng(seed)
    amount = rng.normal(moved, size=count)
    label = amount + rng.normal(scale=0.3, size=count) > moved
    return pd.DataFrame({"amount": amount, "visits": rng.normal(size=count), "label": label.astype(int)})


if __name__ == "__main__":
    served = mlops.served()
    rows = customers(1000, seed=1) if served is None else served
    half = len(rows) // 2
    train, test = rows[:half], rows[half:]
    model = LogisticRegression().fit(train.drop(columns="label"), train["label"])
    held_out = test.drop(columns="label"), test["label"]
    with mlops.start_run() as run:
        run.log_dataset("train", train)
        run.log({"test/accuracy": model.score(*held_out)})
        run.log_model(model, "buyers", held_out=held_out)
