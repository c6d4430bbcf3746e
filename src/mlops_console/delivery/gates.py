"""Gates: conditions on a candidate's figures that stand between it and an environment.

The text of a gate is `NAME OP BOUND`. NAME is a metric of the run or one of `delivery.gate_names`; OP is one of
`>= <= > <`; BOUND is a number (`0.9`, `98%`, `20 ms`, `50 MB`), or `live`, `live + NUMBER`, `live - NUMBER`,
`live * NUMBER`, where `live` is the same figure of the version that is live now. What is a word is `NAME == WORD`.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, cast

from mlops_console.core.config_values import size
from mlops_console.core.deployments import Revision
from mlops_console.core.errors import ConfigError
from mlops_console.core.plans import GateResult
from mlops_console.core.text import latency, number
from mlops_console.core.text import size as size_text
from mlops_console.delivery.gate_names import Subject, Unit, close_to, parse_subject

Sign = Literal["+", "-", "*"]

_OPERATORS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
_GATE = re.compile(r"\s*(?P<name>[^<>=]*[^<>=\s])\s*(?P<op>>=|<=|==|>|<)\s*(?P<bound>[^<>=]*[^<>=\s])\s*")
_LIVE = re.compile(r"live(?:\s*(?P<sign>[+*-])\s*(?P<amount>\S.*))?")
_AMOUNT = re.compile(rf"(?P<number>[+-]?{_NUMBER})\s*(?P<unit>%|[A-Za-z]*)")
_SCALES: Mapping[Unit, Mapping[str, Decimal]] = {
    "number": {"": Decimal(1), "%": Decimal("0.01")},
    "seconds": {"": Decimal(1), "s": Decimal(1), "ms": Decimal("0.001")},
    "bytes": {"": Decimal(1)},
}
_SHOWN: Mapping[Unit, Callable[[float], str]] = {"seconds": latency, "bytes": lambda value: size_text(round(value))}
_LONGEST = 200  # characters of a gate that an error repeats


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure; or the live version's with `amount` added, subtracted or as a factor."""

    amount: Decimal
    live: Sign | None = None

    def against(self, live: Decimal) -> Decimal:
        if self.live == "*":
            return live * self.amount
        return live + self.amount if self.live == "+" else live - self.amount


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition. `bound` is None where the subject is a word."""

    text: str
    subject: Subject
    op: str
    bound: Bound | None

    @property
    def is_relative(self) -> bool:
        return self.bound is not None and self.bound.live is not None


@dataclass(frozen=True, slots=True)
class Figure:
    """What was found for a gate. `value` is None where there is none, and the text says why; a truth value where it
    decides by itself."""

    value: float | bool | None
    text: str


def parse_gate(text: str) -> Gate:
    """Read the text of a gate.

    Raises:
        ConfigError: it is none.
    """
    match = _GATE.fullmatch(text)
    if match is None:
        raise _unreadable(text)
    subject = parse_subject(match["name"])
    if subject.kind == "metric" and re.search(r"\s", subject.name):
        raise _unreadable(text)
    if subject.unit == "word":
        if (match["op"], match["bound"]) != ("==", subject.word):
            raise _unreadable(text, f"Write {subject.name} == {subject.word}.")
        return Gate(text.strip(), subject, "==", None)
    bound = _bound(match["bound"], subject) if match["op"] in _OPERATORS else None
    if bound is None:
        meant = close_to(subject.name) if subject.kind == "metric" else ""
        raise _unreadable(text, _bounds_of(subject), meant)
    return Gate(text.strip(), subject, match["op"], bound)


def figure_text(subject: Subject, value: float) -> str:
    """A figure in the unit of what it is of."""
    return _SHOWN.get(subject.unit, number)(value)


def judge(gate: Gate, found: Figure, live: Figure | None) -> GateResult:
    """Whether a candidate passes.

    Args:
        found: what is known of the candidate.
        live: the same of the live version; None where nothing is live, so that a relative gate has nothing to hold.

    What is missing, or no number, does not pass. Bounds are reckoned in decimal, so that 0.7 >= 0.8 - 0.1.
    """
    value = found.value
    if value is None or isinstance(value, bool) or math.isnan(value):
        return GateResult(gate.text, value is True, found.text)
    assert gate.bound is not None  # only words have none, and they decide by themselves
    bound, told = gate.bound.amount, found.text
    if gate.is_relative:
        if live is None:
            return GateResult(gate.text, True, f"{told}, nothing is live yet")
        if live.value is None or math.isnan(live.value):
            return GateResult(gate.text, False, f"{told}, {live.text}")
        told = f"{told}, live {figure_text(gate.subject, live.value)}"
        bound = gate.bound.against(_decimal(live.value))
    return GateResult(gate.text, _OPERATORS[gate.op](_decimal(value), bound), told)


def _bound(text: str, subject: Subject) -> Bound | None:
    """None where it is no bound of this subject."""
    match = _LIVE.fullmatch(text)
    if match is None:
        amount = _amount(text, subject.unit)
        return None if amount is None else Bound(amount)
    if not subject.has_live:
        return None
    sign = cast("Sign", match["sign"] or "+")
    if match["amount"] is None:
        return Bound(Decimal(0), sign)
    amount = _amount(match["amount"], "number" if sign == "*" else subject.unit)
    if amount is None or match["amount"][0] in "+-" or (sign == "*" and amount == 0):
        return None
    return Bound(amount, sign)


def _amount(text: str, unit: Unit) -> Decimal | None:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return None
    scale = _SCALES[unit].get(match["unit"])
    if scale is not None:
        return Decimal(match["number"]) * scale
    if unit != "bytes":
        return None
    try:
        return Decimal(size(text))
    except ValueError:
        return None


def _unreadable(text: str, hint: str = "", meant: str = "") -> ConfigError:
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return ConfigError(
        f"The gate {shown!r} can't be read{meant or '.'}",
        hint or "Write NAME >= NUMBER or NAME >= live - NUMBER, with one of >= <= > <.",
    )


def _bounds_of(subject: Subject) -> str:
    example, more = {"seconds": ("20 ms", "20"), "bytes": ("50 MB", "50")}.get(subject.unit, ("0.9 or 90%", "0.9"))
    live = f", or with live, live + {more}, live * 1.2" if subject.has_live else ""
    return f"Write {subject.name[:100]} with one of >= <= > < and a bound such as {example}{live}."


def required_gate(required: str) -> str:
    """The text of the gate that `requires` is."""
    return f'requires = "{required}"'


def evaluate_required(required: str, model_ref: str, revisions: Sequence[Revision]) -> GateResult:
    """Whether a version is live, or was, in the environment that has to come first.

    Args:
        revisions: those of the required environment, newest first.
    """
    gate = required_gate(required)
    for revision in revisions:
        if revision.model_ref == model_ref and revision.live_at is not None:
            verb = "is" if revision.ended_at is None else "was"
            return GateResult(gate, True, f"{model_ref} {verb} live in {required} as revision {revision.revision}")
    return GateResult(gate, False, f"{model_ref} was never live in {required}")


def _decimal(value: float) -> Decimal:
    """The number as it is written, not as it is rounded in binary."""
    return Decimal(repr(float(value)))
