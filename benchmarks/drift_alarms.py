"""`make simulate`: false alarms and power of our verdicts, beside the default rules of other tools.

    python benchmarks/drift_alarms.py                  every cell that is not there yet, and the tables of RESULTS.md
    python benchmarks/drift_alarms.py "ours discrete"  the cells whose names begin so, anew

What was simulated is kept in build/alarms.json, so that a run that was stopped goes on where it was.
"""

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import alarm_tables as tables
from benchmarks.alarm_rates import Alarms, alarms
from benchmarks.drift_power import Power, our_power
from benchmarks.null_windows import REFERENCE, SOURCES
from benchmarks.peer_alarms import KINDS, PeerAlarms, peer_alarms

KEPT = Path(__file__).resolve().parent.parent / "build" / "alarms.json"
WINDOWS, POWER_WINDOWS = 10_000, 300
_TYPES = {"Alarms": Alarms, "Power": Power, "PeerAlarms": PeerAlarms}

Cell = Callable[[], object]


def cells() -> dict[str, Cell]:
    """All of them by name, the longest first, so that two processes end together."""
    return dict(_ours()) | dict(_peers()) | dict(_power())


def main() -> None:
    beginnings = sys.argv[1:]
    found = {} if not KEPT.exists() else _read(KEPT)
    wanted = {
        name: cell
        for name, cell in cells().items()
        if (any(name.startswith(beginning) for beginning in beginnings) if beginnings else name not in found)
    }
    tables.write(found)
    begun = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for name, result in pool.imap_unordered(_simulate, wanted.items()):
            found[name] = result
            KEPT.parent.mkdir(exist_ok=True)
            KEPT.write_text(json.dumps({n: [type(r).__name__, asdict(r)] for n, r in found.items()}), encoding="utf-8")
            tables.write(found)
            print(f"{time.monotonic() - begun:7.0f} s  {name}: {_told(result)}", flush=True)


def _ours() -> Iterator[tuple[str, Cell]]:
    for each in reversed(tables.EACH):
        for source in SOURCES:
            for rows in tables.ROWS:
                yield tables.ours(source, rows, each), partial(alarms, source, rows, each, WINDOWS)


def _peers() -> Iterator[tuple[str, Cell]]:
    for kind in KINDS:
        for rows in tables.ROWS:
            yield tables.peers(kind, rows), partial(peer_alarms, kind, rows, REFERENCE)
    for kind, shift in tables.SHIFTS:
        for rows in tables.POWER_ROWS:
            yield tables.peers(kind, rows, shift), partial(peer_alarms, kind, rows, REFERENCE, shift)


def _power() -> Iterator[tuple[str, Cell]]:
    for kind, shift in tables.SHIFTS:
        for rows in tables.POWER_ROWS:
            yield tables.power(kind, shift, rows), partial(our_power, kind, shift, rows, POWER_WINDOWS)


def _simulate(cell: tuple[str, Cell]) -> tuple[str, object]:
    name, simulate = cell
    return name, simulate()


def _read(path: Path) -> dict[str, object]:
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {name: _TYPES[kind](**values) for name, (kind, values) in stored.items()}


def _told(result: object) -> str:
    if isinstance(result, Alarms):
        above = "" if result.kept else "  ABOVE THE LEVEL"
        return f"{result.rate:.4f} ± {result.error:.4f}, shipped {result.rate_shipped:.4f}{above}"
    return str(result)


if __name__ == "__main__":
    main()
