"""Runs in groups: in the place of the runs stand the values that they share. A group opens into its runs."""

from collections.abc import Mapping
from typing import Any

from mlops_console.core.filters import Field, FilterError, field_text, parse_field, typed_filter
from mlops_console.tui.screens.runs import groups
from mlops_console.tui.screens.runs.details import RunDetails
from mlops_console.tui.screens.runs.groups import GroupsLoaded
from mlops_console.tui.widgets.rows import Row


class GroupedRuns(RunDetails):
    """A base of `RunsView`."""

    def __init__(self) -> None:
        super().__init__()
        self._group: Field | None = None  # by what the runs are grouped
        self._groups: GroupsLoaded | None = None
        self._group_order, self._group_descending = "", False
        # Filter and groups from which somebody has gone into one, and the filter there.
        self._left: tuple[str, Field, str] | None = None

    @property
    def _has_runs(self) -> bool:
        return self._group is None

    def _leave_group(self) -> bool:
        """Back from the runs of a group to the groups."""
        left = self._left
        if left is None or left[2] != self.filter_bar.text or self.split.opened:
            return False
        self._left = None
        self.filter_bar.set_text(left[0])
        self._group_by(left[1])
        return True

    # Reading

    def reload(self, topics: frozenset[str]) -> None:
        if self._has_runs:
            super().reload(topics)
        elif "runs" in topics:
            self._read_groups()

    def query_changed(self) -> None:
        if self._has_runs:
            super().query_changed()
        else:
            self._read_groups()

    def tick(self) -> None:
        if self._has_runs:
            super().tick()

    def _read_groups(self) -> None:
        asked, by = self._asked, self._group
        shown = self._chosen or self._window.shown
        if by is not None:
            if self._groups is None:
                self.frame.show_title(self.list_title, None, f"grouping by {field_text(by)} …")
            self.read("runs", lambda workspace: groups.read_groups(workspace, asked, by, shown))

    def on_groups_loaded(self, event: GroupsLoaded) -> None:
        if event.by == self._group and event.asked == self._asked:
            self.filter_bar.show_problem("")
            self._groups = event
            self._show_groups()

    # Drawing

    def _show_groups(self) -> None:
        if self._groups is not None:
            source = groups.source(self._groups, self._group_order, self._group_descending)
            note = f"{self._groups.asked.text} by {field_text(self._groups.by)}".strip()
            self.frame.show_title(f"{self.list_title} in groups", source.count, note)
            self.grid.update(source, order=self._group_order, descending=self._group_descending)

    # Commands

    async def go_to(self, where: Mapping[str, Any]) -> None:
        self._left = None
        self._set_group(None)
        await super().go_to(where)

    def _group_chosen(self, field: str | None) -> None:
        if field == groups.NO_GROUPS:
            self._group_by(None)
        elif field:
            try:
                self._group_by(parse_field(field))
            except FilterError as error:
                self.console.tell_error(error)

    def _group_by(self, field: Field | None) -> None:
        self._set_group(field)
        self._group_order, self._group_descending = "", False
        self.grid.unmark_all()
        self.grid.reset()
        self._show_none()
        self.query_changed()

    def _set_group(self, field: Field | None) -> None:
        self._group, self._groups = field, None
        self.grid.markable = field is None

    def sort_by(self, column: str) -> None:
        if self._group is None:
            super().sort_by(column)
            return
        again = column == self._group_order
        self._group_descending = not self._group_descending if again else column != "group"
        self._group_order = column
        self._show_groups()

    async def row_opened(self, row: Row) -> None:
        """A group opens into its runs; `esc` comes back."""
        if self._groups is None or self._group is None:
            await super().row_opened(row)
            return
        found = next((group for group in self._groups.groups if groups.key_of(group) == row.key), None)
        if found is not None:
            text = self.filter_bar.text.strip()
            wanted = groups.condition(self._group, found.value)
            inside = f"({typed_filter(text)}) and {wanted}" if text else wanted
            self._left = (text, self._group, inside)
            self._set_group(None)
            self.filter_bar.set_text(inside)
