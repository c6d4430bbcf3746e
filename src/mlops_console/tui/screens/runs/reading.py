"""What the runs view reads, in threads, and the messages that bring it."""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.datasets import RunInput
from mlops_console.core.errors import ConfigError
from mlops_console.core.filters import Field, typed_filter
from mlops_console.core.models import ModelVersion
from mlops_console.core.runs import Artifact, Curve, FieldNames, Run, StageRun
from mlops_console.tui.screens.runs.metrics import Wish
from mlops_console.tui.screens.runs.source import WINDOW, Shown, Window

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace


@dataclass
class WindowLoaded(Message, bubble=False):
    """`asked` is what was wished: it may be another wish by now."""

    asked: "Asked"
    window: Window


@dataclass
class CountLoaded(Message, bubble=False):
    """How many runs match a filter, and how long it took to count them, in seconds."""

    text: str
    deleted: bool
    total: int
    cost: float


@dataclass(frozen=True, slots=True)
class Asked:
    """Which runs the table shows. `chosen` are its columns; none: those that the newest runs suggest."""

    text: str = ""  # the filter, as it was typed
    order: str = "-started"
    deleted: bool = False
    chosen: tuple[Shown, ...] = ()


@dataclass
class NamesLoaded(Message, bubble=False):
    """The names of all fields, for what wanted them: "columns" or "groups"."""

    wanted_for: str
    names: FieldNames


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


def read_window(workspace: "Workspace", asked: Asked, offset: int, total: int | None) -> WindowLoaded:
    from mlops_console.store import run_table
    from mlops_console.store.runs import RunQuery

    with workspace.store.read() as db:
        shown = asked.chosen or default_columns(workspace, run_table.recent_names(db))
        text = typed_filter(asked.text)
        fields = [column.field for column in shown]
        query = RunQuery(text, asked.order, WINDOW, offset, asked.deleted)
        found = run_table.rows(db, query, fields, total)
        if offset and not found:  # it has become shorter than where we are
            offset = 0
            found = run_table.rows(db, replace(query, offset=0), fields)
    return WindowLoaded(asked, Window(offset, tuple(found), shown))


def read_count(workspace: "Workspace", text: str, deleted: bool) -> CountLoaded:
    from mlops_console.store import runs

    begun = time.monotonic()
    with workspace.store.read() as db:
        total = runs.count(db, runs.RunQuery(filter=typed_filter(text), deleted=deleted))
    return CountLoaded(text, deleted, total, time.monotonic() - begun)


def read_names(workspace: "Workspace", wanted_for: str) -> NamesLoaded:
    from mlops_console.store import run_table

    with workspace.store.read() as db:
        return NamesLoaded(wanted_for, run_table.field_names(db))


def default_columns(workspace: "Workspace", names: FieldNames) -> tuple[Shown, ...]:
    """The best value of each model's metric first, then the times, then what the newest runs have recorded."""
    best = best_metrics(workspace)
    judged = {field.key for field in best}
    others = [name for name in names.metrics if name not in judged and not name.startswith("system/")]
    metrics = [*best, *(Field("metrics", name) for name in others)]
    params = (Field("params", name) for name in names.params)
    return tuple(map(Shown, (*metrics[:1], Field("started"), Field("duration"), *metrics[1:], *params)))


def best_metrics(workspace: "Workspace") -> list[Field]:
    """What each model of mlops.toml is judged by: the greatest or the least value of its metric, by its goal."""
    try:
        models = workspace.config().models.values()
    except ConfigError:  # told of elsewhere
        return []
    fields = [
        Field("metrics", model.metric, "max" if model.goal == "maximize" else "min") for model in models if model.metric
    ]
    return list(dict.fromkeys(fields))


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
