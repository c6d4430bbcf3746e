"""The text of gates, and what they say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.errors import ConfigError
from mlops_console.delivery.gates import evaluate, evaluate_required, parse_gate

names = st.text(st.sampled_from("abz09_/.-@"), min_size=1, max_size=20)
operators = st.sampled_from([">=", "<=", ">", "<"])
figures = st.floats(-1e6, 1e6, allow_nan=False)
spaces = st.text(" ", max_size=2)


@given(names, operators, figures, figures, spaces)
def test_a_gate_on_a_number_says_what_python_says(
    name: str, operator: str, bound: float, value: float, gap: str
) -> None:
    result = evaluate(parse_gate(f"{name}{gap}{operator}{gap}{bound!r}"), {name: value}, None)
    assert (
        result.passed == {">=": value >= bound, "<=": value <= bound, ">": value > bound, "<": value < bound}[operator]
    )


@given(st.integers(-99, 99), st.integers(0, 50), st.integers(-99, 99), st.sampled_from("+-"), operators)
def test_a_gate_on_the_live_version_is_reckoned_in_decimals(
    live: int, offset: int, value: int, sign: str, operator: str
) -> None:
    """Hundredths, so that whole numbers say what is right."""
    result = evaluate(
        parse_gate(f"auc {operator} live {sign} {offset / 100}"), {"auc": value / 100}, {"auc": live / 100}
    )
    bound = live + offset if sign == "+" else live - offset
    assert (
        result.passed == {">=": value >= bound, "<=": value <= bound, ">": value > bound, "<": value < bound}[operator]
    )


@given(st.text(max_size=40))
def test_any_other_text_is_refused_with_one_sentence(text: str) -> None:
    try:
        parse_gate(text)
    except ConfigError as error:
        assert error.message == f"The gate {text!r} can't be read."


@pytest.mark.parametrize(
    "text",
    ["", "auc", "auc >=", ">= 0.9", "auc == 0.9", "auc >= 0.9 live", "auc >= live * 2", "auc >= best", "a b > 1"],
)
def test_a_wrong_gate_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_gate(text)


@pytest.mark.parametrize(
    ("gate", "candidate", "live", "passed", "figure"),
    [
        ("auc >= 0.9", {"auc": 0.912}, None, True, "0.9120"),
        ("auc >= 0.9", {}, None, False, "the candidate has no metric auc"),
        ("auc >= 0.9", {"auc": math.nan}, None, False, "NaN"),
        ("loss < 1", {"loss": math.inf}, None, False, "∞"),
        ("auc >= live - 0.01", {"auc": 0.7}, None, True, "0.7000, nothing is live yet"),
        ("auc >= live - 0.1", {"auc": 0.7}, {"auc": 0.8}, True, "0.7000, live 0.8000"),
        ("auc >= live", {"auc": 0.7}, {}, False, "0.7000, the live version has no metric auc"),
        ("auc>=live+1e-3", {"auc": 0.7}, {"auc": 0.7}, False, "0.7000, live 0.7000"),
        ("slices.country.recall.min >= .6", {"slices.country.recall.min": 0.6}, None, True, "0.6000"),
    ],
)
def test_gates_tell_their_figure(
    gate: str, candidate: dict[str, float], live: dict[str, float] | None, passed: bool, figure: str
) -> None:
    result = evaluate(parse_gate(gate), candidate, live)
    assert (result.gate, result.passed, result.figure) == (gate, passed, figure)


def test_a_required_environment_has_to_have_had_the_version_live() -> None:
    def revision(number: int, version: int, live: bool, ended: bool) -> Revision:
        times = (1.0 if live else None, 2.0 if ended else None)
        return Revision("staging", number, "fraud", version, "deploy", RevisionState.RETIRED, "ann", "", 0.5, *times)

    revisions = [revision(3, 3, False, True), revision(2, 2, True, False), revision(1, 1, True, True)]
    assert evaluate_required("staging", "fraud:1", revisions).figure == "fraud:1 was live in staging as revision 1"
    assert evaluate_required("staging", "fraud:2", revisions).figure == "fraud:2 is live in staging as revision 2"
    never = evaluate_required("staging", "fraud:3", revisions)
    assert (never.gate, never.passed, never.figure) == (
        'requires = "staging"',
        False,
        "fraud:3 was never live in staging",
    )


def holds(value: float, operator: str, bound: float) -> bool:
    return {">=": value >= bound, "<=": value <= bound, ">": value > bound, "<": value < bound}[operator]
