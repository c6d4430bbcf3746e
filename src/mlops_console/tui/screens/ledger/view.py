"""View 8: the ledger, and whether its chain is whole."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

from mlops_console.core.ledger import Break, LedgerEntry
from mlops_console.tui.paint import line
from mlops_console.tui.screens.ledger import rows as tell
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Facts
from mlops_console.tui.widgets.rows import Row

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_MOST = 2000  # entries that are shown
_EXACT_FROM = 140  # columns from which there is room for exact times


@dataclass
class EntriesRead(Message, bubble=False):
    entries: tuple[LedgerEntry, ...]
    count: int


@dataclass
class ChainChecked(Message, bubble=False):
    """`broken` is the first entry that does not follow, or is missing; None if the chain is whole."""

    count: int
    broken: Break | None


def read_entries(workspace: "Workspace") -> EntriesRead:
    from mlops_console.store import ledger

    with workspace.store.read() as db:
        return EntriesRead(tuple(ledger.entries(db, limit=_MOST)), ledger.count(db))


def check_chain(workspace: "Workspace") -> ChainChecked:
    from mlops_console.store import ledger

    found = ledger.verification(workspace.store, {})
    return ChainChecked(found.entries, found.broken)


class LedgerView(ListView):
    NAME = "ledger"
    TITLE = "Ledger"
    TOPICS = frozenset({"ledger"})
    COLUMNS = tell.COLUMNS
    EMPTY = (
        "Nothing was done yet",
        "Every action is written here with its actor: train with t, deploy with d.",
        "Entries are chained by hash, so that a later change of one can be seen.",
    )

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[LedgerEntry, ...] = ()
        self._count = 0
        self._told: Sequence[Row] | None = None

    def make_detail(self) -> DetailPane:
        return DetailPane(Pane("entry", "Entry", Facts))

    def reload(self, topics: frozenset[str]) -> None:
        self.read("entries", read_entries)
        self.read("chain", check_chain)

    def tick(self) -> None:
        if self._told is not None:
            self._tell()

    def on_resize(self) -> None:
        self.tick()

    def on_entries_read(self, event: EntriesRead) -> None:
        event.stop()
        self._entries, self._count = event.entries, event.count
        if self._told is None:
            self._told = ()
            self.show_rows(())
        self._tell()
        self.show_detail()

    def on_chain_checked(self, event: ChainChecked) -> None:
        """Say it on the lower border of the list."""
        event.stop()
        if event.broken is None:
            self.frame.border_subtitle = line(("✓ chain whole", "ok"), (f" · {event.count:,} entries checked", "muted"))
        else:
            told = f"✗ chain broken at entry {event.broken.seq:,}"
            self.frame.border_subtitle = line((told, "bad"), (f" · {event.broken.why}", "muted"))

    def _tell(self) -> None:
        rows = tell.entry_rows(self._entries, time.time(), self.size.width >= _EXACT_FROM)
        if rows != self._told:
            self._told = rows
            self.show_rows(rows)

    @property
    def list_title(self) -> str:
        """A list that is not whole says so."""
        if self._count <= len(self._entries):
            return self.TITLE
        return f"{self.TITLE}, the newest {len(self._entries):,} of {self._count:,}"

    def row_selected(self, row: Row | None) -> None:
        self.show_detail()

    def pane_shown(self, pane: str) -> None:
        self.show_detail()

    def show_detail(self) -> None:
        entry = self.selected
        if self.detail is not None and isinstance(self.detail.widget, Facts):
            self.detail.show_title(f"entry {entry.seq:,}" if entry else "")
            self.detail.widget.show(tell.entry_facts(entry) if entry else ())

    @property
    def selected(self) -> LedgerEntry | None:
        row = self.grid.row
        return next((entry for entry in self._entries if row and str(entry.seq) == row.key), None)

    @property
    def selection(self) -> Selection:
        entry = self.selected
        if entry is None:
            return NOTHING
        return Selection(reference=entry.hash, command="mlops-console ledger list")

    @property
    def crumb(self) -> str:
        entry = self.selected
        return f"entry {entry.seq:,}" if entry and self.split.opened else ""

    async def go_to(self, where: Mapping[str, Any]) -> None:
        seq = str(where.get("seq", ""))
        keys = [entry.seq for entry in self._entries]
        if seq.isdigit() and int(seq) in keys:
            self.grid.move_to(keys.index(int(seq)))
