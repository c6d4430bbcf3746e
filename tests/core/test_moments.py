"""Points in time as people write them."""

import datetime as dt

import pytest

from mlops_console.core.errors import UsageError
from mlops_console.core.moments import moment


def test_iso_times_and_spans() -> None:
    assert moment("2026-03-03T12:00+00:00", "--at") == dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC).timestamp()
    assert moment("2026-03-03", "--at") == dt.datetime(2026, 3, 3).astimezone().timestamp()
    assert moment("2h", "--not-before", 100.0) == 7300.0


@pytest.mark.parametrize(("text", "now"), [("soon", None), ("2h", None), ("", 5.0), ("tomorrow", 5.0)])
def test_nonsense_is_told(text: str, now: float | None) -> None:
    with pytest.raises(UsageError, match=f"--at {text!r} is no time"):
        moment(text, "--at", now)
