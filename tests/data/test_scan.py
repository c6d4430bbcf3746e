"""Schema, profile and hash of a file."""

import bz2
import csv
import gzip
import hashlib
import io
import json
import lzma
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.datasets import dtype_name, kind_of
from mlops_console.core.errors import JobStopped, NotFoundError, UsageError
from mlops_console.data import scan as scanning
from mlops_console.data.frames import as_frame
from mlops_console.data.profile import QUANTILES, profile, schema
from mlops_console.data.scan import scan


def write(folder: Path, content: bytes | str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def plainly(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """What `profile` should say, reckoned the slow and obvious way."""
    return {name: _plainly(frame[name]) for name in frame.columns}


def _plainly(column: "pd.Series[Any]") -> dict[str, Any]:
    missing, kind = int(column.isna().sum()), kind_of(dtype_name(column.dtype))
    found: dict[str, Any] = {"kind": kind, "count": len(column) - missing, "missing": missing}
    if kind == "categorical":
        counts = Counter(str(value)[:200] for value in column.dropna())
        top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:20]
        return found | {"unique": len(counts), "top": [list(item) for item in top]}
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = values[~np.isnan(values)]
    if not len(values):
        return found | {"unique": 0, "mean": None, "std": None, "min": None, "max": None, "quantiles": {}}
    with np.errstate(invalid="ignore", over="ignore"):
        std = values.std(ddof=1) if len(values) > 1 else 0.0
        figures = {"mean": values.mean(), "std": std, "min": values.min(), "max": values.max()}
        quantiles = zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)
        finite = {name: float(value) if np.isfinite(value) else None for name, value in figures.items()}
        shares = {str(share): float(value) if np.isfinite(value) else None for share, value in quantiles}
    return found | {"unique": len(np.unique(values))} | finite | {"quantiles": shares}


def assert_same_figures(found: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]) -> None:
    """Mean and standard deviation nearly, everything else exactly."""
    assert list(found) == list(expected)
    for name in found:
        ours, theirs = dict(found[name]), dict(expected[name])
        for figure in ("mean", "std"):
            assert ours.pop(figure, None) == pytest.approx(theirs.pop(figure, None), rel=1e-9, abs=0)
        assert ours == theirs


def assert_as_read(path: Path) -> None:
    frame = as_frame(path)
    found = scan(path)
    assert (found.rows, found.columns) == frame.shape
    assert found.schema == schema(frame)
    assert_same_figures(found.profile, plainly(frame))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    json.dumps(found.profile, allow_nan=False)


def test_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, "n,t,b\n1,x,true\n2.5,y,false\n,x,true\n")
    found = scan(path)
    assert (found.rows, found.columns) == (3, 3)
    assert found.schema == {"n": "float64", "t": "object", "b": "bool"}
    assert (found.profile["n"]["mean"], found.profile["n"]["missing"]) == (1.75, 1)
    assert found.profile["t"]["top"] == [["x", 2], ["y", 1]]
    assert_as_read(path)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n",
        "a\n1\n",
        "a,b\n1,2",
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\r1,2\r3,4\r",
        "\ufeffa,b\n1,2\n",
        '\ufeff"a","b"\n1,2\n',
        "\n\na,b\n\n1,2\n  \n3,4\n\n",
        'a,b\n1,"x,y"\n2,"p\nq"\n3,"say ""hi"""\n4,""\n',
        'a,b\r\n1,"x\ny"\r\n2,z\r\n',
        'a,b\n5" pipe,2\n6" pipe,"x,y"\n',
        'a,b\n"x"y,2\n""z"q,3\n',
        '"a,1","b\n2"\n1,2\n',
        ",,a\n1,2,3\n",
        "a,b\n,\n,\n",
        "a,b\nNA,null\nnan,\n",
        "a,b\n1180591620717411303424,2\n1,3\n",
        "a,b\n18446744073709551615,-1\n5,9223372036854775807\n",
        "when,b\n2026-03-01,1\n2026-03-02,2\n",
        "a,b\ninf,1\n-inf,2\n",
        "a,b\n名,é\n🙂,é\n",
        "a\n" + "".join(f"{'x' * 200}{n}\n" for n in range(30)),
        "a\n" + "".join(f"t{n}\n" for n in range(100)),
        "a\n" + "".join(f"t{n % 40}\n" for n in range(1000)),
        'a.b,it\'s,"q"""\n1,2,3\n',
    ],
)
def test_files_of_all_kinds(tmp_path: Path, text: str) -> None:
    assert_as_read(write(tmp_path, text))


@pytest.mark.parametrize("block", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "text", ['a,b\r\n1,"x\r\n,y"\r\n2,"say ""hi"""\r\n', "a,b\r1,2\r", 'a,b\n1,"\r"\n2,"\n"\n', 'a,b\n"",""\n']
)
def test_whatever_the_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, block: int) -> None:
    path = write(tmp_path, text)
    monkeypatch.setattr(scanning, "_BLOCK", block)
    monkeypatch.setattr(scanning, "_check_widths", lambda _: pytest.fail("the rows need no second look"))
    assert_as_read(path)


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_packed_files(tmp_path: Path, suffix: str, pack: Any) -> None:
    assert_as_read(write(tmp_path, pack(b"a,b\n1,x\n"), f"a.csv{suffix}"))
    for broken in (pack(b"a,b\n1,x\n")[:-6], b"a,b\n"):
        with pytest.raises(UsageError, match="can't be read as a table"):
            scan(write(tmp_path, broken, f"a.csv{suffix}"))
    with pytest.raises(UsageError, match="line 2"):
        scan(write(tmp_path, pack(b"a,b\n1\n"), f"a.csv{suffix}"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"PAR1....", "is a Parquet file"),
        (b"\x89PNG\0\0", "NUL bytes"),
        ("a,b\n1,2\n".encode("utf-16"), "NUL bytes"),
        (b"a,a\n1,2\n", "has two columns 'a'"),
        (b'a,"a"\n1,2\n', "has two columns 'a'"),
        (b"a,b\n1,\xff\n", "is not UTF-8: byte 0xff in line 2"),
        (b"a\xff,b\n1,2\n", "is not UTF-8: byte 0xff in line 1"),
        (b"a,b\n1,2\n3,\xc3\n", "is not UTF-8: byte 0xc3 in line 3"),
        (b"a,b\r\n1,2\n", r"mixed line endings: \\n and \\r\\n"),
        (b"a,b\r\n1,2\r3,4\r\n", r"mixed line endings: \\r and \\r\\n"),
        (b"a,b\n1,2\n3,4\r", r"mixed line endings: \\n and \\r"),
        (b"a,b\n1,2,3\n", "line 2: 3 fields, but the header has 2"),
        (b"a,b\n1,2,\n", "line 2: 3 fields"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: 3 fields"),
        (b"a,b\n1,2\n3\n", "line 3: 1 field, but the header has 2"),
        (b"a,b\n1,2,3\n4,5\n", "line 2: 3 fields"),
        (b'a,b\n1,"x\ny"\n\n1,2,3\n', "line 5: 3 fields"),
        (b'a,b\n1,"x\n,y"\n1\n', "line 4: 1 field"),
        (b'a,b\n5" pipe,1\n5" pipe\n', "line 3: 1 field"),
        (b"a\n1,2\n", "line 2: 2 fields, but the header has 1"),
        (b'a,b\n1,"x\n', "can't be read as a table|1 field"),
        (b'{"a": 1, "b": 2}\n{"a": 1}\n', "1 field"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(UsageError, match=message) as caught:
        scan(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_ragged_row_far_down(tmp_path: Path) -> None:
    text = "a,b,c\n" + "1,x,2.5\n" * 300_000
    for row in ("1,2\n", "1,2,3,4\n"):
        with pytest.raises(UsageError, match="line 300002: "):
            scan(write(tmp_path, text + row + "1,x,2.5\n" * 50_000))


def test_a_long_field_is_no_reason(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    with pytest.raises(UsageError, match="line 3: 1 field"):
        scan(write(tmp_path, f"a,b\n{'x' * 200_000},1\n2\n"))
    assert csv.field_size_limit() == limit


def test_mixed_types_far_down_warn_nobody(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n" + "1,2\n" * 600_000 + "x,y\n")
    found = scan(path)
    assert found.schema == {"a": "object", "b": "object"}
    assert found.profile["a"]["top"] == [["1", 600_000], ["x", 1]]


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(NotFoundError):
            scan(path)
    with pytest.raises(UsageError, match="packed"):
        scan(write(tmp_path, b"PK", "a.zip"))


def test_progress(tmp_path: Path) -> None:
    told: list[float] = []
    scan(write(tmp_path, "a,b\n1,2\n"), progress=told.append)
    assert told == [0.0, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("asked", [1, 2, 3])
def test_stopping(tmp_path: Path, asked: int) -> None:
    calls = iter(range(1, 100))
    with pytest.raises(JobStopped, match=r"a\.csv was stopped"):
        scan(write(tmp_path, "a,b\n1,2\n"), stopping=lambda: next(calls) >= asked)


def test_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n1,2\n")

    def grow(share: float) -> None:
        if share == 1.0:
            path.write_text("a,b\n1,2\n3,4\n")

    with pytest.raises(UsageError, match="has changed while it was read"):
        scan(path, progress=grow)


FRAME = pd.DataFrame(
    {
        "float": [1.5, math.nan, math.inf],
        "small": np.array([1, 2, 3], dtype="float32"),
        "int": [1, 2, 3],
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "huge": np.array([2**64 - 1, 0, 1], dtype="uint64"),
        "bool": [True, False, True],
        "maybe": pd.array([True, None, False], dtype="boolean"),
        "text": ["a", None, "名"],
        "category": pd.Categorical(["x", "y", "x"], categories=["x", "y", "z"]),
        "when": pd.to_datetime(pd.Series(["2026-03-01", None, "2026-03-02"])),
        "lists": [[1], [2], None],
        "none": [None, None, None],
        'it\'s "a.b"\n🙂': [1, 2, 3],
        "": [1, 2, 3],
    }
)


@pytest.mark.parametrize("name", ["a.parquet", "a.PQ"])
def test_parquet(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    FRAME.to_parquet(path, engine="pyarrow")
    assert_as_read(path)
    FRAME.head(0).to_parquet(path, engine="pyarrow")
    assert_as_read(path)


def test_a_broken_parquet_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is empty"):
        scan(write(tmp_path, b"", "a.parquet"))
    with pytest.raises(UsageError, match="can't be read as a table"):
        scan(write(tmp_path, b"a,b\n1,2\n", "a.parquet"))


def test_parquet_with_two_columns_of_a_name(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), path)
    with pytest.raises(UsageError, match=r"a\.parquet"):
        scan(path)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, b"PAR1", "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"Reading .* needs pyarrow") as caught:
        scan(path)
    assert caught.value.message == f"Reading {path} needs pyarrow."
    assert caught.value.hint == "pip install mlops-console[parquet]"


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_texts_however_they_are_held(tmp_path: Path, storage: str) -> None:
    path = write(tmp_path, "a,b\nx,é\n,y\nx,y\n" + f"{'z' * 300}1,\n{'z' * 300}2,\n")
    with pd.option_context("mode.string_storage", storage):
        assert_as_read(path)


def test_every_kind_of_column() -> None:
    assert_same_figures(profile(FRAME), plainly(FRAME))
    mixed = pd.DataFrame({"a": pd.Series([1, "1", True, 1.0, None], dtype=object)})
    assert_same_figures(profile(mixed), plainly(mixed))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | st.floats(), max_size=60), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=60))
def test_numbers_have_the_very_same_figures(floats: list[float | None], ints: list[int]) -> None:
    for series in (pd.Series(floats, dtype="float64"), pd.Series(ints, dtype="int64")):
        frame = pd.DataFrame({"a": series})
        assert_same_figures(profile(frame), plainly(frame))
        there = series.dropna().to_numpy(dtype=float)
        if len(there) and np.isfinite(there).all():
            with np.errstate(over="ignore", invalid="ignore"):
                median = float(np.quantile(there, 0.5))
            assert profile(frame)["a"]["quantiles"]["0.5"] == (median if math.isfinite(median) else None)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.none() | st.sampled_from("abcdefghijklmnopqrstuvwxyz") | st.text(max_size=3), max_size=120),
    st.booleans(),
)
def test_texts_have_the_very_same_figures(texts: list[str | None], as_objects: bool) -> None:
    frame = pd.DataFrame({"a": pd.Series(texts, dtype=object if as_objects else "str")})
    assert_same_figures(profile(frame), plainly(frame))


CELLS = st.text(alphabet='ab1.,"\n\r é', max_size=5)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_whatever_csv_writes_is_read(
    tmp_path: Path, rows: list[tuple[str, str]], ending: str, quoting: Literal[0, 1]
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=ending, quoting=quoting)
    writer.writerow(["x", "y"])
    for row in rows:  # a lone "\r" is not quoted by itself
        writer.writerow([cell.replace("\r", "") if quoting == csv.QUOTE_MINIMAL else cell for cell in row])
    assert_as_read(write(tmp_path, buffer.getvalue()))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_no_bytes_end_in_a_strange_error(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, content)
    try:
        found = scan(path)
    except UsageError as error:
        assert str(path) in error.message
    else:
        assert found.sha256 == hashlib.sha256(content).hexdigest()
