"""What the benchmarks of drift ask of a peer, in that peer's own Python: `drift_probe.py PEER TASK [ARGUMENT]...`.

bench ROWS              seconds and MB beyond the data for 20 numeric and 5 categorical columns
scores FOLDER COLUMNS   of ref-0.csv and cur-0.csv, …: by column [score, whether it drifted]; COLUMNS names the
                        categorical ones, with commas
cbpe REF CUR            estimated accuracy, F1 and ROC AUC of CUR
"""

import ctypes
import gc
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

NUMERIC, CATEGORICAL = 20, 5
warnings.simplefilter("ignore")


def frames(rows):
    """Reference and current: the same in each peer's Python. The first numeric column has moved by 0.5 sd."""
    rng = np.random.default_rng(0)
    found = []
    for shift in (0.0, 0.5):
        columns = {f"x{at}": rng.normal(shift * (at == 0), 1, rows) for at in range(NUMERIC)}
        labels = np.array([f"label {at}" for at in range(20)], dtype=object)
        columns |= {f"c{at}": labels[rng.integers(0, 20, rows)] for at in range(CATEGORICAL)}
        found.append(pd.DataFrame(columns))
    return found


def measured(call, repeats=1):
    """Median seconds, and the most MB of memory beyond what was there before."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return [sorted(taken)[len(taken) // 2], (_memory("VmHWM") - before) / 1000]


def _memory(name):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1.024


def evidently(ref, cur, categorical):
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numeric = [name for name in ref.columns if name not in categorical]
    definition = DataDefinition(numerical_columns=numeric, categorical_columns=categorical)
    sides = [Dataset.from_pandas(side, data_definition=definition) for side in (cur, ref)]
    found = {}
    for metric in Report([DataDriftPreset()]).run(*sides).dict()["metrics"]:
        if "column" in metric["config"]:
            config, value = metric["config"], float(metric["value"])
            drifted = value < config["threshold"] if "p_value" in config["method"] else value >= config["threshold"]
            found[config["column"]] = [value, bool(drifted)]
    return found


def nannyml(ref, cur, categorical):
    import nannyml as nml

    names = list(ref.columns)
    calculator = nml.UnivariateDriftCalculator(names, treat_as_categorical=categorical, chunk_size=len(cur))
    calculator.fit(ref)
    found = calculator.calculate(cur).filter(period="analysis").to_df().iloc[0]
    return {n: [float(found[n, "jensen_shannon", "value"]), bool(found[n, "jensen_shannon", "alert"])] for n in names}


def alibi_detect(ref, cur, categorical):
    from alibi_detect.cd import TabularDrift

    names = list(ref.columns)
    sides = [ref.to_numpy(), cur.to_numpy()]
    detector = TabularDrift(sides[0], categories_per_feature={names.index(name): None for name in categorical})
    found = detector.predict(sides[1], drift_type="batch")["data"]
    return {n: [float(p), bool(p < found["threshold"])] for n, p in zip(names, found["p_val"], strict=True)}


def cbpe(ref, cur):
    import nannyml as nml

    names = {"y_pred_proba": "probability", "y_pred": "prediction", "y_true": "label"}
    metrics = ["accuracy", "f1", "roc_auc"]
    estimator = nml.CBPE(**names, metrics=metrics, problem_type="classification_binary", chunk_size=len(cur))
    estimator.fit(ref)
    found = estimator.estimate(cur).filter(period="analysis").to_df().iloc[0]
    return {name: float(found[name, "value"]) for name in metrics}


def _numbers(folder):
    return range(len(list(folder.glob("ref-*.csv"))))


def main():
    peer, task, *arguments = sys.argv[1:]
    if task == "cbpe":
        return cbpe(*map(pd.read_csv, arguments))
    score = {"evidently": evidently, "nannyml": nannyml, "alibi-detect": alibi_detect}[peer]
    if task == "scores":
        folder, names = Path(arguments[0]), arguments[1].split(",")
        pairs = [[pd.read_csv(folder / f"{side}-{at}.csv") for side in ("ref", "cur")] for at in _numbers(folder)]
        return [score(ref, cur, [name for name in names if name in ref.columns]) for ref, cur in pairs]
    ref, cur = frames(int(arguments[0]))
    categorical = [f"c{at}" for at in range(CATEGORICAL)]
    if peer == "alibi-detect":  # it takes numbers only
        for side in (ref, cur):
            side[categorical] = side[categorical].apply(lambda column: column.str[6:].astype(float))
    if peer == "nannyml":  # as its defaults have it: ten chunks
        import nannyml as nml

        def run():
            calculator = nml.UnivariateDriftCalculator(list(ref.columns), treat_as_categorical=categorical)
            calculator.fit(ref)
            calculator.calculate(cur)

        return measured(run)
    score(ref.head(100), cur.head(100), categorical)  # what is imported late
    return measured(lambda: score(ref, cur, categorical))


if __name__ == "__main__":
    print("\n" + json.dumps(main()), flush=True)
