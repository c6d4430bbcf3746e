"""Triggers as rows of the grid and as facts of the details."""

from mlops_console.core.text import age, clock, param, safe_line
from mlops_console.core.triggers import Trigger, upcoming
from mlops_console.tui import glyphs
from mlops_console.tui.screens.triggers.reading import TriggerRead
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.rows import Cell, Column, Row

COLUMNS = (
    Column("name", "NAME", least=7, most=40, flex=1),
    Column("when", "WHEN", least=12, most=30, flex=1),
    Column("does", "DOES", least=10, most=24, flex=1),
    Column("state", "STATE", width=9),
    Column("last", "LAST", "right", width=7),
    Column("next", "NEXT", "right", width=6),
    Column("job", "LAST JOB", "right", width=8),
)
_NEEDS_WORKER = "It fires while there is a worker: 'mlops-console worker start' starts one."


def trigger_row(found: TriggerRead, now: float) -> Row:
    trigger, state = found.trigger, found.state
    told = glyphs.state(state.word(trigger))
    following = upcoming(trigger, state, now)
    return Row(
        trigger.name,
        (
            Cell(trigger.name, "strong"),
            Cell(safe_line(trigger.when, 300)),
            Cell(trigger.does),
            Cell(told.text, told.style),
            Cell(age(state.last_fired_at, now), "muted", state.last_fired_at),
            Cell(until(following, now), "muted", following),
            Cell("–" if state.last_job is None else str(state.last_job), "", state.last_job),
        ),
    )


def trigger_facts(found: TriggerRead, now: float, *, worker: bool) -> list[Fact]:
    """What the details say; `worker`: whether there is one."""
    trigger, state = found.trigger, found.state
    told = glyphs.state(state.word(trigger))
    following = upcoming(trigger, state, now)
    facts = [
        Fact("state", told.text, told.style),
        *([Fact("note", state.last_note, "warn")] if state.last_note else []),
        Fact("on", trigger.on),
        *(Fact(key, value) for key, value in _settings(trigger)),
        Fact("does", trigger.does, "accent"),
        *(Fact(key, param(value) or '""') for key, value in trigger.params.items()),
        Fact("last fired", f"{clock(state.last_fired_at)}, {age(state.last_fired_at, now)}")
        if state.last_fired_at
        else Fact("last fired", "never"),
        *([Fact("next", f"{clock(following)}, {until(following, now)}")] if following is not None else []),
    ]
    if not worker and state.is_on(trigger):
        facts.append(Fact("", _NEEDS_WORKER, "warn"))
    facts.append(Fact("Jobs"))
    for job in found.jobs:
        how = glyphs.state(job.state)
        facts.append(Fact(f"job {job.id}", f"{how.text}  {age(job.created_at, now)}", how.style))
    return facts if found.jobs else [*facts, Fact("", "It has started none yet.")]


def until(at: float | None, now: float) -> str:
    """How soon: due, in 42s, in 5m, in 3h, in 2d; "–" for never."""
    if at is None:
        return "–"
    left = at - now
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if left >= size:
            return f"in {int(left // size)}{unit}"
    return "due" if left <= 0 else f"in {int(left) + 1}s"


def _settings(trigger: Trigger) -> list[tuple[str, str]]:
    match trigger.on:
        case "schedule":
            zone = trigger.timezone or "this machine's"
            return [("cron", str(trigger.cron)), ("time zone", zone), ("missed", trigger.missed)]
        case "change":
            return [("paths", ", ".join(trigger.paths)), ("debounce", trigger.debounce)]
        case "after":
            return [("pipeline", str(trigger.pipeline))]
        case _:
            return [
                ("environment", str(trigger.environment)),
                ("most per day", str(trigger.most_per_day)),
                ("stop after", f"{trigger.stop_after} failed jobs"),
            ]
