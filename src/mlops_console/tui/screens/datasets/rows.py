"""Dataset versions as rows of the grid, and what the tabs of the details say of one."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from mlops_console.core.datasets import DatasetVersion, Expected, ReadingRun, Verdict, VersionRow, Violation
from mlops_console.core.text import age, clock, number, safe_line, shorten
from mlops_console.data import change_text as words
from mlops_console.tui import glyphs
from mlops_console.tui.screens.datasets.reading import Datasets, Details
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.rows import Cell, Column, Row

COLUMNS = (
    Column("name", "NAME", least=12, most=32, flex=2),
    Column("version", "VERSION", "right"),
    Column("rows", "ROWS", "right"),
    Column("columns", "COLUMNS", "right"),
    Column("when", "WHEN", "right"),
    Column("read_by", "READ BY", least=7, most=28, flex=1),
    Column("expectations", "EXPECTATIONS", most=16),
)
PROFILE_COLUMNS = (
    Column("column", "COLUMN", least=10, most=32, flex=1),
    Column("type", "TYPE", most=10),
    Column("missing", "MISSING", "right"),
    Column("min", "MIN", "right", most=14),
    Column("mean", "MEAN", "right", most=14),
    Column("max", "MAX", "right", most=14),
    Column("distribution", "DISTRIBUTION", least=12, most=80, flex=2),
)
RUN_COLUMNS = (
    Column("run", "RUN", least=12, most=32, flex=1),
    Column("status", "STATUS"),
    Column("as", "AS", most=20),
    Column("experiment", "EXPERIMENT", most=24),
    Column("when", "STARTED", "right"),
)
_NONE = Cell("–", "muted")
_UNCHECKED = Cell("? not checked", "warn")
_MOST_COLUMNS = 200  # that have changed
_BINS = 10
_BARS = "▁▂▃▄▅▆▇█"


def dataset_rows(datasets: Datasets, now: float) -> list[Row]:
    """One row per version, its key is as transactions:3; and one per dataset without any, its key is the name."""
    rows, dataset = [], ""
    for row in datasets.versions:
        rows.append(_version_row(row, datasets, now, newest=row.dataset != dataset))
        dataset = row.dataset
    return rows + [_unread_row(name, bool(datasets.known[name].expected)) for name in datasets.unread]


def _version_row(row: VersionRow, datasets: Datasets, now: float, *, newest: bool) -> Row:
    return Row(
        row.ref,
        (
            Cell(safe_line(row.dataset, 200), "strong" if newest else "muted", (row.dataset, row.version)),
            Cell(str(row.version), "" if newest else "muted", row.version),
            Cell(f"{row.rows:,}", "", row.rows),
            Cell(f"{row.columns:,}", "", row.columns),
            Cell(age(row.created_at, now), "muted", row.created_at),
            Cell(safe_line(row.read_by, 200)) if row.read_by else _NONE,
            _verdict_cell(row, datasets, newest),
        ),
    )


def _verdict_cell(row: VersionRow, datasets: Datasets, newest: bool) -> Cell:
    """Of older versions what was found then; of the newest one, whether it holds what is expected now."""
    expected = datasets.known[row.dataset].expected if row.dataset in datasets.known else ()
    if newest and expected and (row.verdict is None or row.verdict.expected != expected):
        return _UNCHECKED
    if row.verdict is None:
        return _NONE
    if row.verdict.held:
        return Cell("✓ held", "ok", 0)
    broken = len(row.verdict.violations)
    return Cell(f"✗ {broken:,} broken", "bad", broken)


def _unread_row(name: str, expected: bool) -> Row:
    cells = (Cell(safe_line(name, 200), "strong", (name, 0)), _NONE, _NONE, _NONE, Cell("never", "muted"), _NONE)
    return Row(name, (*cells, _UNCHECKED if expected else _NONE))


def unread_facts(name: str, path: str) -> list[Fact]:
    """What all tabs say of a dataset that has no version yet."""
    return [
        Fact("dataset", name, "strong"),
        Fact("path", path),
        Fact("Not scanned yet"),
        Fact("", f"'mlops-console dataset scan {name}' reads it; so does a pipeline that has it among its deps."),
    ]


def change_facts(details: Details) -> list[Fact]:
    """Size and schema against the version before, then the columns, the one that has moved most first."""
    version, before, diff = details.version, details.before, details.diff
    head = [
        Fact("version", version.ref, "strong"),
        Fact("recorded", f"{clock(version.created_at)}, {age(version.created_at)}"),
        Fact("sha256", version.sha256, "muted"),
    ]
    if before is None or diff is None:
        size = [Fact("rows", f"{version.rows:,}"), Fact("columns", f"{version.columns:,}")]
        return [*head, *size, Fact("", "The first version: there is nothing to compare it with yet.")]
    facts = [
        *head,
        Fact(f"Against {safe_line(before.ref)}, {age(before.created_at)}"),
        Fact("rows", words.step("", diff.rows).strip()),
        Fact("columns", words.step("", diff.width).strip()),
    ]
    for change in words.schema_changes(diff):
        what, _, columns = change.partition(": ")
        facts.append(Fact(what, columns, "warn"))
    changed = [column for column in diff.columns if words.told(column)]
    facts.append(Fact("Columns, those that moved most first"))
    if not changed:
        facts.append(Fact("", "None that both versions have has another figure."))
    facts += [
        Fact(column.name or repr(""), f"{words.moved_by(column)}: {words.told(column)}")
        for column in changed[:_MOST_COLUMNS]
    ]
    if len(changed) > _MOST_COLUMNS:
        facts.append(Fact("", f"And {len(changed) - _MOST_COLUMNS:,} more."))
    return facts


def profile_rows(version: DatasetVersion) -> list[Row]:
    """One row per column, in the order of the file."""
    return [_profile_row(name, dtype, version.profile.get(name, {})) for name, dtype in version.schema.items()]


def _profile_row(name: str, dtype: str, figures: Mapping[str, Any]) -> Row:
    rows = figures.get("count", 0) + figures.get("missing", 0)
    share = figures.get("missing", 0) / rows if rows else 0.0
    return Row(
        name,
        (
            Cell(safe_line(name, 200), "strong", name),
            Cell({"object": "text"}.get(dtype, safe_line(dtype, 40)), "muted"),
            Cell(words.percent(share), "warn" if share else "muted", share),
            *(_figure(figures.get(key)) for key in ("min", "mean", "max")),
            Cell(safe_line(_distribution(figures), 300), "accent"),
        ),
    )


def _figure(value: float | None) -> Cell:
    return _NONE if value is None else Cell(number(value), "", value)


def _distribution(figures: Mapping[str, Any]) -> str:
    """A bar for each of ten equal steps from the 1st to the 99th percentile, or for the most frequent categories."""
    top, count = figures.get("top"), figures.get("count", 0)
    if top and count:
        named = ", ".join(f"{shorten(category, 24)} {100 * times / count:.0f} %" for category, times in top[:3])
        return f"{bars([times for _, times in top[:_BINS]])} {named}"
    return bars(shape(figures.get("quantiles") or {}))


def shape(quantiles: Mapping[str, float | None]) -> list[float]:
    """The shares of ten bins, as the quantiles tell them; none where they tell nothing."""
    points = sorted((value, float(share)) for share, value in quantiles.items() if value is not None)
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return []
    least, width = points[0][0], (points[-1][0] - points[0][0]) / _BINS
    below = [0.0, *(_share_below(points, least + width * edge) for edge in range(1, _BINS)), 1.0]
    return [max(after - before, 0.0) for before, after in pairwise(below)]


def _share_below(points: Sequence[tuple[float, float]], value: float) -> float:
    """Between two quantiles the values are taken to be spread evenly."""
    low = max((point for point in points if point[0] <= value), default=points[0])
    high = min((point for point in points if point[0] > value), default=points[-1])
    if high[0] <= low[0]:
        return low[1]
    return low[1] + (high[1] - low[1]) * (value - low[0]) / (high[0] - low[0])


def bars(values: Sequence[float]) -> str:
    """One bar for each value, the greatest one full."""
    top = max(values, default=0.0)
    if not top > 0:
        return ""
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] if value else " " for value in values)


def run_rows(runs: Sequence[ReadingRun], now: float) -> list[Row]:
    """One row per run and role; its key begins with the run's id."""
    return [
        Row(
            f"{run.id} {run.role}",
            (
                Cell(safe_line(run.name, 200), "strong"),
                Cell(*glyphs.state(run.status).cell),
                Cell(safe_line(run.role, 200)),
                Cell(safe_line(run.experiment, 200), "muted"),
                Cell(age(run.created_at, now), "muted", run.created_at),
            ),
        )
        for run in runs
    ]


def expectation_facts(version: DatasetVersion, expected: tuple[Expected, ...] | None) -> list[Fact]:
    """What is broken with its rows, then what has held.

    Args:
        expected: what mlops.toml expects now of the dataset whose newest version this is; None of an older one.
    """
    verdict, name = version.verdict, version.dataset
    check = f"'mlops-console dataset check {name}' looks."
    if verdict is None and not expected:
        more = f"mlops.toml expects nothing of it; 'mlops-console dataset infer {name}' proposes something."
        return [Fact("", more if expected is not None else "It was not checked.")]
    if verdict is None:
        assert expected, "told above"
        return [Fact("", f"Not checked yet: {check}"), *(Fact(_of(c), f"· {told}", "muted") for c, told in expected)]
    stale = expected is not None and verdict.expected != expected
    changed = [Fact("", f"mlops.toml expects something else by now: {check}", "warn")] if stale else []
    summary = "✓ all held" if verdict.held else f"✗ {len(verdict.violations):,} broken"
    head = Fact("verdict", f"{summary}, of {len(verdict.expected):,}", "ok" if verdict.held else "bad")
    facts = [head, Fact("checked", f"{clock(verdict.checked_at)}, {age(verdict.checked_at)}"), *changed]
    for violation in verdict.violations:
        facts += _violation_facts(violation)
    return facts + _held_facts(verdict)


def _violation_facts(violation: Violation) -> list[Fact]:
    facts = [
        Fact(f"✗ {_of(violation.column)}: {safe_line(violation.expectation)}", style="bad"),
        Fact("", violation.message, "strong"),
    ]
    facts += [Fact(f"row {row:,}", value or "(no value)", "warn") for row, value in violation.examples]
    if violation.rows > len(violation.examples):
        facts.append(Fact("", f"… and {violation.rows - len(violation.examples):,} more"))
    return facts


def _held_facts(verdict: Verdict) -> list[Fact]:
    """Of a column that is missing nothing else was looked at."""
    broken = {(violation.column, violation.expectation) for violation in verdict.violations}
    missing = {column for column, expectation in broken if expectation == "required = true"}
    extra = any(expectation == "extra_columns = false" for _, expectation in broken)
    facts = []
    for column, expectation in verdict.expected:
        if (column, expectation) in broken or (extra and expectation == "extra_columns = false"):
            continue
        looked = column not in missing
        facts.append(
            Fact(_of(column), f"✓ {expectation}" if looked else f"· {expectation}", "ok" if looked else "muted")
        )
    return [Fact("Held"), *facts] if facts else []


def _of(column: str) -> str:
    return safe_line(column, 200) or "the whole"
