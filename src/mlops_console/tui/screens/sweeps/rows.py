"""Sweeps and their trials as rows of the grid, and what is tried as facts."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_console.core.errors import UsageError
from mlops_console.core.search_space import Choice, parse_dimension
from mlops_console.core.text import age, clock, duration, number, param, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.screens.sweeps.reading import Details, Sweep, Trial
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.rows import Cell, Column, Row

BEST = "▲ "
_NONE = Cell("–", "muted")
_STOPPING = glyphs.State("■", "stopping…", "warn")
_SAMPLERS = {"tpe": "tpe: Optuna goes where it was good", "random": "random", "grid": "grid, in random order"}


def columns(sweeps: Sequence[Sweep]) -> tuple[Column, ...]:
    """What failed and what was pruned have a column only where there is any."""
    return (
        Column("name", "NAME", least=12, most=28, flex=1),
        Column("pipeline", "PIPELINE", least=8, most=16, flex=1),
        Column("state", "STATE", width=11),
        Column("trials", "TRIALS", "right"),
        *([Column("failed", "FAILED", "right")] if any(sweep.counts.failed for sweep in sweeps) else []),
        *([Column("pruned", "PRUNED", "right")] if any(sweep.counts.pruned for sweep in sweeps) else []),
        Column("best", "BEST", "decimal", most=14),
        Column("objective", "OBJECTIVE", least=9, most=28, flex=1),
        Column("started", "STARTED", "right", width=8),
        Column("took", "TOOK", "right", width=6),
    )


def sweep_rows(sweeps: Sequence[Sweep], now: float) -> list[Row]:
    shown = {column.key for column in columns(sweeps)}
    return [_sweep_row(sweep, shown, now) for sweep in sweeps]


def _sweep_row(sweep: Sweep, shown: set[str], now: float) -> Row:
    run, counts = sweep.run, sweep.counts
    state = _STOPPING if sweep.stopping else glyphs.state(run.status)
    done = f"{counts.done:,}/{sweep.wanted:,}" if sweep.wanted else f"{counts.done:,}"
    cells = {
        "name": Cell(safe_line(run.name, 300), "strong"),
        "pipeline": Cell(safe_line(sweep.pipeline, 100)),
        "state": Cell(*state.cell),
        "trials": Cell(done, "", counts.done),
        "failed": Cell(f"{counts.failed:,}", "bad", counts.failed) if counts.failed else Cell(""),
        "pruned": Cell(f"{counts.pruned:,}", "muted", counts.pruned) if counts.pruned else Cell(""),
        "best": Cell(number(sweep.best), "accent", sweep.best) if sweep.best is not None else _NONE,
        "objective": Cell(safe_line(run.tags.get("objective", "–"), 200), "muted"),
        "started": Cell(age(run.started_at, now), "muted", run.started_at),
        "took": Cell(duration(run.duration(now)), "", run.duration(now)),
    }
    return Row(run.id, tuple(cell for key, cell in cells.items() if key in shown or key not in ("failed", "pruned")))


def trial_columns(metric: str, keys: Sequence[str]) -> tuple[Column, ...]:
    return (
        Column("trial", "TRIAL", "right", sortable=False),
        Column("run", "RUN", least=10, most=28, flex=1, sortable=False),
        Column("state", "STATE", width=11, sortable=False),
        Column("value", safe_line(metric, 60), "decimal", most=20, sortable=False),
        Column("took", "TOOK", "right", width=6, sortable=False),
        *(Column(f"params.{key}", safe_line(key, 60), "decimal", most=20, sortable=False) for key in keys),
    )


def trial_rows(details: Details, now: float) -> list[Row]:
    """In the order of the details, the best one marked. The keys are the ids of the runs."""
    winner = details.winner
    return [_trial_row(trial, trial is winner, now) for trial in details.trials]


def _trial_row(trial: Trial, best: bool, now: float) -> Row:
    return Row(
        trial.run.id,
        (
            Cell(f"{BEST if best else ''}{trial.number:,}", "ok" if best else "muted", trial.number),
            Cell(safe_line(trial.run.name, 300), "strong"),
            Cell(*glyphs.state(trial.state).cell),
            Cell(number(trial.value), "ok" if best else "" if trial.counts else "muted"),
            Cell(duration(trial.run.duration(now)), "muted"),
            *(_NONE if value is None else Cell(safe_line(brief(value), 200)) for value in trial.params),
        ),
    )


def brief(value: Any) -> str:
    """A param's value, a long float shortened: the run has all of its digits."""
    return f"{value:.4g}" if isinstance(value, float) else param(value) or '""'


def best_params(details: Details) -> Mapping[str, Any]:
    """The params of the best trial that are tried; none where there is no best one."""
    winner = details.winner
    if winner is None:
        return {}
    pairs = zip(details.keys, winner.params, strict=True)
    return {key: value for key, value in pairs if value is not None}


def space_facts(sweep: Sweep, details: Details | None) -> list[Fact]:
    """What is tried and how."""
    request, run = sweep.request, sweep.run
    best = best_params(details) if details else {}
    facts = [
        *([Fact("error", run.error, "bad")] if run.error else []),
        Fact("objective", run.tags.get("objective", "–")),
        *_how(request),
        Fact("started", clock(run.started_at)),
        Fact("run", run.id),
        *([Fact("job", str(run.job_id), "accent")] if run.job_id is not None else []),
        Fact("What is tried"),
    ]
    for key, written in sweep.space.items():
        found = f"; best {brief(best[key])}" if key in best else ""
        facts.append(Fact(key, f"{param(written)}{_kind(key, written)}{found}", "strong"))
    facts.append(Fact("The same in all trials"))
    facts += [Fact(key, param(value) or '""') for key, value in sweep.fixed.items()]
    return facts if sweep.fixed else [*facts, Fact("", "All other params, as they are in the params file.")]


def _how(request: Mapping[str, Any]) -> list[Fact]:
    if not request:
        return [Fact("", "Its job is gone, and with it how it was asked for.")]
    sampler, seed = str(request.get("sampler", "tpe")), request.get("seed")
    return [
        Fact("sampler", _SAMPLERS.get(sampler, sampler) + (f", seed {seed}" if seed is not None else "")),
        Fact("pruning", "on: a poor trial is ended early" if request.get("prune", True) else "off"),
        Fact("trials", f"{request.get('trials') or '?'}, {request.get('parallel', 1)} at once"),
    ]


def _kind(key: str, written: Any) -> str:
    """In words what a range is of."""
    try:
        dimension = parse_dimension(f"{key}={written}", str)[1]
    except UsageError:
        return ""
    if isinstance(dimension, Choice):
        return f", {len(dimension.values)} values"
    whole = "whole numbers" if dimension.whole else "any number"
    steps = " in steps" if dimension.step is not None and not dimension.whole else ""
    return f", {'numbers' if steps else whole}{steps}{' by magnitude' if dimension.log else ''}"
