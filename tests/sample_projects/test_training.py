"""Each project, trained by hand, gives a run and a model that beats a guess; its drift harms it as the README says."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import mlops_console as mlops
from mlops_console.core.config import parse_config


def test_the_model_beats_a_guess(project: Path, figures: dict[str, float]) -> None:
    share = float(pd.read_csv(project / "build/test.csv").iloc[:, -1].mean())  # a guess's average precision
    assert figures["test/average_precision"] > share + 0.7 * (1 - share)
    assert figures["test/roc_auc"] > 0.9


def test_the_run_has_the_curve_the_params_and_the_test_metrics(project: Path, figures: dict[str, float]) -> None:
    run = mlops.runs(workspace=project).iloc[0]
    assert run["status"] == "succeeded"
    assert run["params.fit.seed"] == 7
    for name, value in figures.items():
        assert run[f"metrics.{name}"] == pytest.approx(value, abs=1e-4)
    (curve,) = (name for name in run.index if name.startswith("metrics.val/a"))
    fields = [f"{curve}.{aggregate}" for aggregate in ("count", "first", "last")]
    count, first, last = mlops.runs(workspace=project, columns=fields).iloc[0]
    assert count >= 30
    assert last > first


@pytest.mark.usefixtures("figures")
def test_the_stored_model_loads_and_predicts(project: Path) -> None:
    (name,) = parse_config((project / "mlops.toml").read_text(encoding="utf-8")).models
    model = mlops.load_model(f"{name}:1", workspace=project)
    test = pd.read_csv(project / "build/test.csv")
    assert set(model.predict(test.iloc[:200, :-1])) == {0, 1}


@pytest.mark.usefixtures("figures")
def test_the_drift_harms_the_model_or_not(project: Path, load: Callable[[Path, str], ModuleType]) -> None:
    replay = load(project, "replay")
    (name,) = parse_config((project / "mlops.toml").read_text(encoding="utf-8")).models
    model = mlops.load_model(f"{name}:1", workspace=project)
    right = [
        model.predict(pd.DataFrame(replay.rows(3000, 1, shifted))) == replay.truths(3000, 1, shifted)
        for shifted in (False, True)
    ]
    least, most = {"breast": (0.06, 0.14), "fraud": (-0.005, 0.005), "maintenance": (0.02, 0.2)}[name.split("_")[0]]
    assert least < right[0].mean() - right[1].mean() < most
