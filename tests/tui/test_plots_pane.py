"""The plots of a run: chosen by keys, drawn in any size, harmless whatever is in their files."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

import mlops_console as mlops
from mlops_console.core import plots
from mlops_console.core.plots import Bars, Lines, Matrix, Plot, to_json
from mlops_console.store import artifacts
from mlops_console.store.workspace import Workspace
from mlops_console.tui import themes
from mlops_console.tui.screens.runs.plot_reading import read_plots
from mlops_console.tui.screens.runs.plot_rows import plot_rows
from mlops_console.tui.screens.runs.plots import PlotsPane
from mlops_console.tui.widgets.chart_paint import plain
from tests.tui.helpers import screen_text

CURVE = [at / 100 for at in range(101)]
ROC = Lines("ROC curve", "false positive rate", "true positive rate",
            [("1: AUC 0.8667", CURVE, [math.sqrt(x) for x in CURVE])], diagonal=True)  # fmt: skip
CURVES = Lines(
    "Precision and recall",
    "recall",
    "precision",
    [(f"class {name}: AP 0.9{name}", CURVE, [1 - x ** (name + 2) for x in CURVE]) for name in range(3)],
)
MATRIX = Matrix("Confusion: rows true, columns predicted", ["benign", "malignant"], [[1052, 3], [14, 74]])
BARS = Bars("Feature importances", [(f"feature {at}", 0.5**at) for at in range(30)])
ALL = [
    ("feature_importances", BARS),
    ("test/confusion_matrix", MATRIX),
    ("test/curves", CURVES),
    ("test/roc_curve", ROC),
]


class PaneApp(App[None]):
    CSS = "PlotsPane { border: round $line; }"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.variables()

    def compose(self) -> ComposeResult:
        yield PlotsPane()


async def test_keys_choose_the_plot() -> None:
    async with PaneApp().run_test(size=(80, 24), notifications=True, tooltips=True) as pilot:
        pane = pilot.app.query_one(PlotsPane)
        pane.show(ALL)
        await pilot.pause()
        text = screen_text(pilot)
        assert "Feature importances" in text
        assert "+ 16 more" in text
        await pilot.press("tab", "j")
        await pilot.pause()
        text = screen_text(pilot)
        assert "█ 1,052" in text
        assert "84.1%" in text
        await pilot.press("G")
        await pilot.pause()
        assert "ROC curve · 1: AUC 0.8667 · true positive rate by false positive rate" in screen_text(pilot)


async def test_the_choice_stays_from_run_to_run() -> None:
    async with PaneApp().run_test(size=(80, 24), notifications=True, tooltips=True) as pilot:
        pane = pilot.app.query_one(PlotsPane)
        pane.show(ALL)
        await pilot.press("tab", "G")
        await pilot.pause()
        pane.show([("test/roc_curve", ROC), ("z", MATRIX)])
        await pilot.pause()
        assert "AUC" in screen_text(pilot)
        pane.show([("only", MATRIX)])
        await pilot.pause()
        assert "1,052" in screen_text(pilot)


async def test_without_plots_it_teaches() -> None:
    async with PaneApp().run_test(size=(60, 16), notifications=True, tooltips=True) as pilot:
        pane = pilot.app.query_one(PlotsPane)
        pane.show(ALL)
        await pilot.pause()
        pane.show([])
        await pilot.pause()
        text = screen_text(pilot)
        assert "mlops.autolog()" in text
        assert "run.log_plot" in text
        assert "Feature importances" not in text


async def test_what_can_not_be_read_says_why() -> None:
    async with PaneApp().run_test(size=(80, 24), notifications=True, tooltips=True) as pilot:
        pilot.app.query_one(PlotsPane).show([("x\x1b[31m", "The plot's file is no JSON.")])
        await pilot.pause()
        text = screen_text(pilot)
        assert "The plot's file is no JSON." in text
        assert "\x1b" not in text
        assert "unreadable" in text


class TestRows:
    def test_a_matrix_is_a_table_with_sums_and_shares(self) -> None:
        assert [line.rstrip() for line in plain(plot_rows(MATRIX, 60, 6)).splitlines()] == [
            "Confusion: rows true, columns predicted",
            "            benign  malignant    sum   right",
            "benign     █ 1,052        ░ 3  1,055   99.7%",
            "malignant     ░ 14       █ 74     88   84.1%",
            "sum          1,066         77  1,143   98.5%",
            "",
        ]

    def test_a_matrix_with_too_little_room_says_what_is_left_out(self) -> None:
        matrix = Matrix("t", [f"class {at}" for at in range(30)], [[1000 + at] * 30 for at in range(30)])
        text = plain(plot_rows(matrix, 40, 12))
        assert "+28" in text.splitlines()[1]
        assert "+ 21 more classes" in text

    def test_an_empty_class(self) -> None:
        text = plain(plot_rows(Matrix("t", ["a", "b"], [[0, 0], [0, 0]]), 40, 6))
        assert "·" in text
        assert "–" in text

    def test_the_diagonal_goes_from_corner_to_corner(self) -> None:
        flat = Lines("t", "x", "y", [("a", [0, 1], [0, 0])], diagonal=True)
        rows = plot_rows(flat, 40, 12)
        muted = ["".join(ink.text for ink in row if ink.role == "muted").strip() for row in rows[1:-3]]
        assert all(any("⠀" < glyph <= "⣿" for glyph in text) for text in muted)

    def test_bars_below_zero_differ(self) -> None:
        rows = plot_rows(Bars("t", [("a", 1.0), ("b", -1.0)]), 30, 4)
        assert [next(ink.role for ink in row if "█" in ink.text) for row in rows[1:3]] == ["current", "warn"]
        assert "-1.0000" in plain(rows)

    @pytest.mark.parametrize("plot", [ROC, CURVES, MATRIX, BARS, "no"])
    @given(width=st.integers(0, 90), height=st.integers(0, 30))
    def test_every_size_is_filled_exactly(self, plot: Plot | str, width: int, height: int) -> None:
        check(plot, width, height)

    @given(
        labels=st.lists(st.text(max_size=30), min_size=1, max_size=30),
        values=st.lists(st.integers(0, 2**53), min_size=1, max_size=900),
        size=st.tuples(st.integers(1, 120), st.integers(1, 40)),
    )
    def test_any_matrix_and_bars(self, labels: list[str], values: list[int], size: tuple[int, int]) -> None:
        count = len(labels)
        rows = [[values[(at * count + to) % len(values)] for to in range(count)] for at in range(count)]
        check(Matrix("t", labels, rows), *size)
        check(Bars("t", [(label, float(values[at % len(values)])) for at, label in enumerate(labels)]), *size)

    @given(
        label=st.text(max_size=30),
        points=st.lists(
            st.tuples(
                st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False)
            ),
            min_size=1,
            max_size=30,
        ),
        diagonal=st.booleans(),
        size=st.tuples(st.integers(1, 120), st.integers(1, 40)),
    )
    def test_any_lines(
        self, label: str, points: list[tuple[float, float]], diagonal: bool, size: tuple[int, int]
    ) -> None:
        line = (label, [x for x, _ in points], [y for _, y in points])
        check(Lines(label, label, label, [line, line], diagonal), *size)


def check(plot: Plot | str, width: int, height: int) -> None:
    rows = plot_rows(plot, width, height)
    assert len(rows) == (height if width else 0)
    for row in rows:
        assert sum(cell_len(ink.text) for ink in row) == width
        assert not any(character in ink.text for ink in row for character in "\x1b\n\t\r")


def test_reading(workspace: Workspace) -> None:
    with mlops.start_run(workspace=workspace) as run:
        run.log_plot("test/roc", ROC)
        run.log_plot("a", MATRIX)
        other = workspace.root / "other.json"
        other.write_text("{}")
        run.log_artifact(other)
        run.log_artifact(other, "plots/damaged.json")
    with workspace.store.write() as tx:
        artifacts.add(tx, run.id, "plots/gone.json", "0" * 64, 5)
        artifacts.add(tx, run.id, "plots/huge.json", "1" * 64, plots.SIZE + 1)
    found = read_plots(workspace, run.id)
    assert found.run_id == run.id
    assert [name for name, _ in found.plots] == ["a", "damaged", "gone", "huge", "test/roc"]
    texts = dict(found.plots)
    assert (texts["a"], texts["test/roc"]) == (MATRIX, ROC)
    assert texts["damaged"] == "The plot's file holds no plot that is known here."
    assert str(texts["gone"]).startswith("Object 000000000000… is missing")
    assert "more than 1,000,000" in str(texts["huge"])


def test_reading_stops_somewhere(workspace: Workspace) -> None:
    with mlops.start_run(workspace=workspace) as run:
        pass
    sha256, size = workspace.objects.put_bytes(to_json(MATRIX)), 10
    with workspace.store.write() as tx:
        for at in range(103):
            artifacts.add(tx, run.id, f"plots/{at:03d}.json", sha256, size)
    found = read_plots(workspace, run.id).plots
    assert len(found) == 101
    assert found[-1] == ("…", "3 more plots are kept as artifacts; the first 100 are shown.")
