"""The append-only, hash-chained record of every action."""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_console.core.ledger import EMPTY, Head, LedgerEntry, Verification, entry_hash, strict, verify
from mlops_console.store import ledger_head
from mlops_console.store.changes import Topic, announce
from mlops_console.store.database import Store
from mlops_console.store.ledger_head import Writer


def append(
    tx: sqlite3.Connection,
    actor: str,
    action: str,
    subject: str,
    outcome: str,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Add one entry to the chain, in the transaction of what it tells of; its number."""
    before = head(tx)
    seq, prev_hash = before.seq + 1, before.hash
    at = time.time()
    text = json.dumps(strict(detail or {}), sort_keys=True, default=str)
    digest = entry_hash(seq, at, actor, action, subject, outcome, json.loads(text), prev_hash)
    tx.execute(
        "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (seq, at, actor, action, subject, outcome, text, prev_hash, digest),
    )
    announce(tx, Topic.LEDGER, seq)
    if isinstance(tx, Writer):
        tx.head = Head(seq, digest)
    return seq


def head(db: sqlite3.Connection) -> Head:
    """The number and the hash of the newest entry."""
    row = db.execute("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    return Head(row["seq"], row["hash"]) if row else EMPTY


def entries(db: sqlite3.Connection, limit: int = 1000, offset: int = 0) -> list[LedgerEntry]:
    """Entries, newest first."""
    rows = db.execute("SELECT * FROM ledger ORDER BY seq DESC LIMIT ? OFFSET ?", (limit, offset))
    return [_entry(row) for row in rows]


def count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM ledger").fetchone()[0])


def chain(db: sqlite3.Connection) -> Iterator[LedgerEntry]:
    """All entries, oldest first, a few at a time."""
    for row in db.execute("SELECT * FROM ledger ORDER BY seq"):
        yield _entry(row)


def verification(store: Store, noted: Mapping[str, Head]) -> Verification:
    """Check the chain, also against the head that is kept beside the store.

    Args:
        noted: other heads, by where they were kept.

    Raises:
        StoreError: what is kept beside the store is no head.
    """
    kept = ledger_head.read(store.path)  # before the entries: it must not know of one that has come since
    heads = {**({ledger_head.NAME: kept} if kept else {}), **noted}
    with store.read() as db:
        return verify(chain(db), heads)


def _entry(row: sqlite3.Row) -> LedgerEntry:
    try:
        detail = json.loads(row["detail"])
    except (ValueError, RecursionError):
        detail = None
    if not isinstance(detail, dict):
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
