"""The ledger: the append-only, hash-chained record of every action."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from mlops_console.core.errors import UsageError

GENESIS = "0" * 64

_HEAD = re.compile(r"(0|[1-9][0-9]{0,17}):([0-9a-f]{64})")
_TEXTS = ("actor", "action", "subject", "outcome", "prev_hash", "hash")


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


@dataclass(frozen=True, slots=True)
class Head:
    """The number and the hash of the newest entry: kept elsewhere, it tells later whether the ledger still has it."""

    seq: int
    hash: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` of one is.

        Raises:
            UsageError: the text is no head.
        """
        match = _HEAD.fullmatch(text.strip())
        if match is None:
            raise UsageError(
                f"{text.strip()[:100]!r} is no head of a ledger.", "Write SEQ:HASH as 'mlops-console ledger head' does."
            )
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


EMPTY = Head(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain is broken: the first entry that is not what it was, or is missing, and why."""

    seq: int
    why: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A head that was noted elsewhere and that the chain agrees with; `later` entries have come since."""

    where: str
    head: Head
    later: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What a look at a whole chain has found. `head` is that of the entries before the first broken one."""

    entries: int
    head: Head
    broken: Break | None
    noted: tuple[Noted, ...]


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


def verify(entries: Iterable[LedgerEntry | None], noted: Mapping[str, Head] | None = None) -> Verification:
    """Check a whole chain, and that it still has the heads that were noted of it.

    What no check of the entries alone can show: that the newest ones were cut off, or that all from a changed one on
    were written anew. A head that was noted after them, and is out of reach of who did so, shows both.

    Args:
        entries: in the order in which they are kept; None for what should be one and is none.
        noted: heads by where they were kept.
    """
    heads = dict(noted or {})
    wanted = {head.seq for head in heads.values()}
    hashes = {EMPTY.seq: EMPTY.hash}
    head = EMPTY
    count = 0
    for entry in entries:
        count += 1
        if entry is None:
            return Verification(count, head, Break(head.seq + 1, "what is in its place is no entry"), ())
        why = _flaw(entry, head)
        if why is not None:
            return Verification(count, head, Break(head.seq + 1, why), ())
        head = Head(entry.seq, entry.hash)
        if entry.seq in wanted:
            hashes[entry.seq] = entry.hash
    broken = _contradiction(head, hashes, heads)
    agreeing = () if broken else tuple(Noted(where, kept, head.seq - kept.seq) for where, kept in heads.items())
    return Verification(count, head, broken, agreeing)


def _flaw(entry: LedgerEntry, before: Head) -> str | None:
    """Why an entry is not the one that follows; None if it is."""
    if entry.seq != before.seq + 1:
        return f"it is not there: entry {entry.seq} is in its place"
    if entry.prev_hash != before.hash:
        return "it does not follow from the entry before it"
    made = entry_hash(
        entry.seq, entry.at, entry.actor, entry.action, entry.subject, entry.outcome, entry.detail, entry.prev_hash
    )
    if entry.hash != made:
        return "its content is not what its hash was made of"
    return None


def _contradiction(head: Head, hashes: Mapping[int, str], noted: Mapping[str, Head]) -> Break | None:
    """The first place where a whole chain is not the one that a head was noted of."""
    found = []
    for where, kept in noted.items():
        if kept.seq > head.seq:
            cut = f"{where} knows of entry {kept.seq}, but the ledger ends at {head.seq}: entries were cut off"
            found.append(Break(head.seq + 1, cut))
        elif hashes[kept.seq] != kept.hash:
            anew = f"{where} knows it with another hash: it or one before it was changed, and what follows written anew"
            found.append(Break(kept.seq, anew))
    return min(found, key=lambda broken: broken.seq, default=None)


def to_line(entry: LedgerEntry) -> str:
    """An entry as one line of JSON, with all that its hash is made of."""
    return json.dumps(asdict(entry), ensure_ascii=True)


def from_line(line: str) -> LedgerEntry | None:
    """The entry that `to_line` has written; None for a line that is none, or has more or less in it."""
    try:
        data = json.loads(line, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or set(data) != set(LedgerEntry.__slots__):
        return None
    is_entry = (
        type(data["seq"]) is int
        and type(data["at"]) in (int, float)
        and isinstance(data["detail"], dict)
        and all(isinstance(data[name], str) for name in _TEXTS)
    )
    return LedgerEntry(**{**data, "at": float(data["at"])}) if is_entry else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values of one name, readers differ in which they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def strict(value: Any) -> Any:
    """What JSON has no word for, in words that all JSON of the commands has: null, "inf" and "-inf"."""
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return {str(key): strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [strict(inner) for inner in value]
    return value
