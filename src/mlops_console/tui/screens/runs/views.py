"""Named views of the runs: choose one, keep the current one, delete one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from mlops_console.core.text import safe_line
from mlops_console.core.views import RunView
from mlops_console.tui.screens.dialogs.dialog import Dialog
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Wished:
    """What somebody wants of the views; `name` is "" where they keep the current one."""

    what: Literal["show", "keep", "delete"]
    name: str = ""


@dataclass
class ViewsLoaded(Message, bubble=False):
    views: tuple[RunView, ...]


@dataclass
class ViewsChanged(Message, bubble=False):
    """A view has been kept or deleted; `told` says which."""

    told: str


class ViewsDialog(Dialog[Wished]):
    """Ends with what is wished, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "keep", "Keep", show=False),
        Binding("x", "delete", "Delete", show=False),
    ]
    DEFAULT_CSS = """
    ViewsDialog > Vertical { width: 84; }
    ViewsDialog Grid { height: auto; min-height: 5; max-height: 16; background: $surface; }
    """
    _COLUMNS = (
        Column("name", "VIEW", most=30, sortable=False),
        Column("filter", "FILTER", least=10, most=48, flex=1, sortable=False),
        Column("order", "ORDER", most=24, sortable=False),
    )

    def __init__(self, views: Sequence[RunView]) -> None:
        super().__init__("Views", [("enter", "show"), ("s", "keep the current one"), ("x", "delete"), ("esc", "leave")])
        self._views = views
        self._grid = Grid(empty=("No view is kept yet", "s keeps filter, order, columns and grouping under a name."))

    def compose_inside(self) -> Iterable[Widget]:
        yield self._grid

    def on_mount(self) -> None:
        self._grid.update(ListSource(self._COLUMNS, [_row(view) for view in self._views]))
        self._grid.focus()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        event.stop()
        self.dismiss(Wished("show", event.row.key))

    def action_keep(self) -> None:
        self.dismiss(Wished("keep"))

    def action_delete(self) -> None:
        if self._grid.row is not None:
            self.dismiss(Wished("delete", self._grid.row.key))


def read_views(workspace: "Workspace") -> ViewsLoaded:
    from mlops_console.store import views

    with workspace.store.read() as db:
        return ViewsLoaded(tuple(views.listing(db)))


def keep_view(workspace: "Workspace", view: RunView) -> ViewsChanged:
    """Raises RefusedError in a read-only console."""
    from mlops_console.actions.base import ensure_writable
    from mlops_console.store import views

    ensure_writable(workspace)
    with workspace.store.write() as tx:
        views.save(tx, view)
    return ViewsChanged(f"View {view.name} is kept; V shows it again.")


def delete_view(workspace: "Workspace", name: str) -> ViewsChanged:
    """Raises RefusedError in a read-only console."""
    from mlops_console.actions.base import ensure_writable
    from mlops_console.store import views

    ensure_writable(workspace)
    with workspace.store.write() as tx:
        views.delete(tx, name)
    return ViewsChanged(f"View {name} is deleted.")


def _row(view: RunView) -> Row:
    group = f" by {safe_line(view.group_by, 60)}" if view.group_by else ""
    return Row(
        view.name,
        (
            Cell(safe_line(view.name, 100), "strong"),
            Cell(safe_line(view.filter, 200) or "all runs"),
            Cell(safe_line(view.order_by, 60) + group, "muted"),
        ),
    )
