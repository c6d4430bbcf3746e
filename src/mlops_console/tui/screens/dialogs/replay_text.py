"""How the replay of a plan is written: agreement, differences, latencies, the rows that disagree most."""

from textual.content import Content

from mlops_console.core.replay import ReplayedRow, ReplayReport
from mlops_console.core.text import latency, number, safe_line
from mlops_console.tui.paint import line, styled
from mlops_console.tui.widgets.fit import cut
from mlops_console.tui.widgets.sparkline import sparkline

_VALUE = 20  # cells
_INPUTS = 100


def replay_text(found: ReplayReport) -> Content:
    """The replay as a block of a plan."""
    refused = f", {found.refused:,} refused" if found.refused else ""
    left_out = f", {found.left_out:,} requests left out" if found.left_out else ""
    lines = [
        styled("Replay", "strong"),
        line(
            ("agreement   ", "muted"),
            (f"{found.agreement:.2%}", "strong"),
            f" of {found.rows:,} rows, {found.requests:,} requests, beside {safe_line(found.live)}{refused}{left_out}",
        ),
    ]
    if found.mean_difference is not None:
        lines.append(
            line(
                ("difference  ", "muted"),
                f"{number(found.edges[0])} ",
                (sparkline(found.counts, len(found.counts), low=0), "accent"),
                f" {number(found.edges[-1])}  ",
                (f"{safe_line(found.difference_of)}: mean {number(found.mean_difference)}", "muted"),
            )
        )
    if found.live_latency and found.candidate_latency:
        p50 = f"{latency(found.live_latency.p50)} → {latency(found.candidate_latency.p50)}"
        p95 = f"{latency(found.live_latency.p95)} → {latency(found.candidate_latency.p95)}"
        lines.append(line(("latency     ", "muted"), f"p50 {p50}  p95 {p95}"))
    return Content("\n").join([*lines, *map(_row, found.worst)])


def _row(row: ReplayedRow) -> Content:
    inputs = "  ".join(f"{name} {value}" for name, value in row.inputs.items())
    return line(
        "  ",
        (cut(safe_line(row.live), _VALUE), "muted"),
        ("  →  ", "muted"),
        (cut(safe_line(row.candidate), _VALUE), "strong"),
        f"  {cut(safe_line(inputs), _INPUTS)}",
    )
