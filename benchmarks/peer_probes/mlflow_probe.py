"""MLflow on SQLite, as `benchmarks/peers.py` asks for it."""

import sqlite3
import time

import mlflow
from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient


def start(folder, name):
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    return mlflow.start_run(run_name=name)


def log(run, step):
    mlflow.log_metric("loss", 0.5, step=step)


def finish(run):
    mlflow.end_run()


def stored(folder):
    with sqlite3.connect(f"{folder}/mlflow.db") as db:
        return db.execute("SELECT count(*) FROM metrics").fetchone()[0]


def query(folder, runs):
    """Milliseconds of a page of 50 of so many runs with five metrics each, filtered and sorted by one."""
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    client = MlflowClient()
    experiment = client.create_experiment("query")
    first = client.create_run(experiment, run_name="run-0").info.run_id
    metrics = [Metric(f"m{number}", 0.0, 0, 0) for number in range(5)]
    client.log_batch(first, metrics=metrics, params=[Param("lr", "0.1")])
    client.set_terminated(first)
    _multiply(f"{folder}/mlflow.db", first, runs)
    taken = []
    for _ in range(8):
        begin = time.perf_counter()
        found = client.search_runs([experiment], "metrics.m0 > 0.8", order_by=["metrics.m0 DESC"], max_results=50)
        taken.append(1000 * (time.perf_counter() - begin))
        assert len(found) == 50
    return taken[1:]


def _multiply(path, first, runs):
    """Copies of the rows of the first run, with values of their own: by its own interface this would take minutes."""
    with sqlite3.connect(path) as db:
        for table in ("runs", "latest_metrics", "metrics", "params", "tags"):
            names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            rows = db.execute(f"SELECT {', '.join(names)} FROM {table} WHERE run_uuid = ?", (first,)).fetchall()
            marks = ", ".join("?" * len(names))
            db.executemany(
                f"INSERT INTO {table} VALUES ({marks})",
                (
                    [_other(name, value, number) for name, value in zip(names, row, strict=True)]
                    for number in range(1, runs)
                    for row in rows
                ),
            )


def _other(name, value, number):
    if name == "run_uuid":
        return f"{number:032x}"
    return number * 7919 % 100_003 / 100_003 if name == "value" and isinstance(value, float) else value
