"""From the spool into the store: a stretch of one segment in one short transaction, with the position reached."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.errors import NotFoundError
from mlops_console.core.runs import ProcessIdentity, RunStatus
from mlops_console.store import artifacts, datasets, runs, series, spools, stage_cache
from mlops_console.store.chunks import Columns
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace
from mlops_console.tracking.provenance import at_start
from mlops_console.tracking.spool import SLOTS, Buffer, Event, Stretch, parse

BATCH = SLOTS  # slots of one transaction: some 20 ms


class Log(NamedTuple):
    """Whose records these are. `stage` is "" but where a stage of the worker's run logs."""

    run_id: str
    stage: str


_NOBODY = Log("", "")


@dataclass
class Reader:
    """Where the reading of one segment stands."""

    name: str  # "" for one in memory, which no other process can find
    buffer: Buffer
    slot: int = 1
    log: Log = _NOBODY
    names: dict[int, str] = field(default_factory=dict)


def take_in(workspace: Workspace, reader: Reader, end: int, process: ProcessIdentity | None) -> int:
    """Store the next records of a segment, up to slot `end`; how many slots further the reader is.

    The reader moves on only when the transaction is committed. A record that the store has already, because a process
    died between its commit and the deletion of the segment, is passed over.

    Args:
        process: what a run that begins here belongs to; None when its process is gone.

    Raises:
        StoreError: the store is locked, full or can't be written; the reader stands where it stood.
    """
    found = list(parse(reader.buffer, reader.slot, min(end, reader.slot + BATCH), reader.names))
    if not found:
        return 0
    before, reached, log = reader.slot, found[-1][0], reader.log
    with workspace.store.write() as tx:
        known = spools.position(tx, reader.name) if reader.name else 0
        for slot, item in found:
            if isinstance(item, Stretch):
                new = min(slot - max(known, slot - len(item.steps)), len(item.steps))
                if new > 0:
                    _append(tx, log, by_metric(item, reader.names, new))
            elif item["kind"] == "segment":
                log = Log(str(item["run"]), str(item.get("stage", "")))
            elif slot > known:
                _apply(tx, log, item, process)
        if reader.name:
            spools.advance(tx, reader.name, max(known, reached))
    reader.slot, reader.log = reached, log
    return reached - before


def by_metric(points: Stretch, names: dict[int, str], newest: int) -> dict[str, Columns]:
    """The newest so many points of a stretch, by the name of their metric."""
    begin = len(points.steps) - newest
    ids = points.names[begin:]
    every = Columns(points.steps[begin:], points.values[begin:], points.ats[begin:])
    turn = next((at for at, id in enumerate(ids) if at and id == ids[0]), len(ids))
    if len(set(ids[:turn])) == turn and ids[turn:] == ids[:-turn]:  # the same metrics, call after call
        return {
            names[id]: Columns(every.steps[at::turn], every.values[at::turn], every.ats[at::turn])
            for at, id in enumerate(ids[:turn])
            if id in names
        }
    places: dict[int, list[int]] = {}
    for at, id in enumerate(ids):
        places.setdefault(id, []).append(at)
    return {names[id]: _picked(every, found) for id, found in places.items() if id in names}


def _picked(points: Columns, places: Sequence[int]) -> Columns:
    return Columns(
        [points.steps[at] for at in places], [points.values[at] for at in places], [points.ats[at] for at in places]
    )


def _append(tx: Connection, log: Log, points: dict[str, Columns]) -> None:
    series.append(tx, log.run_id, points)
    if log.stage:
        stage_cache.record(tx, log.run_id, log.stage, "metric", list(points))


def _apply(tx: Connection, log: Log, event: Event, process: ProcessIdentity | None) -> None:
    kind = event["kind"]
    if kind == "start":
        _start(tx, log.run_id, event, process)
    elif kind == "error":
        runs.set_error(tx, log.run_id, event["error"], log.stage)
    elif kind in _APPLY:  # a newer version may have written others: they are not ours to understand
        _APPLY[kind](tx, log.run_id, event)
    if log.stage and kind in _NAMES:
        record, names = _NAMES[kind](event)
        stage_cache.record(tx, log.run_id, log.stage, record, names)


def _start(tx: Connection, run_id: str, event: Event, process: ProcessIdentity | None) -> None:
    try:
        runs.get(tx, run_id)
    except NotFoundError:
        runs.create(
            tx,
            run_id=run_id,
            name=event["name"],
            experiment=event["experiment"],
            started_at=event["at"],
            process=process,
            provenance=at_start(event),
        )


def _params(tx: Connection, run_id: str, event: Event) -> None:
    runs.set_params(tx, run_id, event["params"])


def _tags(tx: Connection, run_id: str, event: Event) -> None:
    runs.set_tags(tx, run_id, event["tags"])


def _artifact(tx: Connection, run_id: str, event: Event) -> None:
    artifacts.add(tx, run_id, event["path"], event["sha256"], event["size"])


def _dataset(tx: Connection, run_id: str, event: Event) -> None:
    version = add_dataset(tx, event)
    datasets.add_run_input(tx, run_id, event["role"], version)


def add_dataset(tx: Connection, event: Event) -> DatasetVersion:
    """The dataset version that a `dataset` event describes."""
    return datasets.add_version(
        tx,
        event["name"],
        sha256=event["sha256"],
        rows=event["rows"],
        columns=event["columns"],
        schema=event["schema"],
        profile=event["profile"],
        sample=event["sample"],
    )


def _finish(tx: Connection, run_id: str, event: Event) -> None:
    runs.finish(tx, run_id, RunStatus(event["status"]), error=event["error"], ended_at=event["at"])


_APPLY: dict[str, Callable[[Connection, str, dict[str, Any]], None]] = {
    "params": _params,
    "tags": _tags,
    "artifact": _artifact,
    "dataset": _dataset,
    "finish": _finish,
}
# What an event adds to its run, by its name there.
_NAMES: dict[str, Callable[[dict[str, Any]], tuple[str, list[str]]]] = {
    "params": lambda event: ("param", list(event["params"])),
    "tags": lambda event: ("tag", list(event["tags"])),
    "artifact": lambda event: ("artifact", [event["path"]]),
    "dataset": lambda event: ("input", [event["role"]]),
}
