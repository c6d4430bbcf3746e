"""Foreign text makes no Markdown of its own."""

import pytest

from mlops_console.core.markdown import inline, paragraph, table


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a|b", "a\\|b"),
        ("[x](http://evil)", "\\[x](http://evil)"),
        ("![x](y)", "!\\[x](y)"),
        ("<script>", "&lt;script>"),
        ("&lt;", "&amp;lt;"),
        ("**bold** _it_ `code` ~~gone~~", "\\*\\*bold\\*\\* \\_it\\_ \\`code\\` \\~\\~gone\\~\\~"),
        ("a\nb\x1b[2J", "a␤b␛\\[2J"),
    ],
)
def test_inline(text: str, told: str) -> None:
    assert inline(text) == told


def test_a_paragraph_is_a_quotation_line_by_line() -> None:
    found = paragraph("# Title\n\n- item\n   1. one\n> quoted\n===\n<!-- -->\nplain\x00")
    assert found.splitlines() == [
        "> \\# Title",
        ">",
        "> \\- item",
        "> 1\\. one",
        "> \\> quoted",
        "> \\===",
        "> &lt;!-- -->",
        "> plain␀",
    ]


def test_cells_stay_in_their_row() -> None:
    assert table(("A", "B"), [("x|y\nz", 1)]) == "| A | B |\n| --- | --- |\n| x\\|y␤z | 1 |"
