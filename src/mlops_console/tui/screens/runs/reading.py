"""What the runs view reads, in threads, and the messages that bring it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.datasets import RunInput
from mlops_console.core.models import ModelVersion
from mlops_console.core.runs import Artifact, Curve, Run, StageRun
from mlops_console.tui.screens.runs.metrics import Wish
from mlops_console.tui.screens.runs.source import WINDOW, Window

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_WORDS = re.compile(r"[\w.-]+")


@dataclass
class WindowLoaded(Message, bubble=False):
    """`text` is the filter as it was typed, `order` as in `RunQuery`."""

    text: str
    order: str
    window: Window


@dataclass
class MetricNamesLoaded(Message, bubble=False):
    """The metrics of the models in mlops.toml: they come first."""

    metrics: tuple[str, ...]


@dataclass
class RunLoaded(Message, bubble=False):
    """All that a run has recorded, but its points."""

    run: Run
    stages: tuple[StageRun, ...]
    artifacts: tuple[Artifact, ...]
    inputs: tuple[RunInput, ...]
    versions: tuple[ModelVersion, ...]


@dataclass
class CurveLoaded(Message, bubble=False):
    run_id: str
    metric: str
    curve: Curve | None


@dataclass
class RunsCompared(Message, bubble=False):
    runs: tuple[Run, ...]


def as_filter(text: str) -> str:
    """A single word means a part of the name; the rest is the filter language."""
    return f'name ~ "{text}"' if _WORDS.fullmatch(text) else text


def read_window(workspace: "Workspace", text: str, order: str, offset: int) -> WindowLoaded:
    from mlops_console.store import runs

    with workspace.store.read() as db:
        query = runs.RunQuery(filter=as_filter(text.strip()), order_by=order, limit=WINDOW, offset=offset)
        page = runs.page(db, query)
        if offset and not page.runs:  # it has become shorter than where we are
            offset = max(0, page.total - WINDOW)
            page = runs.page(db, runs.RunQuery(filter=query.filter, order_by=order, limit=WINDOW, offset=offset))
    return WindowLoaded(text, order, Window(offset, page.total, page.runs))


def read_metric_names(workspace: "Workspace") -> MetricNamesLoaded:
    names = (model.metric for model in workspace.config().models.values())
    return MetricNamesLoaded(tuple(name for name in names if name))


def read_run(workspace: "Workspace", run_id: str) -> RunLoaded:
    from mlops_console.store import artifacts, datasets, models, runs, stages

    with workspace.store.read() as db:
        return RunLoaded(
            runs.get(db, run_id),
            tuple(stages.listing(db, run_id)),
            tuple(artifacts.listing(db, run_id)),
            tuple(datasets.run_inputs(db, run_id)),
            tuple(models.of_run(db, run_id)),
        )


def read_curve(workspace: "Workspace", run_id: str, wish: Wish) -> CurveLoaded:
    from mlops_console.store import series

    with workspace.store.read() as db:
        curve = series.curve(
            db, run_id, wish.metric, first_step=wish.first_step, last_step=wish.last_step, buckets=wish.buckets
        )
        return CurveLoaded(run_id, wish.metric, curve)


def read_runs(workspace: "Workspace", run_ids: tuple[str, ...]) -> RunsCompared:
    from mlops_console.store import runs

    with workspace.store.read() as db:
        return RunsCompared(tuple(runs.get(db, run_id) for run_id in run_ids))
