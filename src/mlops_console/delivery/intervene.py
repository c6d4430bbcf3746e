"""What a person may do to a deployment that is waiting or under way: approve it, promote it, abort it; and freezing an
environment."""

import time

from mlops_console.core.deployments import Freeze, Revision, RevisionState
from mlops_console.core.errors import NotFoundError, RefusedError, UsageError
from mlops_console.core.jobs import JobState
from mlops_console.core.text import clock
from mlops_console.delivery import canary
from mlops_console.delivery.situation import frozen_by
from mlops_console.delivery.wording import state_word
from mlops_console.store import deploying, deployments, jobs, ledger
from mlops_console.store.database import Connection

_STOPPABLE = frozenset(state for state in RevisionState if not state.is_final and state is not RevisionState.LIVE)


def waiting(db: Connection, environment: str, number: int | None) -> Revision:
    """The revision that waits for approvals: the given one, or the newest.

    Raises:
        NotFoundError, UsageError: there is none.
    """
    return _chosen(db, environment, number, frozenset({RevisionState.WAITING}), "waits for an approval")


def in_canary(db: Connection, environment: str) -> Revision:
    """The revision that is a canary or a shadow now. Raises NotFoundError, UsageError where there is none."""
    return _chosen(db, environment, None, frozenset({RevisionState.CANARY}), "is a canary or a shadow")


def stoppable(db: Connection, environment: str, number: int | None) -> Revision:
    """The revision that is not live yet. Raises NotFoundError, UsageError where there is none."""
    return _chosen(db, environment, number, _STOPPABLE, "is on its way")


def why_not_approve(revision: Revision, actor: str, freeze: Freeze | None) -> str | None:
    """Why this person can't approve, as one sentence; None if they can."""
    if freeze is not None:
        return frozen_by(revision.environment, freeze)
    where = f"revision {revision.revision} of {revision.environment}"
    if actor == revision.actor:
        return f"{actor} asked for {where}: another person has to approve it."
    if revision.expires_at is not None and time.time() > revision.expires_at:
        return f"The time to approve {where} was over at {clock(revision.expires_at)}."
    return None


def approve(tx: Connection, revision: Revision, actor: str, reason: str) -> bool:
    """Add an approval; whether it was the last one that was needed, so that the revision may be rolled out.

    Raises:
        RefusedError: this person can't approve it, or nobody can while the environment is frozen.
    """
    freeze = freeze_of(tx, revision.environment)
    refused = why_not_approve(revision, actor, freeze)
    if refused is not None and freeze is not None:
        raise RefusedError(refused, f"'mlops-console unfreeze {revision.environment}' ends it; the revision waits on.")
    if refused is not None:
        raise RefusedError(refused, f"'mlops-console deploy {revision.model_ref} {revision.environment}' asks anew.")
    count = deploying.approve(tx, revision.environment, revision.revision, actor, reason)
    if count < revision.approvals:
        return False
    text = (
        f"approved by {', '.join(a.actor for a in deployments.approvals(tx, revision.environment, revision.revision))}"
    )
    return deploying.advance(tx, revision.environment, revision.revision, RevisionState.PLANNED, actor, text)


def expire(tx: Connection, now: float) -> None:
    """End the revisions that have waited for approvals for too long."""
    for revision in deployments.waiting(tx):
        if revision.expires_at is not None and now > revision.expires_at:
            why = f"nobody approved it before {clock(revision.expires_at)}"
            deploying.advance(tx, revision.environment, revision.revision, RevisionState.ABORTED, "worker", why)
            told = {"revision": revision.revision, "model": revision.model, "version": revision.version}
            ledger.append(tx, "worker", "expire", revision.environment, "succeeded", {**told, "reason": why})


def end_abandoned(tx: Connection) -> None:
    """End the revisions whose job has ended without them, before it had begun or in the middle, and say why."""
    for revision in deployments.abandoned(tx):
        assert revision.job_id is not None  # it is by its job that it is known
        job = jobs.get(tx, revision.job_id)
        stopped = job.state is JobState.STOPPED
        state = RevisionState.ABORTED if stopped else RevisionState.FAILED
        why = job.error or f"job {job.id} ({job.action}) {'was stopped' if stopped else 'ended'} before it was live"
        deploying.advance(tx, revision.environment, revision.revision, state, "worker", why)


def promote(tx: Connection, revision: Revision, actor: str, reason: str, full: bool) -> bool:
    """Give a canary its next step now, or all the traffic, and a shadow all of it; whether it still was one."""
    return canary.next_step(tx, revision, actor, reason or f"promoted by {actor}", full)


def abort(tx: Connection, revision: Revision, actor: str, reason: str) -> bool:
    """End a revision that is not live; the live version goes on. Whether it was not too late."""
    why = f"aborted by {actor}" + (f": {reason}" if reason else "")
    return deploying.advance(tx, revision.environment, revision.revision, RevisionState.ABORTED, actor, why)


def freeze(tx: Connection, environment: str, actor: str, reason: str) -> None:
    """Let no deployment change an environment any more.

    Raises:
        RefusedError: it is frozen: who did so, and why, must not be overwritten.
    """
    refused = frozen_by(environment, freeze_of(tx, environment))
    if refused is not None:
        raise RefusedError(refused, f"'mlops-console unfreeze {environment}' first.")
    deploying.set_freeze(tx, environment, Freeze(time.time(), actor, reason))


def freeze_of(db: Connection, environment: str) -> Freeze | None:
    found = deployments.environment(db, environment)
    return found.freeze if found is not None else None


def _chosen(
    db: Connection, environment: str, number: int | None, states: frozenset[RevisionState], what: str
) -> Revision:
    hint = f"'mlops-console history {environment}' shows its revisions."
    if deployments.environment(db, environment) is None:
        raise NotFoundError(f"Nothing was ever deployed to {environment!r}.", "'mlops-console status' shows what was.")
    if number is not None:
        found = deployments.revision(db, environment, number)
        if found.state not in states:
            word = state_word(found)
            raise UsageError(f"Revision {number} of {environment} is {word}: it is not one that {what}.", hint)
        return found
    for revision in deployments.revisions(db, environment):
        if revision.state in states:
            return revision
    raise UsageError(f"No revision of {environment} {what}.", hint)
