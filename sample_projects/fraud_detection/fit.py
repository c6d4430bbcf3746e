"""Stage `fit`: boosted trees on numbers and categories, one logged point per round of trees."""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, log_loss, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

import mlops_console as mlops

TARGET = "is_fraud"
CATEGORIES = ["merchant_category", "country", "entry"]


def main() -> None:
    params = mlops.params("fit")
    train, test = pd.read_csv("build/train.csv"), pd.read_csv("build/test.csv")
    learn, check = train_test_split(train, test_size=0.2, stratify=train[TARGET], random_state=params["seed"])

    named = {f"fit.{name}": value for name, value in params.items()}
    # With so few rows, a second thread would mostly wait for the first.
    with threadpool_limits(1), mlops.start_run(experiment="fraud", params=named) as run:
        run.log_dataset("train", train)
        run.log_dataset("test", test)

        encoder = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES), remainder="passthrough"
        )
        encoded = encoder.fit_transform(learn.drop(columns=TARGET))
        boosting = HistGradientBoostingClassifier(
            learning_rate=params["lr"],
            max_leaf_nodes=params["leaves"],
            l2_regularization=params["l2"],
            early_stopping=False,
            warm_start=True,  # each fit adds trees to those that are there
            random_state=params["seed"],
        )
        model = make_pipeline(encoder, boosting)
        for number in range(1, params["rounds"] + 1):
            boosting.set_params(max_iter=number * params["trees"]).fit(encoded, learn[TARGET])
            score = model.predict_proba(check.drop(columns=TARGET))[:, 1]
            loss = log_loss(learn[TARGET], boosting.predict_proba(encoded)[:, 1])
            precision = average_precision_score(check[TARGET], score)
            run.log({"train/loss": loss, "val/average_precision": precision}, step=number)

        score = model.predict_proba(test.drop(columns=TARGET))[:, 1]
        flagged = score >= params["threshold"]
        metrics = {
            "test/average_precision": average_precision_score(test[TARGET], score),
            "test/roc_auc": roc_auc_score(test[TARGET], score),
            "test/recall": recall_score(test[TARGET], flagged),
            "test/precision": precision_score(test[TARGET], flagged, zero_division=0),
        }
        run.log(metrics)
        held_out = test.drop(columns=TARGET), test[TARGET]
        run.log_model(model, "fraud", input_example=held_out[0].head(), held_out=held_out)
    print(", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
