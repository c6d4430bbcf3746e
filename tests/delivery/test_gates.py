"""The text of gates, and what they say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.errors import ConfigError
from mlops_console.core.plans import GateResult
from mlops_console.delivery.gates import Figure, Gate, evaluate_required, judge, parse_gate

names = st.text(st.sampled_from("abz09_/.-@"), min_size=1, max_size=20)
operators = st.sampled_from([">=", "<=", ">", "<"])
figures = st.floats(-1e6, 1e6, allow_nan=False)
spaces = st.text(" ", max_size=2)
pieces = st.sampled_from(
    ["slices", ".", "country", "recall", "min", "fairness", "equalized_odds_ratio", "latency", "p95", "size", "replay",
     "agreement", "data", "drift", "signature", "==", ">=", "<=", ">", "<", "live", "+", "-", "*", "0.5", ".5", "5.",
     "1e3", "98%", "20", "ms", "s", "MB", "kB", "compatible", "passes", "none"]
)  # fmt: skip


def judged(gate: str, value: float | None, live: float | None = None) -> GateResult:
    """Of a plain number, beside a live version where there is one."""
    beside = None if live is None else Figure(live, str(live))
    return judge(parse_gate(gate), Figure(value, str(value)), beside)


@given(names, operators, figures, figures, spaces)
def test_a_gate_on_a_number_says_what_python_says(
    name: str, operator: str, bound: float, value: float, gap: str
) -> None:
    gate = f"{name}{gap}{operator}{gap}{bound!r}"
    assert judged(gate, value).passed == holds(value, operator, bound)


@given(st.integers(-99, 99), st.integers(0, 50), st.integers(-99, 99), st.sampled_from("+-"), operators)
def test_a_gate_on_the_live_version_is_reckoned_in_decimals(
    live: int, offset: int, value: int, sign: str, operator: str
) -> None:
    """Hundredths, so that whole numbers say what is right."""
    found = judged(f"auc {operator} live {sign} {offset / 100}", value / 100, live / 100)
    assert found.passed == holds(value, operator, live + offset if sign == "+" else live - offset)


@given(st.integers(-99, 99), st.integers(1, 300), st.integers(-99, 99), operators)
def test_a_factor_of_the_live_version(live: int, percent: int, value: int, operator: str) -> None:
    expected = holds(value * 100, operator, live * percent)
    assert judged(f"auc {operator} live * {percent}%", float(value), float(live)).passed == expected
    assert judged(f"auc {operator} live*{percent / 100!r}", float(value), float(live)).passed == expected


@given(st.one_of(st.text(max_size=40), st.lists(pieces, max_size=9).map("".join), st.lists(pieces).map(" ".join)))
def test_any_text_is_a_gate_or_is_refused_with_one_sentence(text: str) -> None:
    try:
        gate = parse_gate(text)
    except ConfigError as error:
        assert error.message.startswith(("The gate ", "There is no gate on "))
        assert error.hint
    else:
        assert isinstance(gate, Gate)
        assert gate.text == text.strip()
        assert (gate.bound is None) == (gate.subject.unit == "word")


@pytest.mark.parametrize(
    ("text", "kind", "column", "figure", "part"),
    [
        ("test/auc >= 0.9", "metric", "", "test/auc", ""),
        ("slices.country.recall.min >= .6", "slices", "country", "recall", "min"),
        ("slices.country.roc_auc.gap<=live", "slices", "country", "roc_auc", "gap"),
        ("slices.home city.f1.New York > 60%", "slices", "home city", "f1", "New York"),
        ("slices.v1.2.rmse.3.5 < live * 1.1", "slices", "v1.2", "rmse", "3.5"),
        ("fairness.gender.equalized_odds_difference <= 0.1", "fairness", "gender", "equalized_odds_difference", ""),
        ("latency.p95 <= 20 ms", "latency", "", "p95", ""),
        ("latency.p50 <= live + 5ms", "latency", "", "p50", ""),
        ("size <= 50 MB", "size", "", "", ""),
        ("signature == compatible", "signature", "", "", ""),
        ("example==passes", "example", "", "", ""),
        ("data.drift == none", "data_drift", "", "", ""),
        ("replay.agreement >= 98 %", "replay", "", "agreement", ""),
        ("replay.latency_ratio < 1.5", "replay", "", "latency_ratio", ""),
    ],
)
def test_what_gates_are_on(text: str, kind: str, column: str, figure: str, part: str) -> None:
    subject = parse_gate(text).subject
    assert (subject.kind, subject.column, subject.figure, subject.part) == (kind, column, figure, part)


@pytest.mark.parametrize(
    ("gate", "value", "live", "passed"),
    [
        ("latency.p95 <= 20 ms", 0.02, None, True),
        ("latency.p95 <= 20 ms", 0.0201, None, False),
        ("latency.p95 <= 0.02", 0.0201, None, False),
        ("latency.p95 <= live + 5 ms", 0.015, 0.01, True),
        ("latency.p95 <= live + 5 ms", 0.0151, 0.01, False),
        ("latency.p95 <= live * 150%", 0.015, 0.01, True),
        ("size <= 50 MB", 50_000_000, None, True),
        ("size <= 50 MiB", 52_428_801, None, False),
        ("size <= 1000", 1001, None, False),
        ("size < live - 1 kB", 1000, 2001, True),
        ("replay.agreement >= 98%", 0.98, None, True),
    ],
)
def test_bounds_have_units(gate: str, value: float, live: float | None, passed: bool) -> None:
    assert judged(gate, value, live).passed == passed


@pytest.mark.parametrize(
    "text",
    [
        "", "auc", "auc >=", ">= 0.9", "auc == 0.9", "auc >= 0.9 live", "auc >= live * 0", "auc >= live - -1",
        "auc >= best", "a b > 1", "auc >= 5 ms", "size <= 5 ms", "latency.p95 <= 5 MB", "size <= -5 MB",
        "signature >= 1", "signature == different", "example == none", "replay.agreement >= live", "auc >= nan",
        "a >= 1 >= 0", "size <= live * 5 MB", "auc => 1",
    ],
)  # fmt: skip
def test_a_wrong_gate_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_gate(text)
    assert caught.value.message.startswith(f"The gate {text!r} can't be read")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latency.p99 <= 5 ms", "There is no gate on 'latency.p99', did you mean 'latency.p95'?"),
        (
            "slices.country.recal.min > 0",
            "There is no gate on 'slices.country.recal.min', did you mean 'slices.country.recall.min'?",
        ),
        (
            "fairness.gender.equalised_odds_ratio > 0",
            "There is no gate on 'fairness.gender.equalised_odds_ratio', "
            "did you mean 'fairness.gender.equalized_odds_ratio'?",
        ),
        ("replay.agrement > 0", "There is no gate on 'replay.agrement', did you mean 'replay.agreement'?"),
        ("data.drfit == none", "There is no gate on 'data.drfit', did you mean 'data.drift'?"),
        ("sizes <= 50 MB", "The gate 'sizes <= 50 MB' can't be read, did you mean 'size'?"),
        (
            "signatur == compatible",
            "The gate 'signatur == compatible' can't be read, did you mean 'signature'?",
        ),
    ],
)  # fmt: skip
def test_what_was_meant_is_said(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_gate(text)
    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("gate", "found", "live", "passed", "figure"),
    [
        ("auc >= 0.9", Figure(0.912, "0.9120"), None, True, "0.9120"),
        ("auc >= 0.9", Figure(None, "no metric auc"), None, False, "no metric auc"),
        ("auc >= 0.9", Figure(math.nan, "NaN"), None, False, "NaN"),
        ("loss < 1", Figure(math.inf, "∞"), None, False, "∞"),
        ("auc >= live - 0.01", Figure(0.7, "0.7000"), None, True, "0.7000, nothing is live yet"),
        ("auc >= live - 0.1", Figure(0.7, "0.7000"), Figure(0.8, ""), True, "0.7000, live 0.8000"),
        ("auc >= live", Figure(0.7, "0.7000"), Figure(None, "no such"), False, "0.7000, no such"),
        ("auc>=live+1e-3", Figure(0.7, "0.7000"), Figure(0.7, ""), False, "0.7000, live 0.7000"),
        ("size <= live", Figure(1e6, "1.0 MB"), Figure(2e6, ""), True, "1.0 MB, live 2.0 MB"),
        ("latency.p50 <= live", Figure(0.002, "2.00 ms"), Figure(0.001, ""), False, "2.00 ms, live 1.00 ms"),
        ("example == passes", Figure(True, "3 rows"), None, True, "3 rows"),
        ("example == passes", Figure(False, "it fails"), None, False, "it fails"),
        ("replay.agreement >= 2", Figure(True, "nothing is live yet"), None, True, "nothing is live yet"),
    ],
)
def test_gates_tell_their_figure(gate: str, found: Figure, live: Figure | None, passed: bool, figure: str) -> None:
    result = judge(parse_gate(gate), found, live)
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
