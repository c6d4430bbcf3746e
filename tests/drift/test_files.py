"""Any two frames or files compared, without a workspace."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlops_console as mlops
from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift, Profile
from mlops_console.core.errors import NotFoundError, UsageError


def rows(count: int, shift: float = 0.0, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"amount": rng.normal(shift, 1, count), "country": rng.choice(["AT", "DE", "FR"], count)})


def of(report: DriftReport, name: str) -> FeatureDrift:
    return next(feature for feature in report.features if feature.name == name)


def test_two_frames_give_a_report_with_what_moved_most_first() -> None:
    report = mlops.drift(rows(3_000), rows(800, 0.5, seed=1))
    assert (report.drifted, report.rows, report.reference_rows, report.level) == (True, 800, 3_000, 0.01)
    amount = report.features[0]
    assert (amount.name, amount.drifted, amount.test) == ("amount", True, "ks")
    assert amount.statistic is not None
    assert amount.p_value is not None
    assert amount.p_value < 1e-9
    assert amount.effect == pytest.approx(0.5, abs=0.1)
    assert amount.smallest_shift is not None
    assert not of(report, "country").drifted


def test_a_report_is_printed_as_a_short_table() -> None:
    report = mlops.drift(rows(3_000), rows(800, 0.5, seed=1), ignore=())
    lines = str(report).splitlines()
    assert lines[0].startswith("drifted: amount has moved by ")
    assert lines[1] == "800 rows against 3,000"
    assert lines[2].split("  ")[0] == "feature"
    assert [line.split()[:2] for line in lines[3:]] == [["amount", "drifted"], ["country", "stable"]]
    assert repr(report) == "<DriftReport: drifted, 1 of 2 features, 800 rows against 3,000>"
    assert str(mlops.drift(rows(300), rows(300, seed=1))).startswith("stable: no feature differs beyond chance\n")
    assert str(mlops.drift(rows(300), rows(3))).startswith("untested: too few rows (3 of at least 30)\n")
    wide = {f"\x1b[2J{number}": [1.0] * 40 for number in range(60)}
    assert str(mlops.drift(wide, wide)).splitlines()[-1].startswith("… and 1")
    assert "\x1b" not in str(mlops.drift(wide, wide))


def test_rows_of_one_source_have_not_drifted() -> None:
    report = mlops.drift(rows(3_000), rows(800, seed=1))
    assert report.verdict is DriftVerdict.STABLE


def test_columns_that_have_moved_only_together_are_found() -> None:
    rng = np.random.default_rng(0)
    both = rng.normal(size=(2, 1_000))
    ref = pd.DataFrame({"a": both[0], "b": both[0] + 0.1 * both[1]})
    cur = pd.DataFrame({"a": both[0], "b": rng.permutation(ref["b"])})
    report = mlops.drift(ref, cur)
    assert [feature.role for feature in report.features if feature.drifted] == ["together"]


def test_dicts_arrays_and_files_are_compared_alike(tmp_path: Path) -> None:
    ref, cur = rows(500), rows(400, 0.8, seed=1)
    ref.to_csv(tmp_path / "ref.csv", index=False)
    expected = mlops.drift(ref, cur).features[0].statistic
    assert mlops.drift(ref.to_dict("list"), cur.to_dict("records")).features[0].statistic == expected
    assert mlops.drift(tmp_path / "ref.csv", cur).features[0].statistic == pytest.approx(expected)
    assert mlops.drift(ref["amount"].to_numpy(), cur["amount"].to_numpy()).features[0].statistic == expected


def test_evidentlys_rules_can_be_asked_for() -> None:
    report = mlops.drift(rows(3_000), rows(60, seed=1), profile="evidently")
    assert of(report, "amount").test == "wasserstein"
    assert of(report, "country").test == "jensen_shannon"
    assert report.notes[0].startswith("Judged by Evidently's rules")


def test_a_column_that_is_new_gets_a_sentence_and_no_verdict() -> None:
    report = mlops.drift(rows(500), rows(500, seed=1).assign(new="x"))
    assert report.verdict is DriftVerdict.STABLE
    assert of(report, "new").verdict == "new: the reference does not have this column: no verdict"
    assert (of(report, "new").n, of(report, "new").m) == (0, 500)


@pytest.mark.parametrize("profile", ["calibrated", "evidently"])
@pytest.mark.parametrize("count", [0, 10, 500])
def test_a_column_that_is_lost_has_drifted_whatever_the_rows_say(profile: Profile, count: int) -> None:
    reference = rows(500).assign(old=1.0, at=pd.Timestamp("2026-01-01"))
    report = mlops.drift(reference, rows(500, seed=1).head(count), profile=profile)
    assert report.drifted
    assert report.drifted_features[:2] == ("old", "at")
    assert [feature.verdict for feature in report.features[:2]] == [
        f"{name} is lost: the reference has this column, and the current rows do not" for name in ("old", "at")
    ]
    old = report.features[0]
    assert (old.kind, old.n, old.m) == ("numeric", 500, 0)
    assert not mlops.drift(reference, rows(500, seed=1), ignore=["old", "at"]).drifted


def test_columns_can_be_ignored() -> None:
    ref, cur = rows(500).assign(id=range(500)), rows(500, seed=1).assign(id=range(500, 1_000), day=1)
    report = mlops.drift(ref, cur, ignore=["id", "day"])
    assert not report.drifted
    assert {feature.name for feature in report.features if feature.role == "input"} == {"amount", "country"}
    assert report.notes == ("id is ignored.", "day is ignored.")
    assert mlops.drift(ref, cur, ignore="id").notes == ("id is ignored.",)
    with pytest.raises(UsageError, match=r"There is no column 'amuont' to ignore, did you mean 'amount'\?") as caught:
        mlops.drift(ref, cur, ignore=["amuont"])
    assert caught.value.hint == "There are amount, country, id, day."


def test_a_column_that_counts_rows_or_names_them_is_told_as_one() -> None:
    ref = rows(500).assign(number=range(500), key=[f"a{n}" for n in range(500)], hour=[n // 10 for n in range(500)])
    cur = rows(500, 3.0, seed=1).assign(
        number=range(500, 1_000), key=[f"b{n}" for n in range(500)], hour=[50 + n // 10 for n in range(500)]
    )
    report = mlops.drift(ref, cur)
    for name in ("number", "hour"):
        told = "it only rises, as a row's number or its time does: if it is one, ignore it"
        assert of(report, name).findings[-1] == told
    assert of(report, "key").findings[-1] == "it is another one in each row, as an id is: if it is one, ignore it"
    assert not any("ignore it" in finding for name in ("amount", "country") for finding in of(report, name).findings)
    assert not any(feature.findings for feature in mlops.drift(ref, ref).features if feature.name == "number")
    lists = mlops.drift(ref, cur.assign(number=[[n] for n in range(500)]))
    assert not any("ignore it" in finding for finding in of(lists, "number").findings)


def test_whole_numbers_of_which_each_row_has_another_one_are_told_as_ids() -> None:
    ids = np.random.default_rng(0).permutation(2_000)
    ref, cur = rows(500).assign(id=ids[ids < 500]), rows(500, 3.0, seed=1).assign(id=ids[ids >= 1_500])
    report = mlops.drift(ref, cur)
    assert (
        of(report, "id").findings[-1] == "it is another whole number in each row, as an id is: if it is one, ignore it"
    )
    twice = mlops.drift(ref.assign(id=ref["id"] // 2), cur)
    assert not any("ignore it" in finding for finding in of(twice, "id").findings)


def test_numbers_that_are_texts_now_are_compared_as_numbers_and_the_rest_is_missing() -> None:
    ref, cur = rows(1_000), rows(1_000, seed=1)
    cur["amount"] = [f"{value:.6f}" if at % 100 else "n/a" for at, value in enumerate(cur["amount"])]
    amount = of(mlops.drift(ref, cur), "amount")
    assert (amount.kind, amount.m, amount.drifted) == ("numeric", 990, False)
    assert "10 of 1,000 rows hold something else than a number, which counts as missing" in amount.findings


def test_texts_that_are_numbers_now_are_said() -> None:
    ref, cur = rows(1_000), rows(1_000, seed=1)
    ref["amount"] = [f"{value:.6f}" if at % 100 else "n/a" for at, value in enumerate(ref["amount"])]
    amount = of(mlops.drift(ref, cur), "amount")
    assert (amount.kind, amount.n, amount.drifted) == ("numeric", 990, False)
    assert "it holds numbers now, and 10 of 1,000 values of the reference are none, as 'n/a'" in amount.findings
    words = of(mlops.drift(rows(1_000), rows(1_000).assign(country=range(1_000))), "country")
    assert words.drifted
    assert words.kind == "categorical"


def test_truth_values_and_numbers_are_the_same_column() -> None:
    flags = np.random.default_rng(0).random(1_000) < 0.3
    flagged = of(mlops.drift(pd.DataFrame({"flag": flags}), pd.DataFrame({"flag": flags.astype(int)})), "flag")
    assert (flagged.kind, flagged.drifted) == ("numeric", False)


def test_times_are_not_compared() -> None:
    report = mlops.drift(
        rows(100).assign(at=pd.Timestamp("2026-01-01")), rows(100).assign(at=pd.Timestamp("2026-02-01"))
    )
    assert [feature.name for feature in report.features if feature.role == "input"] in (
        ["amount", "country"],
        ["country", "amount"],
    )
    assert report.notes == ("at holds times, which are not compared.",)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%S+02:00"])
def test_texts_of_times_are_times(tmp_path: Path, form: str) -> None:
    at = pd.Series(pd.date_range("2026-01-01", periods=500, freq="37min")).dt.strftime(form)
    rows(500).assign(at=at.where(at.index != 3)).to_csv(tmp_path / "ref.csv", index=False)
    report = mlops.drift(tmp_path / "ref.csv", rows(500, seed=1).assign(at=at))
    assert report.notes == ("at holds times, which are not compared.",)


@pytest.mark.parametrize("last", ["n/a", ["2026-01-01"], 7, "2026-13-01"])
def test_texts_of_which_one_is_no_time_are_categories(last: object) -> None:
    at = ["2026-01-01", "2026-01-02"] * 50
    report = mlops.drift({"at": [*at, "2026-01-01"]}, {"at": [*at, last]})
    assert (report.notes, of(report, "at").outcome) == ((), DriftVerdict.STABLE)
    codes = {"code": [f"2026-01-{n:03}" for n in range(100)]}
    assert mlops.drift(codes, codes).notes == ()


@pytest.mark.parametrize("count", [0, 1, 29])
def test_too_few_rows_prove_nothing(count: int) -> None:
    report = mlops.drift(rows(1_000), rows(1_000, 5.0).head(count))
    assert report.verdict is DriftVerdict.UNTESTED
    assert report.untested_because == f"too few rows ({count} of at least 30)"


def test_values_that_are_all_missing_equal_or_infinite_give_no_wrong_verdict() -> None:
    missing, same = pd.DataFrame({"x": [np.nan] * 100}), pd.DataFrame({"x": [3.0] * 100})
    infinite = pd.DataFrame({"x": [np.inf, -np.inf] * 50})
    for frame in (missing, same, infinite):
        report = mlops.drift(frame, frame)
        assert not report.drifted
        assert report.features[0].verdict
    assert mlops.drift(same, missing).drifted


def test_categories_that_are_nearly_all_different_have_no_verdict() -> None:
    ref = pd.DataFrame({"id": [f"r{number}" for number in range(20_000)]})
    cur = pd.DataFrame({"id": [f"c{number}" for number in range(20_000)]})
    found = mlops.drift(ref, cur).features[0]
    assert not found.drifted
    assert "rare" in found.verdict or found.findings


def test_lists_in_cells_are_categories() -> None:
    frame = pd.DataFrame({"tags": [["a"], ["b"]] * 50})
    assert not mlops.drift(frame, frame).drifted


def test_settings_out_of_range_are_refused() -> None:
    frame = rows(50)
    for level in (0.0, 1.0, -1.0):
        with pytest.raises(UsageError, match="is no rate"):
            mlops.drift(frame, frame, level=level)
    with pytest.raises(UsageError, match="is no share"):
        mlops.drift(frame, frame, effect=1.0)
    with pytest.raises(UsageError, match="There is no profile 'other'"):
        mlops.drift(frame, frame, profile="other")  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        mlops.drift("nowhere.csv", frame)


def test_the_function_can_be_called_whatever_was_imported_before() -> None:
    """It has the name of a package, which an import puts into its place."""
    made = "print(mlops_console.drift({'x': range(100)}, {'x': range(100)}).drifted)"
    for before in (
        "",
        "import mlops_console.drift.features; ",
        "mlops_console.drift; import mlops_console.drift.files; ",
    ):
        script = f"import mlops_console; {before}{made}"
        found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert found.stdout == "False\n"
