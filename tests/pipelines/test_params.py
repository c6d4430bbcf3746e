"""Params: read, overridden, given to a stage."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.config import Pipeline, Stage
from mlops_console.core.errors import ConfigError, UsageError
from mlops_console.pipelines.params import flatten, load, override, parse_override, select

PARAMS = {"fit": {"lr": 0.1, "trees": 10, "kernel": "rbf", "deep": {"on": True}}, "seed": 7}


def pipeline(*params: str, source: str | None = "params.toml") -> Pipeline:
    return Pipeline(params=source, stages={"fit": Stage(run="true", params=params)})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fit.lr=0.3", 0.3),
        ("fit.lr = 1e-4", 1e-4),
        ("fit.trees=300", 300),
        ("fit.on=true", True),
        ('fit.kernel="linear"', "linear"),
        ("fit.kernel=linear", "linear"),
        ("fit.layers=[8, 4]", [8, 4]),
        ("fit.kernel=a=b", "a=b"),
        ("fit.kernel=1\nx = 2", "1\nx = 2"),
    ],
)
def test_an_override_is_read_as_a_toml_value(text: str, value: Any) -> None:
    key, found = parse_override(text)
    assert key == text.partition("=")[0].strip()
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("text", ["fit.lr", "=3", "fit.lr=", ""])
def test_an_override_needs_a_key_and_a_value(text: str) -> None:
    with pytest.raises(UsageError, match="is not of the form KEY=VALUE"):
        parse_override(text)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans())
def test_every_figure_survives_the_way_through_the_command(value: float | bool) -> None:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    if isinstance(value, int) and abs(value) >= 2**63:
        return
    assert parse_override(f"fit.x={text}") == ("fit.x", value)


def test_overrides_leave_the_rest_and_the_original_alone() -> None:
    changed = override(PARAMS, {"fit.lr": 1, "fit.deep.on": False}, "params.toml")
    assert flatten(changed) == {"fit.lr": 1, "fit.trees": 10, "fit.kernel": "rbf", "fit.deep.on": False, "seed": 7}
    assert PARAMS["fit"]["lr"] == 0.1  # type: ignore[index]


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"fit.lrr": 1}, "There is no param 'fit.lrr' in params.toml, did you mean 'fit.lr'?"),
        ({"fit": {"lr": 1}}, "There is no param 'fit' in params.toml, did you mean 'fit.lr'?"),
        ({"fit.lr": "fast"}, "Param 'fit.lr' is a number in params.toml (0.1), and 'fast' is a text."),
        ({"fit.deep.on": 1}, "Param 'fit.deep.on' is true or false in params.toml (True), and 1 is a number."),
        ({"fit.kernel": ["a"]}, "Param 'fit.kernel' is a text in params.toml ('rbf'), and ['a'] is a list."),
    ],
)
def test_an_override_that_makes_no_sense_is_told_in_one_sentence(overrides: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        override(PARAMS, overrides, "params.toml")
    assert caught.value.message == told
    assert caught.value.hint


def test_a_date_may_come_as_text() -> None:
    since = {"since": datetime.date(2026, 3, 3), "at": datetime.time(12, 0)}
    assert override(since, {"since": "2026-04-01"}, "params.toml")["since"] == datetime.date(2026, 4, 1)
    assert override(since, {"at": "13:30"}, "params.toml")["at"] == datetime.time(13, 30)
    with pytest.raises(UsageError, match="'soon' is a text"):
        override(since, {"since": "soon"}, "params.toml")


def test_a_stage_is_given_what_it_names() -> None:
    assert select(PARAMS, ["fit.lr", "seed"]) == {"fit": {"lr": 0.1}, "seed": 7}
    assert select(PARAMS, ["fit"]) == {"fit": PARAMS["fit"]}
    assert select(PARAMS, []) == {}


def test_params_are_read_from_the_file_that_the_pipeline_names(tmp_path: Path) -> None:
    (tmp_path / "params.toml").write_text("[fit]\nlr = 0.1\n")
    assert load(tmp_path, "train", pipeline("fit", "fit.lr")) == {"fit": {"lr": 0.1}}
    assert load(tmp_path, "train", pipeline(source=None)) == {}


@pytest.mark.parametrize(
    ("text", "params", "told"),
    [
        (None, (), "mlops.toml: pipelines.train.params names 'params.toml', but there is no such file."),
        ("lr =", (), "params.toml is not valid TOML: Invalid value (at end of document)."),
        ("lr = " + "[" * 5000, (), "params.toml is not valid TOML: maximum recursion depth exceeded."),
        (
            '[fit]\n"a.b" = 1',
            (),
            "params.toml: the key 'a.b' holds a dot, which separates a param from its section.",
        ),
        (
            "[fit]\nlr = 1",
            ("fitt",),
            "mlops.toml: pipelines.train.stages.fit.params names 'fitt', which is not in params.toml, "
            "did you mean 'fit'?",
        ),
    ],
)
def test_a_params_file_that_is_wrong(tmp_path: Path, text: str | None, params: tuple[str, ...], told: str) -> None:
    if text is not None:
        (tmp_path / "params.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "train", pipeline(*params))
    assert caught.value.message == told
    assert caught.value.hint


def test_a_stage_with_params_in_a_pipeline_without(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names 'fit', which is not in any params file"):
        load(tmp_path, "train", pipeline("fit", source=None))
