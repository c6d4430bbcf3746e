"""Plans: what an action would change, shown before it is confirmed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_console.core.replay import ReplayReport


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would be different afterwards. `before` is "" where there was nothing."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of the two versions side by side; None where a side has none."""

    name: str
    before: float | str | None
    after: float | str | None
    better: bool | None = None  # None: no direction is known

    @property
    def same(self) -> bool:
        """Equal; of two numbers, within the noise of their reckoning (relative 1e-9)."""
        before, after = self.before, self.after
        if isinstance(before, int | float) and isinstance(after, int | float):
            return math.isclose(before, after, rel_tol=1e-9)
        return before == after


@dataclass(frozen=True, slots=True)
class GateResult:
    gate: str
    passed: bool
    figure: str  # the measured value, for people: "0.912" or "no such metric"


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of a pipeline: `runs` is False where it is cached, None where that depends on the steps before it."""

    stage: str
    command: str
    runs: bool | None
    why: str

    @property
    def verdict(self) -> str:
        return {True: "runs", False: "cached", None: "may run"}[self.runs]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action would do. A plan that is `refused` can't be confirmed; the text says why.

    `settles` are the fields that the request left open, as the plan understands them: who confirms a plan asks for
    these, so that what was shown is what is done, whatever has happened meanwhile.
    """

    action: str
    subject: str
    title: str
    command: str  # the equivalent shell command
    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()
    metrics: tuple[Difference, ...] = ()
    params: tuple[Difference, ...] = ()
    gates: tuple[GateResult, ...] = ()
    notes: tuple[str, ...] = field(default=())
    refused: str | None = None
    refused_briefly: str = ""  # the same where the gates stand beside it; "" where they don't tell the rest
    hint: str = ""  # what to do next where it is refused
    settles: Mapping[str, Any] = field(default_factory=dict)
    replay: ReplayReport | None = None
