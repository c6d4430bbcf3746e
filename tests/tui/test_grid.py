"""The grid: what it draws, and how little it repaints."""

from collections.abc import Sequence

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from mlops_console.tui import themes
from mlops_console.tui.widgets.grid import Grid
from mlops_console.tui.widgets.rows import Cell, Column, ListSource, Row

COLUMNS = (Column("name", "NAME"), Column("auc", "AUC", "decimal"), Column("note", "NOTE", flex=1))


def rows(count: int, value: float = 0.5) -> list[Row]:
    return [Row(f"r{n}", (Cell(f"run-{n}"), Cell(str(value)), Cell("note", "muted"))) for n in range(count)]


class GridApp(App[None]):
    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.messages: list[object] = []
        self.wished: list[str] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.variables()

    def compose(self) -> ComposeResult:
        yield self.grid

    def on_grid_sort_wished(self, event: Grid.SortWished) -> None:
        self.wished.append(event.column)

    def on_grid_moved(self, event: Grid.Moved) -> None:
        self.messages.append(event.row.key if event.row else None)


def text(pilot: Pilot[None]) -> list[str]:
    strips = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


async def test_it_draws_header_rows_cursor_and_marks() -> None:
    app = GridApp(Grid(markable=True))
    async with app.run_test(size=(60, 8)) as pilot:
        app.grid.update(ListSource(COLUMNS, rows(3)), order="auc", descending=True)
        await pilot.press("space")
        await pilot.pause()
        lines = text(pilot)
        assert "AUC ▼" in lines[0]
        assert lines[1].startswith(" ◆ run-0")
        assert lines[2].startswith("▌  run-1")
        assert list(app.grid.marks) == ["r0"]


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (3, 2), (200, 50)])
async def test_any_size_and_300_columns_do_no_harm(size: tuple[int, int]) -> None:
    wide = [Column(str(n), f"column {n}") for n in range(300)]
    app = GridApp(Grid())
    async with app.run_test(size=size) as pilot:
        app.grid.update(ListSource(wide, [Row("a", tuple(Cell("x" * 9) for _ in wide))]))
        for key in ("right", "right", "right", "left", "G", "g", "pagedown"):
            await pilot.press(key)
        await pilot.pause()
        assert len(text(pilot)) == size[1]


async def test_columns_that_do_not_fit_are_counted_and_reached() -> None:
    wide = [Column(str(n), f"column {n}") for n in range(30)]
    app = GridApp(Grid())
    async with app.run_test(size=(50, 4)) as pilot:
        app.grid.update(ListSource(wide, [Row("a", tuple(Cell("x") for _ in wide))]))
        await pilot.pause()
        assert "+26 ›" in text(pilot)[0]
        for _ in range(26):
            await pilot.press("right")
        await pilot.pause()
        assert "column 0" in text(pilot)[0]
        assert "column 29" in text(pilot)[0]
        assert "‹" in text(pilot)[0]


async def test_one_changed_cell_repaints_that_cell_only(monkeypatch: pytest.MonkeyPatch) -> None:
    app = GridApp(Grid())
    async with app.run_test(size=(60, 12)) as pilot:
        app.grid.update(ListSource(COLUMNS, rows(5)))
        await pilot.pause()
        painted: list[Sequence[Region]] = []
        monkeypatch.setattr(app.grid, "refresh", lambda *regions, **_: painted.append(regions))
        app.grid.update(ListSource(COLUMNS, rows(5)))
        assert painted == []
        changed = rows(5)
        changed[2] = Row("r2", (Cell("run-2"), Cell("0.7"), Cell("note", "muted")))
        app.grid.update(ListSource(COLUMNS, changed))
        assert len(painted) == 1
        (region,) = painted[0]
        assert (region.y, region.height) == (3, 1)
        assert region.width < 10


async def test_the_cursor_stays_on_its_row_when_rows_come_before_it() -> None:
    app = GridApp(Grid())
    async with app.run_test(size=(60, 12)) as pilot:
        app.grid.update(ListSource(COLUMNS, rows(5)))
        await pilot.press("j", "j")
        app.grid.update(ListSource(COLUMNS, [Row("new", rows(1)[0].cells), *rows(5)]))
        assert app.grid.row is not None
        assert app.grid.row.key == "r2"
        assert app.grid.cursor == 3


async def test_a_cursor_that_never_left_the_top_stays_there() -> None:
    app = GridApp(Grid())
    async with app.run_test(size=(60, 12)) as pilot:
        app.grid.update(ListSource(COLUMNS, rows(5)))
        await pilot.pause()
        app.grid.update(ListSource(COLUMNS, [Row("new", rows(1)[0].cells), *rows(5)]))
        await pilot.pause()
        assert app.grid.row is not None
        assert app.grid.row.key == "new"
        assert app.messages[-1] == "new"


async def test_rows_that_vanish_leave_the_cursor_on_a_row() -> None:
    app = GridApp(Grid())
    async with app.run_test(size=(60, 12)) as pilot:
        app.grid.update(ListSource(COLUMNS, rows(50)))
        await pilot.press("G")
        app.grid.update(ListSource(COLUMNS, rows(2)))
        await pilot.pause()
        assert app.grid.row is not None
        assert app.grid.row.key == "r1"
        app.grid.update(ListSource(COLUMNS, ()))
        await pilot.pause()
        assert app.grid.row is None
        assert app.messages[-1] is None


class Million:
    """A source that has a million rows and counts what is asked of it."""

    columns = COLUMNS
    count = 1_000_000

    def __init__(self) -> None:
        self.asked = 0

    def rows(self, offset: int, limit: int) -> Sequence[Row | None]:
        found = range(offset, min(offset + limit, self.count))
        self.asked += len(found)
        return [Row(f"r{n}", (Cell(f"run-{n}"), Cell("0.5"), Cell(""))) for n in found]

    def peek(self, index: int) -> Row | None:
        return next(iter(self.rows(index, 1)), None)


async def test_a_million_rows_are_only_asked_for_what_is_seen() -> None:
    app = GridApp(Grid())
    source = Million()
    async with app.run_test(size=(60, 12)) as pilot:
        app.grid.update(source)
        await pilot.press("G")
        await pilot.pause()
        assert any("run-999999" in line for line in text(pilot))
        await pilot.press("k", "pageup", "g")
        await pilot.pause()
        assert "run-0" in text(pilot)[1]
        assert source.asked < 2000


class Late(Million):
    """A source whose rows are not here yet."""

    def rows(self, offset: int, limit: int) -> Sequence[Row | None]:
        return [None] * min(limit, 5)


async def test_rows_that_are_not_here_yet_are_drawn_as_such() -> None:
    app = GridApp(Grid())
    async with app.run_test(size=(60, 6)) as pilot:
        app.grid.update(Late())
        await pilot.press("j")
        await pilot.pause()
        assert "…" in text(pilot)[1]


async def test_an_empty_grid_teaches() -> None:
    app = GridApp(Grid(empty=("No run yet", "t trains one.")))
    async with app.run_test(size=(40, 8)) as pilot:
        assert any("Reading…" in line for line in text(pilot))
        app.grid.update(ListSource(COLUMNS))
        await pilot.pause()
        assert any("No run yet" in line for line in text(pilot))
        assert any("t trains one." in line for line in text(pilot))


async def test_a_click_moves_the_cursor_and_a_title_sorts() -> None:
    app = GridApp(Grid())
    async with app.run_test(size=(60, 12)) as pilot:
        app.grid.update(ListSource(COLUMNS, rows(5)))
        await pilot.click(Grid, offset=(5, 3))
        assert app.grid.cursor == 2
        await pilot.click(Grid, offset=(4, 0))
        await pilot.pause()
        assert app.wished == ["name"]


def test_lists_filter_and_sort_with_unknown_values_last() -> None:
    found = [Row(k, (Cell(k), Cell(t, "", v))) for k, t, v in (("a", "–", None), ("b", "2", 2), ("c", "10", 10))]
    columns = (Column("k", "K"), Column("v", "V"))
    for descending, expected in ((False, ["b", "c", "a"]), (True, ["c", "b", "a"])):
        source = ListSource(columns, found, order="v", descending=descending)
        assert [row.key for row in source.rows(0, 9)] == expected
    assert [row.key for row in ListSource(columns, found, contains="10").rows(0, 9)] == ["c"]
