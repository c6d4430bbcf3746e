"""Windows as people write them."""

import pytest

from mlops_console.core.windows import MOST_ROWS, Window, parse_window


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("30m", Window(seconds=1800)),
        ("1 row", Window(rows=1)),
        (" 5,000 rows ", Window(rows=5000)),
        ("5_000rows", Window(rows=5000)),
        (f"{MOST_ROWS} rows", Window(rows=MOST_ROWS)),
    ],
)
def test_windows_are_spans_or_numbers_of_rows(text: str, window: Window) -> None:
    assert parse_window(text) == window


@pytest.mark.parametrize(
    "text", ["", "0 rows", ", rows", "-5 rows", "0s", "5000", "rows", "1.5 rows", "9" * 30 + " rows"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"window|neither"):
        parse_window(text)
