"""Learns who buys from old customers; once there are served ones, from the older half of these."""

from customers import customers
from sklearn.linear_model import LogisticRegression

import mlops_console as mlops

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
