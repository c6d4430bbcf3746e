"""The heat map as a widget: arrows move over it, `enter` goes to the feature in the report under the cursor."""

from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from mlops_console.tui import commands
from mlops_console.tui.screens.drift.heat import HeatData, heat_rows, lay_out
from mlops_console.tui.widgets.chart_paint import Painted, Row

_PAGE = 10


class HeatMap(Painted, can_focus=True):
    """The cursor is on the report that is looked at until it is moved."""

    BINDINGS: ClassVar[list[BindingType]] = [*commands.bindings("grid")]
    DEFAULT_CSS = "HeatMap { height: 1fr; width: 1fr; padding: 0 1; }"

    @dataclass
    class FeatureMoved(Message):
        """Somebody wants to go so many features down, or to the one with this key."""

        by: int = 0
        key: str = ""

    @dataclass
    class ReportChosen(Message):
        """Somebody wants to look at the selected feature in this report."""

        report: int

    def __init__(self) -> None:
        super().__init__()
        self._data = HeatData()
        self._cursor: int | None = None

    def show(self, data: HeatData) -> None:
        """Show `data`, whose cursor stays where it is while that report is there."""
        if self._cursor is not None and all(report.id != self._cursor for report in data.reports):
            self._cursor = None
        data = replace(data, cursor=self._cursor or data.looked)
        if data != self._data:
            self._data = data
            self.repaint()

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        return heat_rows(self._data, width, height)

    def _move(self, by: int) -> None:
        """To the report so many columns to the right, as far as there are any in sight."""
        sheet = lay_out(self._data, self.size.width, self.size.height)
        if sheet is None:
            return
        ids = [report.id for report in sheet.reports]
        at = ids.index(self._data.cursor) if self._data.cursor in ids else len(ids) - 1
        self._put(ids[max(min(at + by, len(ids) - 1), 0)])

    def _put(self, report: int) -> None:
        self._cursor = report
        self.show(self._data)

    def action_columns_right(self) -> None:
        self._move(1)

    def action_columns_left(self) -> None:
        self._move(-1)

    def action_cursor_down(self) -> None:
        self.post_message(self.FeatureMoved(1))

    def action_cursor_up(self) -> None:
        self.post_message(self.FeatureMoved(-1))

    def action_page_down(self) -> None:
        self.post_message(self.FeatureMoved(_PAGE))

    def action_page_up(self) -> None:
        self.post_message(self.FeatureMoved(-_PAGE))

    def action_top(self) -> None:
        self.post_message(self.FeatureMoved(-len(self._data.features)))

    def action_bottom(self) -> None:
        self.post_message(self.FeatureMoved(len(self._data.features)))

    def action_open(self) -> None:
        if self._data.cursor:
            report, self._cursor = self._data.cursor, None
            self.post_message(self.ReportChosen(report))

    def on_click(self, event: events.Click) -> None:
        sheet = lay_out(self._data, self.size.width, self.size.height)
        place = event.get_content_offset_capture(self)
        if sheet is None:
            return
        if report := sheet.report_at(place.x):
            self._put(report.id)
        row = place.y - len(sheet.parts & {"legend", "marks"})
        if 0 <= row < sheet.count:
            self.post_message(self.FeatureMoved(key=self._data.features[sheet.first + row][0]))
