"""DORA's five figures of how well an environment is delivered to, reckoned from its revisions.

The definitions are those of DORA (dora.dev, the reports of 2024 and 2025): change lead time, deployment frequency,
failed deployment recovery time, change fail rate, deployment rework rate. How they are read here:

- A deployment is a revision of kind `deploy` that went live. A rollback is none.
- A change is a deployment, or a canary that ended before it was live: it had a share of the traffic. What failed before
  any traffic, and a shadow, reached nobody and does not count.
- A change has failed where it "requires a rollback or a hotfix": what took its place is a rollback, or a deployment
  with broken glass; or it was a canary that was ended, by the judge or by a person. What a rollback passes over on its
  way further back had been left before, and is not counted once more.
- Recovery is from the moment a failed change got traffic until what took its place went live, or the canary was ended.
- Lead time is from the commit to the moment the version was first live in the environment; to serve it there once more
  brings no change. Where the time of the commit is not known it is from the start of the run.
- Rework is a deployment with broken glass, or one that went live within 24 hours after a rollback.

A deployment belongs to the period in which it went live, a canary that was ended to that in which it began; both also
where they failed later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from mlops_console.core.deployments import Revision, RevisionState

WEEK = 7 * 86_400.0
REPAIR = 86_400.0  # seconds after a rollback within which a deployment counts as a repair


@dataclass(frozen=True, slots=True)
class Delivered:
    """A revision with what its times are reckoned from.

    Attributes:
        canary_at: when it first had a share of the traffic before it was live.
        committed_at: when the commit was made that its version's run was started from.
        run_at: when that run was started.
    """

    revision: Revision
    canary_at: float | None = None
    committed_at: float | None = None
    run_at: float | None = None


@dataclass(frozen=True, slots=True)
class Dora:
    """The five figures of an environment and a period; times in seconds, rates from 0 to 1, None where nothing was.

    Attributes:
        deployments: how many went live.
        per_week: deployments.
        lead_time: the median.
        leads: how many it is the median of; `leads_from_run` of them begin at the run, as their commit is not known.
        leads_unknown: deployments of a new version with neither.
        changes: deployments and canaries that were ended; `failed` of them have failed.
        recovery_time: the median.
        rework: deployments that were repairs.
    """

    environment: str
    start: float
    end: float
    deployments: int
    per_week: float
    lead_time: float | None
    leads: int
    leads_from_run: int
    leads_unknown: int
    changes: int
    failed: int
    change_fail_rate: float | None
    recovery_time: float | None
    rework: int
    rework_rate: float | None


def reckon(environment: str, delivered: Iterable[Delivered], start: float, end: float) -> Dora:
    """The figures of a period.

    Args:
        delivered: every revision of the environment, in any order.
        start, end: of the period, in seconds since the epoch; the end is not part of it.
    """
    every = sorted(delivered, key=lambda d: d.revision.revision)
    served = sorted((d for d in every if d.revision.live_at is not None), key=lambda d: _live(d))
    deployed = [d for d in served if d.revision.kind == "deploy" and start <= _live(d) < end]
    aborted = [d for d in every if _was_aborted(d) and d.canary_at is not None and start <= d.canary_at < end]
    recoveries = [*_recoveries(deployed, served), *(_length(d) for d in aborted)]
    firsts = {d.revision.model_ref: d.revision.revision for d in reversed(served)}
    leads = [_lead(d) for d in deployed if firsts[d.revision.model_ref] == d.revision.revision]
    known = [lead for lead, _ in leads if lead is not None]
    rollbacks = [_live(d) for d in served if d.revision.kind == "rollback"]
    repairs = sum(_is_repair(d, rollbacks) for d in deployed)
    changes = len(deployed) + len(aborted)
    return Dora(
        environment,
        start,
        end,
        deployments=len(deployed),
        per_week=len(deployed) * WEEK / (end - start),
        lead_time=median(known) if known else None,
        leads=len(known),
        leads_from_run=sum(from_run for _, from_run in leads),
        leads_unknown=len(leads) - len(known),
        changes=changes,
        failed=len(recoveries),
        change_fail_rate=len(recoveries) / changes if changes else None,
        recovery_time=median(recoveries) if recoveries else None,
        rework=repairs,
        rework_rate=repairs / len(deployed) if deployed else None,
    )


def reached_traffic(revision: Revision) -> bool:
    """Whether a revision has been a canary with a share of the traffic; a shadow answers nobody."""
    return revision.step is not None and revision.rollout.strategy == "canary"


def _live(delivered: Delivered) -> float:
    assert delivered.revision.live_at is not None  # asked only of those that went live
    return delivered.revision.live_at


def _was_aborted(delivered: Delivered) -> bool:
    """Whether it was a canary that is over and was never live."""
    revision = delivered.revision
    over = revision.state in (RevisionState.ABORTED, RevisionState.FAILED)
    return over and revision.live_at is None and reached_traffic(revision)


def _recoveries(deployed: Iterable[Delivered], served: Sequence[Delivered]) -> list[float]:
    """Of each deployment that failed, how long it took until another revision had its place."""
    after = dict(zip((d.revision.revision for d in served), served[1:], strict=False))
    found = []
    for bad in deployed:
        cure = after.get(bad.revision.revision)
        if cure is not None and (cure.revision.kind == "rollback" or cure.revision.break_glass is not None):
            found.append(_live(cure) - _began(bad))
    return found


def _began(delivered: Delivered) -> float:
    """When it first had traffic."""
    return _live(delivered) if delivered.canary_at is None else delivered.canary_at


def _length(delivered: Delivered) -> float:
    begun, ended = delivered.canary_at, delivered.revision.ended_at
    assert begun is not None  # it was a canary, and is over
    assert ended is not None
    return ended - begun


def _lead(delivered: Delivered) -> tuple[float | None, bool]:
    """The time from its making to its going live, and whether it is counted from the run. Clocks may disagree: never
    below 0."""
    if delivered.committed_at is not None:
        return max(_live(delivered) - delivered.committed_at, 0.0), False
    if delivered.run_at is not None:
        return max(_live(delivered) - delivered.run_at, 0.0), True
    return None, False


def _is_repair(delivered: Delivered, rollbacks: Iterable[float]) -> bool:
    at = _live(delivered)
    return delivered.revision.break_glass is not None or any(0 <= at - rollback <= REPAIR for rollback in rollbacks)
