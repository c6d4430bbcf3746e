"""View 7: what the worker does, has done and will do."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.message import Message

from mlops_console.core.jobs import Job, JobState
from mlops_console.core.runs import Run, StageRun
from mlops_console.core.text import age, clock, duration, param, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.screens.list_view import ListView
from mlops_console.tui.screens.stage_logs import chosen_log
from mlops_console.tui.selection import NOTHING, Selection
from mlops_console.tui.widgets.bars import progress_bar
from mlops_console.tui.widgets.detail import DetailPane, Pane
from mlops_console.tui.widgets.facts import Fact, Facts
from mlops_console.tui.widgets.log_view import LogView
from mlops_console.tui.widgets.rows import Cell, Column, Row

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_BAR = 10  # cells of a progress bar
_UNSAID: tuple[object, ...] = (None, False, [], {}, "")  # of a request: what was not asked for


@dataclass
class JobsLoaded(Message, bubble=False):
    jobs: tuple[Job, ...]


@dataclass
class JobDetailLoaded(Message, bubble=False):
    """`run` and `stages` are those that the job made, `log` what a person wants to see of it."""

    job: Job
    run: Run | None
    stages: tuple[StageRun, ...]
    log: Path | None


class JobsView(ListView):
    NAME = "jobs"
    TITLE = "Jobs"
    THING = "job"
    TOPICS = frozenset({"jobs", "stages"})
    EMPTY = (
        "No job yet",
        "A job is a queued or running action: train, deploy, rollback, a drift check.",
        "t trains a pipeline; d deploys a model version.",
    )
    COLUMNS: ClassVar[Sequence[Column]] = (
        Column("job", "JOB", "right", most=9),
        Column("action", "ACTION", most=14),
        Column("subject", "SUBJECT", most=24),
        Column("state", "STATE", width=11),
        Column("took", "TOOK", "right", width=6),
        Column("age", "QUEUED", "right", width=8),
        Column("progress", "PROGRESS", least=10, most=60, flex=1),
        Column("by", "BY", most=14),
    )

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[str, Job] = {}
        self._loaded: JobDetailLoaded | None = None
        self._wanted = ""  # a job that another view has sent us to

    def make_detail(self) -> DetailPane:
        return DetailPane(Pane("job", "Job", Facts), Pane("log", "Log", LogView))

    def reload(self, topics: frozenset[str]) -> None:
        if "jobs" in topics:
            self.read("jobs", read_jobs)
        self._read_detail()

    def tick(self) -> None:
        self.show_rows([job_row(job) for job in self._jobs.values()])

    def row_selected(self, row: Row | None) -> None:
        self._read_detail()

    def pane_shown(self, pane: str) -> None:
        self._show_detail()

    @property
    def selection(self) -> Selection:
        job = self._selected
        if job is None:
            return NOTHING
        return Selection(reference=str(job.id), command=f"mlops-console job show {job.id}", job_id=job.id)

    def action_retry(self) -> None:
        job = self._selected
        if job is None:
            self.console.tell("There is no job yet.", "warning")
        elif not job.state.is_final:
            self.console.tell(f"Job {job.id} is {job.state}: wait for its end, or stop it first.", "warning")
        else:
            self.console.act(f"Retry job {job.id}: {job.action} {job.subject}", job.action, job.request)

    async def show_logs(self) -> bool:
        if self._selected is None:
            return False
        await self.open_detail("log")
        return True

    async def go_to(self, where: Mapping[str, Any]) -> None:
        self._wanted = str(where.get("job", ""))
        self._find_wanted()

    @property
    def crumb(self) -> str:
        return f"job {self._selected.id}" if self._selected and self.split.opened else ""

    def on_jobs_loaded(self, event: JobsLoaded) -> None:
        self._jobs = {str(job.id): job for job in event.jobs}
        self.tick()
        self._find_wanted()
        self._read_detail()

    def on_job_detail_loaded(self, event: JobDetailLoaded) -> None:
        if self._selected is not None and self._selected.id == event.job.id:
            self._loaded = event
            self._show_detail()

    def _find_wanted(self) -> None:
        if self._wanted and self.grid.select(self._wanted):
            self._wanted = ""

    @property
    def _selected(self) -> Job | None:
        row = self.grid.row
        return self._jobs.get(row.key) if row else None

    def _read_detail(self) -> None:
        job = self._selected
        if job is not None:
            self.read("job", lambda workspace: read_detail(workspace, job.id))
        elif self.detail is not None:
            self._loaded = None
            if isinstance(facts := self.detail.pane("job"), Facts):
                facts.show([])
            if isinstance(log := self.detail.pane("log"), LogView):
                log.follow(None, "")

    def _show_detail(self) -> None:
        loaded, detail = self._loaded, self.detail
        if loaded is None or detail is None:
            return
        detail.show_title(f"job {loaded.job.id} ── {loaded.job.action} {loaded.job.subject}")
        facts, log = detail.pane("job"), detail.pane("log")
        if isinstance(facts, Facts):
            facts.show(job_facts(loaded))
        if isinstance(log, LogView):
            log.follow(loaded.log, _no_log(loaded.job, loaded.log))


def _no_log(job: Job, path: Path | None) -> str:
    if job.state.is_final:
        return "This job wrote no log." if path is None else f"{path} is not there."
    return "This job has no log yet." if path is None else f"{path} does not exist yet."


def job_row(job: Job) -> Row:
    now = time.time()
    state = glyphs.state(job.state)
    took = None if job.started_at is None else (job.ended_at or now) - job.started_at
    return Row(
        str(job.id),
        (
            Cell(str(job.id), "", job.id),
            Cell(safe_line(job.action, 100), "strong"),
            Cell(safe_line(job.subject, 300)),
            Cell(state.text, state.style),
            Cell(duration(took), "", took),
            Cell(age(job.created_at, now), "muted", job.created_at),
            _progress(job),
            Cell(safe_line(job.actor, 100), "muted"),
        ),
    )


def _progress(job: Job) -> Cell:
    """A running job's bar and what it is at; else what there is to say."""
    text = safe_line(job.telling(time.time()), 300)
    if job.error:
        return Cell(text, "bad")
    if job.state is not JobState.RUNNING:
        return Cell(text, "muted", job.progress)
    if job.stop_requested_at is not None:
        return Cell(text, "warn")
    bar = progress_bar(job.progress, _BAR)
    return Cell(f"{bar} {text}".strip(), "run" if bar else "muted", job.progress)


def job_facts(loaded: JobDetailLoaded) -> list[Fact]:
    job, run = loaded.job, loaded.run
    progress = _progress(job)
    state = glyphs.state(job.state)
    facts = [
        Fact("state", state.text, state.style),
        *([Fact("error", job.error, "bad")] if job.error else []),
        *([] if job.state.is_final or not progress.text else [Fact("progress", progress.text, progress.style)]),
        Fact("queued", f"{clock(job.created_at)} by {job.actor}"),
        *([Fact("not before", clock(job.turn.not_before))] if job.turn.not_before is not None else []),
        *([Fact("priority", str(job.turn.priority))] if job.turn.priority else []),
        Fact("started", clock(job.started_at)),
        Fact("ended", clock(job.ended_at)),
        *([Fact("exit code", str(job.exit_code))] if job.exit_code is not None else []),
        *([Fact("process", f"{job.process.pid} on {job.process.host}")] if job.process else []),
        *([Fact("run", f"{run.name} ({run.id})", "accent")] if run else []),
        Fact("Request"),
        *(Fact(key, param(value) or '""') for key, value in job.request.items() if value not in _UNSAID),
    ]
    if job.result:
        facts += [Fact("Result"), *(Fact(key, param(value) or '""') for key, value in job.result.items())]
    if loaded.stages:
        facts.append(Fact("Stages"))
    for stage in loaded.stages:
        told = glyphs.stage_state(stage)
        facts.append(Fact(stage.stage, told.text, told.style))
    return facts


def read_jobs(workspace: "Workspace") -> JobsLoaded:
    """In a thread."""
    from mlops_console.store import jobs

    with workspace.store.read() as db:
        return JobsLoaded(tuple(jobs.listing(db)))


def read_detail(workspace: "Workspace", job_id: int) -> JobDetailLoaded:
    """In a thread."""
    from mlops_console.store import deployments, jobs, runs, stages
    from mlops_console.store.logs import target_log

    with workspace.store.read() as db:
        run = runs.of_job(db, job_id)
        made = tuple(stages.listing(db, run.id)) if run else ()
        revision = deployments.revision_of_job(db, job_id)
        environment = deployments.environment(db, revision.environment) if revision else None
        log = target_log(job_id) if environment and environment.target else chosen_log(made)
        return JobDetailLoaded(jobs.get(db, job_id), run, made, log)
