"""Stage `prepare`: split the data that ship with scikit-learn, or what production has answered, into train and test."""

from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import mlops_console as mlops


def main() -> None:
    params = mlops.params("prepare")
    data = load_breast_cancer(as_frame=True)
    tumours = data.data.assign(malignant=1 - data.target)  # scikit-learn has 1 for benign
    served = mlops.served()  # None, unless it is trained with --served
    if served is not None:  # the old camera's pictures won't come again, so the newest rows take their place
        served = served.rename(columns={"label": "malignant"})[tumours.columns].astype(tumours.dtypes)
        tumours = served.tail(params["newest"])
    train, test = train_test_split(
        tumours, test_size=params["test_share"], stratify=tumours["malignant"], random_state=params["seed"]
    )
    Path("build").mkdir(exist_ok=True)
    train.to_csv("build/train.csv", index=False)
    test.to_csv("build/test.csv", index=False)
    print(f"{len(train)} tumours to train on, {len(test)} to test on")


if __name__ == "__main__":
    main()
