"""The details of the drift view: the distribution of a feature, its trend, and the list of reports."""

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Static

from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.text import age, clock
from mlops_console.tui import glyphs
from mlops_console.tui.paint import line
from mlops_console.tui.screens.drift import telling
from mlops_console.tui.widgets.histogram import DistributionChart
from mlops_console.tui.widgets.line_chart import LineChart
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

_TREND_FROM = 24  # lines from which the trend stands below the distribution

REPORT_COLUMNS = (
    Column("id", "REPORT", "right"),
    Column("checked", "CHECKED", least=8),
    Column("verdict", "VERDICT", least=9),
    Column("drifted", "DRIFTED", "right"),
    Column("rows", "ROWS", "right"),
    Column("model", "MODEL", least=6, flex=1),
    Column("revision", "REV", "right"),
)


class Distribution(Widget):
    """What is said of a feature, its values now against the reference, and where there is room its trend."""

    DEFAULT_CSS = """
    Distribution { layout: vertical; height: 1fr; }
    Distribution > Static { height: auto; max-height: 3; padding: 0 1; }
    Distribution > .heading { color: $muted; margin-top: 1; display: none; }
    Distribution > DistributionChart { height: 1fr; padding: 0 1; }
    Distribution > LineChart { height: 10; padding: 0 1; display: none; }
    Distribution.-tall > LineChart { display: block; }
    Distribution.-tall > .heading { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._sentence = Static("", markup=False)
        self._chart = DistributionChart()
        self._heading = Static(line(("PSI over the reports", "muted")), markup=False, classes="heading")
        self._trend = LineChart()
        self._shown = ""

    def compose(self) -> ComposeResult:
        yield self._sentence
        yield self._chart
        yield self._heading
        yield self._trend

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height >= _TREND_FROM, "-tall")

    def show(self, feature: FeatureDrift | None, reports: Sequence[DriftReport]) -> None:
        if feature is None:
            self._say("")
            self._chart.show(None, "No report yet.")
            self._trend.show(telling.psi_trend((), ""))
            return
        self._say(feature.verdict, telling.told(feature))
        self._chart.show(feature.histogram, "This report keeps no distribution of it.")
        self._trend.show(telling.psi_trend(reports, feature.name))

    def _say(self, text: str, state: glyphs.State | None = None) -> None:
        if text != self._shown:
            self._shown = text
            self._sentence.update(line((f"{state.glyph} ", state.style), text) if state else line(text))


class Trend(Widget):
    """Both trends over all reports: drifted features, and the PSI of the selected one."""

    DEFAULT_CSS = """
    Trend { layout: vertical; height: 1fr; }
    Trend > Static { height: 1; padding: 0 1; }
    Trend > LineChart { height: 1fr; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._count = LineChart()
        self._psi = LineChart()
        self._title = Static("", markup=False)
        self._feature: str | None = None

    def compose(self) -> ComposeResult:
        yield Static(line(("Drifted features", "muted")), markup=False)
        yield self._count
        yield self._title
        yield self._psi

    def show(self, feature: FeatureDrift | None, reports: Sequence[DriftReport]) -> None:
        name = feature.name if feature else ""
        if name != self._feature:
            self._feature = name
            self._title.update(line(("PSI of ", "muted"), name or "no feature"))
        self._count.show(telling.count_trend(reports))
        self._psi.show(telling.psi_trend(reports, name))


def report_source(reports: Sequence[DriftReport], now: float) -> ListSource:
    """The reports, newest first; the key is the report's number."""
    return ListSource(REPORT_COLUMNS, [_report_row(report, now) for report in reports])


def _report_row(report: DriftReport, now: float) -> Row:
    state = glyphs.state(report.verdict)
    count = len(report.drifted_features)
    return Row(
        str(report.id),
        (
            Cell(str(report.id), "muted", report.id),
            Cell(f"{age(report.created_at, now)}  {clock(report.created_at)[5:16]}", "", report.created_at),
            Cell(state.text, state.style),
            Cell(f"{count} of {len(report.features)}", "", count),
            Cell(f"{report.rows:,}", "muted", report.rows),
            Cell(f"{report.model}:{report.version}"),
            Cell(str(report.revision), "muted", report.revision),
        ),
    )
