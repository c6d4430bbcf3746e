"""Lines over steps or time: one or more series with axes, limits, marks and a legend."""

from mlops_console.tui.widgets.chart_paint import Painted, Row
from mlops_console.tui.widgets.line_data import Band, LineData, Mark, Series, Threshold, XAxis
from mlops_console.tui.widgets.line_rows import line_chart_rows

__all__ = ["Band", "LineChart", "LineData", "Mark", "Series", "Threshold", "XAxis", "line_chart_rows"]


class LineChart(Painted):
    """A live line chart; `show` with equal data draws nothing, with new data only the cells that changed."""

    def __init__(self, data: LineData | None = None, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._data = data or LineData()

    def show(self, data: LineData) -> None:
        """Show `data` instead."""
        if data != self._data:
            self._data = data
            self.repaint()

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        return line_chart_rows(self._data, width, height)
