"""Drift reports."""

import json
import sqlite3
from dataclasses import asdict

from mlops_console.core.drift import DriftReport, FeatureDrift, Histogram
from mlops_console.core.errors import NotFoundError
from mlops_console.store.changes import Topic, announce


def add_report(tx: sqlite3.Connection, report: DriftReport) -> int:
    """Store a report with its features; its id (the one in `report` is not looked at)."""
    cursor = tx.execute(
        "INSERT INTO drift_reports (environment, model, version, revision, window_start, window_end, rows, "
        "reference_rows, level, drifted, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        ),
    )
    report_id = int(cursor.lastrowid or 0)
    tx.executemany(
        "INSERT INTO drift_features VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                report_id,
                position,
                feature.feature,
                feature.kind,
                feature.test,
                feature.n,
                feature.m,
                feature.statistic,
                feature.p_value,
                feature.psi,
                feature.drifted,
                feature.verdict,
                json.dumps(asdict(feature.histogram)) if feature.histogram else None,
            )
            for position, feature in enumerate(report.features)
        ],
    )
    announce(tx, Topic.DRIFT, report.environment)
    return report_id


def reports(db: sqlite3.Connection, environment: str | None = None, limit: int = 200) -> list[DriftReport]:
    """Reports of one environment or of all, newest first, each with its features but without their histograms."""
    rows = db.execute(
        "SELECT * FROM drift_reports WHERE ?1 IS NULL OR environment = ?1 ORDER BY id DESC LIMIT ?2",
        (environment, limit),
    ).fetchall()
    return [_report(db, row, histograms=False) for row in rows]


def standing(db: sqlite3.Connection, environment: str, revision: int | None = None) -> DriftReport | None:
    """Where an environment stands: its newest report in which something was tested, else its newest one.

    Args:
        revision: only the reports of this revision; None takes those of all.
    """
    tested = "(drifted OR EXISTS (SELECT 1 FROM drift_features WHERE report_id = id AND p_value IS NOT NULL))"
    for condition in (tested, "TRUE"):
        row = db.execute(
            "SELECT * FROM drift_reports WHERE environment = ?1 AND (?2 IS NULL OR revision = ?2) "
            f"AND {condition} ORDER BY id DESC LIMIT 1",
            (environment, revision),
        ).fetchone()
        if row is not None:
            return _report(db, row, histograms=False)
    return None


def report(db: sqlite3.Connection, report_id: int) -> DriftReport:
    """One report, whole.

    Raises:
        NotFoundError: there is none.
    """
    row = db.execute("SELECT * FROM drift_reports WHERE id = ?", (report_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no drift report {report_id}.", "'mlops-console drift show' shows the newest.")
    return _report(db, row, histograms=True)


def _report(db: sqlite3.Connection, row: sqlite3.Row, *, histograms: bool) -> DriftReport:
    histogram = "histogram" if histograms else "NULL AS histogram"  # by far the largest column
    features = db.execute(
        f"SELECT feature, kind, test, n, m, statistic, p_value, psi, drifted, verdict, {histogram} "
        "FROM drift_features WHERE report_id = ? ORDER BY position",
        (row["id"],),
    )
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
    )


def _feature(row: sqlite3.Row) -> FeatureDrift:
    histogram = None
    if row["histogram"] is not None:
        histogram = Histogram(**{name: tuple(values) for name, values in json.loads(row["histogram"]).items()})
    return FeatureDrift(
        row["feature"],
        row["kind"],
        row["test"],
        row["n"],
        row["m"],
        row["statistic"],
        row["p_value"],
        row["psi"],
        bool(row["drifted"]),
        row["verdict"],
        histogram,
    )
