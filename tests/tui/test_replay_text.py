"""The replay in the plan of the console, and in that of the command line."""

import pytest

from mlops_console.cli.acting import show_plan
from mlops_console.core.plans import Plan
from mlops_console.core.replay import Latency, ReplayedRow, ReplayReport
from mlops_console.tui.screens.dialogs.plan_text import plan_text

REPORT = ReplayReport(
    live="fraud:1",
    requests=3,
    rows=4,
    left_out=2,
    refused=1,
    agreement=0.5,
    difference_of="probability of 1",
    mean_difference=0.125,
    max_difference=0.25,
    edges=(-0.25, -0.1, 0.1, 0.25),
    counts=(0, 1, 2),
    worst=(ReplayedRow({"amount\x1b[31m": "12.5"}, "0", "[bold]1\x07", 0.25), ReplayedRow({}, "1", "refused", None)),
    live_latency=Latency(0.001, 0.002),
    candidate_latency=Latency(0.0015, 0.0025),
)
PLAN = Plan("deploy", "production", "Deploy fraud:2 to production", "mlops-console deploy", replay=REPORT)


def test_the_console_shows_the_replay_without_foreign_escapes() -> None:
    lines = plan_text(PLAN).plain.split("\n")
    begin = lines.index("Replay")
    assert lines[begin + 1 : begin + 6] == [
        "agreement   50.00% of 4 rows, 3 requests, beside fraud:1, 1 refused, 2 requests left out",
        "difference  -0.2500 ▁▅█ 0.2500  probability of 1: mean 0.1250",
        "latency     p50 1.00 ms → 1.50 ms  p95 2.00 ms → 2.50 ms",
        "  0  →  [bold]1␇  amount␛[31m 12.5",
        "  1  →  refused  ",
    ]


def test_the_command_shows_the_replay_without_foreign_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(PLAN, as_json=False)
    told = capsys.readouterr().out
    assert "\x1b[31m" not in told
    assert "\x07" not in told
    assert "50.00% of 4 rows (3 newest requests) are answered as by fraud:1, 1 refused." in told
    assert "2 requests are left out: fraud:1 does not take them." in told
    assert "-0.2500 ▕ ▄█▏ 0.2500" in told
    assert "amount␛[31m 12.5" in told
    assert "1.50 ms" in told
