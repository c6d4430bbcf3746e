"""How much each param counts for the metric: what a job has reckoned, or how far it is."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mlops_console.core.jobs import Job, JobState
from mlops_console.core.text import clock, number, safe_line
from mlops_console.data.importance import LEAST, Importance, caveats, from_result
from mlops_console.tui.paint import line, styled
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

_COLUMNS = (
    Column("param", "PARAM", least=16, most=48, flex=1, sortable=False),
    Column("importance", "IMPORTANCE", "decimal", sortable=False),
    Column("std", "±", "decimal", sortable=False),
    Column("direction", "METRIC", width=15, sortable=False),
    Column("bar", "", width=16, sortable=False),
)
_DIRECTIONS = {"+": "↑ grows with it", "-": "↓ falls with it"}
_BAR = 16  # cells


class ImportancePane(Widget):
    """Sentences above, the table below."""

    DEFAULT_CSS: ClassVar[str] = """
    ImportancePane { layout: vertical; height: 1fr; }
    ImportancePane > Static { height: auto; margin-bottom: 1; }
    ImportancePane > Grid { height: 1fr; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._told = Static("", markup=False)
        self._grid = Grid(empty=("",))
        self._job: Job | None = None

    def compose(self) -> ComposeResult:
        yield self._told
        yield self._grid

    def show(self, metric: str, marked: int, of_marked: bool, job: Job | None) -> None:
        """
        Args:
            metric: its figure, in the filter language; "" where there is none.
            marked: how many runs are compared.
            of_marked: whether these are what is reckoned from, else all runs.
            job: the newest that reckons just this; None if there is none.
        """
        told = Content("\n").join(_told(metric, marked, of_marked, job))
        if told != self._told.content:
            self._told.update(told)
        found = from_result(job.result) if job and job.state is JobState.SUCCEEDED else None
        self._grid.display = found is not None
        self._grid.update(ListSource(_COLUMNS, _rows(found) if found else []))


def _told(metric: str, marked: int, of_marked: bool, job: Job | None) -> list[Content]:
    if not metric:
        return [styled("None of these runs has recorded a metric.", "muted")]
    head = line((safe_line(metric), "strong"), ("  by permutation in a random forest", "muted"))
    if of_marked:
        source = f"From the {marked} runs that are compared."
    else:
        source = f"From all ended runs that have it, as {marked} are compared and it takes {LEAST}."
    return [head, styled(source, "muted"), *_state(job)]


def _state(job: Job | None) -> list[Content]:
    match job:
        case None:
            return [line("Nothing is reckoned yet: ", ("i", "key"), " queues a job for it, which takes some seconds.")]
        case Job(state=JobState.QUEUED):
            return [line(("◌ ", "run"), f"job {job.id} waits for the worker")]
        case Job(state=JobState.RUNNING):
            share = f" {job.progress:.0%}" if job.progress is not None else ""
            return [line(("● ", "run"), f"job {job.id}: {job.progress_text or 'starting'}{share}")]
        case Job(state=JobState.SUCCEEDED):
            return _summary(job, from_result(job.result))
        case _:
            said = job.error or f"It was {job.state}."
            return [line(("✗ ", "bad"), f"job {job.id}: {safe_line(said, 300)}"), line(("i", "key"), " tries again")]


def _summary(job: Job, found: Importance) -> list[Content]:
    told = f"from {found.runs:,} runs · R² on unseen runs {number(found.score)} · job {job.id}, {clock(job.ended_at)}"
    return [styled(told), *(line(("⚠ ", "warn"), sentence) for sentence in caveats(found))]


def _rows(found: Importance) -> list[Row]:
    greatest = max((p.importance for p in found.params), default=0.0)
    return [
        Row(
            p.param,
            (
                Cell(safe_line(p.param, 200), "strong"),
                Cell(number(p.importance)),
                Cell(number(p.std), "muted"),
                Cell(_DIRECTIONS.get(p.direction, "–"), "" if p.direction else "muted"),
                Cell("█" * round(max(p.importance, 0) / greatest * _BAR) if greatest > 0 else "", "accent"),
            ),
        )
        for p in found.params
    ]
