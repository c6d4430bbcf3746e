"""The steps that a canary or a shadow has gone through, from the changes of its revision."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_console.core.deployments import RevisionChange, RevisionState, RolloutPlan


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a rollout.

    `share` is of the traffic, None for a copy of it. The reason of `began` is what was found in the step before, or why
    a person promoted it; `ended` is what came next, None while it is held.
    """

    share: float | None
    began: RevisionChange
    ended: RevisionChange | None


def along(plan: RolloutPlan, changes: Sequence[RevisionChange]) -> Iterator[tuple[RevisionChange, Step | None]]:
    """Each change of a revision's life, oldest first, with the step that it began; None where it began none."""
    number = 0
    for at, change in enumerate(changes):
        if change.state is not RevisionState.CANARY:
            yield change, None
            continue
        yield change, Step(share_of(plan, number), change, changes[at + 1] if at + 1 < len(changes) else None)
        number += 1


def share_of(plan: RolloutPlan, number: int) -> float | None:
    """Of the traffic, in a step; None where it answers a copy of it."""
    return None if plan.strategy == "shadow" else plan.steps[min(number, len(plan.steps) - 1)]


def traffic_text(share: float | None) -> str:
    return "a copy of the traffic" if share is None else f"{share:.0%} of the traffic"
