"""Which files differ between the first run's commit and those of the others."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mlops_console.core.runs import Run
from mlops_console.tracking.diff_stat import DiffStat
from mlops_console.tui.paint import line, styled
from mlops_console.tui.screens.dialogs.dialog import Dialog


class DiffDialog(Dialog[None]):
    """Each commit once, with its run, what `git diff --stat` sums up and the files."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,enter", "cancel", "Leave", show=False),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
    ]
    DEFAULT_CSS = """
    DiffDialog > Vertical { width: 110; }
    DiffDialog VerticalScroll { height: auto; max-height: 100%; scrollbar-size: 1 1; }
    DiffDialog Static { height: auto; padding: 1 0; }
    """

    def __init__(self, runs: Sequence[Run], stats: Mapping[str, DiffStat]) -> None:
        super().__init__(f"What changed against the commit of {runs[0].name}", [("↑↓", "scroll"), ("esc", "leave")])
        names = {run.provenance.git_commit: run.name for run in reversed(runs[1:])}
        self._text = Content("\n\n").join(
            _commit(names[commit], commit, stat) for commit, stat in stats.items() if commit in names
        )

    def compose_inside(self) -> Iterable[Widget]:
        yield VerticalScroll(Static(self._text, markup=False), can_focus=True)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def _commit(name: str, commit: str, stat: DiffStat) -> Content:
    head = line((name, "strong"), (f"  {commit[:12]}  ", "muted"), stat.summary)
    return Content("\n").join([head, *(styled(f"  {file}") for file in stat.files)])
