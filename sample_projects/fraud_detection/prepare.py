"""Stage `prepare`: the newest days are for the test, the days before them for training; likewise of served rows."""

from pathlib import Path

import pandas as pd

import mlops_console as mlops


def main() -> None:
    params = mlops.params("prepare")
    transactions = pd.read_csv("data/transactions.csv")
    newest = transactions["day"] > transactions["day"].max() - params["test_days"]
    rows = transactions.drop(columns="day")
    train, test = rows[~newest], rows[newest]
    served = mlops.served()  # None, unless it is trained with --served
    if served is not None:
        served = served.rename(columns={"label": "is_fraud"})[rows.columns].astype(rows.dtypes)
        older = len(served) * 3 // 4
        train, test = pd.concat([train, served[:older]]), pd.concat([test, served[older:]])
    Path("build").mkdir(exist_ok=True)
    train.to_csv("build/train.csv", index=False)
    test.to_csv("build/test.csv", index=False)
    print(f"{len(train)} transactions to train on, {len(test)} to test on")


if __name__ == "__main__":
    main()
