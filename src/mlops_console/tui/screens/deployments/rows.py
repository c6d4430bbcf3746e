"""Revisions as rows of the grid and as facts of the details."""

from collections.abc import Sequence

from mlops_console.core.deployments import Environment, Revision, RevisionState
from mlops_console.core.plans import GateResult
from mlops_console.core.text import age, clock, duration, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.rows import Cell, Column, Row

COLUMNS = (
    Column("revision", "REV", "right", least=4),
    Column("model", "MODEL", least=8, most=28),
    Column("state", "STATE", least=9),
    Column("kind", "KIND", least=6, most=18),
    Column("when", "WHEN", "right", least=8),
    Column("actor", "BY", most=20),
    Column("reason", "REASON", least=10, most=80, flex=1),
    Column("lived", "LIVE FOR", "right", least=8),
)


def revision_rows(revisions: Sequence[Revision], now: float) -> list[Row]:
    """One row per revision, newest first; its key is the number."""
    return [_row(revision, now) for revision in revisions]


def _row(revision: Revision, now: float) -> Row:
    state = glyphs.state(revision.state)
    lived = live_for(revision, now)
    why = revision.error or revision.reason
    return Row(
        str(revision.revision),
        (
            Cell(str(revision.revision), "strong", revision.revision),
            Cell(safe_line(revision.model_ref), "strong", (revision.model, revision.version)),
            Cell(state.text, state.style, str(revision.state)),
            Cell(kind(revision)),
            Cell(age(revision.created_at, now), "muted", revision.created_at),
            Cell(safe_line(revision.actor, 200)),
            Cell(safe_line(why, 500), "bad" if revision.error else ""),
            Cell(duration(lived), "muted", lived),
        ),
    )


def kind(revision: Revision) -> str:
    """`deploy`, or `rollback to 3`."""
    to = f" to {revision.restores}" if revision.restores is not None else ""
    return safe_line(f"{revision.kind}{to}")


def live_for(revision: Revision, now: float) -> float | None:
    """Seconds for which a revision has served; None if it never did."""
    if revision.live_at is None:
        return None
    return (revision.ended_at if revision.ended_at is not None else now) - revision.live_at


def can_return_to(revision: Revision) -> bool:
    """Whether a rollback to it makes sense: it has served, and does so no longer."""
    return revision.live_at is not None and revision.state is RevisionState.RETIRED


def revision_facts(revision: Revision, gates: Sequence[GateResult] | None, now: float) -> list[Fact]:
    """What happened, who did it and why; None gates are not read yet."""
    state = glyphs.state(revision.state)
    facts = [
        Fact("revision", f"{revision.revision} of {revision.environment}", "strong"),
        Fact("model", revision.model_ref, "strong"),
        Fact("state", state.text, state.style),
        Fact("kind", kind(revision)),
        Fact("by", revision.actor or "–"),
        Fact("reason", revision.reason or "–"),
        Fact("asked", f"{clock(revision.created_at)}, {age(revision.created_at, now)}"),
        Fact("live", clock(revision.live_at)),
        Fact("ended", clock(revision.ended_at)),
        Fact("live for", duration(live_for(revision, now))),
    ]
    if revision.job_id is not None:
        facts.append(Fact("job", str(revision.job_id)))
    if revision.error:
        facts.append(Fact("error", revision.error, "bad"))
    if gates:
        facts.append(Fact("Gates"))
        for gate in gates:
            told = glyphs.PASSED if gate.passed else glyphs.NOT_PASSED
            facts.append(Fact(told.text, f"{gate.gate}: {gate.figure}", told.style))
    if can_return_to(revision):
        facts += [Fact("Go back"), Fact("", f"Press r, then y: {revision.model_ref} serves again.")]
    return facts


def server_facts(environment: Environment, now: float) -> list[Fact]:
    """The server of an environment, as it reports itself."""
    health = glyphs.state(environment.health)
    process = environment.process
    facts = [
        Fact("environment", environment.name, "strong"),
        Fact("health", health.text, health.style),
        Fact("url", environment.url),
        Fact("port", str(environment.port)),
        Fact("serves", f"revision {environment.observed}" if environment.observed is not None else "nothing"),
        Fact("process", f"{process.pid} on {process.host}" if process else "none"),
        Fact("heard of", age(environment.heartbeat_at, now)),
    ]
    if environment.error:
        facts.append(Fact("error", environment.error, "bad"))
    model = environment.model
    return [
        *facts,
        Fact("Ask it"),
        Fact("", f"curl {environment.url}/v2/health/ready"),
        Fact("", f"curl {environment.url}/v2/models/{model}"),
    ]
