"""What `status` says below its table of environments: what is on its way, what it waits for, and failing requests."""

import time
from collections.abc import Iterator

from mlops_console.core.deployments import Environment, Revision, RevisionState
from mlops_console.core.text import duration
from mlops_console.core.traffic import Traffic
from mlops_console.delivery.canary import gather


def lines(environment: Environment, now: float | None = None) -> Iterator[str]:
    """One sentence for each, without its environment's name."""
    if environment.candidate is not None:
        yield _coming(environment, environment.candidate, time.time() if now is None else now)
    recent = sum((Traffic.of_json(p.stats.get("recent", {})) for p in environment.processes), Traffic())
    if recent.errors:
        yield (
            f"{recent.errors:,} of {recent.requests:,} requests of the last minute "
            f"were answered with an error ({recent.error_rate:.1%})"
        )


def _coming(environment: Environment, candidate: Revision, now: float) -> str:
    told = f"{candidate.model_ref}, revision {candidate.revision}, is {_way(candidate)}"
    if candidate.state is not RevisionState.CANARY:
        return told
    plan, seen = candidate.rollout, gather(environment, candidate).canary
    held = max(now - (candidate.step_at or now), 0.0)
    if seen.requests < plan.min_requests and (held >= plan.hold or not seen.requests):
        return f"{told}, and waits for requests: {seen.requests:,} of {plan.min_requests:,}"
    return (
        f"{told}: {duration(min(held, plan.hold))} of {duration(plan.hold)}, "
        f"{seen.requests:,} of {plan.min_requests:,} requests, {seen.error_rate:.1%} errors"
    )


def _way(candidate: Revision) -> str:
    if candidate.state is not RevisionState.CANARY:
        return candidate.state
    if candidate.rollout.strategy == "shadow":
        return "a shadow"
    return f"a canary of {candidate.share:.0%}, step {(candidate.step or 0) + 1} of {len(candidate.rollout.steps)}"
