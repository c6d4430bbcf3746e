"""The history of a sweep: what each trial came to, and the best until then."""

import math
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mlops_console.core.comparison import Goal
from mlops_console.core.text import number
from mlops_console.tui.paint import line, styled
from mlops_console.tui.screens.sweeps.reading import Details, Sweep
from mlops_console.tui.screens.sweeps.rows import BEST, best_params, brief
from mlops_console.tui.widgets.line_chart import LineChart, LineData, Series

_NO_TRIAL = "No trial has ended yet; the values are drawn as they come."


class HistoryPane(Widget, can_focus=True):
    """The chart, and below it one line on the best trial."""

    DEFAULT_CSS: ClassVar[str] = """
    HistoryPane { layout: vertical; height: 1fr; padding: 0 1; }
    HistoryPane > LineChart { height: 1fr; }
    HistoryPane > Static { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._chart = LineChart(LineData(empty=""))
        self._told = Static("", markup=False)

    def compose(self) -> ComposeResult:
        yield self._chart
        yield self._told

    def show(self, sweep: Sweep | None, details: Details | None) -> None:
        """Show this sweep; nothing, if there is none."""
        self._chart.show(history(sweep, details) if sweep and details else LineData(empty=""))
        told = best_line(details, best_params(details)) if sweep and details else Content("")
        if told != self._told.content:
            self._told.update(told)


def history(sweep: Sweep, details: Details) -> LineData:
    """The best so far as a line, the trials as points between which there is none."""
    curve = details.values
    head = (sweep.run.tags.get("objective", ""), f"{sweep.counts.done:,} trials")
    if curve is None:
        return LineData(empty=_NO_TRIAL, head=(head,))
    values = {point.step: point.value for point in curve.points}  # one that was told again after a crash counts once
    return LineData(
        (
            Series("best so far", *_best(values, sweep.goal), exact=curve.exact),
            Series("each trial", *_apart(values), exact=curve.exact),
        ),
        x_label="trial",
        figures=False,
        empty=_NO_TRIAL,
        head=(head,),
    )


def _best(values: Mapping[int, float], goal: Goal) -> tuple[list[float], list[float]]:
    """As stairs: the best changes with a trial, not between two."""
    xs, ys = list(values), list(accumulate(values.values(), min if goal == "minimize" else max))
    return [xs[0], *(x for x in xs[1:] for _ in range(2))], [*(y for y in ys[:-1] for _ in range(2)), ys[-1]]


def _apart(values: Mapping[int, float]) -> tuple[list[float], list[float]]:
    """With a gap before each point, so that no line joins them."""
    return [x for at in values for x in (at - 0.5, at)], [y for value in values.values() for y in (math.nan, value)]


def best_line(details: Details, params: Mapping[str, Any]) -> Content:
    """`▲ best 0.0512: trial 17, calm-otter-17  fit.lr=0.001`."""
    winner = details.winner
    if winner is None:
        return styled("No trial has a value yet.", "muted")
    tried = "  ".join(f"{key}={brief(value)}" for key, value in params.items())
    made = f"  {details.model_ref}" if details.model_ref else ""
    return line(
        (f"{BEST}best {number(winner.value)}", "ok"),
        f": trial {winner.number:,}, ",
        (winner.run.name, "strong"),
        (made, "accent"),
        (f"  {tried}", "muted"),
    )
