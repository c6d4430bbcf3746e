"""The rows of a file, by its ending."""

from pathlib import Path

import pandas as pd
import pytest

from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.data.tables import read_table


def written(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_the_same_rows_are_read_from_every_format(tmp_path: Path) -> None:
    frame = pd.DataFrame({"amount": [1.5, None, 3.0], "country": ["AT", "DE", None]})
    paths = [tmp_path / name for name in ("rows.csv", "rows.csv.gz", "rows.parquet", "rows.jsonl")]
    frame.to_csv(paths[0], index=False)
    frame.to_csv(paths[1], index=False)
    frame.to_parquet(paths[2])
    frame.to_json(paths[3], orient="records", lines=True)
    for path in paths:
        found = read_table(path)
        assert list(found.columns) == ["amount", "country"]
        assert found["amount"].isna().tolist() == [False, True, False]
        assert found["amount"].dropna().tolist() == [1.5, 3.0]
        assert found["country"].dropna().tolist() == ["AT", "DE"]


def test_objects_of_json_lines_need_not_have_the_same_names(tmp_path: Path) -> None:
    found = read_table(written(tmp_path, "rows.jsonl", b'{"a": 1}\n\n{"b": "x", "a": NaN}\n'))
    assert found["a"].isna().tolist() == [False, True]
    assert found["b"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"", "is empty"),
        ("a.jsonl", b"\n", "is empty"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "line 2: this is no JSON"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "line 2: this is no object"),
        ("a.jsonl", b'{"a": "\xe4"}\n', "line 1: this is no JSON"),
        ("a.jsonl", b"[" * 100_000, "line 1: this is no JSON"),
        ("a.jsonl", b'{"a": "\\ud83d\\ude00"}\n{"a": "\\ud83d"}\n', "line 2: a text in it has half a character"),
        ("a.jsonl", b'{"\xed\xa0\xbd": 1}\n', "line 1: a text in it has half a character"),
        ("a.csv", b"name\ncaf\xe9\n", "is not UTF-8: byte 0xe9 in line 2"),
        ("a.csv", b"a,b\n1,2,3\n", "line 2: 3 fields, but the header has 2"),
        ("a.csv", b"a,a\n1,2\n", "has two columns 'a'"),
        ("a.parquet", b"no", "can't be read as a table"),
        ("a.csv", b"PAR1....", "is a Parquet file, but not called one"),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_table(written(tmp_path, name, content))
    assert told in raised.value.message


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_file_that_is_not_there_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError, match="There is no file"):
        read_table(tmp_path / name)
