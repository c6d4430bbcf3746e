"""Groups of runs as rows: the value they share, how many they are, and the spread of each figure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.filters import Field, field_text, typed_filter
from mlops_console.core.runs import FieldNames, RunGroup, Spread
from mlops_console.core.text import duration, number, param, safe_line
from mlops_console.tui.screens.dialogs.picker import Choice
from mlops_console.tui.screens.runs.reading import Asked
from mlops_console.tui.screens.runs.source import Shown
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

NO_GROUPS = "–"
_OWN = ("experiment", "status", "user", "git", "branch", "pipeline", "dataset")
_MOST = 8  # figures, as each is read of every run
_NUMERIC = ("metrics", "params", "duration")


@dataclass
class GroupsLoaded(Message, bubble=False):
    asked: Asked
    by: Field
    shown: tuple[Shown, ...]
    groups: tuple[RunGroup, ...]


def read_groups(workspace: "Workspace", asked: Asked, by: Field, shown: Sequence[Shown]) -> GroupsLoaded:
    from mlops_console.store import run_table
    from mlops_console.store.runs import RunQuery

    numeric = tuple(column for column in shown if column.field.kind in _NUMERIC and column.field != by)[:_MOST]
    with workspace.store.read() as db:
        query = RunQuery(typed_filter(asked.text), deleted=asked.deleted)
        found = run_table.groups(db, query, by, [column.field for column in numeric])
    return GroupsLoaded(asked, by, numeric, tuple(found))


def source(loaded: GroupsLoaded, order: str, descending: bool) -> ListSource:
    """The groups, sorted by a column of theirs; figures that no run of any group has are left out."""
    used = [at for at in range(len(loaded.shown)) if any(group.figures[at] for group in loaded.groups)]
    columns = [
        Column("group", safe_line(field_text(loaded.by), 60), least=12, most=40),
        Column("runs", "RUNS", "right"),
        *(Column(field_text(loaded.shown[at].field), _title(loaded.shown[at].field), "right", most=26) for at in used),
    ]
    fields = [loaded.shown[at].field for at in used]
    rows = [_row(group, used, fields) for group in loaded.groups]
    return ListSource(columns, rows, order=order, descending=descending)


def condition(by: Field, value: object) -> str:
    """The filter that holds for the runs of a group."""
    field = field_text(by)
    if value is None:
        return f'not {field} ~ ""'
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{field} = {value!r}"
    text = value if isinstance(value, str) else json.dumps(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{field} = "{escaped}"'


def choices(names: FieldNames) -> list[Choice]:
    """By what runs can be grouped."""
    fields = [
        *map(Field, _OWN),
        *(Field("params", name) for name in names.params),
        *(Field("tags", name) for name in names.tags),
    ]
    return [Choice(NO_GROUPS, "no groups"), *(Choice(field_text(field), field_text(field)) for field in fields)]


def key_of(group: RunGroup) -> str:
    return json.dumps(group.value)


def _row(group: RunGroup, used: Sequence[int], fields: Sequence[Field]) -> Row:
    value = "without" if group.value is None else param(group.value)
    return Row(
        key_of(group),
        (
            Cell(safe_line(value, 200), "muted" if group.value is None else "strong", _sortable(group.value)),
            Cell(f"{group.n:,}", value=group.n),
            *(_figure(group.figures[at], field) for at, field in zip(used, fields, strict=True)),
        ),
    )


def _figure(found: Spread | None, field: Field) -> Cell:
    if found is None:
        return Cell("–", "muted")
    written = duration if field.kind == "duration" else number
    spread = f" ± {written(found.std)}" if found.n > 1 else ""
    return Cell(f"{written(found.mean)}{spread}", value=found.mean)


def _sortable(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)


def _title(field: Field) -> str:
    return " ".join(part for part in (safe_line(field.key, 60), field.aggregate) if part) or "TOOK"
