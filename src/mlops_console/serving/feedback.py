"""True labels for what was answered: the body of `POST /feedback`, checked against the model's signature."""

import sys
from collections.abc import Iterator
from typing import Any

from mlops_console.core.models import Signature
from mlops_console.core.predictions import Label
from mlops_console.core.text import safe_line, shorten
from mlops_console.serving.errors import HttpError, TooLargeError, WrongInputError
from mlops_console.serving.wording import quoted, show

MOST_LABELS = 100_000  # of one body
_SHOWN = 40  # classes, and characters of one
_FORMS = ({"id", "label"}, {"id", "row", "label"}, {"id", "labels"})


class LabelCheck:
    """Whether labels are what a model predicts: one of its classes, or a number."""

    def __init__(self, signature: Signature) -> None:
        self._classes = {label: label for label in signature.classes}
        self._by_text = {_written(label): label for label in signature.classes}
        self._is_regression = signature.task == "regression"

    def checked(self, value: Any) -> Any:
        """The label as the model has it: 1 is the class 1.0 or true where there is such a one.

        Raises:
            WrongInputError: the model does not predict this.
        """
        if self._classes:
            if isinstance(value, str | int | float) and value in self._classes:
                return self._classes[value]
            raise WrongInputError(f"{show(value)}, but {self._expected()} is expected.")
        if self._is_regression:
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
                return value
            raise WrongInputError(f"{show(value)}, but a finite number is expected.")
        return scalar(value)

    def from_text(self, text: str) -> Any:
        """The label that a text stands for, as in a CSV file.

        Raises:
            WrongInputError: the model does not predict this.
        """
        if text in self._by_text:
            return self._by_text[text]
        return self.checked(number_or_text(text))

    def _expected(self) -> str:
        known = [shorten(_written(label), _SHOWN) for label in self._classes]
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        return f"one of the classes {safe_line(', '.join(known[:_SHOWN]))}{more}"


def parse_feedback(signature: Signature, body: Any) -> list[Label]:
    """The labels of a body: `{"id": …, "label": …}`, with `row` where the request had several, or `{"id": …, "labels":
    […]}` with one for each of its rows, or `{"feedback": […]}` with any number of these.

    Raises:
        HttpError: the body has none of the forms, has too much, or a label is none of the model's.
    """
    if not isinstance(body, dict):
        raise HttpError("The body is no JSON object with an id and a label.")
    entries = body["feedback"] if body.keys() == {"feedback"} else [body]
    if not isinstance(entries, list):
        raise HttpError("feedback has to be a list of objects with an id and a label.")
    check = LabelCheck(signature)
    labels: list[Label] = []
    for entry in entries:
        labels += _labels(entry, check)
        if len(labels) > MOST_LABELS:
            raise TooLargeError(f"The body has more than {MOST_LABELS:,} labels; send them in several.")
    if not labels:
        raise HttpError("The body has no labels.")
    return labels


def check_place(request_id: Any, row: Any) -> tuple[str, int]:
    """The id and the row that a label is for.

    Raises:
        WrongInputError: the id is no text that can be printed, or the row no whole number from 0 on.
    """
    if not isinstance(request_id, str) or not request_id or not request_id.isprintable():
        raise WrongInputError(f"The id is {show(request_id)}, but the text that came with the answer is expected.")
    if not isinstance(row, int) or isinstance(row, bool) or not 0 <= row < 2**31:
        raise WrongInputError(f"The row of {quoted(request_id)} is {show(row)}, but a number from 0 on is expected.")
    return request_id, row


def scalar(value: Any) -> Any:
    """A label of an unknown model, which may be anything but a structure, nothing, or a number that is none.

    Raises:
        WrongInputError: it is one of these.
    """
    if isinstance(value, str) or (isinstance(value, int | float) and abs(value) <= sys.float_info.max):
        return value
    raise WrongInputError(f"{show(value)}, but a text, a finite number, true or false is expected.")


def number_or_text(text: str) -> Any:
    """What a text of a CSV file stands for, if nothing more is known."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _labels(entry: Any, check: LabelCheck) -> Iterator[Label]:
    if not isinstance(entry, dict) or entry.keys() not in _FORMS:
        raise HttpError("Each feedback has to be an object with id and label, id, row and label, or id and labels.")
    request_id, first = check_place(entry["id"], entry.get("row", 0))
    values = entry.get("labels", [entry.get("label")])
    if not isinstance(values, list):
        raise WrongInputError(f"The labels of {quoted(request_id)} have to be a list.")
    for row, value in enumerate(values, first):
        try:
            yield Label(request_id, row, check.checked(value))
        except WrongInputError as error:
            raise WrongInputError(f"The label of {quoted(request_id)}, row {row}, is {error.message}") from None


def _written(label: Any) -> str:
    """A class as it stands in a file."""
    return str(label).lower() if isinstance(label, bool) else str(label)
