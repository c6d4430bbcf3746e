"""A segment read record by record: what the tests of the spool and the journal compare with what was logged."""

from collections.abc import Iterator

from mlops_console.tracking.spool import Buffer, Event, Stretch, parse

Point = tuple[str, int, float, float]  # metric, step, value, time


def records(buffer: Buffer, slot: int, end: int, names: dict[int, str]) -> Iterator[tuple[int, Point | Event]]:
    """As `parse`, but one point at a time."""
    for reached, item in parse(buffer, slot, end, names):
        if not isinstance(item, Stretch):
            yield reached, item
            continue
        first = reached - len(item.steps)
        for at, (step, value, when, name) in enumerate(
            zip(item.steps, item.values, item.ats, item.names, strict=True), first + 1
        ):
            yield at, (names[name], step, value, when)
