"""The graph and the timeline of a pipeline's newest run, as large as the room."""

import time

from mlops_console.core.estimates import critical_path, seconds_of, took
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.tui import glyphs
from mlops_console.tui.screens.pipelines.forecast_rows import forecast_rows
from mlops_console.tui.screens.pipelines.gantt import Bar, gantt_rows
from mlops_console.tui.screens.pipelines.graph.drawing import dag_rows
from mlops_console.tui.screens.pipelines.graph.stages import Node
from mlops_console.tui.screens.pipelines.reading import PipelineState
from mlops_console.tui.widgets.chart_paint import Ink, Painted, Row, message_rows


class PipelinePane(Painted, can_focus=True):
    """Draws a pipeline, with one of its stages selected; `tick` moves what runs."""

    def __init__(self) -> None:
        super().__init__()
        self._pipeline: PipelineState | None = None
        self._stage = ""
        self._now = time.time()

    def show(self, pipeline: PipelineState, stage: str) -> None:
        self._pipeline, self._stage = pipeline, stage
        self.tick()

    def tick(self) -> None:
        self._now = time.time()
        self.repaint()

    def rows(self, width: int, height: int) -> tuple[Row, ...]:
        if self._pipeline is None:
            return ()
        if self._pipeline.problem:
            return message_rows(self._pipeline.problem, width, height)
        return self.drawn(self._pipeline, self._stage, width, height)

    def drawn(self, pipeline: PipelineState, stage: str, width: int, height: int) -> tuple[Row, ...]:
        raise NotImplementedError


class GraphPane(PipelinePane):
    """What waits for what, from left to right, and below what is to be expected."""

    def drawn(self, pipeline: PipelineState, stage: str, width: int, height: int) -> tuple[Row, ...]:
        seconds = seconds_of(pipeline.stages, pipeline.times, self._now)
        critical = critical_path(pipeline.stages, seconds) if any(seconds.values()) else ()
        nodes = [self._node(pipeline, found, found.stage in critical) for found in pipeline.stages]
        below = forecast_rows(pipeline, stage, self._now, width)[: max(height // 3, 0)]
        graph = dag_rows(nodes, width, height - len(below) - bool(below), stage)
        gap = [(Ink(" " * width),)] if below else []
        return (*graph, *gap, *below)

    def _node(self, pipeline: PipelineState, stage: StageRun, critical: bool) -> Node:
        usual, so_far = pipeline.times.get(stage.stage), took(stage, self._now)
        is_running = stage.status is RunStatus.RUNNING
        return Node(
            stage.stage,
            stage.deps,
            glyphs.stage_state(stage).word if pipeline.run is not None else "",
            cached=stage.cached_from is not None,
            took=so_far,
            note=stage.why,
            slow=is_running and usual is not None and so_far is not None and usual.is_slow(so_far),
            critical=critical,
        )


class TimelinePane(PipelinePane):
    """When each stage ran, and how many at once."""

    def drawn(self, pipeline: PipelineState, stage: str, width: int, height: int) -> tuple[Row, ...]:
        if pipeline.run is None:
            return message_rows("It never ran: t runs it.", width, height)
        bars = [
            Bar(
                found.stage,
                glyphs.stage_state(found).word,
                found.started_at,
                found.ended_at,
                cached=found.cached_from is not None,
                usual=pipeline.times[found.stage].median if found.stage in pipeline.times else None,
            )
            for found in pipeline.stages
        ]
        return gantt_rows(bars, self._now, width, height, stage)
