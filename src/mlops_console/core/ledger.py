"""The ledger: the append-only, hash-chained record of every action."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    seq: int
    at: float
    actor: str
    action: str
    subject: str
    outcome: str
    detail: Mapping[str, Any]
    prev_hash: str
    hash: str


def entry_hash(
    seq: int,
    at: float,
    actor: str,
    action: str,
    subject: str,
    outcome: str,
    detail: Mapping[str, Any],
    prev_hash: str,
) -> str:
    """SHA-256 over the entry's content, in canonical JSON, and the hash before it."""
    content = [seq, repr(at), actor, action, subject, outcome, detail, prev_hash]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
