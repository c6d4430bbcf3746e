"""Projects that are trained on served rows: fraud_detection on these too, breast_cancer on nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import mlops_console as mlops
from mlops_console.store.shipped import shipped


def test_the_older_served_rows_are_trained_on_and_the_newest_are_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[[Path, str], ModuleType]
) -> None:
    for name in ("transactions.py", "prepare.py", "params.toml", "mlops.toml"):
        shutil.copy(shipped("sample_projects") / "fraud_detection" / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    made = load(tmp_path, "transactions").transactions(600, seed=1)
    Path("data").mkdir()
    made.to_csv("data/transactions.csv", index=False)
    prepare = load(tmp_path, "prepare")
    monkeypatch.setattr(mlops, "served", lambda: None)
    prepare.main()
    train, test = pd.read_csv("build/train.csv"), pd.read_csv("build/test.csv")
    served = made.drop(columns="day")[:200].rename(columns={"is_fraud": "label"})
    monkeypatch.setattr(mlops, "served", lambda: served)
    prepare.main()
    more_train, more_test = pd.read_csv("build/train.csv"), pd.read_csv("build/test.csv")
    assert (len(more_train), len(more_test)) == (len(train) + 150, len(test) + 50)
    assert more_train.dtypes.equals(train.dtypes)
    assert more_test["amount"].tolist()[-50:] == served["amount"].tolist()[150:]


def test_the_newest_served_rows_take_the_place_of_the_old_camera_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[[Path, str], ModuleType]
) -> None:
    for name in ("prepare.py", "params.toml", "mlops.toml", "replay.py", "traffic.py"):
        shutil.copy(shipped("sample_projects") / "breast_cancer" / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    prepare, replay = load(tmp_path, "prepare"), load(tmp_path, "replay")
    monkeypatch.setattr(mlops, "served", lambda: None)
    prepare.main()
    train = pd.read_csv("build/train.csv")
    assert len(train) == 426
    sent = replay.rows(5, 1)
    rows = train.sample(2000, replace=True, random_state=1, ignore_index=True)
    rows["mean radius"] = range(2000)
    monkeypatch.setattr(mlops, "served", lambda: rows.rename(columns={"malignant": "label"}))
    prepare.main()
    new = [pd.read_csv(f"build/{name}.csv") for name in ("train", "test")]
    assert [len(found) for found in new] == [1125, 375]
    assert new[0].dtypes.drop("mean radius").equals(train.dtypes.drop("mean radius"))
    assert sorted(pd.concat(new)["mean radius"]) == list(range(500, 2000))
    assert replay.rows(5, 1) == sent, "the patients stay the same"
