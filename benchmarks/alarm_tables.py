"""The section "Alarms" of RESULTS.md, from what has been simulated."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.alarm_rates import Alarms
from benchmarks.drift_power import COLUMNS, Power
from benchmarks.peer_alarms import COUNTED, EACH, KINDS, PeerAlarms

RESULTS = Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- alarms -->", "<!-- end of the alarms -->"
ROWS = (50, 200, 1_000, 10_000, 100_000)
SHIFTS = (("normal", 0.1), ("normal", 0.2), ("normal", 0.5), ("categories", 0.05), ("categories", 0.1))
POWER_ROWS = (200, 1_000, 10_000, 100_000)

Found = Mapping[str, object]


def ours(source: str, rows: int, each: int) -> str:
    """The name of a cell."""
    return f"ours {source} {rows} {each}"


def peers(kind: str, rows: int, shift: float = 0.0) -> str:
    return f"peers {kind} {rows} {shift:g}"


def power(kind: str, shift: float, rows: int) -> str:
    return f"power {kind} {shift:g} {rows}"


def write(found: Found, results: Path = RESULTS) -> None:
    """Replace the section by what there is; a cell that was not simulated is a dash."""
    text = results.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    results.write_text(f"{before}{BEGIN}\n{section(found)}\n{END}{after}", encoding="utf-8")


def section(found: Found) -> str:
    broken = [name for name, cell in found.items() if isinstance(cell, Alarms) and not cell.kept]
    cells = sum(isinstance(cell, Alarms) for cell in found.values())
    verdict = f"Of {cells} cells of ours, {cells - len(broken)} keep the level within three standard errors."
    if broken:
        verdict += f" Above it: {', '.join(name.removeprefix('ours ') for name in broken)}."
    made = f"Simulated {time.strftime('%Y-%m-%d')} on {os.cpu_count()} cores."
    tables = [_rates(found), _powers(found), _windows(found)]
    rates, powers, windows = ("\n".join(table) for table in tables)
    return "\n\n".join([f"{made} {verdict}", rates, "### Power", powers, "### Windows", windows])


def _rates(found: Found) -> Iterator[str]:
    columns = [f"any difference, {each}" for each in EACH] + [f"shipped, {EACH[-1]}"]
    columns += [f"{peer}, {each}" for peer in ("Evidently", "NannyML", "alibi-detect") for each in EACH]
    yield from _head(["data", "rows", *columns])
    for kind in KINDS:
        for rows in ROWS:
            mine = [found.get(ours(_source(kind), rows, each)) for each in EACH]
            cells = [_percent(cell.rate, cell.error) if isinstance(cell, Alarms) else "–" for cell in mine]
            cells.append(_percent(mine[-1].rate_shipped) if isinstance(mine[-1], Alarms) else "–")
            yield _line([kind, f"{rows:,}", *cells, *_of_peers(found.get(peers(kind, rows)))])


def _source(kind: str) -> str:
    """Where the windows come from that ours is asked about."""
    return kind if kind in COUNTED else "continuous"


def _of_peers(cell: object) -> list[str]:
    asked = [(peer, each) for peer in ("evidently", "nannyml", "alibi") for each in EACH]
    if not isinstance(cell, PeerAlarms):
        return ["–"] * len(asked)
    return [_percent(cell.any_of(peer, each)) for peer, each in asked]


def _windows(found: Found) -> Iterator[str]:
    """How many were drawn for each cell, and how many of these the product has judged."""
    columns = [f"{what}, {each}" for each in EACH for what in ("drawn", "judged")]
    yield from _head(["data", "rows", *columns, "Evidently, NannyML"])
    for kind in KINDS:
        for rows in ROWS:
            mine = [found.get(ours(_source(kind), rows, each)) for each in EACH]
            cells = [
                f"{count:,}" if isinstance(cell, Alarms) else "–"
                for cell in mine
                for count in ((cell.windows, cell.suspects + cell.checked) if isinstance(cell, Alarms) else (0, 0))
            ]
            theirs = found.get(peers(kind, rows))
            cells.append(f"{theirs.windows:,}" if isinstance(theirs, PeerAlarms) else "–")
            yield _line([kind, f"{rows:,}", *cells])


def _powers(found: Found) -> Iterator[str]:
    yield from _head(
        [
            "data",
            "moved by",
            "rows",
            "any difference",
            "shipped",
            "another column",
            "Evidently",
            "NannyML",
            "alibi-detect",
        ]
    )
    for kind, shift in SHIFTS:
        by = f"{shift:g} σ" if kind == "normal" else f"{100 * shift:g} points"
        for rows in POWER_ROWS:
            mine, theirs = found.get(power(kind, shift, rows)), found.get(peers(kind, rows, shift))
            cells = ["–"] * 6
            if isinstance(mine, Power):
                cells[:3] = [_percent(mine.significant), _percent(mine.shipped), _percent(mine.others)]
            if isinstance(theirs, PeerAlarms):
                cells[3:] = [_percent(theirs.one_of(peer, COLUMNS)) for peer in ("evidently", "nannyml", "alibi")]
            yield _line([kind, by, f"{rows:,}", *cells])


def _head(titles: Sequence[str]) -> Iterator[str]:
    yield _line(titles)
    yield _line(["---", *["---:"] * (len(titles) - 1)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float, error: float | None = None) -> str:
    told = f"{100 * share:.2f}" if share < 0.1 else f"{100 * share:.0f}"
    return f"{told} %" if error is None else f"{told} ± {100 * error:.2f} %"
