"""Gates: conditions on a candidate's figures that stand between it and an environment.

The text of a gate is `METRIC OP BOUND`: OP is one of `>= <= > <`, BOUND a number, or `live`, `live + NUMBER`,
`live - NUMBER`, where `live` is the same metric of the version that is live now.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from mlops_console.core.deployments import Revision
from mlops_console.core.errors import ConfigError
from mlops_console.core.plans import GateResult
from mlops_console.core.text import number

_OPERATORS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
_GATE = re.compile(
    rf"\s*(?P<metric>[^\s<>=]+)\s*(?P<op>>=|<=|>|<)\s*"
    rf"(?:(?P<bound>[+-]?{_NUMBER})|(?P<live>live)(?:\s*(?P<sign>[+-])\s*(?P<offset>{_NUMBER}))?)\s*"
)


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition. `bound` is a figure, or what is added to the live version's where `relative`."""

    text: str
    metric: str
    op: str
    bound: Decimal
    relative: bool


def parse_gate(text: str) -> Gate:
    """Read the text of a gate.

    Raises:
        ConfigError: it is none.
    """
    match = _GATE.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"The gate {text!r} can't be read.",
            "Write METRIC >= NUMBER or METRIC >= live - NUMBER, with one of >= <= > <.",
        )
    relative = match["live"] is not None
    bound = Decimal(f"{match['sign'] or '+'}{match['offset'] or 0}" if relative else match["bound"])
    return Gate(text.strip(), match["metric"], match["op"], bound, relative)


def evaluate(gate: Gate, candidate: Mapping[str, float], live: Mapping[str, float] | None) -> GateResult:
    """Whether a candidate passes.

    Args:
        candidate: the candidate's metrics, each with its last value.
        live: those of the live version; None where nothing is live, so that a relative gate has nothing to hold.

    A metric that is missing, or no number, does not pass. Bounds are reckoned in decimal, so that 0.7 >= 0.8 - 0.1.
    """
    value = candidate.get(gate.metric)
    if value is None:
        return GateResult(gate.text, False, f"the candidate has no metric {gate.metric}")
    figure = number(value)
    if math.isnan(value):
        return GateResult(gate.text, False, figure)
    bound = gate.bound
    if gate.relative:
        if live is None:
            return GateResult(gate.text, True, f"{figure}, nothing is live yet")
        base = live.get(gate.metric)
        if base is None or math.isnan(base):
            return GateResult(gate.text, False, f"{figure}, the live version has no metric {gate.metric}")
        figure = f"{figure}, live {number(base)}"
        bound += _decimal(base)
    return GateResult(gate.text, _OPERATORS[gate.op](_decimal(value), bound), figure)


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
