"""Lines over steps or time: one or more series with axes, limits, marks and a legend."""

from dataclasses import dataclass

from textual import events
from textual.message import Message

from mlops_console.tui.widgets.chart_paint import Painted, Row
from mlops_console.tui.widgets.line_data import Band, LineData, Mark, Series, Threshold, XAxis
from mlops_console.tui.widgets.line_rows import Sheet, lay_out, line_chart_rows

__all__ = ["Band", "LineChart", "LineData", "Mark", "Series", "Threshold", "XAxis", "line_chart_rows"]


class LineChart(Painted):
    """A live line chart; `show` with equal data draws nothing, with new data only the cells that changed."""

    @dataclass
    class Picked(Message):
        """Somebody has clicked at this place of the x axis."""

        x: float

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

    def cell_beside(self, x: float | None, by: int) -> float | None:
        """The middle, on the x axis, of the cell that is `by` further right than that of `x`, within the chart.

        None stands for beyond the end from which one comes. Without anything drawn the answer is None.
        """
        sheet = self._lay_out(self._data)
        if sheet is None:
            return None
        low, high = sheet.frame.x_low, sheet.frame.x_high
        outside = -1 if by > 0 else sheet.width
        column = sheet.frame.column(x) // 2 if x is not None and low <= x <= high else outside
        return sheet.middle(column + by)

    def cell_of(self, x: float, data: LineData) -> tuple[float, float] | None:
        """The two ends, on the x axis, of the cell in which `x` would lie if `data` were drawn here."""
        sheet = self._lay_out(data)
        return sheet.ends(sheet.frame.column(x) // 2) if sheet else None

    def on_click(self, event: events.Click) -> None:
        sheet = self._lay_out(self._data)
        column = event.get_content_offset_capture(self).x - (sheet.gutter if sheet else 0)
        if sheet is not None and 0 <= column < sheet.width:
            self.post_message(self.Picked(sheet.middle(column)))

    def _lay_out(self, data: LineData) -> Sheet | None:
        width, height = self.size
        return lay_out(data, width, height) if width > 0 and height > 0 else None
