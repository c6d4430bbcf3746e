"""Marked model versions side by side."""

from collections.abc import Mapping, Sequence

from mlops_console.core.text import number, param, safe_line
from mlops_console.tui.screens.models.reading import VersionRow
from mlops_console.tui.screens.models.rows import last_value
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

EMPTY = ("Nothing to compare yet", "Mark two or more versions with space, then press c.")


def comparison(rows: Sequence[VersionRow], goals: Mapping[str, str]) -> ListSource:
    """Metrics, then the params that differ, then those that don't; the best figure of a metric has a ▲."""
    if len(rows) < 2:
        return ListSource(())
    columns = [Column("name", "", least=10, most=28, flex=1)]
    columns += [Column(row.version.ref, safe_line(row.version.ref), "right", least=9, most=24) for row in rows]
    metrics = sorted({name for row in rows if row.run for name in row.run.metrics})
    params = sorted({name for row in rows if row.run for name in row.run.params})
    told = [_param(name, rows) for name in params]
    different = [row for row in told if len({cell.text for cell in row.cells[1:]}) > 1]
    same = [_muted(row) for row in told if row not in different]
    return ListSource(columns, [*(_metric(name, rows, goals.get(name)) for name in metrics), *different, *same])


def _metric(name: str, rows: Sequence[VersionRow], goal: str | None) -> Row:
    values = [last_value(row, name) for row in rows]
    known = [value for value in values if value is not None]
    best = (min if goal == "minimize" else max)(known) if goal and len(set(known)) > 1 else None
    cells = [_figure(value, value is not None and value == best) for value in values]
    return Row(f"metric {name}", (Cell(safe_line(name, 200), "muted"), *cells))


def _figure(value: float | None, best: bool) -> Cell:
    return Cell(f"▲ {number(value)}", "ok") if best else Cell(number(value))


def _param(name: str, rows: Sequence[VersionRow]) -> Row:
    values = [_short(row.run.params[name]) if row.run and name in row.run.params else "–" for row in rows]
    cells = [Cell(safe_line(value, 200), "strong") for value in values]
    return Row(f"param {name}", (Cell(safe_line(name, 200), "muted"), *cells))


def _short(value: object) -> str:
    """As in the params, but 0.6000000000000001 is 0.6."""
    return param(float(f"{value:.9g}") if isinstance(value, float) else value)


def _muted(row: Row) -> Row:
    return Row(row.key, tuple(Cell(cell.text, "muted") for cell in row.cells))
