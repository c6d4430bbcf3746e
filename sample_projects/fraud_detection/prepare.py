"""Stage `prepare`: the newest days are for the test, the days before them for training."""

from pathlib import Path

import pandas as pd

import mlops_console as mlops


def main() -> None:
    params = mlops.params("prepare")
    transactions = pd.read_csv("data/transactions.csv")
    newest = transactions["day"] > transactions["day"].max() - params["test_days"]
    rows = transactions.drop(columns="day")
    Path("build").mkdir(exist_ok=True)
    rows[~newest].to_csv("build/train.csv", index=False)
    rows[newest].to_csv("build/test.csv", index=False)
    print(f"{(~newest).sum()} transactions to train on, {newest.sum()} to test on")


if __name__ == "__main__":
    main()
