"""The documented JSON shapes (docs/commands.md), built from the product's data."""

import time
from typing import Any

from mlops_console.core.alerts import Alert
from mlops_console.core.datasets import RunInput
from mlops_console.core.deployments import Environment, Freeze, Revision
from mlops_console.core.drift import DriftReport
from mlops_console.core.jobs import Job
from mlops_console.core.ledger import LedgerEntry
from mlops_console.core.models import CompiledModel, ModelVersion, served_form
from mlops_console.core.plans import Difference, Plan
from mlops_console.core.replay import ReplayReport
from mlops_console.core.runs import Artifact, Run, StageRun
from mlops_console.core.triggers import Trigger, TriggerState, upcoming


def run(found: Run) -> dict[str, Any]:
    """One element of `run list --json`."""
    return {
        "id": found.id,
        "name": found.name,
        "experiment": found.experiment,
        "status": found.status.value,
        "started_at": found.started_at,
        "duration_s": found.duration(time.time()),
        "params": dict(found.params),
        "metrics": {
            name: {"first": s.first, "last": s.last, "min": s.min, "max": s.max, "mean": s.mean, "count": s.count}
            for name, s in found.metrics.items()
        },
        "tags": dict(found.tags),
    }


def run_details(
    found: Run,
    stages: list[StageRun],
    artifacts: list[Artifact],
    inputs: list[RunInput],
    versions: list[ModelVersion],
) -> dict[str, Any]:
    """`run show --json`: the element of the list, with where it came from and what it made."""
    origin = found.provenance
    return run(found) | {
        "ended_at": found.ended_at,
        "error": found.error,
        "pipeline": found.pipeline,
        "job": found.job_id,
        "user": origin.user,
        "host": found.process.host if found.process else None,
        "pid": found.process.pid if found.process else None,
        "command": origin.command,
        "git": {"commit": origin.git_commit, "branch": origin.git_branch, "dirty": origin.git_dirty},
        "python": origin.python,
        "packages": dict(origin.packages),
        "stages": [
            {
                "stage": stage.stage,
                "status": stage.status.value,
                "started_at": stage.started_at,
                "ended_at": stage.ended_at,
                "exit_code": stage.exit_code,
                "error": stage.error,
                "log": stage.log,
                "cached_from": stage.cached_from,
                "why": stage.why,
            }
            for stage in stages
        ],
        "artifacts": [{"path": a.path, "sha256": a.sha256, "size": a.size} for a in artifacts],
        "datasets": [
            {"role": i.role, "dataset": i.version.dataset, "version": i.version.version, "rows": i.version.rows}
            for i in inputs
        ],
        "models": [version.ref for version in versions],
    }


def compiled_model(found: CompiledModel | None) -> dict[str, Any]:
    """`compiled` of `model show --json`: the form that servers answer with, and why."""
    form, why = served_form(found)
    return {
        "serves": form,
        "why": why,
        "state": found.state if found else None,
        "at": found.created_at if found else None,
        "size": found.size if found else None,
        "sha256": found.sha256 if found else None,
        "rows": found.rows if found else 0,
        "worst_difference": found.worst_difference if found else None,
        "worst": found.worst if found else None,
    }


def model_version(found: ModelVersion, run_of_it: Run | None, live_in: list[str]) -> dict[str, Any]:
    """One element of `model list --json`."""
    return {
        "model": found.model,
        "version": found.version,
        "aliases": list(found.aliases),
        "created_at": found.created_at,
        "run": found.run_id,
        "estimator": found.estimator,
        "size": found.size,
        "sha256": found.sha256,
        "description": found.description,
        "live_in": live_in,
        "metrics": {name: s.last for name, s in run_of_it.metrics.items()} if run_of_it else {},
        "params": dict(run_of_it.params) if run_of_it else {},
        "signature": {
            "inputs": [
                {"name": c.name, "dtype": c.dtype, "kind": c.kind, "nullable": c.nullable}
                for c in found.signature.inputs
            ],
            "task": found.signature.task,
            "classes": list(found.signature.classes),
        },
    }


def environment(found: Environment, report: DriftReport | None) -> dict[str, Any]:
    """One element of `status --json`: what is live, not what is on its way, and the report that it stands by."""
    live = found.live
    return {
        "name": found.name,
        "model": live.model if live else None,
        "version": live.version if live else None,
        "revision": live.revision if live else None,
        "since": live.live_at if live else None,
        "url": found.url,
        "health": found.health.value,
        "error": found.error,
        "drift": None if report is None else _standing(report),
        "freeze": None if found.freeze is None else _freeze(found.freeze),
    }


def _freeze(found: Freeze) -> dict[str, Any]:
    return {"actor": found.actor, "reason": found.reason, "at": found.at}


def _standing(found: DriftReport) -> dict[str, Any]:
    return {
        "verdict": found.verdict.value,
        "features": list(found.drifted_features),
        "checked_at": found.created_at,
    }


def revision(found: Revision) -> dict[str, Any]:
    """One element of `history --json`."""
    return {
        "revision": found.revision,
        "model": found.model,
        "version": found.version,
        "kind": found.kind,
        "state": found.state.value,
        "actor": found.actor,
        "reason": found.reason,
        "created_at": found.created_at,
        "live_at": found.live_at,
        "ended_at": found.ended_at,
        "restores": found.restores,
        "error": found.error,
    }


def job(found: Job) -> dict[str, Any]:
    """One element of `job list --json`."""
    return {
        "id": found.id,
        "action": found.action,
        "subject": found.subject,
        "state": found.state.value,
        "actor": found.actor,
        "created_at": found.created_at,
        "started_at": found.started_at,
        "ended_at": found.ended_at,
        "progress": found.progress,
        "progress_text": found.progress_text,
        "exit_code": found.exit_code,
        "error": found.error,
        "request": dict(found.request),
        "priority": found.turn.priority,
        "not_before": found.turn.not_before,
        "key": found.turn.key,
        "result": dict(found.result),
    }


def trigger(found: Trigger, state: TriggerState) -> dict[str, Any]:
    """One element of `trigger list --json`."""
    return {
        "name": found.name,
        "on": found.on,
        "when": found.when,
        "do": found.do,
        "deploy": found.deploy,
        "params": dict(found.params),
        "state": state.word(found),
        "last_fired_at": state.last_fired_at,
        "last_job": state.last_job,
        "next_at": upcoming(found, state, time.time()),
        "note": state.last_note,
    }


def alert(found: Alert) -> dict[str, Any]:
    """One element of `alert list --json` and of `status --json`."""
    return {
        "id": found.id,
        "kind": found.kind,
        "subject": found.subject,
        "severity": found.severity.value,
        "message": found.message,
        "created_at": found.created_at,
        "rule": found.rule,
        "environment": found.environment,
        "state": found.state,
        "resolved_at": found.resolved_at,
        "resolved_by": found.resolved_by,
        "resolved_note": found.resolved_note,
        "acknowledged_at": found.acknowledged_at,
        "acknowledged_by": found.acknowledged_by,
        "note": found.note,
        "silenced_until": found.silenced_until,
        "detail": dict(found.detail),
    }


def plan(found: Plan) -> dict[str, Any]:
    """The `plan` of train, deploy and rollback."""
    return {
        "action": found.action,
        "subject": found.subject,
        "title": found.title,
        "command": found.command,
        "changes": [{"what": c.what, "before": c.before, "after": c.after} for c in found.changes],
        "stages": [{"stage": s.stage, "command": s.command, "runs": s.runs, "why": s.why} for s in found.steps],
        "metrics": [_difference(d) for d in found.metrics],
        "params": [_difference(d) for d in found.params],
        "gates": [{"gate": g.gate, "passed": g.passed, "figure": g.figure} for g in found.gates],
        "notes": list(found.notes),
        "refused": found.refused,
        "hint": found.hint,
        "replay": None if found.replay is None else _replay(found.replay),
    }


def _replay(found: ReplayReport) -> dict[str, Any]:
    return found.as_json() | {"latency_ratio": found.latency_ratio}


def ledger_entry(found: LedgerEntry) -> dict[str, Any]:
    return {
        "seq": found.seq,
        "at": found.at,
        "actor": found.actor,
        "action": found.action,
        "subject": found.subject,
        "outcome": found.outcome,
        "detail": dict(found.detail),
        "hash": found.hash,
    }


def _difference(found: Difference) -> dict[str, Any]:
    return {"name": found.name, "before": found.before, "after": found.after, "better": found.better}
