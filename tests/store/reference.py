"""The filter language evaluated run by run in plain Python: slow, and obviously right."""

import json
import math
from typing import Any

from mlops_console.core import filters
from mlops_console.core.filters import Both, Comparison, Either, Field, Filter, Membership, Not, Order, Pattern
from mlops_console.core.runs import Run


def holds(found: Filter, run: Run, now: float) -> bool:
    match found:
        case Not(inner):
            return not holds(inner, run, now)
        case Both(left, right):
            return holds(left, run, now) and holds(right, run, now)
        case Either(left, right):
            return holds(left, run, now) or holds(right, run, now)
        case Membership(field, choices):
            return any(_compares(field, "=", choice, run, now) for choice in choices)
        case Comparison(field, "!~", value):
            return not _compares(field, "~", value, run, now)
        case Comparison(field, operator, value):
            return _compares(field, operator, value, run, now)


def ordered(runs: list[Run], order: Order, now: float) -> list[Run]:
    """Runs without the field last; ties newest first when descending, oldest first when ascending.

    `runs` come in the order in which they were made.
    """
    have = [run for run in runs if _sort_key(run, order.field, now) is not None]
    without = [run for run in runs if _sort_key(run, order.field, now) is None]
    have.sort(key=lambda run: _sort_key(run, order.field, now))  # type: ignore[arg-type, return-value]
    return [*(reversed(have) if order.descending else have), *(reversed(without) if order.descending else without)]


def _compares(field: Field, operator: str, value: float | str | Pattern, run: Run, now: float) -> bool:
    have = _value(run, field, now)
    if have is None or (isinstance(have, float) and math.isnan(have)):
        return False
    if field.kind == "params":
        is_number = isinstance(have, int | float) and not isinstance(have, bool)
        if isinstance(value, float) and not is_number:
            return False  # a text is no number
        if not isinstance(value, float):
            have = have if isinstance(have, str) else json.dumps(have)  # but a number can be read as a text
    if isinstance(value, Pattern):
        return filters.matches(value.source, str(have))
    return {
        "=": lambda: have == value,
        "!=": lambda: have != value,
        "<": lambda: have < value,
        "<=": lambda: have <= value,
        ">": lambda: have > value,
        ">=": lambda: have >= value,
        "~": lambda: str(value).lower() in str(have).lower(),
    }[operator]()


def _value(run: Run, field: Field, now: float) -> Any:
    match field.kind:
        case "metrics":
            summary = run.metrics.get(field.key)
            return None if summary is None else float(getattr(summary, field.aggregate or "last"))
        case "params":
            return run.params.get(field.key)
        case "tags":
            return run.tags.get(field.key)
        case "started":
            return run.started_at
        case "duration":
            return run.duration(now)
        case "user":
            return run.provenance.user
        case kind:
            return getattr(run, kind)


def _sort_key(run: Run, field: Field, now: float) -> tuple[int, Any] | None:
    """Numbers come before texts, as in SQLite; a param that is no number is sorted by its JSON."""
    value = _value(run, field, now)
    if field.kind == "started":
        value = run.started_at or run.created_at
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if field.kind == "params" and (isinstance(value, bool) or not isinstance(value, int | float)):
        return 1, json.dumps(value).encode()
    return (0, value) if isinstance(value, int | float) else (1, str(value).encode())
