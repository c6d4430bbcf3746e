"""What the live model is worth over time, and in the report that is looked at: estimated without labels, realised with
them."""

from collections.abc import Sequence

from rich.cells import cell_len

from mlops_console.core.performance import Figure, Performance, metric_text
from mlops_console.core.text import duration, safe_line
from mlops_console.drift import wording
from mlops_console.tui.screens.drift.reading import DriftState
from mlops_console.tui.screens.drift.trends import metrics, performance_trend
from mlops_console.tui.widgets.chart_paint import Ink, Painted, Row, fit_row, told_rows
from mlops_console.tui.widgets.line_chart import line_chart_rows

_SPELLED = 12  # lines from which there is room for the figures with their intervals
_NOT_KNOWN = (
    "What the model is worth here is not known yet. Without labels it is estimated from held-out rows: "
    "run.log_model(..., held_out=(X, y)). With labels it is reckoned as they come: POST them to /feedback."
)


class PerformancePane(Painted, can_focus=True):
    """The chart of one metric, and its figures in the report that is looked at."""

    DEFAULT_CSS = "PerformancePane { height: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._state = DriftState()
        self._metric = ""

    def show(self, state: DriftState) -> None:
        if state != self._state:
            self._state = state
            self.repaint()

    def choose(self, metric: str) -> None:
        """Show this metric; one that is not known stands for the first one."""
        self._metric = metric
        self.repaint()

    def turn(self, by: int) -> None:
        """Show the metric `by` further on."""
        names = metrics(self._state.against_reference)
        if names:
            at = names.index(self._metric) if self._metric in names else 0
            self._metric = names[(at + by) % len(names)]
            self.repaint()

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        return performance_rows(self._state, self._metric, width, height)


def performance_rows(state: DriftState, metric: str, width: int, height: int) -> tuple[Row, ...]:
    """Exactly `height` rows of `width` cells; a metric that is not known stands for the first one."""
    if width < 1 or height < 1:
        return ()
    reports = state.against_reference
    looked = state.report.performance if state.report else None
    if looked is None and all(report.performance is None for report in reports):
        return told_rows(_NOT_KNOWN, width, height, "muted")
    names = metrics(reports)
    metric = metric if metric in names else next(iter(names), "")
    if looked is None:
        head = [
            fit_row([Ink(metric_text(metric), "strong"), Ink("  This report knows nothing of it.", "muted")], width)
        ]
    elif height < _SPELLED:
        head = [_short_head(looked, metric, width)]
    else:
        head = _head(looked, metric, len(names), width)
    data = performance_trend(state, metric)
    return (*head, *line_chart_rows(data, width, height - len(head)))[:height]


def _short_head(found: Performance, metric: str, width: int) -> Row:
    """In one line, which is the legend of the chart as well, as much as there is room for."""
    estimated, realised = found.figure("estimated", metric), found.figure("realised", metric)
    inks = [Ink(metric_text(metric) or "Performance", "strong")]
    for part in (
        _short_figure("o", "estimated", "series-1", estimated.value if estimated else None),
        _short_figure("x", "realised", "series-2", realised.value if realised else None),
        _short_figure("╌", "held-out", "threshold", found.reference.get(metric)),
    ):
        inks += part if _width([*inks, *part]) <= width else []
    for said in (_labels(found), f"{found.share_labelled:.0%} labels"):
        more = Ink(f"  {said}", "muted")
        if _width([*inks, more]) <= width:
            return fit_row([*inks, more], width)
    return fit_row(inks, width)


def _width(inks: Sequence[Ink]) -> int:
    return sum(cell_len(ink.text) for ink in inks)


def _short_figure(glyph: str, title: str, role: str, value: float | None) -> list[Ink]:
    return [Ink(f"  {glyph} {title} ", role), Ink(wording.decimals(value))]


def _head(found: Performance, metric: str, count: int, width: int) -> list[Row]:
    """Over the chart, and its legend as well."""
    more = [Ink(f"   ] next of {count} metrics", "muted")] if count > 1 else []
    reference = found.reference.get(metric)
    trained = [Ink(f"  ╌ {wording.decimals(reference)} on held-out rows", "threshold")] if reference is not None else []
    estimated, realised = found.figure("estimated", metric), found.figure("realised", metric)
    band = "· its interval of 95 %" if estimated else found.not_estimated
    return [
        fit_row([Ink(metric_text(metric) or "Performance", "strong"), *trained, *more], width),
        fit_row(_figure("o estimated", "series-1", estimated, band), width),
        fit_row(_figure("x realised ", "series-2", realised), width),
        fit_row([Ink(_labels(found), "muted")], width),
    ]


def _labels(found: Performance) -> str:
    """How many have come, and how late."""
    if not found.labelled:
        return f"no label of {found.rows:,} rows yet"
    late = f", {duration(found.delay)} late" if found.delay is not None else ""
    return f"labels of {found.share_labelled:.0%} of {found.rows:,} rows{late}"


def _figure(title: str, role: str, figure: Figure | None, note: str = "") -> list[Ink]:
    return [
        Ink(f"{title}  ", role),
        Ink(wording.interval(figure), "strong" if figure else "muted"),
        Ink(f"  {safe_line(note, 300)}", "muted"),
    ]
