"""`drift compare` as its users run it: two files, and no workspace anywhere."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.test_commands import console, document, fails


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """ref.csv, same.csv and moved.csv; the last one with `amount` moved by one standard deviation."""
    rng = np.random.default_rng(0)
    for name, shift in (("ref", 0.0), ("same", 0.0), ("moved", 1.0)):
        frame = pd.DataFrame({"amount": rng.normal(shift, 1, 600), "country": rng.choice(["AT", "DE"], 600)})
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


def test_what_moved_most_comes_first_with_its_sentence(files: Path) -> None:
    found = console("drift", "compare", "ref.csv", "moved.csv", cwd=files)
    assert found.returncode == 0
    lines = found.stdout.splitlines()
    assert lines[0].startswith("≠ drifted  amount has moved by ")
    assert lines[1] == "  600 rows against 600 of the reference"
    assert lines[2] == "  moved.csv is compared with ref.csv."
    first = next(at for at, line in enumerate(lines) if line.startswith("amount"))
    assert "≠ drifted" in lines[first]
    assert "amount has moved by" in lines[first + 1]
    assert first < next(at for at, line in enumerate(lines) if line.startswith("country"))


def test_a_pipeline_can_be_stopped_by_drift_and_only_by_it(files: Path) -> None:
    page = files / "report.html"
    moved = console("drift", "compare", "ref.csv", "moved.csv", "--fail-on-drift", "--html", str(page), cwd=files)
    assert moved.returncode == 1
    assert page.read_text().startswith("<!doctype html>")
    assert moved.stdout.splitlines()[-1] == f"{page} is this report."
    assert console("drift", "compare", "ref.csv", "same.csv", "--fail-on-drift", cwd=files).returncode == 0


def test_json_says_all_of_it(files: Path) -> None:
    found = document("drift", "compare", "ref.csv", "moved.csv", "--level", "0.001", "--effect", "0.2", cwd=files)
    assert (found["drifted"], found["rows"], found["reference_rows"]) == (True, 600, 600)
    assert (found["level"], found["least_effect"], found["environment"]) == (0.001, 0.2, "")
    amount = found["features"][0]
    assert (amount["name"], amount["unit"], amount["outcome"]) == ("amount", "σ", "drifted")
    assert len(amount["histogram"]["edges"]) == len(amount["histogram"]["reference"]) + 1


def test_columns_can_be_left_out_and_one_that_is_lost_stops_a_pipeline(files: Path) -> None:
    (files / "less.csv").write_text(pd.read_csv(files / "same.csv")[["amount"]].to_csv(index=False))
    lost = console("drift", "compare", "ref.csv", "less.csv", "--fail-on-drift", cwd=files)
    assert lost.returncode == 1
    assert "country is lost: the reference has this column, and the current rows do not" in lost.stdout
    both = ("--ignore", "country", "--ignore", "amount")
    left = document("drift", "compare", "ref.csv", "moved.csv", "--fail-on-drift", *both, cwd=files)
    assert (left["drifted"], left["features"]) == (False, [])
    assert left["notes"][1:] == ["country is ignored.", "amount is ignored."]
    wrong = ("drift", "compare", "ref.csv", "same.csv", "--ignore", "contry")
    fails(*wrong, cwd=files, status=2, told="There is no column 'contry' to ignore, did you mean 'country'?")


def test_a_header_alone_proves_nothing(files: Path) -> None:
    (files / "header.csv").write_text("amount,country\n")
    found = console("drift", "compare", "ref.csv", "header.csv", "--fail-on-drift", cwd=files)
    assert found.returncode == 0
    assert "– untested  Too few rows (0 of at least 30): no verdict." in found.stdout


def test_what_is_no_table_is_said_in_one_sentence(files: Path) -> None:
    (files / "latin.csv").write_bytes(b"name\ncaf\xe9\n")
    (files / "nothing.csv").touch()
    fails("drift", "compare", "ref.csv", "latin.csv", cwd=files, status=2, told="not UTF-8: byte 0xe9 in line 2")
    fails("drift", "compare", "ref.csv", "nothing.csv", cwd=files, status=2, told="nothing.csv is empty")
    fails("drift", "compare", "nowhere.csv", "ref.csv", cwd=files, status=2, told="There is no file nowhere.csv")
    fails("drift", "compare", "ref.csv", "same.csv", "--level", "2", cwd=files, status=2, told="The level 2 is no rate")
