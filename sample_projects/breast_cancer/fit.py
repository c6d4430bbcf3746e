"""Stage `fit`: logistic regression by gradient descent, one logged point per epoch."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, average_precision_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import mlops_console as mlops

TARGET = "malignant"


class Learner:
    """A model that learns one epoch at a time."""

    def __init__(self, rows: pd.DataFrame, labels: pd.Series, params: dict[str, Any]) -> None:
        self.scaler = StandardScaler().fit(rows)
        self.classifier = SGDClassifier(
            loss="log_loss",
            learning_rate="constant",
            eta0=params["lr"],
            alpha=params["alpha"],
            random_state=params["seed"],
        )
        self.rows, self.labels = self.scaler.transform(rows), labels

    def epoch(self) -> None:
        self.classifier.partial_fit(self.rows, self.labels, classes=[0, 1])

    @property
    def model(self) -> Pipeline:
        return make_pipeline(self.scaler, self.classifier)


def validation_auc(folds: list[tuple[Learner, pd.DataFrame, pd.Series]]) -> float:
    """One more epoch for the model of each fold, then their mean AUC on the rows they have not seen."""
    for learner, _, _ in folds:
        learner.epoch()
    return float(np.mean([roc_auc_score(y, learner.model.predict_proba(x)[:, 1]) for learner, x, y in folds]))


def main() -> None:
    params = mlops.params("fit")
    train, test = pd.read_csv("build/train.csv"), pd.read_csv("build/test.csv")
    x, y = train.drop(columns=TARGET), train[TARGET]

    named = {f"fit.{name}": value for name, value in params.items()}
    with mlops.start_run(experiment="breast_cancer", params=named) as run:
        run.log_dataset("train", train)
        run.log_dataset("test", test)

        splits = StratifiedKFold(params["folds"], shuffle=True, random_state=params["seed"]).split(x, y)
        folds = [(Learner(x.iloc[a], y.iloc[a], params), x.iloc[b], y.iloc[b]) for a, b in splits]
        learner = Learner(x, y, params)
        for epoch in range(params["epochs"]):
            learner.epoch()
            loss = log_loss(y, learner.model.predict_proba(x)[:, 1])
            run.log({"train/loss": loss, "val/auc": validation_auc(folds)}, step=epoch)

        score = learner.model.predict_proba(test.drop(columns=TARGET))[:, 1]
        metrics = {
            "test/roc_auc": roc_auc_score(test[TARGET], score),
            "test/average_precision": average_precision_score(test[TARGET], score),
            "test/accuracy": accuracy_score(test[TARGET], score >= 0.5),
        }
        run.log(metrics)
        held_out = test.drop(columns=TARGET), test[TARGET]
        run.log_model(learner.model, "breast_cancer", input_example=x.head(), held_out=held_out)
    print(", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
