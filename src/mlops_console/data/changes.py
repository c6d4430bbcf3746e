"""What is different between two versions of a dataset, told from what the store keeps of them: no data are read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_console.core.datasets import ColumnKind, DatasetVersion

Pair = tuple[float | None, float | None]  # before and after; None where a figure has no meaning

_SHARES = 5


@dataclass(frozen=True, slots=True)
class Retyped:
    """A column whose dtype is another one."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ShareDiff:
    """The share of a category among the values that are there."""

    category: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """A column that both versions have.

    Attributes:
        kind: None where it is another one now; then nothing but `missing` can be compared.
        missing: the shares of missing values.
        figures: of numbers: `mean`, `std`, `min`, `max` and `median`.
        new, gone: of categories: which are among the most frequent ones only after, or only before.
        shares: of categories: those that moved most, the one that moved most first, where both shares are known.
        moved: how far the column has moved. For numbers the difference of the means in pooled standard deviations, 0
            where that is undefined; for categories the total variation distance, from 0 to 1.
    """

    name: str
    kind: ColumnKind | None
    missing: tuple[float, float]
    figures: Mapping[str, Pair]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    shares: tuple[ShareDiff, ...]
    moved: float


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """`columns` are those in both, the one that has moved most first."""

    rows: tuple[int, int]
    width: tuple[int, int]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    retyped: tuple[Retyped, ...]
    columns: tuple[ColumnDiff, ...]


def compare_versions(before: DatasetVersion, after: DatasetVersion) -> DatasetDiff:
    """Compare two versions by their schemas and profiles."""
    both = [name for name in before.schema if name in after.schema]
    columns = [_compare_column(name, before.profile[name], after.profile[name]) for name in both]
    return DatasetDiff(
        rows=(before.rows, after.rows),
        width=(before.columns, after.columns),
        added=tuple(name for name in after.schema if name not in before.schema),
        removed=tuple(name for name in before.schema if name not in after.schema),
        retyped=tuple(
            Retyped(name, before.schema[name], after.schema[name])
            for name in both
            if before.schema[name] != after.schema[name]
        ),
        columns=tuple(sorted(columns, key=lambda column: -column.moved)),
    )


def _compare_column(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> ColumnDiff:
    missing = (_missing_share(before), _missing_share(after))
    if before["kind"] != after["kind"]:
        return ColumnDiff(name, None, missing, {}, (), (), (), 0.0)
    if before["kind"] == "numeric":
        return ColumnDiff(name, "numeric", missing, _figures(before, after), (), (), (), _shift(before, after))
    old, new = dict(before["top"]), dict(after["top"])
    shares = _known_shares(before, after)
    moved_most = sorted((s for s in shares if s.before != s.after), key=lambda s: -abs(s.after - s.before))
    return ColumnDiff(
        name,
        "categorical",
        missing,
        {},
        new=tuple(category for category in new if category not in old),
        gone=tuple(category for category in old if category not in new),
        shares=tuple(moved_most[:_SHARES]),
        moved=_variation(shares, before, after),
    )


def _missing_share(profile: Mapping[str, Any]) -> float:
    rows = profile["count"] + profile["missing"]
    return profile["missing"] / rows if rows else 0.0


def _figures(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Pair]:
    found: dict[str, Pair] = {key: (before[key], after[key]) for key in ("mean", "std", "min", "max")}
    return found | {"median": (before["quantiles"].get("0.5"), after["quantiles"].get("0.5"))}


def _shift(before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
    """|difference of the means| / pooled standard deviation."""
    freedom = before["count"] + after["count"] - 2
    figures = (before["mean"], after["mean"], before["std"], after["std"])
    if freedom < 1 or None in figures:
        return 0.0
    pooled = math.hypot(
        before["std"] * math.sqrt(max(before["count"] - 1, 0) / freedom),
        after["std"] * math.sqrt(max(after["count"] - 1, 0) / freedom),
    )
    moved = abs(after["mean"] - before["mean"]) / pooled if pooled else 0.0
    return float(moved) if math.isfinite(moved) else 0.0


def _known_shares(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[ShareDiff]:
    """Of the categories whose shares are known on both sides.

    One that is not among the most frequent ones has the share 0 only where these are all.
    """
    old, new = dict(before["top"]), dict(after["top"])
    old_is_all, new_is_all = before["unique"] <= len(old), after["unique"] <= len(new)
    return [
        ShareDiff(
            category,
            old.get(category, 0) / before["count"] if before["count"] else 0.0,
            new.get(category, 0) / after["count"] if after["count"] else 0.0,
        )
        for category in dict.fromkeys([*old, *new])
        if (category in old or old_is_all) and (category in new or new_is_all)
    ]


def _variation(shares: list[ShareDiff], before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
    """The total variation distance over these categories and the rest; 0 where a side has no values."""
    if not before["count"] or not after["count"]:
        return 0.0
    rest = sum(share.before for share in shares) - sum(share.after for share in shares)
    return min(1.0, (sum(abs(share.before - share.after) for share in shares) + abs(rest)) / 2)
