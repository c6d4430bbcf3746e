"""`run export`."""

import csv
import json
import math
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mlops_console.cli import exporting
from mlops_console.cli.exporting import write_points, write_runs
from mlops_console.core.errors import UsageError
from mlops_console.core.runs import RunStatus
from mlops_console.store import runs, series
from mlops_console.store.workspace import Workspace


def add_run(workspace: Workspace, name: str, values: list[float], **params: Any) -> str:
    with workspace.store.write() as tx:
        run = runs.create(tx, name=name, experiment="fraud")
        runs.set_params(tx, run, params)
        runs.set_tags(tx, run, {"team": "=1+1"})
        series.ingest(tx, run, [("val/auc", step, value, 9.0) for step, value in enumerate(values)])
        runs.finish(tx, run, RunStatus.SUCCEEDED)
    return run


def table(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    add_run(workspace, "a", [0.5, math.nan, math.inf], lr=0.1, layers=[1, 2], depth=3, fast=True)
    add_run(workspace, 'b, "q"\n', [0.25], lr="auto", depth=4)
    return workspace


def test_csv_has_a_line_for_each_run_and_a_column_for_each_summary(filled: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    assert write_runs(filled, str(file), "csv", order_by="name") == 2
    first, second = table(file)
    assert (first["name"], second["name"]) == ("a", 'b, "q"\n')
    assert (first["params.lr"], first["params.layers"], second["params.layers"]) == ("0.1", "[1, 2]", "")
    assert (first["params.fast"], first["params.depth"]) == ("true", "3")
    assert (first["metrics.val/auc.max"], second["metrics.val/auc.last"]) == ("inf", "0.25")
    assert first["tags.team"] == "=1+1"


def test_json_lines_are_valid_json(filled: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "points.jsonl"
    assert write_points(filled, str(file), "jsonl", order_by="name") == 4
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["value"] for line in lines] == [0.5, None, "inf", 0.25]
    assert lines[0].keys() == {"run", "metric", "step", "value", "time"}
    write_runs(filled, str(file), "jsonl", order_by="name")
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert (first["params.layers"], first["params.fast"], "params.fast" in second) == ([1, 2], True, False)


def test_parquet_has_numbers_and_texts(filled: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "runs.parquet"
    write_runs(filled, str(file), "parquet", order_by="name")
    first, second = pq.read_table(file).to_pylist()
    assert (first["metrics.val/auc.max"], second["metrics.val/auc.min"]) == (math.inf, 0.25)
    assert (first["params.lr"], second["params.lr"]) == ("0.1", "auto")
    assert (first["params.depth"], second["params.depth"]) == (3.0, 4.0)
    assert (first["params.layers"], second["params.layers"], first["params.fast"]) == ("[1, 2]", None, "true")
    write_points(filled, str(file), "parquet", order_by="name")
    points = pq.read_table(file)
    assert [str(column.type) for column in points.columns] == ["string", "string", "int64", "double", "double"]
    assert math.isnan(points.to_pylist()[1]["value"])


def test_runs_without_the_field_of_the_order_come_last(filled: Workspace, tmp_path: Path) -> None:
    with filled.store.write() as tx:
        runs.create(tx, name="c", experiment="fraud")
    file = tmp_path / "runs.csv"
    assert write_runs(filled, str(file), "csv", order_by="metrics.val/auc.min") == 3
    assert [line["name"] for line in table(file)] == ['b, "q"\n', "a", "c"]


def test_columns_are_those_of_the_runs_that_match(filled: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    write_runs(filled, str(file), "csv", 'params.lr = "auto"')
    [line] = table(file)
    assert "params.depth" in line
    assert "params.layers" not in line


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_points_come_back_as_they_were(workspace: Workspace, tmp_path: Path, form: str) -> None:
    """Over several chunks, steps out of order, several metrics and runs."""
    logged = {(m, step): step * 0.1 + len(m) for m in ("a", "loss") for step in [*range(3000, 5000, 3), *range(2500)]}
    with workspace.store.write() as tx:
        run = runs.create(tx, name="long", experiment="fraud")
        series.ingest(tx, run, [(m, step, value, step / 2) for (m, step), value in logged.items()])
    file = tmp_path / "points"
    assert write_points(workspace, str(file), form) == len(logged)
    read: list[dict[str, Any]] = (
        pq.read_table(file).to_pylist()
        if form == "parquet"
        else [json.loads(line) for line in file.read_text().splitlines()]
        if form == "jsonl"
        else table(file)
    )
    found = {(line["metric"], int(line["step"])): float(line["value"]) for line in read}
    assert found == logged
    assert [(line["metric"], int(line["step"])) for line in read] == sorted(logged)
    assert all(line["run"] == run and float(line["time"]) == int(line["step"]) / 2 for line in read)
    assert write_points(workspace, str(file), form, metrics=["a"]) == len(logged) // 2


def test_a_filter_chooses_and_a_bad_one_leaves_nothing(filled: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    assert write_runs(filled, str(file), "csv", "params.lr < 1") == 1
    before = file.read_bytes()
    with pytest.raises(UsageError):
        write_runs(filled, str(file), "csv", "lr < 1")
    assert file.read_bytes() == before
    assert list(tmp_path.glob(".*.part")) == []


def test_what_can_not_be_written_is_told(filled: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no format"):
        write_runs(filled, str(tmp_path / "runs.xlsx"), "xlsx")
    with pytest.raises(UsageError, match="no ending"):
        write_runs(filled, "-", "")
    with pytest.raises(UsageError, match="standard output"):
        write_runs(filled, "-", "parquet")
    with pytest.raises(UsageError, match="can't be written"):
        write_runs(filled, str(tmp_path / "missing" / "runs.csv"), "csv")
    monkeypatch.setattr(exporting, "_MOST_COLUMNS", 12)
    with pytest.raises(UsageError, match="JSON lines"):
        write_runs(filled, str(tmp_path / "runs.csv"), "csv")
    assert write_runs(filled, str(tmp_path / "runs.jsonl"), "jsonl") == 2


def test_without_pyarrow_it_is_told_how_to_get_it(
    filled: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "mlops_console.cli.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"mlops-console\[parquet\]"):
        write_runs(filled, str(tmp_path / "runs.parquet"), "parquet")


def test_the_memory_of_an_export_does_not_grow_with_the_points(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        run = runs.create(tx, name="long", experiment="fraud")
        for begin in range(0, 300_000, 50_000):
            series.ingest(tx, run, [("loss", step, 0.5, 1.0) for step in range(begin, begin + 50_000)])
    tracemalloc.start()
    try:
        file = workspace.root / "points.csv"
        assert write_points(workspace, str(file), "csv") == 300_000
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()
