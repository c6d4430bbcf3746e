"""View 2: every run, and the commands on them. Only a window of them is in memory; the details follow the cursor."""

from mlops_console.core.filters import field_text, parse_field
from mlops_console.core.text import safe_line
from mlops_console.core.views import RunView, ViewColumn
from mlops_console.tui.screens.dialogs.picker import Picker
from mlops_console.tui.screens.dialogs.prompt import Prompt
from mlops_console.tui.screens.runs import groups, reading
from mlops_console.tui.screens.runs.columns import ColumnsDialog
from mlops_console.tui.screens.runs.grouped import GroupedRuns
from mlops_console.tui.screens.runs.source import Shown
from mlops_console.tui.screens.runs.views import (
    ViewsChanged,
    ViewsDialog,
    ViewsLoaded,
    Wished,
    delete_view,
    keep_view,
    read_views,
)


class RunsView(GroupedRuns):
    NAME = "runs"

    def leave(self) -> bool:
        return self._leave_chart() or self._leave_group() or super().leave() or self._leave_trash()

    # Columns, groups

    def action_columns(self) -> None:
        self.read("names", lambda workspace: reading.read_names(workspace, "columns"))

    def action_group(self, field: str = "") -> None:
        if field:
            self._group_chosen(field)
        else:
            self.read("names", lambda workspace: reading.read_names(workspace, "groups"))

    def on_names_loaded(self, event: reading.NamesLoaded) -> None:
        if not self._is_looked_at:
            return
        if event.wanted_for == "columns":
            self.app.push_screen(ColumnsDialog(self._window.shown, event.names, self._choose_columns))
        else:
            self.app.push_screen(Picker("Group by", groups.choices(event.names)), self._group_chosen)

    def _choose_columns(self, shown: tuple[Shown, ...]) -> None:
        self._chosen = shown
        if self._group is None:
            self._read_window()
        else:
            self._read_groups()

    # Views

    def action_views(self) -> None:
        self.read("views", read_views)

    @property
    def _is_looked_at(self) -> bool:
        """Whether a dialogue that somebody has wished for may still open."""
        return self.display and self.app.screen is self.screen

    def on_views_loaded(self, event: ViewsLoaded) -> None:
        if not self._is_looked_at:
            return
        found = {view.name: view for view in event.views}

        def wished(wish: Wished | None) -> None:
            if wish is None:
                return
            if wish.what == "show":
                self._show_view(found[wish.name])
            elif wish.what == "delete":
                self.read("view", lambda workspace: delete_view(workspace, wish.name))
            else:
                self.app.push_screen(Prompt("Keep this view as", "A name; one that is taken is replaced."), self._keep)

        self.app.push_screen(ViewsDialog(event.views), wished)

    def on_views_changed(self, event: ViewsChanged) -> None:
        self.app.notify(safe_line(event.told, 200), markup=False)

    def _keep(self, name: str | None) -> None:
        if not name or not name.strip():
            return
        chosen = tuple(ViewColumn(field_text(column.field), column.width) for column in self._chosen)
        group = field_text(self._group) if self._group else ""
        view = RunView(name.strip(), self.filter_bar.text, self._asked.order, chosen, group)
        self.read("view", lambda workspace: keep_view(workspace, view))

    def _show_view(self, view: RunView) -> None:
        self._left, self._trash = None, False
        self.grid.unmark_all()
        self._chosen = tuple(Shown(parse_field(column.field), column.width) for column in view.columns)
        self.order, self.descending = view.order_by.removeprefix("-"), view.order_by.startswith("-")
        self._set_group(parse_field(view.group_by) if view.group_by else None)
        self.filter_bar.set_text(view.filter)

    # Trash, comparison

    def action_trash(self) -> None:
        self._trash = not self._trash
        self.grid.unmark_all()
        self.grid.empty = tuple(self.nothing_here)
        self.query_changed()

    def _leave_trash(self) -> bool:
        if self._trash:
            self.action_trash()
            return True
        return False

    def action_delete(self) -> None:
        self._act_on_marked("Delete", "delete_runs", in_trash=False)

    def action_restore(self) -> None:
        self._act_on_marked("Restore", "restore_runs", in_trash=True)

    def action_purge(self) -> None:
        self.console.act("Purge the trash", "purge_runs", {})

    def _act_on_marked(self, doing: str, action: str, *, in_trash: bool) -> None:
        if self._trash != in_trash:
            self.app.notify("Z shows the trash, and leaves it.", markup=False)
            return
        runs = list(self.grid.marks) or ([self._selected.id] if self._selected else [])
        if runs:
            title = f"{doing} {len(runs):,} runs" if len(runs) > 1 else f"{doing} a run"
            self.console.act(title, action, {"runs": runs}, self.grid.unmark_all)
        elif self._group is not None:
            self.app.notify("A group is no run: enter shows its runs.", markup=False)

    def action_compare(self) -> None:
        from mlops_console.tui.screens.runs.compare import CompareDialog

        marked = dict(self.grid.marks)
        if len(marked) == 1 and self._selected is not None:
            marked[self._selected.id] = None
        if self._group is not None:
            self.app.notify("A group is no run: enter shows its runs.", markup=False)
        elif len(marked) < 2:
            self.app.notify("Mark two or more runs with space, then compare.", markup=False)
        else:
            self.app.push_screen(CompareDialog(tuple(marked)))
