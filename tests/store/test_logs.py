"""The end of a log file, whatever is in it."""

import time
from pathlib import Path

from mlops_console.store.logs import LINE_LIMIT, tail


def test_no_file_and_an_empty_one_are_told_apart(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.log") is None
    (tmp_path / "empty.log").write_text("")
    found = tail(tmp_path / "empty.log")
    assert found is not None
    assert found.lines == ()


def test_the_last_lines_come_whole(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    found = tail(log, limit=1000)
    assert found is not None
    assert found.lines[-1] == "line 99999"
    assert all(line.startswith("line ") for line in found.lines)
    assert found.skipped + sum(len(line) + 1 for line in found.lines) == found.size


def test_a_line_of_ten_megabytes_is_cut_and_says_so(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("x" * 10_000_000 + "\nend\n")
    began = time.monotonic()
    found = tail(log, limit=20_000_000)
    assert time.monotonic() - began < 1.0
    assert found is not None
    assert found.lines[-1] == "end"
    assert len(found.lines[0]) < LINE_LIMIT + 60
    assert "9,996,000 more characters" in found.lines[0]


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"\xff\xfe\x00 broken \x9b31m\n")
    found = tail(log)
    assert found is not None
    assert "broken" in found.lines[0]


def test_a_progress_bar_shows_its_last_state(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"10%\r50%\r100%\ndone\r\n")
    found = tail(log)
    assert found is not None
    assert found.lines == ("100%", "done")
