"""What has changed between two versions, in words."""

from collections.abc import Sequence

from mlops_console.core.text import number, shorten
from mlops_console.data.changes import ColumnDiff, DatasetDiff, Pair, ShareDiff

_MOST = 3  # columns in a headline
_NAME = 40  # characters of a column or category


def headline(diff: DatasetDiff) -> list[str]:
    """One line on the size and the schema, and one on the columns that have moved most, if any has."""
    parts = [step("rows", diff.rows)]
    parts += [step("columns", diff.width)] if diff.width[0] != diff.width[1] else []
    parts += schema_changes(diff, _MOST)
    moved = [f"{_cut(column.name)} by {moved_by(column)}" for column in diff.columns[:_MOST] if column.moved]
    return ["; ".join(parts), *([f"moved most: {', '.join(moved)}"] if moved else [])]


def step(name: str, pair: tuple[int, int]) -> str:
    """`rows 1,000 → 1,204 (+204)`, or `rows 1,000 as before`."""
    before, after = pair
    return f"{name} {after:,} as before" if before == after else f"{name} {before:,} → {after:,} ({after - before:+,})"


def schema_changes(diff: DatasetDiff, most: int = 50) -> list[str]:
    """`new: a, b`, `gone: c`, `another type: d int64 → float64`; those that there are."""
    retyped = [f"{_cut(column.name)} {column.before} → {column.after}" for column in diff.retyped]
    parts = [("new", diff.added), ("gone", diff.removed), ("another type", retyped)]
    return [f"{name}: {_some(found, most)}" for name, found in parts if found]


def moved_by(column: ColumnDiff) -> str:
    """How far a column has moved: numbers in standard deviations, categories as a share."""
    if column.kind is None:
        return "–"
    return percent(column.moved) if column.kind == "categorical" else f"{number(column.moved, 2)} sd"


def told(column: ColumnDiff) -> str:
    """All that is another figure of a column; "" if none is."""
    return "; ".join(details(column))


def details(column: ColumnDiff) -> list[str]:
    """The same, one by one."""
    before, after = column.missing
    parts = [f"missing {percent(before)} → {percent(after)}"] if before != after else []
    if column.kind is None:
        return ["numbers on one side, categories on the other", *parts]
    parts += [f"{name} {_figures(pair)}" for name, pair in column.figures.items() if pair[0] != pair[1]]
    parts += [_share(share) for share in column.shares]
    parts += [f"new: {_some(column.new, _MOST)}"] if column.new else []
    parts += [f"gone: {_some(column.gone, _MOST)}"] if column.gone else []
    return parts


def percent(share: float) -> str:
    """12.3 %, 0 %; a small share is not 0 %."""
    return "<0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %".replace(".0 %", " %")


def _figures(pair: Pair) -> str:
    return f"{number(pair[0])} → {number(pair[1])}"


def _share(share: ShareDiff) -> str:
    return f"{_cut(share.category) or repr('')} {percent(share.before)} → {percent(share.after)}"


def _some(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(_cut(name) for name in names[:most]) + more


def _cut(name: str) -> str:
    return shorten(name, _NAME)
