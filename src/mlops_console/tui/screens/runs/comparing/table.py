"""The table of a comparison: facts, params that differ, metrics with the best one marked."""

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from mlops_console.core.comparison import Comparison, Entry, Line, brief
from mlops_console.core.text import safe_line
from mlops_console.tracking.diff_stat import DiffStat
from mlops_console.tui import glyphs
from mlops_console.tui.screens.runs.comparing.reading import Compared
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

DIFF = "git diff"  # the key of the row
_BEST = "▲ "
_MOST = 300  # characters of a value


class TablePane(Widget):
    """One column a run, in the order of marking; the first is what the commits of the others are compared with."""

    DEFAULT_CSS: ClassVar[str] = """
    TablePane { height: 1fr; }
    TablePane > Grid { height: 1fr; background: $surface; }
    """

    class DiffWished(Message):
        """Somebody wants to see which files differ."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = Grid(empty=("They differ in nothing that was recorded",))
        self.everything = False  # params that are the same too
        self._compared = Compared()
        self._stats: Mapping[str, DiffStat] | None = None

    def compose(self) -> ComposeResult:
        yield self._grid

    def show(self, compared: Compared, stats: Mapping[str, DiffStat] | None) -> None:
        """`stats`: by commit; None while git is being asked."""
        self._compared, self._stats = compared, stats
        self._draw()

    def toggle_all(self) -> None:
        self.everything = not self.everything
        self._draw()

    def _draw(self) -> None:
        if self._compared.runs:
            self._grid.update(table(self._compared, self._stats, self.everything))

    def on_grid_opened(self, event: Grid.Opened) -> None:
        event.stop()
        if event.row.key == DIFF:
            self.post_message(self.DiffWished())


def table(compared: Compared, stats: Mapping[str, DiffStat] | None, everything: bool) -> ListSource:
    """The comparison as rows of a grid."""
    found = compared.comparison
    columns = [
        Column("what", "", least=10, most=28, sortable=False),
        *(Column(id, safe_line(name, 60), most=24, sortable=False) for id, name in found.runs),
    ]
    return ListSource(columns, [*_facts(found), *_diff(compared, stats), *_params(found, everything), *_metrics(found)])


def _facts(found: Comparison) -> list[Row]:
    rows = []
    for line in found.facts:
        if line.name == "status":
            rows.append(Row("status", (Cell("status", "muted"), *(_status(entry) for entry in line.entries))))
        elif any(entry.there for entry in line.entries):
            rows.append(Row(f"fact {line.name}", (Cell(line.name, "muted"), *_cells(line))))
    return rows


def _status(entry: Entry) -> Cell:
    return Cell(*glyphs.state(entry.text).cell)


def _diff(compared: Compared, stats: Mapping[str, DiffStat] | None) -> list[Row]:
    """What each run's commit has changed against the first run's; no row where none is known."""
    commits = [run.provenance.git_commit for run in compared.runs]
    if not any(commits):
        return []
    if commits[0] is None:
        cells = [
            Cell("–", "muted"),
            *(Cell("the first has no commit" if commit else "–", "muted") for commit in commits[1:]),
        ]
    else:
        cells = [Cell("compared with", "muted"), *(_stat(commit, stats) for commit in commits[1:])]
    return [Row(DIFF, (Cell("git diff", "muted"), *cells))]


def _stat(commit: str | None, stats: Mapping[str, DiffStat] | None) -> Cell:
    if commit is None:
        return Cell("–", "muted")
    if stats is None:
        return Cell("asking git…", "muted")
    found = stats.get(commit)
    return Cell(safe_line(_short(found.summary), 120), "" if found.files else "muted") if found else Cell("–", "muted")


def _short(summary: str) -> str:
    """3 files changed, 10 insertions(+), 2 deletions(-) as 3 files +10 -2."""
    words = summary.split()
    if "changed," not in words:
        return summary
    figures = {words[at + 1][:3]: words[at] for at in range(3, len(words) - 1)}
    added, gone = figures.get("ins", "0"), figures.get("del", "0")
    return f"{words[0]} {words[1]} +{added} -{gone}"


def _params(found: Comparison, everything: bool) -> list[Row]:
    if not found.params:
        return []
    differing = len(found.differing)
    same = len(found.params) - differing
    told = "Params" if everything else "Params that differ"
    note = f"{same} the same{': a shows' if same and not everything else ''}"
    shown = found.params if everything else found.params[:differing]
    return [_heading(told, found, note), *(_line("param", line, _cells(line)) for line in shown)]


def _metrics(found: Comparison) -> list[Row]:
    if not found.metrics:
        return []
    rows = [_heading("Metrics", found)]
    for line in found.metrics:
        cells = [
            Cell(f"{_BEST if at in line.best else ''}{entry.text}", _figure_style(line, at))
            for at, entry in enumerate(line.entries)
        ]
        rows.append(_line("metric", line, cells))
    return rows


def _figure_style(line: Line, at: int) -> str:
    if not line.entries[at].there:
        return "muted"
    return "ok" if at in line.best else "strong"


def _cells(line: Line) -> list[Cell]:
    """What differs from the first run stands out."""
    texts = brief(line)
    return [
        Cell(safe_line(text, _MOST), "muted" if not entry.there else "" if text == texts[0] else "warn")
        for text, entry in zip(texts, line.entries, strict=True)
    ]


def _line(kind: str, line: Line, cells: list[Cell]) -> Row:
    note = f" {line.figure}" if line.figure in ("min", "max") else ""
    return Row(f"{kind} {line.name}", (Cell(f"  {safe_line(line.name, 200)}{note}"), *cells))


def _heading(title: str, found: Comparison, note: str = "") -> Row:
    blank = (Cell(""),) * (len(found.runs) - 1)
    return Row(f"heading {title}", (Cell(title, "strong"), Cell(note, "muted"), *blank))
