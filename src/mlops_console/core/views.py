"""A named way to look at the runs: which, in which order, with which columns, and how they are grouped."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A field, as the filter language writes it; `width` in cells, None for what it needs."""

    field: str
    width: int | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    name: str
    filter: str = ""
    order_by: str = "-started"
    columns: tuple[ViewColumn, ...] = ()  # none: those that the newest runs suggest
    group_by: str = ""  # a field; "" for no groups
