"""Learns on every second of the first 17,000 rows, before the market changed."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlops_console as mlops

early = pd.read_csv("elec.csv").iloc[:17_000]
train, test = early.iloc[::2], early.iloc[1::2]
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train.drop(columns="class"), train["class"])
with mlops.start_run() as run:
    run.log_dataset("train", train)
    run.log({"test/roc_auc": roc_auc_score(test["class"], model.predict_proba(test.drop(columns="class"))[:, 1])})
    run.log_model(model, "price", input_example=test.drop(columns="class").head())
