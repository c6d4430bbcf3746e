"""The append-only, hash-chained record of every action."""

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from mlops_console.core.ledger import GENESIS, LedgerEntry, entry_hash
from mlops_console.store.changes import Topic, announce


def append(
    tx: sqlite3.Connection,
    actor: str,
    action: str,
    subject: str,
    outcome: str,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Add one entry to the chain, in the transaction of what it tells of; its number."""
    last = tx.execute("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    seq, prev_hash = (last["seq"] + 1, last["hash"]) if last else (1, GENESIS)
    at = time.time()
    text = json.dumps(dict(detail or {}), sort_keys=True, default=str)
    digest = entry_hash(seq, at, actor, action, subject, outcome, json.loads(text), prev_hash)
    tx.execute(
        "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (seq, at, actor, action, subject, outcome, text, prev_hash, digest),
    )
    announce(tx, Topic.LEDGER, seq)
    return seq


def entries(db: sqlite3.Connection, limit: int = 1000, offset: int = 0) -> list[LedgerEntry]:
    """Entries, newest first."""
    rows = db.execute("SELECT * FROM ledger ORDER BY seq DESC LIMIT ? OFFSET ?", (limit, offset))
    return [_entry(row) for row in rows]


def count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM ledger").fetchone()[0])


def first_broken(db: sqlite3.Connection) -> int | None:
    """The number of the first entry that does not follow from those before it; None if the chain is whole.

    It can't tell a chain that was written anew from its first changed entry, nor one whose end was cut off.
    """
    expected, prev_hash = 1, GENESIS
    for row in db.execute("SELECT * FROM ledger ORDER BY seq"):
        entry = _entry(row)
        digest = entry_hash(
            entry.seq,
            entry.at,
            entry.actor,
            entry.action,
            entry.subject,
            entry.outcome,
            entry.detail,
            prev_hash,
        )
        if entry.seq != expected or entry.prev_hash != prev_hash or entry.hash != digest:
            return expected
        expected, prev_hash = expected + 1, entry.hash
    return None


def _entry(row: sqlite3.Row) -> LedgerEntry:
    try:
        detail = json.loads(row["detail"])
    except json.JSONDecodeError:
        detail = {"damaged": row["detail"]}  # the hash no longer fits, so that it is found
    return LedgerEntry(
        row["seq"],
        row["at"],
        row["actor"],
        row["action"],
        row["subject"],
        row["outcome"],
        detail,
        row["prev_hash"],
        row["hash"],
    )
