"""What a model is worth on the rows of a window."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mlops_console.core.models import Signature
from mlops_console.core.performance import Figure, Performance
from mlops_console.core.slices import Slice
from mlops_console.drift.live.rows import LiveRows
from mlops_console.drift.performance.measure import measure, remarks
from tests.drift.answered import BINARY, NUMBER, THREE, Answers, live, numbers, two_classes

# Of NannyML 0.13.1 (pandas 2.3.3, statsmodels 0.15.0), for the rows that `nannyml_rows` makes: CBPE fitted on the first
# 2,000 and asked of the other 1,500 as one chunk.
NANNYML = {
    "two classes": {
        "accuracy": 0.6910524201385311,
        "precision": 0.7013031421342584,
        "recall": 0.8309673056092917,
        "f1": 0.7606489876415982,
        "roc_auc": 0.7324537778077089,
    },
    "three classes": {
        "accuracy": 0.6322506643181812,
        "precision": 0.6279645915524052,
        "recall": 0.6254038481921268,
        "f1": 0.6266264506004963,
        "roc_auc": 0.8102492269890783,
    },
}


def nannyml_rows(classes: int) -> tuple[Answers, Answers]:
    """A model that is too sure of itself, and a window of other rows."""
    rng = np.random.default_rng(7)

    def draw(rows: int, shift: float) -> Answers:
        x = rng.normal(shift, 1, size=(rows, 2))
        if classes == 2:
            said = 1 / (1 + np.exp(-(2.4 * x[:, 0] + 0.3)))
            true = (rng.random(rows) < 1 / (1 + np.exp(-(1.2 * x[:, 0] + 0.5 * x[:, 1])))).astype(int)
            chances = np.column_stack([1 - said, said])
        else:
            scores = np.column_stack([x[:, 0], x[:, 1], -x.sum(1)])
            chances, real = np.exp(2 * scores), np.exp(scores)
            chances, real = chances / chances.sum(1, keepdims=True), real / real.sum(1, keepdims=True)
            true = (real.cumsum(1) > rng.random((rows, 1))).argmax(1)
        names = np.array(BINARY.classes if classes == 2 else THREE.classes, dtype=object)
        return Answers(x[:, 0], chances, names[chances.argmax(1)].tolist(), names[true].tolist())

    return draw(2_000, 0.0), draw(1_500, 0.4)


def values(figures: tuple[Figure, ...]) -> dict[str, float]:
    return {figure.metric: figure.value for figure in figures}


def measured(signature: Signature, then: Answers | None, now: LiveRows, *slices: Slice) -> Performance:
    return measure(signature, None if then is None else then.held_out(signature), now, slices)


@pytest.mark.parametrize(("name", "signature"), [("two classes", BINARY), ("three classes", THREE)])
def test_estimates_are_those_of_nannyml(name: str, signature: Signature) -> None:
    then, now = nannyml_rows(len(signature.classes))
    found = measured(signature, then, now.live([None] * 1_500))
    assert values(found.estimated) == pytest.approx(NANNYML[name], abs=1e-6)
    assert found.not_estimated == ""
    assert found.realised == ()
    assert found.labelled == 0
    assert found.delay is None


def test_an_interval_has_what_the_labels_show_in_95_of_100_windows() -> None:
    """Of 12 windows; in `docs/drift.md` stands what hundreds of them gave."""
    within = []
    for seed in range(12):
        then, now = two_classes(600, [seed, 0]), two_classes(300, [seed, 1], shift=0.3)
        found = measured(BINARY, then, now.live())
        realised = values(found.realised)
        within += [figure.low <= realised[figure.metric] <= figure.high for figure in found.estimated]
    assert len(within) == 60
    assert np.mean(within) >= 0.88


def test_labels_of_another_meaning_are_seen_by_the_realised_figures_only() -> None:
    then, now = two_classes(1_000, 1), two_classes(1_000, 2)
    found = measured(BINARY, then, now.live([1 - label for label in now.true]))
    estimated, realised = found.figure("estimated", "accuracy"), found.figure("realised", "accuracy")
    assert estimated is not None
    assert realised is not None
    assert realised.high < 0.4 < estimated.low


@pytest.mark.parametrize("signature", [BINARY, THREE])
def test_realised_figures_are_those_of_scikit_learn(signature: Signature) -> None:
    _, now = nannyml_rows(len(signature.classes))
    found = values(measured(signature, None, now.live()).realised)
    average: dict[str, Any] = {"average": "binary"} if signature is BINARY else {"average": "macro"}
    assert now.chances is not None
    scores = now.chances[:, 1] if signature is BINARY else now.chances
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(now.true, now.predicted),
            "precision": metrics.precision_score(now.true, now.predicted, **average),
            "recall": metrics.recall_score(now.true, now.predicted, **average),
            "f1": metrics.f1_score(now.true, now.predicted, **average),
            "roc_auc": metrics.roc_auc_score(now.true, scores, multi_class="ovr"),
        }
    )


def test_the_reference_is_what_the_held_out_rows_show() -> None:
    then = two_classes(500, 1)
    found = measured(BINARY, then, two_classes(100, 2).live())
    assert found.reference["accuracy"] == metrics.accuracy_score(then.true, then.predicted)
    assert found.reference.keys() == {"accuracy", "precision", "recall", "f1", "roc_auc"}


def test_a_share_of_labels_comes_late() -> None:
    now = two_classes(200, 2)
    labels = [label if row % 4 == 0 else None for row, label in enumerate(now.true)]
    found = measured(BINARY, None, now.live(labels))
    assert found.rows == 200
    assert found.labelled == 50
    assert found.share_labelled == 0.25
    assert found.delay == 60.0
    assert found.realised[0].value == np.mean([a == b for a, b in zip(now.predicted[::4], now.true[::4], strict=True)])
    assert measured(BINARY, None, now.live([*now.true[:29], *[None] * 171])).realised == ()


def test_figures_that_are_not_defined_are_left_out() -> None:
    then = two_classes(500, 1)
    chances = np.tile([0.9, 0.1], (40, 1))
    never = measured(BINARY, then, live([0] * 40, chances, [0, 1] * 20, {}))
    assert values(never.realised) == {"accuracy": 0.5, "recall": 0.0, "f1": 0.0, "roc_auc": 0.5}
    assert "precision" not in values(never.estimated)
    negative = measured(BINARY, then, live([0] * 40, chances, [0] * 40, {}))
    assert values(negative.realised) == {"accuracy": 1.0}
    assert negative.realised[0].low < 0.95 < negative.realised[0].high == 1.0


def test_a_ranking_without_a_fault_is_not_certain() -> None:
    found = measured(BINARY, None, live([0, 1] * 15, np.array([[0.8, 0.2], [0.2, 0.8]] * 15), [0, 1] * 15, {}))
    auc = found.figure("realised", "roc_auc")
    assert auc is not None
    assert auc.value == auc.high == 1
    assert 0.7 < auc.low < 0.9


@pytest.mark.parametrize(
    ("signature", "then", "now", "reason"),
    [
        (
            BINARY,
            two_classes(200, 1),
            live([], np.empty((0, 2)), [], {}),
            "The prediction log has no row of the window.",
        ),
        (
            BINARY,
            two_classes(200, 1),
            two_classes(1, 1).live(),
            "1 rows of the window have probabilities; at least 30 are needed.",
        ),
        (
            BINARY,
            two_classes(200, 1),
            live([1] * 50, np.full((50, 2), np.nan), [None] * 50, {}),
            "0 rows of the window have probabilities; at least 30 are needed.",
        ),
        (
            BINARY,
            None,
            two_classes(50, 1).live(),
            "The model was stored without held-out rows to estimate its performance from.",
        ),
        (
            BINARY,
            two_classes(99, 1),
            two_classes(50, 1).live(),
            "The model has 99 held-out rows with probabilities and a known label; at least 100 are needed.",
        ),
        (
            BINARY,
            Answers(np.zeros(200), np.tile([0.2, 0.8], (200, 1)), [1] * 200, [1] * 200),
            two_classes(50, 1).live(),
            "Every held-out row of the model is of the class 1, so nothing can be learnt from them.",
        ),
        (
            Signature(BINARY.inputs, "classification", (0, 1)),
            two_classes(200, 1),
            two_classes(50, 1).live(),
            "The model gives no probabilities to estimate its performance from.",
        ),
        (
            Signature(BINARY.inputs, "classification", tuple(range(51)), probabilities=True),
            None,
            live([1] * 50, np.full((50, 51), 1 / 51), [None] * 50, {}),
            "The model has 51 classes; those of up to 50 are estimated.",
        ),
        (
            NUMBER,
            numbers(50, 1),
            numbers(50, 2).live(),
            "The model has 50 held-out rows with an answer and a label; at least 100 are needed.",
        ),
        (
            NUMBER,
            numbers(200, 1),
            live(["two", math.nan, None, math.inf] * 20, None, [None] * 80, {}),
            "0 rows of the window have a finite answer; at least 30 are needed.",
        ),
    ],
)
def test_what_cannot_be_estimated_is_said_in_one_sentence(
    signature: Signature, then: Answers | None, now: LiveRows, reason: str
) -> None:
    found = measured(signature, then, now)
    assert found.not_estimated == reason
    assert found.estimated == ()


def test_labels_of_no_class_are_answered_wrongly_and_told() -> None:
    now = live([0, 1, 1, "1"] * 10, np.tile([0.4, 0.6], (40, 1)), ["maybe", 1, "1", 1.0] * 10, {})
    found = measured(BINARY, None, now)
    assert values(found.realised)["accuracy"] == 0.75
    assert values(found.realised)["recall"] == 1.0
    assert list(remarks(BINARY, now)) == [
        "10 labels are none of the model's classes: their rows count as answered wrongly."
    ]


def test_answers_of_no_class_are_never_right() -> None:
    now = live(["maybe"] * 40, None, ["maybe"] * 40, {})
    assert values(measured(BINARY, None, now).realised) == {"accuracy": 0.0}
    several = measured(THREE, None, live(["a", "?"] * 20, None, ["a", "?"] * 20, {}))
    assert values(several.realised) == {"accuracy": 0.5, "precision": 1.0, "recall": 1.0, "f1": 1.0}


def test_probabilities_that_are_none_are_left_out_and_told() -> None:
    then, now = two_classes(500, 1), two_classes(100, 2)
    assert now.chances is not None
    odd = now.chances.copy()
    odd[:3] = [[np.nan, np.nan], [0.2, 0.2], [-0.5, 1.5]]
    rows = live(now.predicted, odd, now.true, {})
    found = measured(BINARY, then, rows)
    rest = measured(BINARY, then, live(now.predicted[3:], odd[3:], now.true[3:], {}))
    assert found.estimated == rest.estimated
    assert list(remarks(BINARY, rows)) == [
        "3 rows have no probabilities from 0 to 1 with the sum 1: they are not estimated."
    ]


def test_labels_that_are_no_numbers_are_left_out_and_told() -> None:
    now = live([1.0] * 40, None, [2.0, "2.0", "two", None] * 10, {})
    assert measured(NUMBER, None, now).labelled == 20
    assert list(remarks(NUMBER, now)) == ["10 labels or answers are no finite numbers: they are not measured."]


ODD = st.sampled_from([None, 0, 1, True, 1.0, "1", "maybe", math.nan, math.inf, -1e308, [1], {}, 10**400])


@given(st.lists(st.tuples(ODD, ODD, st.floats(), st.floats(0, 1)), min_size=30, max_size=60))
@settings(max_examples=15, deadline=None)
def test_whatever_is_logged_no_figure_is_outside_of_what_it_can_be(rows: list[tuple[Any, Any, float, float]]) -> None:
    predictions, labels, odd, share = (list(column) for column in zip(*rows, strict=True))
    chances = np.array([[1 - p, p] if row % 2 else [p, odd[row]] for row, p in enumerate(share)])
    now = live(predictions, chances, labels, {"x": odd})
    found = measured(BINARY, two_classes(150, 1), now, Slice("x", 0, 1))
    figures = [*found.estimated, *found.realised, *(part.estimated for part in found.slices)]
    for figure in figures:
        assert figure is None or 0 <= figure.low <= figure.value <= figure.high <= 1
    assert all(isinstance(remark, str) for signature in (BINARY, NUMBER) for remark in remarks(signature, now))


def test_errors_as_large_as_floats_can_be_have_finite_intervals() -> None:
    now = live([1.0] * 40, None, [2.0, 1e69, -1e69, 1e200] * 10, {})
    found = measured(NUMBER, None, now)
    assert found.labelled == 30
    assert all(math.isfinite(figure.high) and figure.low >= 0 for figure in found.realised)


def test_whatever_a_regressor_answers_its_errors_are_finite() -> None:
    odd = [0.0, 1e308, -1e308, math.inf, math.nan, 1e-308, -1e69, 2.5] * 5
    found = measured(NUMBER, numbers(120, 1), live(odd, None, odd[::-1], {"x": odd}))
    assert len(found.estimated) == 0  # 20 rows have an answer that can be measured
    answered = live([1.0, 2.0] * 20, None, odd, {"x": odd})
    found = measured(NUMBER, numbers(120, 1), answered)
    assert found.labelled == 20
    for figure in found.estimated:
        assert 0 <= figure.low <= figure.value <= figure.high < math.inf
    assert list(remarks(NUMBER, answered)) == ["20 labels or answers are no finite numbers: they are not measured."]


def test_slices_are_measured_the_worst_first() -> None:
    then, now = two_classes(1_000, 1), two_classes(900, 2)
    country = np.array(["NO", "SE", "DK"] * 300, dtype=object)
    labels = [1 - said if name == "SE" else said for said, name in zip(now.predicted, country, strict=True)]
    found = measured(BINARY, then, now.live(labels, country=country), Slice("country"), Slice("x", 0, 1))
    assert [part.slice for part in found.slices] == ["country = SE", "0 ≤ x < 1", "country = NO", "country = DK"]
    worst = found.slices[0]
    assert worst.rows == worst.labelled == 300
    assert worst.realised is not None
    assert worst.realised.value == 0
    assert worst.estimated is not None
    assert worst.estimated.low < values(found.estimated)["accuracy"] < worst.estimated.high
