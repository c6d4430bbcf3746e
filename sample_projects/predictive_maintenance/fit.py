"""Stage `fit`: a random forest that grows, one logged point per tree."""

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, log_loss, precision_score, recall_score, roc_auc_score

import mlops_console as mlops

TARGET = "fails_soon"


def main() -> None:
    params = mlops.params("fit")
    train, valid, test = (pd.read_csv(f"build/{part}.csv") for part in ("train", "valid", "test"))

    named = {f"fit.{name}": value for name, value in params.items()}
    with mlops.start_run(experiment="maintenance", params=named) as run:
        for role, frame in (("train", train), ("valid", valid), ("test", test)):
            run.log_dataset(role, frame)

        forest = RandomForestClassifier(
            max_depth=params["depth"],
            min_samples_leaf=params["leaf"],
            warm_start=True,  # each fit adds trees to those that are there
            random_state=params["seed"],
        )
        for trees in range(1, params["trees"] + 1):
            forest.set_params(n_estimators=trees).fit(train.drop(columns=TARGET), train[TARGET])
            score = forest.predict_proba(valid.drop(columns=TARGET))[:, 1]
            precision = average_precision_score(valid[TARGET], score)
            run.log({"val/loss": log_loss(valid[TARGET], score), "val/average_precision": precision}, step=trees)

        score = forest.predict_proba(test.drop(columns=TARGET))[:, 1]
        alarm = score >= params["threshold"]
        metrics = {
            "test/average_precision": average_precision_score(test[TARGET], score),
            "test/roc_auc": roc_auc_score(test[TARGET], score),
            "test/recall": recall_score(test[TARGET], alarm),
            "test/precision": precision_score(test[TARGET], alarm, zero_division=0),
        }
        run.log(metrics)
        held_out = test.drop(columns=TARGET), test[TARGET]
        run.log_model(forest, "maintenance", input_example=held_out[0].head(), held_out=held_out)
    print(", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
