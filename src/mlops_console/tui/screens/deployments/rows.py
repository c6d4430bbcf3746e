"""Revisions as rows of the grid and as facts of the details."""

from collections.abc import Iterator, Mapping, Sequence

from mlops_console.core.deployments import Approval, Environment, Revision, RevisionChange, RevisionState, ServerProcess
from mlops_console.core.plans import GateResult
from mlops_console.core.text import age, clock, duration, safe_line
from mlops_console.delivery.steps import along
from mlops_console.tui import glyphs
from mlops_console.tui.screens.deployments.reading import Life
from mlops_console.tui.screens.overview.reading import Card
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.rows import Cell, Column, Row

COLUMNS = (
    Column("revision", "REV", "right", least=4),
    Column("model", "MODEL", least=8, most=28),
    Column("state", "STATE", least=9),
    Column("kind", "KIND", least=6, most=26),
    Column("approvals", "APPROVED", "right", least=3),
    Column("when", "WHEN", "right", least=8),
    Column("actor", "BY", most=20),
    Column("reason", "REASON", least=10, most=80, flex=1),
    Column("lived", "LIVE FOR", "right", least=8),
)


def columns(revisions: Sequence[Revision]) -> Sequence[Column]:
    """Those of the list: one for approvals only where any were ever needed."""
    needed = any(revision.approvals for revision in revisions)
    return [column for column in COLUMNS if needed or column.key != "approvals"]


def revision_rows(revisions: Sequence[Revision], given: Mapping[tuple[str, int], int], now: float) -> list[Row]:
    """One row per revision, newest first; its key is the number. `given` counts the approvals of those that need
    some."""
    keys = [column.key for column in columns(revisions)]
    rows = []
    for revision in revisions:
        cells = _cells(revision, given.get((revision.environment, revision.revision), 0), now)
        rows.append(Row(str(revision.revision), tuple(cells[key] for key in keys)))
    return rows


def _cells(revision: Revision, given: int, now: float) -> Mapping[str, Cell]:
    state = glyphs.revision_state(revision)
    lived = live_for(revision, now)
    needed = revision.approvals
    return {
        "revision": Cell(str(revision.revision), "strong", revision.revision),
        "model": Cell(safe_line(revision.model_ref), "strong", (revision.model, revision.version)),
        "state": Cell(state.text, state.style, str(revision.state)),
        "kind": Cell(kind(revision), glyphs.GLASS.style if revision.break_glass is not None else ""),
        "approvals": Cell(f"{given}/{needed}" if needed else "–", "warn" if given < needed else "muted", given),
        "when": Cell(age(revision.created_at, now), "muted", revision.created_at),
        "actor": Cell(safe_line(revision.actor, 200)),
        "reason": Cell(safe_line(_reason(revision), 500), "bad" if revision.error else ""),
        "lived": Cell(_lived(revision, now), "muted", lived),
    }


def _reason(revision: Revision) -> str:
    """Why it was asked for and, where it came to nothing, how it ended."""
    return " · ".join(part for part in (revision.reason, revision.error) if part)


def kind(revision: Revision) -> str:
    """`deploy`, or `rollback to 3`; one that has passed by its gates is marked."""
    to = f" to {revision.restores}" if revision.restores is not None else ""
    glass = f" {glyphs.GLASS.text}" if revision.break_glass is not None else ""
    return safe_line(f"{revision.kind}{to}{glass}")


def live_for(revision: Revision, now: float) -> float | None:
    """Seconds for which a revision has served; None if it never did."""
    if revision.live_at is None:
        return None
    return (revision.ended_at if revision.ended_at is not None else now) - revision.live_at


def _lived(revision: Revision, now: float) -> str:
    """To the second where it is over; else as coarse as ages are, so that a line that nobody reads is not redrawn."""
    if revision.ended_at is None:
        return age(revision.live_at, now).removesuffix(" ago")
    return duration(live_for(revision, now))


def can_return_to(revision: Revision) -> bool:
    """Whether a rollback to it makes sense: it has served, and does so no longer."""
    return revision.live_at is not None and revision.state is RevisionState.RETIRED


def revision_facts(revision: Revision, life: Life | None, now: float) -> list[Fact]:
    """What happened, who did it and why; a life that is None is not read yet."""
    state = glyphs.revision_state(revision)
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
        Fact("live for", _lived(revision, now)),
    ]
    if revision.job_id is not None:
        facts.append(Fact("job", str(revision.job_id)))
    if revision.error:
        facts.append(Fact("error", revision.error, "bad"))
    if revision.break_glass is not None:
        facts.append(Fact(glyphs.GLASS.text, revision.break_glass, glyphs.GLASS.style))
    if life is not None:
        facts += [*_gates(life.gates), *_approvals(revision, life.approvals, now), *_changes(revision, life.changes)]
    if can_return_to(revision):
        facts += [Fact("Go back"), Fact("", f"Press r, then y: {revision.model_ref} serves again.")]
    return facts


def _gates(gates: Sequence[GateResult]) -> Iterator[Fact]:
    if gates:
        yield Fact("Gates")
    for gate in gates:
        told = glyphs.PASSED if gate.passed else glyphs.NOT_PASSED
        yield Fact(told.text, f"{gate.gate}: {gate.figure}", told.style)


def _approvals(revision: Revision, approvals: Sequence[Approval], now: float) -> Iterator[Fact]:
    if not revision.approvals and not approvals:
        return
    yield Fact(f"Approvals, {len(approvals)} of {revision.approvals}")
    for approval in approvals:
        reason = f": {approval.reason}" if approval.reason else ""
        yield Fact(approval.actor, f"{clock(approval.at)}{reason}", "ok")
    if revision.state is RevisionState.WAITING:
        until = f" before {clock(revision.expires_at)}" if revision.expires_at is not None else ""
        yield Fact("", f"Press A to approve it{until}; {revision.actor}, who asked for it, can't.")


def _changes(revision: Revision, changes: Sequence[RevisionChange]) -> Iterator[Fact]:
    if changes:
        yield Fact("Life")
    for change, step in along(revision.rollout, changes):
        state = glyphs.step_state(revision, change.state)
        share = f" {step.share:.0%}" if step is not None and step.share is not None else ""
        reason = f": {change.reason}" if change.reason else ""
        yield Fact(clock(change.at), f"{state.text}{share} by {change.actor}{reason}", state.style)


def server_facts(card: Card, now: float) -> list[Fact]:
    """The server of an environment, as its processes report."""
    environment = card.environment
    health = glyphs.state(environment.health)
    facts = [
        Fact("environment", environment.name, "strong"),
        Fact("health", health.text, health.style),
        Fact("url", environment.url),
        Fact("port", str(environment.port)),
        Fact("serves", f"revision {environment.observed}" if environment.observed is not None else "nothing"),
        Fact("processes", f"{len(environment.ready)} of {environment.settings.workers} ready"),
    ]
    if card.form is not None and card.live is not None:
        facts.append(Fact("form", f"{card.live.model_ref} answers as {card.form[0]}. {card.form[1]}"))
    if environment.freeze is not None:
        freeze = environment.freeze
        why = f"by {freeze.actor} since {clock(freeze.at)}: {freeze.reason}"
        facts.append(Fact(glyphs.FROZEN.text, why, glyphs.FROZEN.style))
    if environment.error:
        facts.append(Fact("error", environment.error, "bad"))
    for process in environment.processes:
        facts += _process(process, environment, now)
    model = environment.model
    return [
        *facts,
        Fact("Ask it"),
        Fact("", f"curl {environment.url}/v2/health/ready"),
        Fact("", f"curl {environment.url}/v2/models/{model}"),
    ]


def _process(process: ServerProcess, environment: Environment, now: float) -> list[Fact]:
    health = glyphs.state(process.health)
    behind = environment.epoch - process.epoch
    return [
        Fact(f"Process {process.slot + 1}"),
        Fact("health", health.text, health.style),
        Fact("pid", f"{process.process.pid} on {process.process.host}"),
        Fact("serves", f"revision {process.serving}" if process.serving is not None else "nothing"),
        Fact("prepared", f"revision {process.prepared}" if process.prepared is not None else "–"),
        Fact("warm", ", ".join(process.warm) or "–"),
        Fact("follows", f"change {process.epoch} of {environment.epoch}", "warn" if behind else ""),
        Fact("heard of", age(process.heartbeat_at, now)),
    ]
