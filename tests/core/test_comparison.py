"""Runs side by side."""

import csv
import io
import json
import math
from typing import Any

import pytest

from mlops_console.core.comparison import Comparison, brief, compare, goal_of, ranked, to_csv, to_json, to_markdown
from mlops_console.core.runs import Provenance, Run, RunStatus, SeriesSummary


def series(name: str, least: float, greatest: float, last: float) -> SeriesSummary:
    return SeriesSummary(name, 3, least, 0, last, 2, least, 0, greatest, 1, last)


def run(name: str, params: dict[str, Any] | None = None, metrics: tuple[SeriesSummary, ...] = (), **facts: Any) -> Run:
    return Run(
        f"id-{name}",
        name,
        "fraud",
        RunStatus.SUCCEEDED,
        1.0,
        1.0,
        62.0,
        params=params or {},
        metrics={metric.name: metric for metric in metrics},
        **facts,
    )


def two() -> Comparison:
    one = run("otter", {"seed": 1, "lr": 0.1}, (series("val/auc", 0.5, 0.9, 0.7), series("odd", 1, 2, 2)))
    other = run("fox", {"seed": 1.0, "lr": 0.2, "x": None}, (series("val/auc", 0.6, 0.8, 0.8), series("odd", 1, 3, 3)))
    return compare([one, other], {"val/auc": "maximize"}, {"id-fox": ["train: claims:3"]})


def test_params_that_differ_come_first() -> None:
    found = two()
    assert [(line.name, line.differs) for line in found.params] == [("lr", True), ("x", True), ("seed", False)]
    assert [entry.text for entry in found.params[1].entries] == ["–", "null"]
    assert not compare([run("a", {"x": math.nan}), run("b", {"x": math.nan})], {}).differing
    assert compare([run("a", {"x": 1}), run("b", {"x": True})], {}).differing


def test_a_metric_with_a_goal_is_compared_by_its_best_value() -> None:
    auc, odd = two().metrics
    assert (auc.name, auc.figure, auc.best) == ("val/auc", "max", (0,))
    assert [entry.text for entry in auc.entries] == ["0.9000", "0.8000"]
    assert (odd.figure, odd.goal, odd.best) == ("last", None, ())


def test_without_a_goal_the_name_tells_and_the_last_value_counts() -> None:
    found = compare(
        [run("a", None, (series("loss", 0.1, 1, 0.5),)), run("b", None, (series("loss", 0.2, 1, 0.4),))], {}
    )
    assert (found.metrics[0].figure, found.metrics[0].best) == ("last", (1,))


def test_nothing_is_best_where_all_are_alike_and_nan_never_is() -> None:
    same = [run(name, None, (series("auc", 0, 1, 1),)) for name in "ab"]
    assert compare(same, {}).metrics[0].best == ()
    mixed = [run(str(at), None, (series("auc", 0, 1, value),)) for at, value in enumerate((math.nan, 0.1, 0.9, 0.9))]
    line = compare([*mixed, run("none")], {}).metrics[0]
    assert line.best == (2, 3)
    assert ranked(line) == [2, 3, 1]


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("val/log_loss", "minimize"),
        ("RMSE", "minimize"),
        ("neg_mean_squared_error", "maximize"),
        ("test/roc_auc", "maximize"),
        ("cv/accuracy.std", None),
        ("precision_loss", None),
        ("system/memory", None),
        ("lossless", None),
    ],
)
def test_names_of_metrics(name: str, goal: str | None) -> None:
    assert goal_of(name, {}) == goal


def test_what_mlops_toml_says_counts_before_the_name() -> None:
    assert goal_of("loss", {"loss": "maximize"}) == "maximize"


def test_facts() -> None:
    origin = Provenance(git_commit="4f2c9ab77d1e0c5d", git_dirty=True)
    facts = {line.name: line for line in compare([run("a", provenance=origin), run("b")], {}).facts}
    assert [entry.text for entry in facts["git commit"].entries] == ["4f2c9ab77d1e + changes", "–"]
    assert [entry.text for entry in facts["took"].entries] == ["1m01s", "1m01s"]
    assert two().facts[-1].entries[1].text == "train: claims:3"


def test_csv_keeps_values_as_they_are() -> None:
    hostile = '=cmd|"a"\n,b'
    found = compare([run("a", {"x": hostile, "n": 0.1, "flag": True, "list": [1, "é"]}), run("b")], {})
    rows = list(csv.reader(io.StringIO(to_csv(found))))
    assert rows[0] == ["kind", "name", "figure", "a", "b"]
    cells = {(row[0], row[1]): row[3:] for row in rows}
    assert cells["param", "x"] == [hostile, ""]
    assert cells["param", "n"] == ["0.1", ""]
    assert cells["param", "flag"] == ["true", ""]
    assert cells["param", "list"] == ['[1, "é"]', ""]
    assert cells["fact", "took"] == ["61.0", "61.0"]
    assert '"=cmd|""a""' in to_csv(found)


def test_json_has_no_nan() -> None:
    found = compare(
        [run("a", {"x": math.nan}, (series("loss", 0, 1, math.inf),)), run("b", {"y": {"z": -math.inf}})], {}
    )
    document = json.loads(to_json(found), parse_constant=lambda name: pytest.fail(name))
    assert document["runs"] == [{"id": "id-a", "name": "a"}, {"id": "id-b", "name": "b"}]
    assert {"name": "x", "differs": True, "values": [None, None]} in document["params"]
    assert document["metrics"][0] == {
        "name": "loss",
        "figure": "last",
        "goal": "minimize",
        "best": [],
        "values": ["inf", None],
    }
    assert json.loads(to_json(two()))["metrics"][0]["best"] == ["id-otter"]


def test_markdown_is_a_table_that_no_value_breaks() -> None:
    found = compare(
        [run("a|b", {"x": "1|2\n<b>*"}, (series("auc", 0, 1, 0.25),)), run("c", None, (series("auc", 0, 1, 0.5),))], {}
    )
    lines = to_markdown(found).splitlines()
    assert lines[0] == "|  | a\\|b | c |"
    assert lines[1] == "| --- | --- | --- |"
    assert "| x | 1\\|2␤&lt;b>\\* | – |" in lines
    assert lines[-1] == "| auc (last) | 0.2500 | **0.5000** |"
    assert "seed" not in to_markdown(two(), everything=False)


def test_floats_are_brief_unless_they_would_read_alike() -> None:
    def texts(*values: Any) -> list[str]:
        return brief(compare([run(str(at), {"x": value}) for at, value in enumerate(values)], {}).params[0])

    assert texts(0.0655420641, 1, "0.12345678") == ["0.0655421", "1", "0.12345678"]
    assert texts(0.12345671, 0.12345672) == ["0.12345671", "0.12345672"]
