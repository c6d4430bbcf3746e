"""View 3: the pipelines of mlops.toml, each with its stages and how far its newest run is."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from mlops_console.core.errors import ConfigError
from mlops_console.core.estimates import took
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.core.text import age, clock, duration, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.screens.pipelines.panes import GraphPane, PipelinePane, TimelinePane
from mlops_console.tui.screens.pipelines.reading import PipelinesLoaded, PipelineState, read_pipelines
from mlops_console.tui.screens.pipelines.telling import why
from mlops_console.tui.screens.stage_logs import chosen_log
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Fact, Facts
from mlops_console.tui.widgets.log_view import LogView
from mlops_console.tui.widgets.rows import Cell, Column, Row

_SEPARATOR = "\n"  # no name holds it
_NOT_RUN = glyphs.State("–", "not run", "muted")


class PipelinesView(ListView):
    NAME = "pipelines"
    TITLE = "Pipelines"
    TOPICS = frozenset({"runs", "stages"})
    EMPTY = (
        "No pipeline yet",
        "A pipeline is a list of commands that mlops.toml names:",
        "[pipelines.train.stages.fit]",
        'run = "python fit.py"',
        "Save it and it appears here; t runs it.",
    )
    DETAIL_BELOW = True
    COLUMNS: ClassVar[Sequence[Column]] = (
        Column("name", "PIPELINE", most=32, sortable=False),
        Column("state", "STATE", width=11, sortable=False),
        Column("started", "STARTED", "right", width=8, sortable=False),
        Column("took", "TOOK", "right", width=7, sortable=False),
        Column("what", "WHY", least=8, most=100, flex=1, sortable=False),
    )

    def __init__(self) -> None:
        super().__init__()
        self._pipelines: dict[str, PipelineState] = {}
        self._problem: ConfigError | None = None

    def make_detail(self) -> DetailPane:
        return DetailPane(
            Pane("graph", "Graph", GraphPane),
            Pane("log", "Log", LogView),
            Pane("timeline", "Timeline", TimelinePane),
            Pane("stage", "Stage", Facts),
        )

    def reload(self, topics: frozenset[str]) -> None:
        self.read("pipelines", read_pipelines)

    def on_pipelines_loaded(self, event: PipelinesLoaded) -> None:
        self._problem = event.problem
        self._pipelines = {pipeline.name: pipeline for pipeline in event.pipelines}
        self.tick()
        self._show_detail()

    def tick(self) -> None:
        now = time.time()
        self.show_rows([row for pipeline in self._pipelines.values() for row in _rows(pipeline, now)])
        pane = self.detail.widget if self.detail is not None and self.split.detail_visible else None
        if isinstance(pane, PipelinePane):
            pane.tick()

    def show_source_title(self, count: int | None, text: str | None = None) -> None:
        super().show_source_title(len(self._pipelines), text)
        if self._problem is not None:
            self.grid.empty = ("mlops.toml can't be used", self._problem.message, self._problem.hint)

    def row_selected(self, row: Row | None) -> None:
        self._show_detail()

    def pane_shown(self, pane: str) -> None:
        self._show_detail()

    async def row_opened(self, row: Row) -> None:
        await self.open_detail("log")

    async def show_logs(self) -> bool:
        if self._selected is None:
            return False
        await self.open_detail("log")
        return True

    @property
    def selection(self) -> Selection:
        pipeline = self._selected
        if pipeline is None:
            return NOTHING
        run = pipeline.run
        return Selection(
            reference=pipeline.name,
            command=f"mlops-console train {pipeline.name}",
            pipeline=pipeline.name,
            run_id=run.id if run else None,
            job_id=run.job_id if run and not run.status.is_final else None,
        )

    @property
    def crumb(self) -> str:
        if not self.split.opened or self._selected is None:
            return ""
        stage = self._stage
        return f"{self._selected.name} ▸ {stage.stage}" if stage else self._selected.name

    @property
    def _selected(self) -> PipelineState | None:
        row = self.grid.row
        return self._pipelines.get(row.key.partition(_SEPARATOR)[0]) if row else None

    @property
    def _stage(self) -> StageRun | None:
        pipeline, row = self._selected, self.grid.row
        name = row.key.partition(_SEPARATOR)[2] if row else ""
        return next((stage for stage in pipeline.stages if stage.stage == name), None) if pipeline else None

    def _show_detail(self) -> None:
        pipeline, stage, detail = self._selected, self._stage, self.detail
        if pipeline is None or detail is None:
            return
        detail.show_title(f"{pipeline.name} ▸ {stage.stage}" if stage else pipeline.name)
        pane = detail.widget
        if isinstance(pane, PipelinePane):
            pane.show(pipeline, stage.stage if stage else "")
        elif isinstance(pane, Facts):
            pane.show(_facts(pipeline, stage))
        elif isinstance(pane, LogView):
            path = (Path(stage.log) if stage.started_at else None) if stage else chosen_log(pipeline.stages)
            pane.follow(path, "It has not been started yet: t trains." if path is None else f"{path} is not there.")


def _rows(pipeline: PipelineState, now: float) -> list[Row]:
    """The pipeline's own row, then one for each stage."""
    run = pipeline.run
    state = glyphs.state(run.status) if run else None
    what = (
        Cell(safe_line(pipeline.problem), "bad")
        if pipeline.problem
        else Cell(safe_line(run.name) if run else "it never ran", "muted")
    )
    head = Row(
        pipeline.name,
        (
            Cell(safe_line(pipeline.name), "strong"),
            Cell(state.text, state.style) if state else Cell("–", "muted"),
            Cell(age(run.started_at, now) if run else "–", "muted"),
            Cell(duration(run.duration(now)) if run else "–"),
            what,
        ),
    )
    return [head, *(_stage_row(pipeline, stage, now) for stage in pipeline.stages)]


def _stage_row(pipeline: PipelineState, stage: StageRun, now: float) -> Row:
    last = stage.position == len(pipeline.stages) - 1
    state = _NOT_RUN if pipeline.run is None else glyphs.stage_state(stage)
    return Row(
        f"{pipeline.name}{_SEPARATOR}{stage.stage}",
        (
            Cell(f"{'└' if last else '├'}─ {safe_line(stage.stage)}"),
            Cell(state.text, state.style),
            Cell(age(stage.started_at, now), "muted"),
            _took(pipeline, stage, now),
            Cell(safe_line(stage.error), "bad") if stage.error else Cell(why(stage, pipeline.stages), "muted"),
        ),
    )


def _took(pipeline: PipelineState, stage: StageRun, now: float) -> Cell:
    so_far, usual = took(stage, now), pipeline.times.get(stage.stage)
    slow = stage.status is RunStatus.RUNNING and so_far is not None and usual is not None and usual.is_slow(so_far)
    return Cell(f"▲ {duration(so_far)}", "warn") if slow else Cell(duration(so_far))


def _facts(pipeline: PipelineState, stage: StageRun | None) -> list[Fact]:
    run = pipeline.run
    facts = [Fact("pipeline", pipeline.name, "strong")]
    if pipeline.problem:
        facts.append(Fact("problem", pipeline.problem, "bad"))
    if run is not None:
        state = glyphs.state(run.status)
        facts += [Fact("newest run", f"{run.name} ({run.id})", "accent"), Fact("status", state.text, state.style)]
        facts += [Fact("error", run.error, "bad")] if run.error else []
        facts += [Fact("job", str(run.job_id))] if run.job_id is not None else []
    if stage is not None:
        state = glyphs.stage_state(stage) if run else _NOT_RUN
        facts += [
            Fact(f"Stage {stage.stage}"),
            Fact("command", stage.command),
            Fact("waits for", ", ".join(stage.deps) or "nothing"),
            Fact("state", state.text, state.style),
            *([Fact("why", stage.why)] if stage.why else []),
            Fact("started", clock(stage.started_at)),
            Fact("ended", clock(stage.ended_at)),
            *([Fact("usually", str(usual))] if (usual := pipeline.times.get(stage.stage)) else []),
        ]
        facts += [Fact("exit code", str(stage.exit_code))] if stage.exit_code is not None else []
        facts += [Fact("error", stage.error, "bad")] if stage.error else []
    return facts
