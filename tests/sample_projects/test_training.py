"""Each project, trained by hand, gives a model that beats a guess."""

from pathlib import Path

import pandas as pd


def test_the_model_beats_a_guess(project: Path, figures: dict[str, float]) -> None:
    share = float(pd.read_csv(project / "build/test.csv").iloc[:, -1].mean())  # a guess's average precision
    assert figures["test/average_precision"] > share + 0.7 * (1 - share)
    assert figures["test/roc_auc"] > 0.9
