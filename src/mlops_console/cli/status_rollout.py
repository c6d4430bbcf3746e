"""What `status` says below its table of environments: a freeze, what is on its way or waits for approval, revoked
tokens, and failing requests."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_console.core.deployments import Environment, Revision, RevisionState
from mlops_console.core.text import duration
from mlops_console.core.traffic import Traffic
from mlops_console.delivery.canary import gather
from mlops_console.store import deployments, tokens
from mlops_console.store.database import Connection


@dataclass(frozen=True, slots=True)
class Waiting:
    """A revision that waits for approvals, and how many it has."""

    revision: Revision
    approvals: int


def waiting(db: Connection, environment: str) -> tuple[Waiting, ...]:
    """What waits for approvals in an environment, the newest first."""
    found = [revision for revision in deployments.waiting(db) if revision.environment == environment]
    found.sort(key=lambda revision: revision.revision, reverse=True)
    return tuple(Waiting(r, len(deployments.approvals(db, environment, r.revision))) for r in found)


def lets_nobody_in(db: Connection, environment: str) -> bool:
    """Whether tokens are needed there, and none holds."""
    known = tokens.tokens(db, environment)
    return bool(known) and all(token.revoked_at is not None for token in known)


def lines(
    environment: Environment, waits: Sequence[Waiting] = (), *, closed: bool = False, now: float | None = None
) -> Iterator[str]:
    """One sentence for each.

    Args:
        waits: what waits for approvals there.
        closed: no token is let in.
    """
    name = environment.name
    if environment.freeze is not None:
        yield f"{name} is frozen by {environment.freeze.actor}: {environment.freeze.reason}"
    if environment.candidate is not None:
        yield f"{name}: {_coming(environment, environment.candidate, time.time() if now is None else now)}"
    for found in waits:
        coming = found.revision
        yield (
            f"{name}: {coming.model_ref}, revision {coming.revision}, waits for approval: {found.approvals} of "
            f"{coming.approvals}; mlops-console approve {name} {coming.revision}"
        )
    if closed:
        yield f"{name} lets nobody in, as all its tokens are revoked; mlops-console token create {name} NAME"
    recent = sum((Traffic.of_json(p.stats.get("recent", {})) for p in environment.processes), Traffic())
    if recent.errors:
        yield (
            f"{name}: {recent.errors:,} of {recent.requests:,} requests of the last minute "
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
