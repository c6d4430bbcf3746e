"""The replay of a plan, as text."""

from collections.abc import Sequence

from mlops_console.cli.output import show, show_table
from mlops_console.core.replay import ReplayedRow, ReplayReport
from mlops_console.core.text import latency, number, safe_line

_LEVELS = " ▁▂▃▄▅▆▇█"


def show_replay(found: ReplayReport) -> None:
    """Agreement, differences, the latency of both, and the rows that disagree most."""
    for line in _summary(found):
        show(f"  {safe_line(line)}")
    if found.live_latency and found.candidate_latency:
        pairs = (
            ("latency p50", found.live_latency.p50, found.candidate_latency.p50),
            ("latency p95", found.live_latency.p95, found.candidate_latency.p95),
        )
        rows = [(name, latency(before), latency(after)) for name, before, after in pairs]
        show_table(("", "NOW", "THEN"), rows, right=("NOW", "THEN"))
    if found.worst:
        show_table(("NOW", "THEN", "DIFFERENCE", "INPUTS"), [_row(row) for row in found.worst], right=("DIFFERENCE",))


def _summary(found: ReplayReport) -> list[str]:
    refused = f", {found.refused:,} refused" if found.refused else ""
    lines = [
        f"{found.agreement:.2%} of {found.rows:,} rows ({found.requests:,} newest requests) are answered as by "
        f"{found.live}{refused}."
    ]
    if found.left_out:
        lines.append(f"{found.left_out:,} requests are left out: {found.live} does not take them.")
    if found.mean_difference is not None:
        lines.append(
            f"Difference of the {found.difference_of}: mean {number(found.mean_difference)}, most "
            f"{number(found.max_difference)}."
        )
        lines.append(f"{number(found.edges[0])} ▕{_bars(found.counts)}▏ {number(found.edges[-1])}")
    return lines


def _bars(counts: Sequence[int]) -> str:
    """A bar for each bin; one with a single row is seen."""
    top = max(counts)
    return "".join(_LEVELS[-(-count * (len(_LEVELS) - 1) // top)] for count in counts)


def _row(row: ReplayedRow) -> tuple[str, ...]:
    inputs = "  ".join(f"{name} {value}" for name, value in row.inputs.items())
    return safe_line(row.live), safe_line(row.candidate), number(row.difference), safe_line(inputs, 200)
