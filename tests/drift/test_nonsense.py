"""Windows that make no sense, through a whole report: one sentence each, and no wrong verdict."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from mlops_console.core.config import Monitor
from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.text import safe_line
from mlops_console.core.windows import Window
from mlops_console.drift.report import make_report
from mlops_console.store.predictions import EncodedRequest, PredictionLog
from mlops_console.store.workspace import Workspace
from tests.drift.helpers import add_classifier, answers, make_live, rows

ROWS = 60
HOUR = Window(seconds=3600)


def report_of(
    workspace: Workspace, columns: Mapping[str, Sequence[Any]], reference: pd.DataFrame | None = None
) -> DriftReport:
    """The report on a window of these values, as a server would have logged them, and otherwise of none but usual
    ones. Nobody else than the columns that are given may have drifted."""
    live = make_live(workspace, add_classifier(workspace, rows(1_000, seed=1) if reference is None else reference))
    count = max(map(len, columns.values()), default=ROWS)
    usual = rows(count, seed=2)
    found = {name: usual[name].astype(object).where(usual[name].notna(), None).tolist() for name in usual} | columns
    predictions, chances, _ = answers(count, 1.0)
    outputs = json.dumps({"predict": predictions, "predict_proba": chances})
    log = PredictionLog(workspace.predictions_path)
    log.append(
        "production",
        [EncodedRequest("r", time.time(), live.revision, "fraud:1", 0.1, count, json.dumps(found), outputs)],
    )
    log.close()
    report = make_report(workspace, "production", HOUR, Monitor(), time.time())
    assert set(report.drifted_features) <= set(columns)
    assert report.rows == count
    for feature in report.features:
        told = safe_line(feature.name)
        assert feature.verdict.startswith((told, f"{told}:"))
        assert not {"\n", "\x1b"} & set("".join([feature.verdict, *feature.findings]))
    return report


def feature(report: DriftReport, name: str) -> FeatureDrift:
    return next(feature for feature in report.features if feature.name == name)


def test_an_empty_window(workspace: Workspace) -> None:
    make_live(workspace, add_classifier(workspace, rows(1_000, seed=1)))
    report = make_report(workspace, "production", HOUR, Monitor(), time.time())
    assert (report.verdict, report.untested_because) == ("untested", "too few rows (0 of at least 30)")
    assert report.performance is not None
    assert report.performance.not_estimated == "The prediction log has no row of the window."


def test_one_row(workspace: Workspace) -> None:
    report = report_of(workspace, {"amount": [1e9]})
    assert (report.verdict, report.untested_because) == ("untested", "too few rows (1 of at least 30)")
    assert "1 value in the window, at least 30 are needed" in feature(report, "amount").verdict


def test_all_missing(workspace: Workspace) -> None:
    report = report_of(workspace, {"amount": [None] * ROWS})
    assert report.drifted_features == ("amount",), "what was always there and never is has moved"
    assert "100 % of its values are missing, 0 % of the reference's" in feature(report, "amount").verdict


def test_all_missing_on_both_sides(workspace: Workspace) -> None:
    report = report_of(workspace, {"amount": [None] * ROWS}, rows(1_000, seed=1).assign(amount=None))
    assert not report.drifted
    assert feature(report, "amount").verdict == (
        "amount: every value is missing in the window and in the reference: no verdict"
    )


def test_all_equal(workspace: Workspace) -> None:
    report = report_of(workspace, {"amount": [0.25] * ROWS})
    assert report.drifted_features == ("amount",)
    assert "it is always 0.25 now, and varied in the reference" in feature(report, "amount").findings


@pytest.mark.parametrize("value", [7.0, 7])
def test_a_constant_that_stays(workspace: Workspace, value: float) -> None:
    assert not report_of(workspace, {"amount": [value] * ROWS}, rows(1_000, seed=1).assign(amount=7.0)).drifted


def test_a_constant_that_changes_by_a_hair(workspace: Workspace) -> None:
    report = report_of(workspace, {"amount": [7.000001] * ROWS}, rows(1_000, seed=1).assign(amount=7.0))
    assert report.drifted_features == ("amount",)


def test_infinities(workspace: Workspace) -> None:
    """JSON has none; a number beyond all floats is read as one."""
    usual = rows(ROWS, seed=2)["amount"].tolist()
    assert not report_of(workspace, {"amount": [float("inf"), float("-inf"), *usual[2:]]}).drifted


def test_nothing_but_infinities(workspace: Workspace) -> None:
    report = report_of(workspace, {"amount": [float("inf"), float("-inf")] * (ROWS // 2)})
    assert report.drifted_features == ("amount",)
    assert "100 % of its values are missing" in feature(report, "amount").verdict


def test_strings_in_a_numeric_column(workspace: Workspace) -> None:
    report = report_of(workspace, {"amount": ["much"] * ROWS})
    assert report.drifted_features == ("amount",)
    assert "of its values are missing" in feature(report, "amount").verdict


def test_numbers_in_a_column_of_categories(workspace: Workspace) -> None:
    report = report_of(workspace, {"country": [1, 2.0, 3] * (ROWS // 3)})
    assert report.drifted_features == ("country",)
    assert any("3 new categories, 1 (20), 2 (20), 3 (20)" in told for told in feature(report, "country").findings)


def test_a_column_that_nobody_knows(workspace: Workspace) -> None:
    report = report_of(workspace, {"unheard_of": [1] * ROWS})
    assert "unheard_of" not in {feature.name for feature in report.features}


def test_a_column_that_the_reference_does_not_have(workspace: Workspace) -> None:
    report = report_of(workspace, {}, rows(1_000, seed=1).drop(columns="amount"))
    assert "0 values in the reference, at least 30 are needed" in feature(report, "amount").verdict


def test_as_many_categories_as_rows(workspace: Workspace) -> None:
    names = [f"\x1b[2Juser {number}" for number in range(20_000)]
    report = report_of(workspace, {"country": names}, pd.concat([rows(20_000, seed=1).assign(country=names[::-1])]))
    assert not report.drifted, "they are the same ones"
    assert not [told for told in feature(report, "country").findings if "new categor" in told], "nor is any of them new"
    report = report_of(workspace, {"country": [f"new {number}" for number in range(2_000)]})
    assert report.drifted_features == ("country",)
    (told,) = [told for told in feature(report, "country").findings if "new categor" in told]
    assert told.startswith("more than 50 new categories, some of them new ")
    assert told.endswith(": 2,000 of 2,000 rows"), "not only those of which the labels are kept"


def test_a_clock_that_goes_back(workspace: Workspace) -> None:
    live = make_live(workspace, add_classifier(workspace, rows(1_000, seed=1)))
    report = make_report(workspace, "production", HOUR, Monitor(), (live.live_at or 0) - 86_400)
    assert (report.verdict, report.window_start) == ("untested", report.window_end)
    assert report.notes == ("The clock has gone back: revision 1 went live after the end of the window.",)
