"""Reckon how much each param counts for a metric, over many runs."""

import math
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field as PydanticField
from pydantic import field_validator

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import RefusedError
from mlops_console.core.filters import Field, FilterError, field_text, parse_field, parse_filter
from mlops_console.core.plans import Change, Plan
from mlops_console.core.runs import Run
from mlops_console.data.importance import FEW, LEAST, importances, to_result, varying
from mlops_console.store import runs
from mlops_console.store.runs import RunQuery
from mlops_console.store.workspace import Workspace

MOST = 2_000  # runs, the newest
_HINT = "Train with other params, or choose more runs."


class ImportanceOf(Request):
    """`metric` as the filter language writes it: metrics.val/auc.max. `runs` are ids; () means all that `filter` finds.

    Only runs that have ended and have the metric count.
    """

    metric: str
    filter: str = ""
    runs: tuple[str, ...] = PydanticField(default=(), max_length=MOST)

    @field_validator("metric")
    @classmethod
    def _is_metric(cls, text: str) -> str:
        try:
            field = parse_field(text)
        except FilterError as error:
            raise ValueError(error.problem) from None
        if field.kind != "metrics":
            raise ValueError("a metric is wanted, as in metrics.val/auc.max")
        return field_text(field)

    @field_validator("filter")
    @classmethod
    def _is_filter(cls, text: str) -> str:
        try:
            parse_filter(text, time.time())
        except FilterError as error:
            raise ValueError(f"column {error.column}: {error.problem}") from None
        return text


@dataclass(frozen=True, slots=True)
class _Table:
    """What is learnt from: the params of each run, and its metric."""

    params: list[Mapping[str, Any]]
    values: list[float]

    @property
    def refused(self) -> str | None:
        if len(self.params) < LEAST:
            return f"Importance takes at least {LEAST} ended runs with this metric, and there are {len(self.params)}."
        if not varying(self.params):
            return f"The {len(self.params)} runs have no param in which they differ."
        return None


def _plan(workspace: Workspace, request: ImportanceOf) -> Plan:
    found = _read(workspace, request)
    count, params = len(found.params), len(varying(found.params))
    few = (f"Below {FEW} runs the figures are little more than a guess.",) if count < FEW else ()
    return Plan(
        "importance",
        request.metric,
        f"Reckon which params count for {request.metric}",
        _command(request),
        changes=(Change("table of importance", "", f"{params} params, from {count:,} runs"),),
        notes=("A random forest is fitted in a job; no run is changed.", *few),
        refused=found.refused,
        hint=_HINT if found.refused else "",
    )


def _perform(workspace: Workspace, request: ImportanceOf, job: JobContext) -> dict[str, Any]:
    job.progress(None, "reading runs")
    found = _read(workspace, request)
    if found.refused is not None:
        raise RefusedError(found.refused, _HINT)
    said = f"fitting {len(varying(found.params))} params of {len(found.params):,} runs"
    return to_result(importances(found.params, found.values, lambda part: job.progress(part, said)), request.metric)


def _read(workspace: Workspace, request: ImportanceOf) -> _Table:
    field = parse_field(request.metric)
    with workspace.store.read() as db:
        if request.runs:
            candidates = runs.of_ids(db, request.runs)
        else:
            wanted = f"({request.filter}) and " if request.filter.strip() else ""
            text = f"{wanted}{request.metric} >= -inf and status not in (queued, running)"
            candidates = runs.of_keys(db, runs.page_keys(db, RunQuery(text, "-started", MOST)))
    table = _Table([], [])
    for run in candidates:
        value = _figure(run, field)
        if run.status.is_final and value is not None and math.isfinite(value):
            table.params.append(run.params)
            table.values.append(value)
    return table


def _figure(run: Run, field: Field) -> float | None:
    summary = run.metrics.get(field.key)
    return None if summary is None else float(getattr(summary, field.aggregate or "last"))


def _command(request: ImportanceOf) -> str:
    words = ["mlops-console", "run", "importance", request.metric]
    if request.filter:
        words += ["--filter", request.filter]
    for run in request.runs:
        words += ["--run", run]
    return shlex.join(words)


ACTION = Action("importance", ImportanceOf, "process", _plan, _perform)
