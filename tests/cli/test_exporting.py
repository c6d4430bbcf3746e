"""`run export`."""

import csv
import json
import math
from pathlib import Path

import pytest

from mlops_console.cli.exporting import export
from mlops_console.core.errors import UsageError
from mlops_console.store import runs, series
from mlops_console.store.runs import RunQuery
from mlops_console.store.workspace import Workspace

EVERY = RunQuery(limit=-1, order_by="name")


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    with workspace.store.write() as tx:
        for name, params in (("a", {"lr": 0.1, "layers": [1, 2]}), ('b, "q"\n', {"lr": "auto"})):
            run = runs.create(tx, name=name, experiment="fraud")
            runs.set_params(tx, run, params)
            runs.set_tags(tx, run, {"team": "=1+1"})
            values = [0.5, math.nan, math.inf] if name == "a" else [0.25]
            series.ingest(tx, run, [("val/auc", step, value, 9.0) for step, value in enumerate(values)])
    return workspace


def test_csv_has_a_line_for_each_run_and_a_column_for_each_summary(filled: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    assert export(filled, str(file), "csv", EVERY, points=False) == 2
    first, second = csv.DictReader(file.read_text().splitlines(keepends=True))
    assert (first["name"], second["name"]) == ("a", 'b, "q"\n')
    assert (first["params.lr"], first["params.layers"], second["params.layers"]) == ("0.1", "[1, 2]", "")
    assert (first["metrics.val/auc.max"], second["metrics.val/auc.last"]) == ("inf", "0.25")
    assert first["tags.team"] == "=1+1"


def test_json_lines_are_valid_json(filled: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "points.jsonl"
    assert export(filled, str(file), "jsonl", EVERY, points=True) == 4
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["value"] for line in lines] == [0.5, None, "inf", 0.25]
    assert lines[0].keys() == {"run", "metric", "step", "value", "time"}


def test_parquet_has_numbers_and_texts(filled: Workspace, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")
    file = tmp_path / "runs.parquet"
    export(filled, str(file), "parquet", EVERY, points=False)
    first, second = pq.read_table(file).to_pylist()
    assert (first["metrics.val/auc.max"], second["metrics.val/auc.min"]) == (math.inf, 0.25)
    assert (first["params.lr"], second["params.lr"]) == ("0.1", "auto")
    export(filled, str(file), "parquet", EVERY, points=True)
    assert math.isnan(pq.read_table(file).to_pylist()[1]["value"])


def test_a_filter_chooses_and_a_bad_one_leaves_nothing(filled: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    assert export(filled, str(file), "csv", RunQuery("params.lr < 1", limit=-1), points=False) == 1
    before = file.read_bytes()
    with pytest.raises(UsageError):
        export(filled, str(file), "csv", RunQuery("lr < 1", limit=-1), points=False)
    assert file.read_bytes() == before
    assert list(tmp_path.glob(".*.part")) == []


def test_what_can_not_be_written_is_told(filled: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no format"):
        export(filled, str(tmp_path / "runs.xlsx"), "xlsx", EVERY, points=False)
    with pytest.raises(UsageError, match="can't be written"):
        export(filled, str(tmp_path / "missing" / "runs.csv"), "csv", EVERY, points=False)
