"""Drift reports."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mlops_console.core.drift import DriftReport, FeatureDrift, Histogram, SliceDrift
from mlops_console.core.errors import NotFoundError
from mlops_console.core.performance import Figure, Performance, SlicePerformance
from mlops_console.store.changes import Topic, announce
from mlops_console.store.database import damage_told

_NAMES = (  # of the fields of a feature, in the order of its columns
    "name", "kind", "test", "n", "m", "statistic", "p_value", "psi", "drifted", "verdict", "role", "effect",
    "threshold", "smallest_shift", "unit", "importance", "new_rows", "findings",
)  # fmt: skip
_COLUMNS = ", ".join(_NAMES).replace("name", "feature", 1)
_TESTED = "(drifted OR EXISTS (SELECT 1 FROM drift_features WHERE report_id = id AND p_value IS NOT NULL))"


def add_report(tx: sqlite3.Connection, report: DriftReport) -> int:
    """Store a report with its features; its id (the one in `report` is not looked at)."""
    performance = json.dumps(asdict(report.performance)) if report.performance else None
    cursor = tx.execute(
        "INSERT INTO drift_reports (environment, model, version, revision, window_start, window_end, rows, "
        "reference_rows, level, drifted, created_at, against, least_effect, performance, slices, notes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            report.environment,
            report.model,
            report.version,
            report.revision,
            report.window_start,
            report.window_end,
            report.rows,
            report.reference_rows,
            report.level,
            report.drifted,
            report.created_at,
            report.against,
            report.least_effect,
            performance,
            json.dumps([asdict(part) for part in report.slices]),
            json.dumps(report.notes),
        ),
    )
    report_id = int(cursor.lastrowid or 0)
    tx.executemany(
        f"INSERT INTO drift_features (report_id, position, {_COLUMNS}, histogram) "
        f"VALUES (?, ?, {', '.join('?' * len(_NAMES))}, ?)",
        [(report_id, position, *_values(feature)) for position, feature in enumerate(report.features)],
    )
    announce(tx, Topic.DRIFT, report.environment)
    return report_id


def _values(feature: FeatureDrift) -> tuple[object, ...]:
    values = [getattr(feature, name) for name in _NAMES[:-1]]
    histogram = json.dumps(asdict(feature.histogram)) if feature.histogram else None
    return (*values, json.dumps(feature.findings), histogram)


def reports(
    db: sqlite3.Connection,
    environment: str | None = None,
    limit: int = 200,
    known: Mapping[int, DriftReport] | None = None,
) -> list[DriftReport]:
    """Reports of one environment or of all, newest first, each with its features but without their histograms.

    Args:
        known: those that somebody has read before, by id: a report never changes.
    """
    read = known or {}
    rows = db.execute(
        "SELECT * FROM drift_reports WHERE ?1 IS NULL OR environment = ?1 ORDER BY id DESC LIMIT ?2",
        (environment, limit),
    ).fetchall()
    return [read.get(row["id"]) or _report(db, row, histograms=False) for row in rows]


def standing(db: sqlite3.Connection, environment: str, revision: int | None = None) -> DriftReport | None:
    """Where an environment stands: its newest report against the reference in which something was tested, else its
    newest one against it.

    Args:
        revision: only the reports of this revision; None takes those of all.
    """
    for condition in (_TESTED, "TRUE"):
        row = db.execute(
            "SELECT * FROM drift_reports WHERE environment = ?1 AND (?2 IS NULL OR revision = ?2) "
            f"AND against = 'reference' AND {condition} ORDER BY id DESC LIMIT 1",
            (environment, revision),
        ).fetchone()
        if row is not None:
            return _report(db, row, histograms=False)
    return None


def began(db: sqlite3.Connection, environment: str, revision: int) -> DriftReport | None:
    """The first report of the drift in which a revision is: since it, none in which something was tested was stable.

    None while it has not drifted, or no more. Only reports against the reference count.
    """
    mine = "environment = ?1 AND revision = ?2 AND against = 'reference'"
    row = db.execute(
        f"SELECT * FROM drift_reports WHERE {mine} AND drifted AND id > "
        f"(SELECT coalesce(max(id), 0) FROM drift_reports WHERE {mine} AND NOT drifted AND {_TESTED}) "
        "ORDER BY id LIMIT 1",
        (environment, revision),
    ).fetchone()
    return None if row is None else _report(db, row, histograms=False)


def report(db: sqlite3.Connection, report_id: int) -> DriftReport:
    """One report, whole.

    Raises:
        NotFoundError: there is none.
    """
    row = db.execute("SELECT * FROM drift_reports WHERE id = ?", (report_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no drift report {report_id}.", "'mlops-console drift show' shows the newest.")
    return _report(db, row, histograms=True)


@damage_told("a drift report")
def _report(db: sqlite3.Connection, row: sqlite3.Row, *, histograms: bool) -> DriftReport:
    histogram = "histogram" if histograms else "NULL AS histogram"  # by far the largest column
    features = db.execute(
        f"SELECT {_COLUMNS}, {histogram} FROM drift_features WHERE report_id = ? ORDER BY position", (row["id"],)
    )
    performance = row["performance"]
    return DriftReport(
        row["id"],
        row["environment"],
        row["model"],
        row["version"],
        row["revision"],
        row["window_start"],
        row["window_end"],
        row["rows"],
        row["reference_rows"],
        row["level"],
        bool(row["drifted"]),
        row["created_at"],
        tuple(map(_feature, features)),
        row["against"],
        row["least_effect"],
        _performance(json.loads(performance)) if performance else None,
        tuple(
            SliceDrift(**{**part, "drifted_features": tuple(part["drifted_features"])})
            for part in json.loads(row["slices"])
        ),
        tuple(json.loads(row["notes"])),
    )


def _feature(row: sqlite3.Row) -> FeatureDrift:
    values = dict(zip(_NAMES, row, strict=False))
    if row["histogram"] is not None:
        found = {name: tuple(shares) for name, shares in json.loads(row["histogram"]).items()}
        values["histogram"] = Histogram(**found)
    return FeatureDrift(**{**values, "drifted": bool(row["drifted"]), "findings": tuple(json.loads(row["findings"]))})


def _performance(stored: dict[str, Any]) -> Performance:
    parts = [
        SlicePerformance(**{**part, "estimated": _figure(part["estimated"]), "realised": _figure(part["realised"])})
        for part in stored["slices"]
    ]
    return Performance(
        **{
            **stored,
            "estimated": tuple(Figure(**figure) for figure in stored["estimated"]),
            "realised": tuple(Figure(**figure) for figure in stored["realised"]),
            "slices": tuple(parts),
            "reference_bounds": {m: tuple(bounds) for m, bounds in stored.get("reference_bounds", {}).items()},
        }
    )


def _figure(stored: dict[str, Any] | None) -> Figure | None:
    return Figure(**stored) if stored else None
