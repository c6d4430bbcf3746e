"""When an alert opens and when it is over: one decision, without clock or store."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from mlops_console.core import text
from mlops_console.core.alert_settings import AlertRule, Watched
from mlops_console.core.moments import seconds

_WHOLE = ("drift", "job_failed")  # whose text says all: they have no bound


class Move(StrEnum):
    NOTHING = "nothing"
    OPEN = "open"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a rule asks of its figure. Times in seconds.

    Attributes:
        bound: what is beyond it is wrong. `clear`: it is right again where it is not beyond this.
        hold: so long it must have been wrong. `clear_for`: so long it must have been right.
        cool_down: so long after its end it may not open again.
        low: beyond is below.
    """

    bound: float
    clear: float
    hold: float = 0.0
    clear_for: float = 0.0
    cool_down: float = 0.0
    low: bool = False

    def is_wrong(self, value: float, is_open: bool) -> bool:
        limit = self.clear if is_open else self.bound
        return value < limit if self.low else value > limit


@dataclass(frozen=True, slots=True)
class State:
    """What is known of one rule and subject: wrong or right `since` when, and whether the alert is open.

    Attributes:
        closed_at: when the alert before this one ended.
    """

    bad: bool = False
    since: float = 0.0
    is_open: bool = False
    closed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure, and what to say of it: a sentence, or one that goes on with the bound."""

    value: float
    text: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one subject. `readings` by metric; "" is the one of a rule that names none."""

    on: Watched
    subject: str
    readings: Mapping[str, Reading]


def limits(rule: AlertRule) -> Limits:
    return Limits(
        rule.limit,
        rule.clear_limit,
        seconds(rule.hold),
        seconds(rule.clear_for),
        seconds(rule.cool_down),
        rule.on == "disk",
    )


def decide(asked: Limits, state: State, value: float | None, now: float) -> tuple[State, Move]:
    """What follows from a figure, or from the time alone.

    A clock that went back makes no span endless: what began in the future begins now, and no cool-down reaches into it.

    Args:
        value: None where nothing but time has passed; NaN where it can't be told: what is open stays so, and what was
            on its way there begins anew.
    """
    bad, since = state.bad, min(state.since, now)
    if value is not None:
        bad = state.bad and state.is_open if math.isnan(value) else asked.is_wrong(value, state.is_open)
    if bad != state.bad:
        since = now
    after = replace(state, bad=bad, since=since)
    cools = state.closed_at is not None and 0 <= now - state.closed_at < asked.cool_down
    if bad and not state.is_open and now - since >= asked.hold and not cools:
        return replace(after, is_open=True), Move.OPEN
    if not bad and state.is_open and now - since >= asked.clear_for:
        return replace(after, is_open=False, closed_at=now), Move.RESOLVE
    return after, Move.NOTHING


def message(rule: AlertRule, reading: Reading) -> str:
    """What the alert says."""
    if rule.on in _WHOLE:
        return reading.text
    return f"{reading.text}; the bound of rule {rule.name} is {_bound(rule)}."


def _bound(rule: AlertRule) -> str:
    match rule.on:
        case "latency":
            return text.latency(rule.limit)
        case "disk":
            return f"{text.size(round(rule.limit))} free"
        case "job_slow":
            return f"{rule.limit:g} times"
    return f"{rule.limit:.3g}"
