"""mlops.toml: what is accepted, and one clear sentence for what is not."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from mlops_console.core.config import Config, parse_config
from mlops_console.core.errors import ConfigError
from mlops_console.core.moments import seconds

GOOD = """
[project]
name = "fraud"
[pipelines.train.stages.fit]
run = "python fit.py"
[environments.staging]
model = "fraud"
port = 8101
[environments.production]
model = "fraud"
port = 8100
requires = "staging"
"""


def test_a_good_file() -> None:
    config = parse_config(GOOD)
    assert config.environments["production"].requires == "staging"
    assert config.monitor.window == "1h"
    assert config.model("unknown").goal == "maximize"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x", "mlops.toml is not valid TOML"),
        (GOOD + "[pipelines.train.stages.x]\nrun = 'x'\ntimeout = '0s'", "timeout is '0s': it must be longer"),
        (GOOD + "[pipelines.train.stages.x]\nrun = 'x'\nretries = -1", "retries is -1: "),
        (GOOD + "[pipelines.train.stages.x]\nrun = 'x'\nenv = { 'A-B' = '1' }", "environment variable has letters"),
        (GOOD + "[pipelines.train.stages.x]\nrun = 'x'\nenv = { MLOPS_RUN_ID = '1' }", "is mlops-console's own"),
        ("", "project is missing"),
        ("[project]\nname = 3", "project.name is 3"),
        ("[project]\nname = '../x'", "project.name is '../x': a name has letters"),
        ("[projct]\nname = 'x'\n[project]\nname = 'x'", "unknown key projct, did you mean 'project'?"),
        (GOOD.replace("run =", "rum ="), "unknown key pipelines.train.stages.fit.rum, did you mean 'run'?"),
        (GOOD.replace("8101", "'a'"), "environments.staging.port is 'a'"),
        (GOOD.replace("8101", "99999"), "environments.staging.port is 99999"),
        (GOOD.replace("8101", "8100"), "environments.production.port is 8100, which staging has already"),
        (GOOD.replace('requires = "staging"', 'requires = "stagin"'), "did you mean 'staging'?"),
        (GOOD.replace("run = ", 'run = "\\u0000" # '), "no path or command may hold a NUL"),
        ("x = " + "[" * 5000, "mlops.toml is not valid TOML: maximum recursion depth exceeded"),
        (GOOD + "[monitor]\nwindow = 'soon'", "monitor.window is 'soon'"),
        ("[project]\nname = 'x'\n[pipelines.train]\nstages = {}", "pipelines.train.stages is {}"),
        (GOOD + "target = { deploy = 'a' }\nstrategy = 'canary'", 'strategy must be "swap": only our own servers'),
        (GOOD + "target = { deploy = 'a' }\nstrategy = 'shadow'", 'strategy must be "swap": only our own servers'),
        (GOOD + "target = { deploy = 'run {modle}' }", "{modle} is no placeholder; there are {model}, {version}"),
        (GOOD + 'target = { deploy = "run \'x" }', "can't be taken apart into words: no closing quotation"),
        (GOOD + "target = { deploy = ' ' }", "target.deploy is ' ': a command has at least one word"),
        (GOOD + "target = { status = 'a' }", "environments.production.target.deploy is missing"),
    ],
)
def test_a_bad_file_gives_one_sentence_that_names_the_key(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert told in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)


DATASET = GOOD + "[datasets.rows]\npath = 'rows.csv'\n"


@pytest.mark.parametrize(
    "text",
    [
        "[datasets.rows.expect]\nrows_min = 5\ncolumns.amount = {type = 'number', min = 0, missing = 0.0}",
        "[datasets.rows.expect]\nrows_min = 5\n[datasets.rows.expect.columns]\n"
        "amount = {type = 'number', min = 0, missing = 0.0}",
        "expect.rows_min = 5\nexpect.columns.amount = {type = 'number', min = 0, missing = 0.0}",
    ],
)
def test_what_a_dataset_is_expected_to_hold(text: str) -> None:
    expected = parse_config(DATASET + text).datasets["rows"].expect
    assert (expected.rows_min, expected.columns["amount"].min, expected.columns["amount"].missing) == (5, 0, 0)
    assert parse_config(DATASET).datasets["rows"].expect.columns == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("expect.rows_mim = 5", "unknown key datasets.rows.expect.rows_mim, did you mean 'rows_min'?"),
        ("expect.columns.a = {mim = 5}", "unknown key datasets.rows.expect.columns.a.mim, did you mean 'min'?"),
        ("expect.columns.a = {min = 5, max = 1}", "min must not be above max"),
        ("expect.columns.a = {missing = 2}", "datasets.rows.expect.columns.a.missing is 2"),
        ("expect.columns.a = 5", "datasets.rows.expect.columns.a is 5"),
    ],
)
def test_an_expectation_that_makes_no_sense(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(DATASET + text)
    assert told in caught.value.message


@given(st.text(max_size=200))
def test_any_text_is_a_config_or_a_config_error(text: str) -> None:
    for candidate in (text, f"[project]\nname = 'x'\n{text}"):
        try:
            parse_config(candidate)
        except ConfigError as error:
            assert str(error)


@pytest.mark.parametrize(("span", "expected"), [("500ms", 0.5), ("90s", 90), ("1.5h", 5400), ("2d", 172_800)])
def test_spans(span: str, expected: float) -> None:
    assert seconds(span) == expected


def keys(model: type[BaseModel]) -> set[str]:
    """Every key that the file may hold, at any depth."""
    found = {field.alias or name for name, field in model.model_fields.items()}
    for field in model.model_fields.values():
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found |= keys(inner)
    return found


def test_the_docs_tell_of_every_key_and_of_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"(?m)^\| `([a-z_]+)` \|", page))
    tables = {"project", "datasets", "pipelines", "models", "environments", "monitor", "worker", "console"}
    tables |= {"triggers", "executor", "rollout", "evaluate", "limits", "tls", "log", "target", "alerts", "rules"}
    assert documented | tables == keys(Config) | tables
