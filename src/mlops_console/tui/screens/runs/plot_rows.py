"""Plots as rows of text: pure functions of the plot and the size."""

from rich.cells import cell_len

from mlops_console.core.plots import Bars, Lines, Matrix, Plot
from mlops_console.core.text import number, safe_line
from mlops_console.tui.widgets.bars import horizontal_bar
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit, fit_row, message_rows, row_of
from mlops_console.tui.widgets.chart_raster import Raster, strokes
from mlops_console.tui.widgets.line_data import LineData, Series
from mlops_console.tui.widgets.line_rows import lay_out, line_chart_rows

_SHADES = "░▒▓█"
_GAP = 2
_LABEL = 12  # cells of a class's name above its column, at most
_SUM = "sum"
_RIGHT = "right"


def plot_rows(plot: Plot | str, width: int, height: int) -> tuple[Row, ...]:
    """Exactly `height` rows of `width` cells; a text is the reason why there is no plot."""
    if width < 1 or height < 1:
        return ()
    match plot:
        case Lines():
            return _lines(plot, width, height)
        case Matrix():
            rows = _matrix(plot, width, height)
        case Bars():
            rows = _bars(plot, width, height)
        case str():
            return message_rows(safe_line(plot, 300), width, height)
    blank = ((Ink(" " * width),),) * max(height - len(rows), 0)
    return (*rows[:height], *blank)


def _lines(plot: Lines, width: int, height: int) -> tuple[Row, ...]:
    """A lone line's label stands in the head, those of several in the legend, without their last values."""
    axes = f"{plot.y_label} by {plot.x_label}"
    alone = (plot.lines[0].label,) if len(plot.lines) == 1 else ()
    data = LineData(
        tuple(Series(line.label, line.xs, line.ys) for line in plot.lines),
        include=(0.0, 1.0) if plot.diagonal else (),
        x_axis="number",
        x_label=plot.x_label,
        x_range=(0.0, 1.0) if plot.diagonal else None,
        figures=False,
        head=((plot.title, *alone, axes),),
    )
    rows = line_chart_rows(data, width, height)
    return _with_diagonal(rows, data, width, height) if plot.diagonal else rows


def _with_diagonal(rows: tuple[Row, ...], data: LineData, width: int, height: int) -> tuple[Row, ...]:
    """The line from (0, 0) to (1, 1), muted, wherever nothing else is drawn."""
    sheet = lay_out(data, width, height)
    if sheet is None:
        return rows
    raster = Raster(sheet.width, sheet.height)
    for stroke in strokes([(0.0, 0.0), (1.0, 1.0)], sheet.frame):
        raster.draw(stroke, 0)
    top = len(sheet.head) + len(sheet.legend)
    found = list(rows)
    for y in range(sheet.height):
        cells = [character for ink in rows[top + y] for character in ink.text]
        roles = [ink.role for ink in rows[top + y] for _ in ink.text]
        for x in range(sheet.width):
            glyph = raster.character(x, y)
            if glyph and cells[sheet.gutter + x] == " ":
                cells[sheet.gutter + x], roles[sheet.gutter + x] = glyph, "muted"
        found[top + y] = row_of(cells, roles)
    return tuple(found)


def _matrix(plot: Matrix, width: int, height: int) -> list[Row]:
    """A row a class: its counts, shaded by their share of the row, their sum, and the share on the diagonal."""
    names = [safe_line(label) for label in plot.labels]
    side = min(max(map(cell_len, (*names, _SUM))), max(width // 4, 4))
    sums = [sum(row) for row in plot.rows]
    ends = [(_sum_width(plot), _SUM), (6, _RIGHT)]
    figures = [max(len(number(row[at])) for row in (*plot.rows, _totals(plot))) + 2 for at in range(len(names))]
    shown, widths, ends = _columns(names, figures, ends, width - side)
    rows: list[Row] = [fit_row([Ink(safe_line(plot.title), "strong")], width)]
    more = f"  +{len(names) - shown}" if shown < len(names) else ""
    head = [Ink(" " * side), *(Ink(_right(name, wide)) for name, wide in zip(names, widths, strict=False))]
    rows.append(
        fit_row([*head, *(Ink(_right(title, wide), "muted") for wide, title in ends), Ink(more, "muted")], width)
    )
    room = height - 3  # title, head and the last row
    fitting = len(names) if len(names) <= room else max(room, 0)
    for at in range(fitting):
        row = plot.rows[at]
        cells = [_cell(row[to], sums[at], widths[to], on_diagonal=at == to) for to in range(shown)]
        right = f"{row[at] / sums[at]:.1%}" if sums[at] else "–"
        tail = [Ink(_right({_SUM: number(sums[at]), _RIGHT: right}[title], wide), "muted") for wide, title in ends]
        rows.append(fit_row([Ink(fit(names[at], side)), *cells, *tail], width))
    if fitting < len(names):
        rows.append(fit_row([Ink(f"+ {len(names) - fitting} more classes", "muted")], width))
        return rows
    last = [Ink(_right(number(total), wide), "muted") for total, wide in zip(_totals(plot), widths, strict=False)]
    tail = [Ink(_right({_SUM: number(sum(sums)), _RIGHT: _right_of(plot)}[title], wide)) for wide, title in ends]
    rows.append(fit_row([Ink(fit(_SUM, side), "muted"), *last, *tail], width))
    return rows


def _columns(
    names: list[str], figures: list[int], ends: list[tuple[int, str]], room: int
) -> tuple[int, list[int], list[tuple[int, str]]]:
    """How many classes have a column, how wide each is, and which of the sums have room beside them.

    Names give way first, then the sums, then the last classes.
    """
    for most in range(_LABEL, 1, -1):
        widths = [max(wide, min(cell_len(name), most)) for name, wide in zip(names, figures, strict=True)]
        for kept in [ends] if most > 2 else [ends, ends[:1], []]:
            need = sum(wide + _GAP for wide in widths) + sum(wide + _GAP for wide, _ in kept)
            if need <= room:
                return len(names), [wide + _GAP for wide in widths], [(wide + _GAP, title) for wide, title in kept]
    shown, left = 0, room - 5
    while shown < len(figures) and figures[shown] + _GAP <= left:
        left -= figures[shown] + _GAP
        shown += 1
    shown = max(shown, 1)
    return shown, [wide + _GAP for wide in figures[:shown]], []


def _cell(count: int, of: int, width: int, *, on_diagonal: bool) -> Ink:
    """The count behind a glyph as dark as its share; none is a dot."""
    if count == 0:
        return Ink(_right("·", width), "muted")
    shade = _SHADES[min(int(count / of * len(_SHADES)), len(_SHADES) - 1)]
    return Ink(_right(f"{shade} {number(count)}", width), "current" if on_diagonal else "warn")


def _totals(plot: Matrix) -> list[int]:
    return [sum(row[at] for row in plot.rows) for at in range(len(plot.labels))]


def _sum_width(plot: Matrix) -> int:
    return max(len(number(sum(sum(row) for row in plot.rows))), len(_SUM))


def _right_of(plot: Matrix) -> str:
    total = sum(sum(row) for row in plot.rows)
    return f"{sum(row[at] for at, row in enumerate(plot.rows)) / total:.1%}" if total else "–"


def _bars(plot: Bars, width: int, height: int) -> list[Row]:
    """A row a bar: label, bar, figure. Those below zero are drawn by their size, in another colour."""
    rows: list[Row] = [fit_row([Ink(safe_line(plot.title), "strong")], width)]
    room = height - 1
    shown = plot.bars if len(plot.bars) <= room else plot.bars[: max(room - 1, 0)]
    top = max((abs(value) for _, value in plot.bars), default=0.0)
    labels = [safe_line(label) for label, _ in shown]
    figures = [_figure(value, top) for _, value in shown]
    side = min(max(map(cell_len, labels), default=0), max(width // 3, 4))
    wide = max(map(len, figures), default=0)
    for label, figure, (_, value) in zip(labels, figures, shown, strict=True):
        space = max(width - side - wide - 2, 0)
        bar = horizontal_bar(abs(value) / top if top else 0.0, 1.0, space)
        role = "warn" if value < 0 else "current"
        rows.append(
            fit_row([Ink(fit(label, side)), Ink(" "), Ink(bar, role), Ink(" "), Ink(fit(figure, wide, "right"))], width)
        )
    if len(shown) < len(plot.bars):
        rows.append(fit_row([Ink(f"+ {len(plot.bars) - len(shown)} more", "muted")], width))
    return rows


def _figure(value: float, top: float) -> str:
    """With as many decimals as the others have, unless it, or all of them, are very large or small."""
    if not 0.01 <= top < 1e6:
        return number(value)
    return f"{value:.0e}" if 0 < abs(value) < 0.00005 else f"{value:,.{4 if top < 100 else 2}f}"


def _right(text: str, width: int) -> str:
    return fit(text, width, "right") if cell_len(text) < width else " " + fit(text, width - 1, "right")
