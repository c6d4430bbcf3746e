"""The details of the drift view: the distribution of a feature, and what goes over time."""

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mlops_console.core.drift import FeatureDrift
from mlops_console.core.text import safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.drift_words import figures, told
from mlops_console.tui.paint import line
from mlops_console.tui.screens.drift import trends
from mlops_console.tui.screens.drift.reading import DriftState
from mlops_console.tui.widgets.histogram import DistributionChart
from mlops_console.tui.widgets.line_chart import LineChart

_TREND_FROM = 24  # lines from which the trend stands below the distribution
_BOTH_FROM = 24  # lines from which there is room for both trends
_SPELLED_FROM = 9  # lines from which there is room for the sentence; below, its figures
_FINDINGS_FROM = 12  # lines from which there is room for what else was found


class Distribution(Widget, can_focus=True):
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
        self._heading = Static("", markup=False, classes="heading")
        self._trend = LineChart()
        self._feature: FeatureDrift | None = None
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
        self._say()

    def show(self, feature: FeatureDrift | None, state: DriftState) -> None:
        self._feature = feature
        self._say()
        if feature is None:
            self._chart.show(None, "No report yet.")
        else:
            self._chart.show(feature.histogram, "This report keeps no distribution of it.")
        self._trend.show(trends.effect_trend(state, feature))

    def _say(self) -> None:
        """What there is room for; what is shown already is not drawn anew."""
        feature = self._feature
        if feature is None:
            return
        text = feature.verdict if self.size.height >= _SPELLED_FROM else figures(feature)
        if (text, *feature.findings) != self._shown:
            self._shown = (text, *feature.findings)
            mood = told(feature)
            self._sentence.update(line((f"{mood.glyph} ", mood.style), safe_line(text, 400)))
            self._findings.update(
                Content("\n").join(line(f"{glyphs.FINDING} {safe_line(f)}") for f in feature.findings)
            )
            self.set_class(bool(feature.findings), "-found")
            self._heading.update(_heading(feature))


class Trend(Widget, can_focus=True):
    """Over all reports: how far the selected feature has moved, and where there is room how many have drifted."""

    DEFAULT_CSS = """
    Trend { layout: vertical; height: 1fr; }
    Trend > Static { height: 1; padding: 0 1; }
    Trend > LineChart { height: 2fr; padding: 0 1; }
    Trend > LineChart.count { height: 1fr; }
    Trend.-short > .count { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._count = LineChart(classes="count")
        self._effect = LineChart()
        self._title = Static("", markup=False)
        self._feature: FeatureDrift | None = None

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._effect
        yield Static(line(("How many features have drifted", "muted")), markup=False, classes="count")
        yield self._count

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _BOTH_FROM, "-short")

    def show(self, feature: FeatureDrift | None, state: DriftState) -> None:
        if feature is not None and feature != self._feature:
            self._feature = feature
            self._title.update(_heading(feature))
        self._count.show(trends.count_trend(state))
        self._effect.show(trends.effect_trend(state, feature))


def _heading(feature: FeatureDrift) -> Content:
    """What the chart below shows, in which unit, and what its limit is."""
    unit = "% of the rows" if feature.unit == "share" else "σ"
    limit = (("   ╌ ", "warn"), ("the limit: drift from here on", "muted")) if feature.threshold is not None else ()
    return line((f"Moved by, in {unit}", "muted"), *limit)
