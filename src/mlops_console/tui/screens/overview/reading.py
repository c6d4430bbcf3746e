"""What the overview shows, read from the store in one go."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.alerts import Alert
from mlops_console.core.comparison import Goal, goal_of
from mlops_console.core.deployments import Environment, Revision, RevisionState
from mlops_console.core.drift import DriftReport
from mlops_console.core.errors import ConfigError
from mlops_console.core.jobs import Job
from mlops_console.core.runs import Run
from mlops_console.tui.screens.overview.traffic import Recent, recent

if TYPE_CHECKING:
    from mlops_console.core.config import Config
    from mlops_console.core.dora import Dora
    from mlops_console.delivery.canary import StepTraffic
    from mlops_console.store.database import Connection
    from mlops_console.store.predictions import PredictionLog
    from mlops_console.store.workspace import Workspace

RATE_SECONDS = 60.0
TREND_MINUTES = 20
DORA_DAYS = 90
_LEAST_SECONDS = 5.0  # over which the rate of the first traffic is reckoned: one row is no storm
_RUNS = 40


@dataclass(frozen=True, slots=True)
class Waiting:
    """A revision that waits for approvals, and how many it has."""

    revision: Revision
    given: int

    @property
    def lacking(self) -> int:
        return max(self.revision.approvals - self.given, 0)


@dataclass(frozen=True, slots=True)
class Card:
    """One environment. `traffic` is the rows a minute that were answered in each of the last ones, oldest first.

    In the first minute of all, that is the rate of the seconds that have passed since the first row. `recent` is what
    the server processes say of the last minute; `waiting` is newest first; `canary` what the present step of the
    candidate has seen; `form` the one of the live version that is served, and why.
    """

    environment: Environment
    live: Revision | None
    newest: Revision | None
    report: DriftReport | None  # by which what is live stands: its newest tested one
    traffic: tuple[int, ...]
    recent: Recent | None = None
    waiting: tuple[Waiting, ...] = ()
    canary: "StepTraffic | None" = None
    form: tuple[str, str] | None = None

    @property
    def per_minute(self) -> int:
        return self.traffic[-1] if self.traffic else 0


@dataclass(frozen=True, slots=True)
class Trend:
    """The figure by which runs are judged, over the newest runs that have it, oldest first."""

    metric: str
    values: tuple[float, ...]
    best: tuple[str, float] | None  # the run and its value; None where nothing tells whether more is better


@dataclass(frozen=True, slots=True)
class Overview:
    project: str
    cards: tuple[Card, ...]
    alerts: tuple[Alert, ...]
    jobs: tuple[Job, ...]
    runs: tuple[Run, ...]
    run_count: int
    has_models: bool
    trend: Trend | None
    pipelines: tuple[str, ...] = ()
    config_problem: str = ""  # what is wrong with mlops.toml
    read_only: bool = False
    dora: "Dora | None" = None  # of the selected environment
    alert: int = 0  # the selected one, if one is


@dataclass
class DoraRead(Message, bubble=False):
    dora: "Dora"


@dataclass
class OverviewRead(Message, bubble=False):
    overview: Overview


def read_overview(workspace: "Workspace") -> OverviewRead:
    """Everything the view shows.

    Raises:
        StoreError: the store can't be read.
    """
    from mlops_console.store import alerts, jobs, models, runs
    from mlops_console.store.predictions import PredictionLog
    from mlops_console.store.runs import RunQuery

    config, problem = None, ""
    try:
        config = workspace.config()
    except ConfigError as error:  # the store is shown all the same
        problem = f"{error.message} {error.hint}".strip() if workspace.config_path.is_file() else ""
    traffic = PredictionLog(workspace.predictions_path)
    with workspace.store.read() as db:
        page = runs.page(db, RunQuery(limit=_RUNS))
        overview = Overview(
            config.project.name if config else workspace.root.name,
            read_cards(db, config, traffic),
            tuple(alerts.open_alerts(db)),
            tuple(jobs.open_jobs(db)),
            page.runs,
            page.total,
            bool(models.model_names(db)),
            trend(page.runs, config),
            tuple(config.pipelines) if config else (),
            problem,
        )
    return OverviewRead(overview)


def read_dora(workspace: "Workspace", environment: str) -> DoraRead:
    """How well an environment was delivered to lately. It asks git when commits were made."""
    from mlops_console.delivery.dora import dora

    now = time.time()
    with workspace.store.read() as db:
        return DoraRead(dora(db, environment, now - DORA_DAYS * 86_400.0, now, workspace.root))


def read_cards(db: "Connection", config: "Config | None", traffic: "PredictionLog") -> tuple[Card, ...]:
    """A card for every environment."""
    return tuple(_card(db, environment, traffic) for environment in _environments(db, config))


def _environments(db: "Connection", config: "Config | None") -> list[Environment]:
    """Those of mlops.toml in its order, known to the store or not, then what else the store knows."""
    from mlops_console.store import deployments

    known = {environment.name: environment for environment in deployments.environments(db)}
    found = []
    for name, settings in (config.environments if config else {}).items():
        planned = Environment(name, settings.model, settings.port, settings.host)
        found.append(known.pop(name, planned))
    return found + list(known.values())


def _card(db: "Connection", environment: Environment, log: "PredictionLog") -> Card:
    from mlops_console.core.models import served_form
    from mlops_console.delivery.canary import gather
    from mlops_console.store import compiled, deployments, drift

    history = deployments.revisions(db, environment.name, limit=50)
    live, candidate = environment.live, environment.candidate
    waiting = [revision for revision in history if revision.state is RevisionState.WAITING]
    is_canary = candidate is not None and candidate.state is RevisionState.CANARY
    return Card(
        environment,
        live,
        history[0] if history else None,
        drift.standing(db, environment.name, live.revision) if live else None,
        _traffic(log, environment.name),
        recent(environment),
        tuple(Waiting(r, len(deployments.approvals(db, environment.name, r.revision))) for r in waiting),
        gather(environment, candidate) if candidate is not None and is_canary else None,
        served_form(compiled.get(db, live.model, live.version)) if live else None,
    )


def _traffic(log: "PredictionLog", environment: str) -> tuple[int, ...]:
    now = time.time()
    found = log.counts(environment, now, TREND_MINUTES, RATE_SECONDS)
    if not any(found):
        return ()
    first = log.first_at(environment)
    passed = RATE_SECONDS if first is None else min(max(now - first, _LEAST_SECONDS), RATE_SECONDS)
    return (*found[:-1], round(found[-1] * RATE_SECONDS / passed))


def trend(newest_first: Sequence[Run], config: "Config | None") -> Trend | None:
    """The trend of the metric that mlops.toml judges a model by, else of the one that most runs have."""
    goals: dict[str, Goal] = {m.metric: m.goal for m in config.models.values() if m.metric} if config else {}
    counts = Counter(name for run in newest_first for name in run.metrics)
    metric = next((name for name in goals if counts[name]), None)
    if metric is None:
        if not counts:
            return None
        metric = min(counts, key=lambda name: (-counts[name], not name.startswith(("test", "val")), name))
    goal = goal_of(metric, goals)
    having = [
        (run.name, run.metrics[metric].last)
        for run in reversed(newest_first)
        if metric in run.metrics and math.isfinite(run.metrics[metric].last)
    ]
    if not having:
        return None
    best = (max if goal == "maximize" else min)(having, key=lambda pair: pair[1]) if goal else None
    return Trend(metric, tuple(value for _, value in having), best)
