"""The body of /feedback, checked against a signature."""

from typing import Any

import pytest

from mlops_console.core.models import Signature
from mlops_console.core.predictions import Label
from mlops_console.serving.errors import HttpError, TooLargeError, WrongInputError
from mlops_console.serving.feedback import MOST_LABELS, LabelCheck, parse_feedback

NUMBERED = Signature((), "classification", (0, 1))
NAMED = Signature((), "classification", ("no", "yes"))
TRUTH = Signature((), "classification", (False, True))
PRICE = Signature((), "regression")


@pytest.mark.parametrize(
    ("signature", "body", "labels"),
    [
        (NUMBERED, {"id": "a", "label": 1}, [Label("a", 0, 1)]),
        (NUMBERED, {"id": "a", "row": 3, "label": 1.0}, [Label("a", 3, 1)]),
        (NUMBERED, {"id": "a", "label": True}, [Label("a", 0, 1)]),
        (NUMBERED, {"id": "é", "labels": [1, 0]}, [Label("é", 0, 1), Label("é", 1, 0)]),
        (NAMED, {"id": "a", "label": "yes"}, [Label("a", 0, "yes")]),
        (TRUTH, {"id": "a", "label": 0}, [Label("a", 0, False)]),
        (PRICE, {"id": "a", "label": -2.5}, [Label("a", 0, -2.5)]),
        (
            PRICE,
            {"feedback": [{"id": "a", "label": 1}, {"id": "b", "labels": [2, 3]}]},
            [Label("a", 0, 1), Label("b", 0, 2), Label("b", 1, 3)],
        ),
        (Signature((), "classification"), {"id": "a", "label": "any"}, [Label("a", 0, "any")]),
    ],
)
def test_the_forms_of_a_body(signature: Signature, body: Any, labels: list[Label]) -> None:
    found = parse_feedback(signature, body)
    assert found == labels
    assert [type(label.value) for label in found] == [type(label.value) for label in labels]


@pytest.mark.parametrize(
    ("signature", "body", "status", "message"),
    [
        (NUMBERED, [], 400, "The body is no JSON object with an id and a label."),
        (NUMBERED, {"feedback": {}}, 400, "feedback has to be a list of objects with an id and a label."),
        (NUMBERED, {"feedback": []}, 400, "The body has no labels."),
        (NUMBERED, {"id": "a", "labels": []}, 400, "The body has no labels."),
        *(
            (
                NUMBERED,
                body,
                400,
                "Each feedback has to be an object with id and label, id, row and label, or id and labels.",
            )
            for body in ({}, {"id": "a"}, {"id": "a", "label": 1, "labels": [1]}, {"feedback": [3]})
        ),
        (
            NUMBERED,
            {"id": 7, "label": 1},
            422,
            "The id is the number 7, but the text that came with the answer is expected.",
        ),
        (
            NUMBERED,
            {"id": "", "label": 1},
            422,
            "The id is the text '', but the text that came with the answer is expected.",
        ),
        (NUMBERED, {"id": "a\ud800", "label": 1}, 422, None),
        (
            NUMBERED,
            {"id": "a", "row": -1, "label": 1},
            422,
            "The row of 'a' is the number -1, but a number from 0 on is expected.",
        ),
        (
            NUMBERED,
            {"id": "a", "row": True, "label": 1},
            422,
            "The row of 'a' is true, but a number from 0 on is expected.",
        ),
        (NUMBERED, {"id": "a", "labels": 1}, 422, "The labels of 'a' have to be a list."),
        (
            NUMBERED,
            {"id": "a", "labels": [1, 3]},
            422,
            "The label of 'a', row 1, is the number 3, but one of the classes 0, 1 is expected.",
        ),
        (
            NAMED,
            {"id": "a", "label": "maybe"},
            422,
            "The label of 'a', row 0, is the text 'maybe', but one of the classes no, yes is expected.",
        ),
        (NAMED, {"id": "a", "label": None}, 422, None),
        (NAMED, {"id": "a", "label": ["yes"]}, 422, None),
        (
            PRICE,
            {"id": "a", "label": "1"},
            422,
            "The label of 'a', row 0, is the text '1', but a finite number is expected.",
        ),
        (PRICE, {"id": "a", "label": float("nan")}, 422, None),
        (PRICE, {"id": "a", "label": 10**400}, 422, None),
        (PRICE, {"id": "a", "label": True}, 422, None),
        (Signature((), "classification"), {"id": "a", "label": {}}, 422, None),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(
    signature: Signature, body: Any, status: int, message: str | None
) -> None:
    with pytest.raises(HttpError) as caught:
        parse_feedback(signature, body)
    assert caught.value.status == status
    if message is not None:
        assert caught.value.message == message
    assert caught.value.message.endswith(".")
    assert caught.value.message.isprintable()


def test_a_body_has_a_bound() -> None:
    entry = {"id": "a", "labels": [1] * 1_000}
    assert len(parse_feedback(NUMBERED, {"feedback": [entry] * (MOST_LABELS // 1_000)})) == MOST_LABELS
    with pytest.raises(TooLargeError, match="more than 100,000 labels"):
        parse_feedback(NUMBERED, {"feedback": [*[entry] * (MOST_LABELS // 1_000), {"id": "a", "label": 1}]})


def test_many_classes_are_not_all_told() -> None:
    check = LabelCheck(Signature((), "classification", tuple(range(1_000))))
    with pytest.raises(WrongInputError, match=r"0, 1, 2, .* and 960 more is expected"):
        check.checked("x")


@pytest.mark.parametrize(
    ("signature", "text", "label"),
    [
        (NUMBERED, "1", 1),
        (NUMBERED, "1.0", 1),
        (NAMED, "yes", "yes"),
        (TRUTH, "True", True),
        (TRUTH, "0", False),
        (PRICE, "2.5", 2.5),
        (Signature((), "classification", ("0", "1")), "1", "1"),
        (Signature((), "classification"), "7", 7),
        (Signature((), "classification"), "seven", "seven"),
    ],
)
def test_a_text_is_the_label_that_it_stands_for(signature: Signature, text: str, label: Any) -> None:
    found = LabelCheck(signature).from_text(text)
    assert (found, type(found)) == (label, type(label))


@pytest.mark.parametrize(("signature", "text"), [(NUMBERED, "2"), (NUMBERED, ""), (PRICE, "nan"), (PRICE, "much")])
def test_a_text_that_stands_for_no_label(signature: Signature, text: str) -> None:
    with pytest.raises(WrongInputError):
        LabelCheck(signature).from_text(text)
