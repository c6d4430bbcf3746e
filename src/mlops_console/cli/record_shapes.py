"""The documented JSON shapes of what is on record: history, timeline, lineage, DORA's figures, model differences."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlops_console.cli import shapes
from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.deployments import Approval, Revision, RevisionChange
from mlops_console.core.dora import Dora
from mlops_console.core.jobs import Job
from mlops_console.core.lineage import Lineage, Passage
from mlops_console.core.plans import GateResult
from mlops_console.core.runs import Artifact, Run
from mlops_console.core.timeline import Span
from mlops_console.delivery.steps import Step, along


def admitted(found: Revision, gates: Iterable[GateResult], approvals: Iterable[Approval]) -> dict[str, Any]:
    """One element of `history --json`, and of `status --at --json`: a revision with what let it in."""
    return shapes.revision(found) | {
        "gates": [{"gate": g.gate, "passed": g.passed, "figure": g.figure} for g in gates],
        "approvals": [{"actor": a.actor, "at": a.at, "reason": a.reason} for a in approvals],
        "approvals_needed": found.approvals,
        "break_glass": found.break_glass,
    }


def span(found: Span) -> dict[str, Any]:
    """One element of `history --timeline --json`."""
    return {
        "revision": found.revision.revision,
        "model": found.revision.model,
        "version": found.revision.version,
        "kind": found.revision.kind,
        "actor": found.revision.actor,
        "start": found.start,
        "end": found.end,
        "open": found.is_open,
    }


def lineage(found: Lineage) -> dict[str, Any]:
    """`why --json`."""
    version = found.version
    return {
        "environment": found.environment,
        "revision": _passage(found.passage),
        "origin": _passage(found.origin) if found.origin else None,
        "version": {
            "model": version.model,
            "version": version.version,
            "sha256": version.sha256,
            "created_at": version.created_at,
            "estimator": version.estimator,
            "description": version.description,
        },
        "run": _run(found.run, found.patch) if found.run else None,
        "datasets": [
            {"role": i.role, **dataset(i.version), "rows": i.version.rows, "logged": i.logged} for i in found.inputs
        ],
        "training": _job(found.training),
        "trigger": found.trigger,
        "gaps": list(found.gaps),
    }


def dataset(found: DatasetVersion) -> dict[str, Any]:
    return {"dataset": found.dataset, "version": found.version, "sha256": found.sha256}


def dora(found: Dora) -> dict[str, Any]:
    """One element of `status --dora --json`."""
    return {
        "name": found.environment,
        "deployments": found.deployments,
        "deployments_per_week": found.per_week,
        "lead_time": found.lead_time,
        "lead_times": found.leads,
        "lead_times_from_run": found.leads_from_run,
        "lead_times_unknown": found.leads_unknown,
        "changes": found.changes,
        "failed": found.failed,
        "change_fail_rate": found.change_fail_rate,
        "recovery_time": found.recovery_time,
        "rework": found.rework,
        "rework_rate": found.rework_rate,
    }


def _passage(found: Passage) -> dict[str, Any]:
    return admitted(found.revision, found.gates, found.approvals) | {
        "changes": [_change(*change) for change in along(found.revision.rollout, found.changes)],
        "job": _job(found.job),
    }


def _change(found: RevisionChange, step: Step | None) -> dict[str, Any]:
    share = step.share if step is not None else None
    return {"state": found.state.value, "at": found.at, "actor": found.actor, "reason": found.reason, "share": share}


def _run(found: Run, patch: Iterable[Artifact]) -> Mapping[str, Any]:
    origin = found.provenance
    return shapes.run(found) | {
        "user": origin.user,
        "command": origin.command,
        "git": {"commit": origin.git_commit, "branch": origin.git_branch, "dirty": origin.git_dirty},
        "patch": [{"path": a.path, "sha256": a.sha256, "size": a.size} for a in patch],
    }


def _job(found: Job | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"id": found.id, "action": found.action, "state": found.state.value, "actor": found.actor}
