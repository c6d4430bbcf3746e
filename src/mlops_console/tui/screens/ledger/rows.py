"""Ledger entries as rows of the grid and as facts of the details."""

import json
from collections.abc import Sequence

from mlops_console.core.ledger import LedgerEntry
from mlops_console.core.text import age, clock, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.glyphs import State
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.rows import Cell, Column, Row

COLUMNS = (
    Column("seq", "SEQ", "right", least=5),
    Column("when", "WHEN", least=8),
    Column("actor", "ACTOR", most=16),
    Column("action", "ACTION", most=24),
    Column("subject", "SUBJECT", least=12, most=40, flex=1),
    Column("outcome", "OUTCOME", most=24),
)


def entry_rows(entries: Sequence[LedgerEntry], now: float, exact: bool) -> list[Row]:
    """One row per entry; its key is the number. `exact` gives the time to the second instead of the age."""
    return [
        Row(
            str(entry.seq),
            (
                Cell(f"{entry.seq:,}", "muted", entry.seq),
                Cell(clock(entry.at) if exact else age(entry.at, now), "muted", entry.at),
                Cell(safe_line(entry.actor, 200)),
                Cell(safe_line(entry.action, 200), "strong"),
                Cell(safe_line(entry.subject, 200)),
                Cell(*_outcome(entry.outcome)),
            ),
        )
        for entry in entries
    ]


def _outcome(outcome: str) -> tuple[str, str]:
    state: State = glyphs.state(outcome)
    return safe_line(state.text, 200), state.style


def entry_facts(entry: LedgerEntry) -> list[Fact]:
    """What the details say: who, what, when, the detail and the two hashes."""
    text, style = _outcome(entry.outcome)
    facts = [
        Fact("entry", f"{entry.seq:,}", "strong"),
        Fact("when", f"{clock(entry.at)}, {age(entry.at)}"),
        Fact("actor", entry.actor or "–"),
        Fact("action", entry.action or "–"),
        Fact("subject", entry.subject or "–"),
        Fact("outcome", text, style),
        Fact("Detail"),
    ]
    if not entry.detail:
        facts.append(Fact("", "none"))
    for key, value in sorted(entry.detail.items()):
        told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        facts.append(Fact(key or "–", told or "–"))
    return [
        *facts,
        Fact("Chain"),
        Fact("hash", entry.hash, "muted"),
        Fact("follows", entry.prev_hash, "muted"),
    ]
