"""Making text fit a screen."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mlops_console.tui.widgets.fit import GAP, cut, fit, place, wrap
from mlops_console.tui.widgets.rows import Cell, Column

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Mn", "Me", "Cf", "Mc", "Lm", "Sk")), max_size=60)


@given(TEXT, st.integers(0, 70), st.sampled_from(["left", "right", "decimal"]), st.integers(0, 6))
def test_fitted_text_has_exactly_the_width(text: str, width: int, align: str, decimals: int) -> None:
    assert cell_len(fit(text, width, align, decimals)) == width  # type: ignore[arg-type]


@given(TEXT, st.integers(1, 70))
def test_cut_text_keeps_both_ends(text: str, width: int) -> None:
    found = cut(text, width)
    assert cell_len(found) <= width
    if cell_len(text) > width >= 7 and text.isascii():
        assert found[0] == text[0]
        assert found[-1] == text[-1]
        assert "…" in found


@given(TEXT, st.integers(2, 70))
def test_wrapped_text_is_whole_and_no_line_too_wide(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_words_are_wrapped_by_their_cells() -> None:
    assert wrap("金額の合計 has moved", 12) == ["金額の合計", "has moved"]
    assert wrap("金額の合計", 4) == ["金額", "の合", "計"]
    assert wrap("", 4) == [""]


def test_decimal_points_stand_under_each_other() -> None:
    texts = [fit(text, 10, "decimal", 5) for text in ("0.9421", "12.3", "7", "1,204.75")]
    assert {text.index(".") for text in texts if "." in text} == {5}
    assert texts[2].rstrip().endswith("7")
    assert len(texts[2].rstrip()) == 5


@given(
    st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=300),
    st.integers(1, 250),
    st.integers(1, 20),
)
def test_columns_never_overlap_nor_leave_the_screen(shapes: list[tuple[int, bool]], width: int, first: int) -> None:
    columns = [Column(str(at), "T" * (wide // 2), flex=int(flex), least=2) for at, (wide, flex) in enumerate(shapes)]
    rows = [[Cell("x" * wide) for wide, _ in shapes]]
    placed, more = place(columns, rows, width, 3, first, {})
    assert placed[0].index == 0
    assert len(placed) + more == 1 + len(columns[max(first, 1) :])
    for one, other in itertools.pairwise(placed):
        assert one.x + one.width + GAP <= other.x
    if len(placed) > 1:
        assert placed[-1].x + placed[-1].width <= width
