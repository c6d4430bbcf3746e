"""The details of the drift view: the distribution of a feature, and what goes over time."""

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mlops_console.core.drift import FeatureDrift
from mlops_console.core.text import safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.drift_words import named, told
from mlops_console.tui.paint import line
from mlops_console.tui.screens.drift import trends
from mlops_console.tui.screens.drift.reading import DriftState
from mlops_console.tui.widgets.histogram import DistributionChart
from mlops_console.tui.widgets.line_chart import LineChart

_TREND_FROM = 24  # lines from which the trend stands below the distribution
_BOTH_FROM = 14  # lines from which there is room for both trends
_FINDINGS_FROM = 12  # lines from which there is room for what else was found


class Distribution(Widget):
    """What is said of a feature, its values now against the reference, and where there is room its trend."""

    DEFAULT_CSS = """
    Distribution { layout: vertical; height: 1fr; }
    Distribution > Static { height: auto; max-height: 3; padding: 0 1; }
    Distribution > .findings { display: none; max-height: 4; color: $warn; }
    Distribution > .heading { color: $muted; margin-top: 1; display: none; }
    Distribution > DistributionChart { height: 1fr; padding: 0 1; }
    Distribution > LineChart { height: 1fr; max-height: 14; padding: 0 1; display: none; }
    Distribution.-tall > LineChart { display: block; }
    Distribution.-tall > .heading { display: block; }
    Distribution.-roomy.-found > .findings { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._sentence = Static("", markup=False)
        self._findings = Static("", markup=False, classes="findings")
        self._chart = DistributionChart()
        self._heading = Static(line(("How far it has moved", "muted")), markup=False, classes="heading")
        self._trend = LineChart()
        self._shown: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield self._sentence
        yield self._findings
        yield self._chart
        yield self._heading
        yield self._trend

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height >= _TREND_FROM, "-tall")
        self.set_class(event.size.height >= _FINDINGS_FROM, "-roomy")

    def show(self, feature: FeatureDrift | None, state: DriftState) -> None:
        if feature is None:
            self._say("", ())
            self._chart.show(None, "No report yet.")
        else:
            self._say(feature.verdict, feature.findings, told(feature))
            self._chart.show(feature.histogram, "This report keeps no distribution of it.")
        self._trend.show(trends.effect_trend(state.against_reference, feature, state.revisions))

    def _say(self, text: str, findings: tuple[str, ...], state: glyphs.State | None = None) -> None:
        if (text, *findings) != self._shown:
            self._shown = (text, *findings)
            self._sentence.update(line((f"{state.glyph} ", state.style), text) if state else line(text))
            self._findings.update(Content("\n").join(line(f"{glyphs.FINDING} {safe_line(f)}") for f in findings))
            self.set_class(bool(findings), "-found")


class Trend(Widget):
    """Over all reports: how far the selected feature has moved, and where there is room how many have drifted."""

    DEFAULT_CSS = """
    Trend { layout: vertical; height: 1fr; }
    Trend > Static { height: 1; padding: 0 1; }
    Trend > LineChart { height: 1fr; padding: 0 1; }
    Trend.-short > .count { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._count = LineChart(classes="count")
        self._effect = LineChart()
        self._title = Static("", markup=False)
        self._feature: str | None = None

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._effect
        yield Static(line(("Drifted features", "muted")), markup=False, classes="count")
        yield self._count

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _BOTH_FROM, "-short")

    def show(self, feature: FeatureDrift | None, state: DriftState) -> None:
        name = named(feature) if feature else ""
        if name != self._feature:
            self._feature = name
            unit = " in % of the rows" if feature and feature.unit == "share" else ""
            self._title.update(line(("How far ", "muted"), name or "it", (f" has moved{unit}", "muted")))
        self._count.show(trends.count_trend(state.against_reference, state.revisions))
        self._effect.show(trends.effect_trend(state.against_reference, feature, state.revisions))
