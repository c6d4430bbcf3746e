"""How a rollout goes, or went: its steps, what both versions have answered, and what the judge says of it."""

from collections.abc import Iterator, Sequence

from mlops_console.core.deployments import Revision, RevisionChange, RevisionState, RolloutPlan
from mlops_console.core.text import clock, duration, latency
from mlops_console.core.traffic import Traffic
from mlops_console.delivery.steps import along, traffic_text
from mlops_console.tui import glyphs
from mlops_console.tui.screens.deployments.reading import Standing
from mlops_console.tui.screens.overview.cards import errors
from mlops_console.tui.widgets.bars import progress_bar
from mlops_console.tui.widgets.facts import Fact

_BAR = 20  # cells


def canary_facts(
    revision: Revision, changes: Sequence[RevisionChange], standing: Standing | None, now: float
) -> list[Fact]:
    """Of a revision, `standing` None where it is no canary now or that is not read yet."""
    state = glyphs.revision_state(revision)
    facts = [
        Fact("revision", f"{revision.revision}, {revision.model_ref}", "strong"),
        Fact("state", state.text, state.style),
        Fact("goes live", _way(revision)),
    ]
    if revision.error:
        facts.append(Fact("ended", revision.error, "bad"))
    if revision.state is RevisionState.CANARY:
        facts += _now(revision, standing, now)
    if steps := [*_steps(revision, changes, now)]:
        facts += [Fact("Steps"), *steps]
    return facts


def _way(revision: Revision) -> str:
    plan = revision.rollout
    if revision.kind == "rollback":
        return "at once: it is a rollback"
    if plan.strategy == "shadow":
        return f"after {_hold(plan)} as a shadow, which answers a copy of the traffic"
    if plan.strategy == "swap" or len(plan.steps) < 2:
        return "at once, with all the traffic"
    return f"in steps: {', '.join(f'{step:.0%}' for step in plan.steps)}, each but the last held for {_hold(plan)}"


def _hold(plan: RolloutPlan) -> str:
    return f"{duration(plan.hold)} and {plan.min_requests:,} requests"


def _now(revision: Revision, standing: Standing | None, now: float) -> Iterator[Fact]:
    plan = revision.rollout
    held = max(now - (revision.step_at or now), 0.0)
    bar = progress_bar(held / plan.hold if plan.hold else 1.0, _BAR)
    yield Fact("held", f"{duration(min(held, plan.hold))} of {duration(plan.hold)}  {bar}", "run")
    if standing is None:
        return
    if standing.told:
        yield Fact("told", standing.told)
    traffic = standing.traffic
    yield Fact("Since the step began")
    yield Fact(revision.model_ref, _figures(traffic.canary), "strong")
    yield Fact("live", _figures(traffic.live))
    if plan.strategy == "shadow":
        yield Fact("agreed", f"{traffic.agreed:,} of {traffic.mirrored:,} rows" if traffic.mirrored else "–")
    yield Fact("Compared with the live version")
    lacking = plan.min_requests - traffic.canary.requests
    if lacking > 0:
        yield Fact("", f"It is judged once it has answered {lacking:,} more requests.")
        return
    for finding in standing.findings:
        state = glyphs.WORSE if finding.worse else glyphs.PASSED
        word = state.text if finding.worse else f"{state.glyph} not worse"
        yield Fact(finding.what, f"{word}: {finding.figure}", state.style if finding.worse else "")


def _figures(traffic: Traffic) -> str:
    speed = f"p50 {latency(traffic.quantile(0.5))}, p95 {latency(traffic.quantile(0.95))}"
    return f"{traffic.requests:,} requests, {errors(traffic)} errors, {speed}"


def _steps(revision: Revision, changes: Sequence[RevisionChange], now: float) -> Iterator[Fact]:
    """Each step with its length, and what ended it."""
    for change, step in along(revision.rollout, changes):
        if step is None:
            continue
        took = duration((step.ended.at if step.ended else now) - change.at)
        found = f": {_verdict(step.ended)}" if step.ended else ", so far"
        told = f"{traffic_text(step.share)} for {took}{found}"
        yield Fact(clock(change.at)[11:], told, "" if step.ended else "run")


def _verdict(after: RevisionChange) -> str:
    """What was found in a step, or how the revision ended in it."""
    if after.state is RevisionState.CANARY:
        return after.reason or "the next step"
    return f"{after.state}, {after.reason}" if after.reason else str(after.state)
