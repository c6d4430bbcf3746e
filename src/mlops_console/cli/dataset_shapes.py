"""The documented JSON shapes of `dataset …`, built from the product's data."""

from typing import Any

from mlops_console.core.datasets import DatasetVersion, ReadingRun, Verdict, Violation
from mlops_console.data.changes import ColumnDiff, DatasetDiff, Pair


def version(found: DatasetVersion) -> dict[str, Any]:
    """What is common to all that tell of a version."""
    return {
        "dataset": found.dataset,
        "version": found.version,
        "rows": found.rows,
        "columns": found.columns,
        "sha256": found.sha256,
        "created_at": found.created_at,
        "expectations": None if found.verdict is None else verdict(found.verdict),
    }


def details(found: DatasetVersion, readers: list[ReadingRun]) -> dict[str, Any]:
    """`dataset show --json`."""
    return version(found) | {
        "schema": dict(found.schema),
        "profile": dict(found.profile),
        "runs": [{"id": run.id, "name": run.name, "status": run.status, "role": run.role} for run in readers],
    }


def verdict(found: Verdict) -> dict[str, Any]:
    return {
        "held": found.held,
        "count": len(found.expected),
        "checked_at": found.checked_at,
        "violations": [violation(one) for one in found.violations],
    }


def violation(found: Violation) -> dict[str, Any]:
    return {
        "column": found.column or None,
        "expectation": found.expectation,
        "rows": found.rows,
        "examples": [{"row": row, "value": value} for row, value in found.examples],
        "message": found.message,
    }


def changes(before: DatasetVersion, after: DatasetVersion, diff: DatasetDiff) -> dict[str, Any]:
    """`dataset diff --json`."""
    return {
        "before": before.ref,
        "after": after.ref,
        "rows": _pair(diff.rows),
        "columns": _pair(diff.width),
        "added": list(diff.added),
        "removed": list(diff.removed),
        "retyped": [{"name": r.name, "before": r.before, "after": r.after} for r in diff.retyped],
        "changes": [_column(column) for column in diff.columns],
    }


def _column(found: ColumnDiff) -> dict[str, Any]:
    return {
        "name": found.name,
        "kind": found.kind,
        "moved": found.moved,
        "missing": _pair(found.missing),
        "figures": {name: _pair(pair) for name, pair in found.figures.items()},
        "new": list(found.new),
        "gone": list(found.gone),
        "shares": [{"category": s.category, "before": s.before, "after": s.after} for s in found.shares],
    }


def _pair(pair: Pair | tuple[int, int]) -> dict[str, float | None]:
    return {"before": pair[0], "after": pair[1]}
