"""Whether the error has moved."""

from dataclasses import replace

import numpy as np

from mlops_console.core.drift import DriftSettings
from mlops_console.core.models import Signature
from mlops_console.drift.performance.error_drift import error_drift
from tests.drift.answered import BINARY, NUMBER, live, numbers, two_classes

PLAIN = Signature(BINARY.inputs, "classification", (0, 1))
SETTINGS = DriftSettings()


def test_the_loss_of_probabilities_moves_where_labels_have_another_meaning() -> None:
    then, now = two_classes(1_000, 1), two_classes(500, 2)
    same = error_drift(BINARY, then.held_out(BINARY), now.live(), SETTINGS)
    other = error_drift(BINARY, then.held_out(BINARY), now.live([1 - label for label in now.true]), SETTINGS)
    assert same is not None
    assert (same.name, same.role, same.kind, same.drifted) == ("error", "error", "numeric", False)
    assert other is not None
    assert other.drifted
    assert (other.n, other.m) == (1_000, 500)


def test_without_probabilities_an_answer_is_right_or_wrong() -> None:
    then, now = two_classes(1_000, 1), two_classes(500, 2)
    found = error_drift(PLAIN, then.held_out(PLAIN), now.live([1 - said for said in now.predicted]), SETTINGS)
    assert found is not None
    assert found.kind == "categorical"
    assert found.drifted


def test_the_error_of_a_regressor_is_absolute() -> None:
    then, now = numbers(1_000, 1), numbers(500, 2)
    moved = [value + 3 for value in now.true]
    still, found = (
        error_drift(NUMBER, then.held_out(NUMBER), rows, SETTINGS) for rows in (now.live(), now.live(moved))
    )
    assert still is not None
    assert not still.drifted
    assert found is not None
    assert found.drifted


def test_an_error_that_has_become_smaller_is_said_to_have() -> None:
    then, now = two_classes(1_000, 1), two_classes(500, 2)
    for signature in (BINARY, PLAIN):
        better, worse = (
            error_drift(signature, then.held_out(signature), now.live(labels), SETTINGS)
            for labels in (now.predicted, [1 - said for said in now.predicted])
        )
        assert better is not None
        assert better.drifted
        assert "it has become smaller" in better.findings
        assert worse is not None
        assert "it has become smaller" not in worse.findings


def test_labels_of_no_class_are_the_greatest_loss() -> None:
    then, now = two_classes(1_000, 1), two_classes(100, 2)
    found = error_drift(BINARY, then.held_out(BINARY), now.live(["maybe"] * 100), SETTINGS)
    assert found is not None
    assert found.drifted


def test_there_is_none_without_held_out_rows_or_labels() -> None:
    then, now = two_classes(200, 1), two_classes(100, 2)
    assert error_drift(BINARY, None, now.live(), SETTINGS) is None
    assert error_drift(BINARY, then.held_out(BINARY), now.live([*now.true[:29], *[None] * 71]), SETTINGS) is None
    unscored = live(now.predicted, np.full((100, 2), np.nan), now.true, {})
    assert error_drift(BINARY, then.held_out(BINARY), unscored, SETTINGS) is None
    silent = replace(then.held_out(BINARY), probabilities=())
    assert error_drift(BINARY, silent, now.live(), SETTINGS) is None
