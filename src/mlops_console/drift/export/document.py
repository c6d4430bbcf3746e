"""A drift report as the JSON document that docs/commands.md describes."""

from dataclasses import asdict
from typing import Any

from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.performance import Figure, Performance, SlicePerformance


def document(report: DriftReport) -> dict[str, Any]:
    """Everything that a report says, as plain data."""
    return {
        **_head(report),
        "level": report.level,
        "least_effect": report.least_effect,
        "untested_because": report.untested_because,
        "features": [_feature(feature) for feature in report.features],
        "performance": _performance(report.performance) if report.performance else None,
        "slices": [
            {
                "slice": part.slice,
                "rows": part.rows,
                "drifted": part.drifted,
                "drifted_features": list(part.drifted_features),
                "verdict": part.verdict,
            }
            for part in report.slices
        ],
        "notes": list(report.notes),
    }


def summary(report: DriftReport) -> dict[str, Any]:
    """One element of `drift list --json`."""
    return _head(report) | {"features": len(report.features), "drifted_features": list(report.drifted_features)}


def _head(report: DriftReport) -> dict[str, Any]:
    return {
        "id": report.id,
        "environment": report.environment,
        "model": report.model,
        "version": report.version,
        "revision": report.revision,
        "against": report.against,
        "window": {"start": report.window_start, "end": report.window_end},
        "rows": report.rows,
        "reference_rows": report.reference_rows,
        "verdict": report.verdict.value,
        "drifted": report.drifted,
        "created_at": report.created_at,
    }


def _feature(feature: FeatureDrift) -> dict[str, Any]:
    return {
        "name": feature.name,
        "kind": feature.kind,
        "role": feature.role,
        "test": feature.test,
        "n": feature.n,
        "m": feature.m,
        "new_rows": feature.new_rows,
        "statistic": feature.statistic,
        "p_value": feature.p_value,
        "psi": feature.psi,
        "effect": feature.effect,
        "threshold": feature.threshold,
        "smallest_shift": feature.smallest_shift,
        "unit": feature.unit,
        "importance": feature.importance,
        "drifted": feature.drifted,
        "outcome": feature.outcome.value,
        "verdict": feature.verdict,
        "findings": list(feature.findings),
        "histogram": asdict(feature.histogram) if feature.histogram else None,
    }


def _performance(found: Performance) -> dict[str, Any]:
    return {
        "task": found.task,
        "rows": found.rows,
        "labelled": found.labelled,
        "share_labelled": found.share_labelled,
        "delay_s": found.delay,
        "estimated": [_figure(figure) for figure in found.estimated],
        "not_estimated": found.not_estimated,
        "realised": [_figure(figure) for figure in found.realised],
        "reference": [_figure(found.held_out(metric)) for metric in found.reference],
        "slices": [_slice(part) for part in found.slices],
    }


def _slice(part: SlicePerformance) -> dict[str, Any]:
    return {
        "slice": part.slice,
        "rows": part.rows,
        "labelled": part.labelled,
        "estimated": _figure(part.estimated) if part.estimated else None,
        "realised": _figure(part.realised) if part.realised else None,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {"metric": figure.metric, "value": figure.value, "low": figure.low, "high": figure.high}
