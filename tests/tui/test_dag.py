"""The drawing of a pipeline's stages and the times at which they ran: pure functions of stages and size."""

import re
import unicodedata
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mlops_console.tui.screens.pipelines.gantt import Bar, gantt_rows
from mlops_console.tui.screens.pipelines.graph import cells as dag
from mlops_console.tui.screens.pipelines.graph.drawing import dag_rows
from mlops_console.tui.screens.pipelines.graph.layers import layers
from mlops_console.tui.screens.pipelines.graph.stages import Node
from mlops_console.tui.widgets.chart_paint import ROLES, Row, plain

STATUSES = ("", "queued", "running", "succeeded", "failed", "stopped", "lost")
SIDES = {"UP": (0, -1), "DOWN": (0, 1), "LEFT": (-1, 0), "RIGHT": (1, 0)}
OPPOSITE = {"UP": "DOWN", "DOWN": "UP", "LEFT": "RIGHT", "RIGHT": "LEFT"}


def nodes_of(text: str, critical: str = "", status: str = "succeeded") -> list[Node]:
    """`a; b: a; c: a b`."""
    parts = [part.partition(":") for part in text.split(";")]
    return [
        Node(name.strip(), tuple(waits.split()), status, critical=name.strip() in critical.split())
        for name, _, waits in parts
    ]


def drawn(rows: tuple[Row, ...]) -> str:
    return "\n".join(line.rstrip() for line in plain(rows).split("\n"))


def expected(text: str) -> str:
    return "\n".join(line.removeprefix("|").rstrip() for line in dedent(text).strip("\n").split("\n"))


def assert_size(rows: tuple[Row, ...], width: int, height: int) -> None:
    assert len(rows) <= max(height, 0)
    for row in rows:
        assert cell_len("".join(ink.text for ink in row)) <= width
        assert {ink.role for ink in row} <= set(ROLES)


class TestLayers:
    def test_a_stage_is_right_of_all_it_waits_for(self) -> None:
        assert layers(nodes_of("a; b: a; c: b a; d: c")) == (("a",), ("b",), ("c",), ("d",))

    def test_unknown_names_itself_and_circles_are_ignored(self) -> None:
        assert layers(nodes_of("a: gone a; b: a")) == (("a",), ("b",))
        assert layers(nodes_of("a: b; b: a")) == (("a",), ("b",))
        assert layers([]) == ()

    def test_edges_are_uncrossed(self) -> None:
        assert layers(nodes_of("a; b; c; x: c; y: b; z: a")) == (("a", "b", "c"), ("z", "y", "x"))


class TestDrawing:
    @pytest.mark.parametrize(
        ("text", "critical", "picture"),
        [
            ("prepare; train: prepare; report: train", "", "| ✓ prepare ── ✓ train ── ✓ report"),
            (
                "a; b: a; c: a; d: b c",
                "",
                """
                | ✓ a ─┬─ ✓ b ─┬─ ✓ d
                |      └─ ✓ c ─┘
                """,
            ),
            (
                "split; one: split; two: split; three: split; join: one two three",
                "split two join",
                """
                | ✓ split ━┱─ ✓ one ───┲━ ✓ join
                |          ┡━ ✓ two ━━━┩
                |          └─ ✓ three ─┘
                """,
            ),
            (
                "a; b: a; c: b; d: a c",
                "a b c d",
                """
                | ✓ a ━┯━ ✓ b ━━ ✓ c ━┯━ ✓ d
                |      └──────────────┘
                """,
            ),
            (
                "a; b: a; x; y: x; z",
                "",
                """
                | ✓ a ── ✓ b
                | ✓ x ── ✓ y
                | ✓ z
                """,
            ),
            (
                "a; b; c: a b; d: a b; e: b",
                "",
                """
                | ✓ a ───┬─ ✓ c
                | ✓ b ─┬─┴─ ✓ d
                |      └─── ✓ e
                """,
            ),
            (
                "a; b: a; c: b; d: c; report: a b c d",
                "",
                """
                | ✓ a ─┬─ ✓ b ─┬─ ✓ c ─┬─ ✓ d ─┬─ ✓ report
                |      │       │       └───────┤
                |      │       └───────────────┤
                |      └───────────────────────┘
                """,
            ),
            (
                "a; b; c; t: a b; u: b c; v: a c",
                "",
                """
                | ✓ a ─────┬─┐
                |      ┌───│─┴─ ✓ t
                | ✓ b ─┴─┐ └─┬─ ✓ v
                | ✓ c ─┬─│───┘
                |      └─┴───── ✓ u
                """,
            ),
        ],
        ids=["chain", "diamond", "fan", "long", "parts", "shared", "all", "tangled"],
    )
    def test_shapes(self, text: str, critical: str, picture: str) -> None:
        assert drawn(dag_rows(nodes_of(text, critical), 80, 20)) == expected(picture)

    def test_what_a_stage_says(self) -> None:
        nodes = [
            Node("prepare", (), "succeeded", cached=True, took=3.0),
            Node("train", ("prepare",), "running", took=192.0, slow=True),
            Node("check", ("prepare",), "failed", took=0.4),
            Node("deploy", ("train",), ""),
        ]
        assert drawn(dag_rows(nodes, 80, 9, "train")) == expected(
            """
            | ✓ prepare cached ─┬─▌● train 3m12s ▲ ── – deploy
            |                   └─ ✗ check 0.4s
            """
        )

    def test_the_selected_and_critical_roles(self) -> None:
        (row,) = dag_rows(nodes_of("a; b: a", "a b"), 40, 3, "b")
        roles = {ink.text.strip(): ink.role for ink in row if ink.text.strip()}
        assert roles == {"✓": "ok", "a": "strong", "━━": "text", "▌": "accent", "b": "accent"}

    def test_foreign_names_are_made_safe(self) -> None:
        rows = dag_rows([Node("a\x1b[31m\n", (), "succeeded")], 40, 3)
        assert drawn(rows) == " ✓ a␛[31m␤"


class TestLittleRoom:
    NODES = (
        Node("preparation", (), "succeeded", took=1.0),
        Node("training-model", ("preparation",), "succeeded", took=200.0, note="params changed"),
        Node("evaluation", ("training-model", "preparation"), "queued"),
    )

    def test_times_go_first_then_names_are_cut(self) -> None:
        assert drawn(dag_rows(self.NODES, 60, 5)).split("\n")[0] == (
            " ✓ preparation ─┬─ ✓ training-model ─┬─ ○ evaluation"
        )
        assert drawn(dag_rows(self.NODES, 42, 5)).split("\n")[0] == " ✓ prep…ion ─┬─ ✓ trai…del ─┬─ ○ eval…ion"

    def test_then_it_is_a_list(self) -> None:
        assert drawn(dag_rows(self.NODES, 34, 5)) == expected(
            """
            | ✓ preparation 1.0s
            | ✓ training-model 3m20s  ← pre…ion
            | ○ evaluation            ← tra…ion
            """
        )

    def test_a_window_round_the_selected_stage(self) -> None:
        nodes = nodes_of("; ".join(f"s{index}" for index in range(20)))
        assert drawn(dag_rows(nodes, 20, 5, "s10")) == " … 9 more\n ✓ s9\n▌✓ s10\n ✓ s11\n … 8 more"
        assert drawn(dag_rows(nodes, 20, 3)) == " ✓ s0\n ✓ s1\n … 18 more"
        assert drawn(dag_rows(nodes, 20, 2, "s4")) == "▌✓ s4\n … 19 more"
        assert drawn(dag_rows(nodes, 20, 1, "s4")) == "▌✓ s4"

    def test_a_window_round_the_running_stage(self) -> None:
        nodes = [Node(f"s{index}", (), "running" if index == 15 else "failed") for index in range(20)]
        assert " ● s15" in drawn(dag_rows(nodes, 20, 3)).split("\n")

    def test_nothing_to_draw(self) -> None:
        assert dag_rows([], 40, 10) == ()
        assert dag_rows(self.NODES, 0, 10) == ()
        assert dag_rows(self.NODES, 10, 0) == ()

    @pytest.mark.parametrize("size", [(10, 1), (10, 40), (200, 40), (2000, 1000)])
    @pytest.mark.parametrize("waits", [1, 4, 300])
    def test_many_stages(self, size: tuple[int, int], waits: int) -> None:
        nodes = [Node(f"s{at}", tuple(f"s{at // 2 - back}" for back in range(waits)), "queued") for at in range(300)]
        assert_size(dag_rows(nodes, *size, "s99"), *size)
        assert sum(map(len, layers(nodes))) == 300


@st.composite
def dags(draw: st.DrawFn, names: st.SearchStrategy[str] | None = None) -> list[Node]:
    count = draw(st.integers(1, 40))
    texts = draw(st.lists(names, min_size=count, max_size=count, unique=True)) if names is not None else None
    found: list[Node] = []
    for at in range(count):
        before = draw(st.lists(st.integers(0, at - 1), max_size=3, unique=True)) if at else []
        found.append(
            Node(
                texts[at] if texts else f"n{at}",
                tuple(found[other].name for other in before),
                draw(st.sampled_from(STATUSES)),
                cached=draw(st.booleans()),
                took=draw(st.none() | st.floats(0, 1e6)),
                slow=draw(st.booleans()),
                critical=draw(st.booleans()),
            )
        )
    return found


def arms(cell: str) -> set[str]:
    name = unicodedata.name(cell, "")
    if not name.startswith("BOX DRAWINGS"):
        return set()
    words = set(name.split())
    pairs = {"HORIZONTAL": {"LEFT", "RIGHT"}, "VERTICAL": {"UP", "DOWN"}}
    return (words & set(SIDES)).union(*(pairs[word] for word in words & set(pairs)))


class Picture:
    """A drawing that is read like a person reads it: along the lines, to the right, up and down, never to the left."""

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self.lines = plain(rows).split("\n")
        self.starts: dict[tuple[int, int], str] = {}
        self.ends: dict[str, tuple[int, int]] = {}
        for y, line in enumerate(self.lines):
            for match in re.finditer(r"[▌ ]. (n\d+)( [^─-╿]*?)??(?= [─-╿]| {2}|$| $)", line):
                self.starts[match.start(), y] = match[1]
                self.ends[match[1]] = match.end(), y

    def at(self, x: int, y: int) -> set[str]:
        return arms(self.lines[y][x]) if 0 <= y < len(self.lines) and 0 <= x < len(self.lines[y]) else set()

    def reached(self, name: str) -> set[str]:
        x, y = self.ends[name]
        found: set[str] = set()
        seen: set[tuple[int, int, str]] = set()
        going = [(x + 1, y, "RIGHT")] if self.at(x + 1, y) else []
        while going:
            step = going.pop()
            if step in seen:
                continue
            seen.add(step)
            x, y, way = step
            here = self.at(x, y)
            if way == "RIGHT" and (x, y) in self.starts:
                found.add(self.starts[x, y])
                continue
            passing = way == "RIGHT" and here == {"UP", "DOWN"}
            assert passing or OPPOSITE[way] in here, (step, self.lines)
            ways = {"RIGHT"} if passing else here - {"LEFT", OPPOSITE[way]}
            going += [(x + SIDES[other][0], y + SIDES[other][1], other) for other in ways]
        return found

    def assert_no_loose_ends(self) -> None:
        labels = {(x + 1, y) for x, y in self.ends.values()}  # where the line from a label begins
        for y, line in enumerate(self.lines):
            for x in range(len(line)):
                for side in self.at(x, y):
                    across, down = SIDES[side]
                    other = self.at(x + across, y + down)
                    passing = side in ("LEFT", "RIGHT") and other == {"UP", "DOWN"}
                    starts = side == "LEFT" and (x, y) in labels
                    ends = side == "RIGHT" and (x + 1, y) in self.starts
                    assert OPPOSITE[side] in other or passing or starts or ends, (x, y, side, self.lines)


class TestAnyDag:
    @settings(max_examples=25, deadline=None)
    @given(dags())
    def test_every_line_leads_from_a_stage_to_those_that_wait_for_it_and_to_no_other(self, nodes: list[Node]) -> None:
        rows = dag_rows(nodes, 4000, 2000)
        text = plain(rows)
        if "←" in text:
            return  # too much for a drawing
        picture = Picture(rows)
        assert set(picture.starts.values()) == {node.name for node in nodes}
        for node in nodes:
            assert picture.reached(node.name) == {other.name for other in nodes if node.name in other.waits_for}
        picture.assert_no_loose_ends()

    @settings(max_examples=60, deadline=None)
    @given(dags(st.text(max_size=12)), st.integers(-1, 120), st.integers(-1, 50), st.integers(0, 50))
    def test_it_keeps_to_its_size(self, nodes: list[Node], width: int, height: int, chosen: int) -> None:
        selected = nodes[chosen].name if chosen < len(nodes) else "none"
        assert_size(dag_rows(nodes, width, height, selected), width, height)

    @settings(max_examples=40, deadline=None)
    @given(dags(), st.integers(12, 120))
    def test_every_name_is_shown_if_the_height_suffices(self, nodes: list[Node], width: int) -> None:
        text = plain(dag_rows(nodes, width, 3000))
        for node in nodes:
            assert re.search(rf". {node.name}\b", text), text

    @settings(max_examples=40, deadline=None)
    @given(dags())
    def test_layers_keep_all_names_and_the_order(self, nodes: list[Node]) -> None:
        layer = {name: at for at, names in enumerate(layers(nodes)) for name in names}
        assert sorted(layer) == sorted(node.name for node in nodes)
        for node in nodes:
            assert layer[node.name] == max((layer[other] + 1 for other in node.waits_for), default=0)


def test_the_table_of_box_characters() -> None:
    weights = {0: "", 1: "LIGHT", 2: "HEAVY"}
    assert len(set(dag._BOX)) == 81
    for at, cell in enumerate(dag._BOX[1:], 1):
        values = dict(zip(("UP", "RIGHT", "DOWN", "LEFT"), (at // 27, at // 9 % 3, at // 3 % 3, at % 3), strict=True))
        assert arms(cell) == {side for side, weight in values.items() if weight}
        assert {weights[weight] for weight in values.values() if weight} <= set(unicodedata.name(cell).split())


class TestGantt:
    BARS = (
        Bar("fetch", "succeeded", 100.0, 100.1, cached=True),
        Bar("prepare", "succeeded", 100.0, 110.0),
        Bar("train", "running", 110.0, None, usual=30.0),
        Bar("check", "failed", 110.0, 115.0),
        Bar("deploy", "queued", None, None),
        Bar("report", "", None, None),
    )

    def test_a_run(self) -> None:
        assert drawn(gantt_rows(self.BARS, 120.0, 56, 10, "train")) == expected(
            """
            | ✓ fetch   ◇ cached
            | ✓ prepare ██████████                                10s
            |▌● train             ██████████░░░░░░░░░░░░░░░░░░░┊  10s
            | ✗ check             █████                          5.0s
            | ○ deploy  · queued
            | – report  · not run
            |           ╵0        ╵10s      ╵20s      ╵30s  40s╵
            | 2 at once at most · 20s in all · 25s of stages
            """
        )

    def test_bars_have_the_colours_of_their_states(self) -> None:
        rows = gantt_rows(self.BARS, 120.0, 60, 10)
        assert [next(ink.role for ink in row if "█" in ink.text) for row in rows[1:4]] == ["ok", "run", "bad"]

    def test_a_usual_end_that_is_over_is_not_shown(self) -> None:
        assert "┊" not in plain(gantt_rows(self.BARS, 141.0, 60, 10))

    def test_nothing_started(self) -> None:
        rows = gantt_rows([Bar("a", "queued", None, None)], 5.0, 30, 5)
        assert drawn(rows) == " ○ a · queued\n nothing has started"
        assert gantt_rows([], 5.0, 30, 5) == ()

    def test_a_clock_that_jumps_and_no_time_at_all(self) -> None:
        rows = gantt_rows([Bar("a", "succeeded", 9.0, 3.0), Bar("b", "succeeded", 9.0, 9.0)], 1.0, 60, 5)
        assert drawn(rows) == expected(
            """
            | ✓ a ▏                                                  0.0s
            | ✓ b ▏                                                  0.0s
            |     ╵0
            | 1 at once at most · 0.0s in all · 0.0s of stages
            """
        )

    def test_many_stages_in_little_room(self) -> None:
        bars = [Bar(f"s{at}", "succeeded", at, at + 2.5) for at in range(300)]
        lines = drawn(gantt_rows(bars, 400.0, 60, 7, "s100")).split("\n")
        assert len(lines) == 7
        assert lines[0] == " … 99 more"
        assert lines[2].startswith("▌✓ s100")
        assert lines[4] == " … 198 more"
        assert lines[6] == " 3 at once at most · 5m01s in all · 12m30s of stages"

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.builds(
                Bar,
                st.text(max_size=12),
                st.sampled_from(STATUSES),
                st.none() | st.floats(),
                st.none() | st.floats(0, 1e5),
                st.booleans(),
                st.none() | st.floats(),
            )
            | st.builds(Bar, st.text(max_size=12), st.sampled_from(STATUSES), st.floats(0, 1e5), st.floats(0, 1e5)),
            max_size=20,
        ),
        st.floats(),
        st.integers(-1, 120),
        st.integers(-1, 30),
        st.text(max_size=2),
    )
    def test_it_keeps_to_its_size(self, bars: list[Bar], now: float, width: int, height: int, selected: str) -> None:
        assert_size(gantt_rows(bars, now, width, height, selected), width, height)
