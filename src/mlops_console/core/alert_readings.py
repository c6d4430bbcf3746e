"""What rules look at, read from reports, traffic, jobs and the disk: figures with their sentences."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Literal

from mlops_console.core.alert_rules import Observation, Reading
from mlops_console.core.alert_settings import LATENCIES
from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift
from mlops_console.core.jobs import Job, JobState
from mlops_console.core.losses import least_loss
from mlops_console.core.performance import Figure, Performance
from mlops_console.core.text import duration, latency, number, size
from mlops_console.core.traffic import Traffic

_Kind = Literal["realised", "estimated"]

_KINDS: tuple[_Kind, ...] = ("realised", "estimated")
_ASKED_FOR = "rmse"  # only a rule that names it looks at it: what it is hangs on the few largest errors
_REQUESTS = 20  # from here on the figures of traffic say something
_JOBS = 3  # successes that make a usual time
_PATIENCE = 30.0  # seconds that every job may take longer than usual


def of_report(report: DriftReport) -> tuple[Observation, ...]:
    """Drift, performance and data quality, as far as a report against the reference tells of them: what has changed
    since yesterday may be as it was in training.
    """
    if report.against != "reference":
        return ()
    found = []
    if report.verdict is not DriftVerdict.UNTESTED:
        reading = Reading(float(report.drifted), _drift(report), {"report": report.id})
        found.append(Observation("drift", report.environment, {"": reading}))
    if report.performance is not None:
        losses = _losses(report, report.performance)
        if losses:
            found.append(Observation("performance", report.environment, losses))
    quality = _quality(report)
    if quality is not None:
        found.append(Observation("data_quality", report.environment, {"": quality}))
    return tuple(found)


def _drift(report: DriftReport) -> str:
    names = report.drifted_features
    if not names:
        return ""
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    verb = "has" if len(names) == 1 else "have"
    return (
        f"{shown} {verb} drifted in {report.environment} from what {report.model}:{report.version} was trained on "
        f"({len(names)} of {len(report.features)} features, {report.rows:,} rows, report {report.id})."
    )


def _losses(report: DriftReport, performance: Performance) -> dict[str, Reading]:
    """How much each figure is worse than in training at least, realised before estimated; "" is the worst of them."""
    found = []
    for metric in performance.reference:
        known = ((kind, performance.figure(kind, metric)) for kind in _KINDS)
        first = next(((kind, figure) for kind, figure in known if figure is not None), None)
        if first is not None:
            found.append((performance.held_out(metric), *first))
    losses = {}
    for before, kind, after in found:
        reading = _loss(report.environment, report.id, before, kind, after)
        if reading is not None:
            losses[before.metric] = reading
    together = [one for one in found if one[0].metric != _ASKED_FOR]
    every = [_loss(report.environment, report.id, *one, looked_at=len(together)) for one in together]
    worst = max((reading for reading in every if reading is not None), key=lambda reading: reading.value, default=None)
    return losses if worst is None else losses | {"": worst}


def _loss(
    environment: str, report: int, before: Figure, kind: _Kind, after: Figure, looked_at: int = 1
) -> Reading | None:
    loss = least_loss(before, after, looked_at)
    if loss is None or not math.isfinite(loss):
        return None
    told = (
        f"{before.metric} in {environment} is {kind} at {_with_bounds(after)}, on held-out rows it was "
        f"{_with_bounds(before)}: worse by at least {number(max(loss, 0.0))}"
    )
    return Reading(loss, told, {"report": report, "metric": before.metric, "kind": kind})


def _with_bounds(figure: Figure) -> str:
    if figure.low == figure.high:
        return number(figure.value)
    return f"{number(figure.value)} ({number(figure.low)} to {number(figure.high)})"


def _quality(report: DriftReport) -> Reading | None:
    """The worst share of values of a feature that are missing more than in training, or of categories never seen."""
    inputs = [feature for feature in report.features if feature.role == "input"]
    if not inputs or not report.rows or not report.reference_rows:
        return None
    share, told, worst = max(
        ((*_bad_share(feature, report), feature) for feature in inputs), key=lambda found: found[0]
    )
    told = f"{share:.1%} of the values of {worst.name} in {report.environment} are {told}"
    return Reading(share, told, {"report": report.id, "feature": worst.name})


def _bad_share(feature: FeatureDrift, report: DriftReport) -> tuple[float, str]:
    missing = max(feature.n / report.reference_rows - feature.m / report.rows, 0.0)
    new = (feature.new_rows or 0) / max(feature.m, 1)
    if missing >= new:
        return missing, f"missing beyond those of training ({report.rows:,} rows)"
    return new, f"categories never seen before ({feature.m:,} values)"


def of_traffic(environment: str, traffic: Traffic) -> tuple[Observation, ...]:
    """Error rate and latencies of the last minute; NaN where too little was asked to tell."""
    if traffic.requests < _REQUESTS:
        unknown = Reading(math.nan, "")
        return (
            Observation("error_rate", environment, {"": unknown}),
            Observation("latency", environment, dict.fromkeys(("", *LATENCIES), unknown)),
        )
    asked = f"{traffic.requests:,} requests in the last minute"
    rate = Reading(traffic.error_rate, f"{traffic.error_rate:.1%} of the requests to {environment} fail ({asked})", {})
    slow = {}
    for name, share in LATENCIES.items():
        taken = traffic.quantile(share)
        if taken is not None:
            slow[name] = Reading(taken, f"The {name} of {environment} is {latency(taken)} ({asked})", {"metric": name})
    if slow:
        slow[""] = slow["p99"]
    return (
        Observation("error_rate", environment, {"": rate}),
        Observation("latency", environment, slow),
    )


def of_ended(job: Job, state: JobState, error: str | None) -> Observation | None:
    """A job that has ended; one that was stopped or refused says nothing."""
    if state not in (JobState.SUCCEEDED, JobState.FAILED, JobState.LOST):
        return None
    name = f"{job.action} {job.subject}"
    failed = state is not JobState.SUCCEEDED
    reading = Reading(float(failed), f"Job {job.id} ({name}) failed: {error}" if failed else "", {"job": job.id})
    return Observation("job_failed", name, {"": reading})


def of_running(job: Job, usual: Sequence[float], now: float) -> Observation | None:
    """How many times its usual time a job has been running.

    Args:
        usual: seconds that its last successes have taken.
    """
    if job.started_at is None or len(usual) < _JOBS:
        return None
    name, typical, taken = f"{job.action} {job.subject}", median(usual), now - job.started_at
    times = taken / typical if typical > 0 and taken - typical > _PATIENCE else 0.0
    told = f"Job {job.id} ({name}) has been running for {duration(taken)}; {duration(typical)} is usual"
    return Observation("job_slow", name, {"": Reading(times, told, {"job": job.id})})


def of_disk(free: int) -> Observation:
    """The disk of `.mlops`."""
    return Observation("disk", ".mlops", {"": Reading(float(free), f"The disk of .mlops has {size(free)} left", {})})
