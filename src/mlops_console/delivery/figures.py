"""The figure of a gate: from the run's metrics, the signature, or what was measured."""

import math
from collections.abc import Mapping
from typing import Any

from mlops_console.core.models import ModelVersion
from mlops_console.core.replay import ReplayReport
from mlops_console.core.text import latency as latency_text
from mlops_console.core.text import number, safe_line, shorten, size
from mlops_console.delivery.compatibility import incompatibilities
from mlops_console.delivery.gate_names import Subject
from mlops_console.delivery.gates import Figure, figure_text
from mlops_console.delivery.measure.measured import Measured
from mlops_console.store.database import Connection

_NOTHING_LIVE = Figure(True, "nothing is live yet")
_LISTED = 5  # slices or groups that a figure names
_LONGEST = 40  # characters of a value


def candidate_figure(
    db: Connection,
    subject: Subject,
    candidate: ModelVersion,
    metrics: Mapping[str, float],
    live: ModelVersion | None,
    measured: Measured,
) -> Figure:
    """What is known of the candidate; `metrics` are its run's."""
    if subject.kind in ("signature", "data_drift", "replay") and live is None:
        return _NOTHING_LIVE
    if subject.kind == "signature" and live is not None:
        reasons = incompatibilities(live.signature, candidate.signature)
        return Figure(not reasons, f"it {', '.join(map(safe_line, reasons))}" if reasons else "compatible")
    if subject.kind == "metric":
        return _metric(subject, metrics, "the candidate has no metric")
    return _measured(db, subject, candidate, measured)


def live_figure(
    db: Connection, subject: Subject, live: ModelVersion, metrics: Mapping[str, float], measured: Measured
) -> Figure:
    """The same of the live version."""
    if subject.kind == "metric":
        return _metric(subject, metrics, "the live version has no metric")
    found = _measured(db, subject, live, measured)
    return found if found.value is not None else Figure(None, f"the live version: {found.text}")


def replay_report(db: Connection, candidate: ModelVersion, measured: Measured) -> ReplayReport | None:
    """The replay of a candidate; None where there is none."""
    result = measured.result(db, "replay", candidate)
    return ReplayReport.read(result) if result else None


def _metric(subject: Subject, metrics: Mapping[str, float], missing: str) -> Figure:
    value = metrics.get(subject.name)
    return Figure(None, f"{missing} {subject.name}") if value is None else Figure(value, number(value))


def _measured(db: Connection, subject: Subject, version: ModelVersion, measured: Measured) -> Figure:
    result = measured.result(db, subject.kind, version)
    if result is None:
        return Figure(None, safe_line(measured.why_not(subject.kind, version)))
    return _READERS[subject.kind](subject, result)


def _slices(subject: Subject, result: Mapping[str, Any]) -> Figure:
    column = result["columns"].get(subject.column)
    if column is None or column["problem"]:
        return Figure(None, safe_line(column["problem"]) if column else "not measured")
    values: dict[str, float] = {}
    left_out: list[str] = []
    for name, found in column["slices"].items():
        if subject.figure in found["metrics"]:
            values[name] = found["metrics"][subject.figure]
        else:
            left_out.append(f"{_short(name)} ({found['undefined'].get(subject.figure, 'no such figure')})")
    if subject.part not in ("min", "max", "gap"):
        return _one_slice(subject, column["slices"], values)
    told = f"; left out: {_listed(left_out)}" if left_out else ""
    if not values:
        return Figure(None, f"no slice of {safe_line(subject.column)} can be judged{told}")
    low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    if subject.part == "gap":
        gap = values[high] - values[low]
        ends = f"{_short(high)} {number(values[high])}, {_short(low)} {number(values[low])}"
        return Figure(gap, f"{number(gap)} ({ends}){told}")
    name = low if subject.part == "min" else high
    rows = f"{column['slices'][name]['rows']:,} rows"
    return Figure(values[name], f"{number(values[name])} in {_short(name)} ({rows}){told}")


def _one_slice(subject: Subject, slices: Mapping[str, Any], values: Mapping[str, float]) -> Figure:
    name = subject.part
    if name in values:
        return Figure(values[name], f"{number(values[name])} ({slices[name]['rows']:,} rows)")
    if name in slices:
        return Figure(None, slices[name]["undefined"].get(subject.figure, "no such figure"))
    return Figure(None, f"no row has {_short(name)} as {safe_line(subject.column)}")


def _fairness(subject: Subject, result: Mapping[str, Any]) -> Figure:
    column = result["columns"].get(subject.column)
    if column is None or column["problem"]:
        return Figure(None, safe_line(column["problem"]) if column else "not measured")
    value = column["figures"][subject.figure]
    rates = _RATES[subject.figure.rpartition("_")[0]]
    groups = [
        f"{_short(name)} {' / '.join(number(group[rate]) for rate in rates)} of {group['rows']:,} rows"
        for name, group in column["groups"].items()
    ]
    value = math.nan if value is None else value
    return Figure(value, f"{number(value)} ({', '.join(map(_rate_name, rates))}: {_listed(groups)})")


_RATES: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "equal_opportunity": ("true_positive_rate",),
}


def _rate_name(rate: str) -> str:
    return rate.replace("_", " ")


def _latency(subject: Subject, result: Mapping[str, Any]) -> Figure:
    value = result[subject.figure]
    return Figure(value, f"{figure_text(subject, value)} ({result['form']})")


def _size(subject: Subject, result: Mapping[str, Any]) -> Figure:
    value = max(result["file"], result["memory"])
    return Figure(value, f"{size(value)} (file {size(result['file'])}, in memory {size(result['memory'])})")


def _example(subject: Subject, result: Mapping[str, Any]) -> Figure:
    if not result["passes"]:
        return Figure(False, safe_line(result["problem"]))
    return Figure(True, "1 row" if result["rows"] == 1 else f"{result['rows']} rows")


def _data_drift(subject: Subject, result: Mapping[str, Any]) -> Figure:
    compared = f"{safe_line(result['candidate'])} against {safe_line(result['live'])}"
    if result["state"] == "stable":
        return Figure(True, f"none, {compared}")
    if result["state"] == "untested":
        return Figure(None, f"no column could be tested, {compared}")
    return Figure(False, f"{_listed([_short(name) for name in result['drifted']])} drifted, {compared}")


def _replay(subject: Subject, result: Mapping[str, Any]) -> Figure:
    report = ReplayReport.read(result)
    value: float | None = getattr(report, subject.figure)
    rows = f"{report.rows:,} rows, {report.requests:,} requests"
    if subject.figure == "agreement":
        refused = f", {report.refused:,} of them refused" if report.refused else ""
        share = number(value) if value is None else f"{value:.2%}"
        return Figure(value, f"{share} of {rows}{refused}")
    if value is None:
        return Figure(None, f"there is none: the two give nothing to compare in {rows}")
    if subject.figure == "latency_ratio" and report.candidate_latency and report.live_latency:
        p50s = f"{latency_text(report.candidate_latency.p50)} against {latency_text(report.live_latency.p50)}"
        return Figure(value, f"{number(value)} ({p50s})")
    return Figure(value, f"{number(value)} (of the {safe_line(report.difference_of)}, {rows})")


_READERS = {
    "slices": _slices,
    "fairness": _fairness,
    "latency": _latency,
    "size": _size,
    "example": _example,
    "data_drift": _data_drift,
    "replay": _replay,
}


def _short(value: str) -> str:
    return shorten(safe_line(value), _LONGEST)


def _listed(items: list[str]) -> str:
    more = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return ", ".join(items[:_LISTED]) + more
