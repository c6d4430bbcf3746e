"""What is to be expected of a pipeline, in a few lines below its graph."""

from collections.abc import Iterator

from mlops_console.core.estimates import critical_path, left, seconds_of, to_speed_up, took
from mlops_console.core.runs import RunStatus
from mlops_console.core.text import duration, safe_line
from mlops_console.tui.screens.pipelines.reading import PipelineState
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit_row


def forecast_rows(pipeline: PipelineState, stage: str, now: float, width: int) -> list[Row]:
    """The time left, slow stages, the critical path, and why the selected stage ran."""
    return [fit_row([Ink(" "), *inks], width) for inks in _lines(pipeline, stage, now)]


def _lines(pipeline: PipelineState, selected: str, now: float) -> Iterator[list[Ink]]:
    for stage in pipeline.stages:
        if stage.stage == selected and stage.why:
            yield [Ink("why  ", "muted"), Ink(safe_line(stage.why, 300))]
    running = pipeline.run is not None and pipeline.run.status is RunStatus.RUNNING
    found = left(pipeline.stages, pipeline.times, now, pipeline.slots) if running else None
    if found is not None and not found.late:
        yield [Ink("left ", "muted"), Ink(found.span, "strong"), Ink(" if stages take their usual time")]
    if running:
        yield from _slow(pipeline, now)
    yield from _path(pipeline, now)


def _slow(pipeline: PipelineState, now: float) -> Iterator[list[Ink]]:
    for stage in pipeline.stages:
        usual, so_far = pipeline.times.get(stage.stage), took(stage, now)
        if stage.status is RunStatus.RUNNING and usual and so_far is not None and usual.is_slow(so_far):
            text = f"{safe_line(stage.stage, 60)} is beyond its usual time: {duration(so_far)}, usually "
            spread = f"{duration(usual.low)}–{duration(usual.high)} in {usual.runs} runs"
            yield [Ink("▲    ", "warn"), Ink(text, "warn"), Ink(spread, "muted")]


def _path(pipeline: PipelineState, now: float) -> Iterator[list[Ink]]:
    seconds = seconds_of(pipeline.stages, pipeline.times, now)
    path = critical_path(pipeline.stages, seconds)
    slowest = to_speed_up(path, seconds)
    if slowest is None or len(path) < 2:
        return
    whole = sum(seconds[name] for name in path)
    share = seconds[slowest] / whole
    text = f"{safe_line(slowest, 60)} takes {share:.0%} of the {duration(whole)} that the critical path takes"
    yield [Ink("slow ", "muted"), Ink(text), Ink(": speed it up first", "muted")]
