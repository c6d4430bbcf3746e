"""Fingerprint, schema, profile and sample of a dataset."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.errors import StoreError
from mlops_console.data import samples
from mlops_console.data.description import describe
from mlops_console.data.fingerprint import hash_frame
from mlops_console.data.profile import profile, schema
from mlops_console.data.samples import pack_sample, read_sample, take_sample, unpack_sample
from mlops_console.data.scan import scan
from mlops_console.store.workspace import Workspace

MIXED = pd.DataFrame(
    {
        "float": [1.5, math.nan, math.inf],
        "int": [1, 2, 3],
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "bool": [True, False, True],
        "maybe": pd.array([True, None, False], dtype="boolean"),
        "text": ["a", None, "名"],
        "category": pd.Categorical(["x", "y", "x"]),
        "when": pd.to_datetime(["2026-03-01", None, "2026-03-02"]),
        "mixed": [1, "a", None],
        "lists": [[1], [2], None],
    }
)


def test_schema() -> None:
    assert schema(MIXED) == {
        "float": "float64",
        "int": "int64",
        "nullable": "int64",
        "bool": "bool",
        "maybe": "bool",
        **dict.fromkeys(("text", "category", "when", "mixed", "lists"), "object"),
    }


def test_profile_is_json_and_right() -> None:
    found = profile(MIXED)
    json.dumps(found, allow_nan=False)
    assert found["int"]["mean"] == 2.0
    assert (found["int"]["std"], found["int"]["min"], found["int"]["max"]) == (1.0, 1.0, 3.0)
    assert found["int"]["quantiles"]["0.5"] == 2.0
    assert (found["nullable"]["count"], found["nullable"]["missing"]) == (2, 1)
    assert found["float"]["max"] is None  # infinite
    assert found["category"]["top"] == [["x", 2], ["y", 1]]
    assert found["bool"]["kind"] == "categorical"
    assert found["text"]["missing"] == 1


def test_profile_of_nothing() -> None:
    found = profile(pd.DataFrame({"a": np.array([], dtype=float), "b": np.array([], dtype=object)}))
    assert (found["a"]["count"], found["a"]["mean"], found["b"]["top"]) == (0, None, [])


def test_the_fingerprint_is_of_the_content() -> None:
    assert hash_frame(MIXED) == hash_frame(MIXED.copy())
    assert hash_frame(MIXED) == hash_frame(MIXED.set_index(pd.Index([7, 8, 9])))
    seen = {hash_frame(MIXED)}
    for changed in (
        MIXED.rename(columns={"int": "integer"}),
        MIXED.astype({"int": "int32"}),
        MIXED.iloc[::-1],
        MIXED.head(2),
        MIXED.assign(text=["a", None, "b"]),
        MIXED.assign(float=[1.5, math.nan, 2.0]),
        MIXED[MIXED.columns[::-1]],
    ):
        seen.add(hash_frame(changed))
    assert len(seen) == 8


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    program = (
        "import pandas as pd; from mlops_console.data.fingerprint import hash_frame;"
        "print(hash_frame(pd.DataFrame({'a': ['x', 'y', None], 'b': [1.5, 2, 3], 'c': pd.Categorical(['u','v','u'])})))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_a_sample_comes_back(workspace: Workspace) -> None:
    sha256 = workspace.objects.put_bytes(pack_sample(MIXED))
    found = read_sample(workspace.objects, sha256)
    assert list(found) == list(MIXED.columns)
    assert found["float"][0] == 1.5
    assert np.isnan(found["float"][1])
    assert found["nullable"].dtype == np.float64
    assert np.isnan(found["nullable"][1])
    assert found["bool"].tolist() == [True, False, True]
    assert found["maybe"].tolist() == [True, None, False]
    assert found["text"].tolist() == ["a", None, "名"]
    assert found["category"].tolist() == ["x", "y", "x"]
    assert found["mixed"].tolist() == ["1", "a", None]


def test_the_same_rows_make_the_same_object() -> None:
    assert pack_sample(MIXED) == pack_sample(MIXED.copy())


def test_a_sample_is_bounded_random_and_the_same_every_time() -> None:
    frame = pd.DataFrame({"a": np.arange(50_000.0)})
    sample = take_sample(frame)
    assert len(sample) == samples.ROWS
    assert sample["a"].is_monotonic_increasing
    assert sample.equals(take_sample(frame))
    assert abs(sample["a"].mean() - 25_000) < 500
    assert take_sample(frame.head(10)).equals(frame.head(10))


def test_one_long_text_does_not_make_a_giant() -> None:
    frame = pd.DataFrame({"a": ["x"] * 5000 + ["y" * 1_000_000]})
    packed = pack_sample(frame)
    assert len(packed) < 100_000
    assert unpack_sample(packed)["a"][-1] == "y" * 200


def test_no_rows() -> None:
    found = unpack_sample(pack_sample(pd.DataFrame({"a": np.array([], dtype=float), "b": np.array([], dtype=object)})))
    assert {name: len(values) for name, values in found.items()} == {"a": 0, "b": 0}


@pytest.mark.parametrize("content", [b"", b"junk", b"\x80\x04\x95", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_sample(content: bytes) -> None:
    with pytest.raises(StoreError, match="no dataset sample"):
        unpack_sample(content)


def test_a_pickle_in_a_sample_is_not_loaded() -> None:
    import io

    buffer = io.BytesIO()
    np.savez(buffer, columns=np.array('["a"]'), v0=np.array([object()], dtype=object), m0=np.zeros(1, dtype=np.uint8))
    with pytest.raises(StoreError, match="no dataset sample"):
        unpack_sample(buffer.getvalue())


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | st.floats(), st.none() | st.text(max_size=20), st.none() | st.booleans()), max_size=30
    )
)
def test_any_rows_survive(rows: list[tuple[float | None, str | None, bool | None]]) -> None:
    frame = pd.DataFrame(
        {
            "f": pd.Series([f for f, _, _ in rows], dtype="float64"),
            "t": pd.Series([t for _, t, _ in rows], dtype="object"),
            "b": pd.Series([b for _, _, b in rows], dtype="boolean"),
        }
    )
    found = unpack_sample(describe(frame).sample)
    np.testing.assert_array_equal(found["f"], frame["f"].to_numpy())
    assert found["t"].tolist() == [None if t is None else t.replace("\0", "\ufffd") for _, t, _ in rows]
    assert found["b"].tolist() == [b for _, _, b in rows]


def test_a_file_is_the_version_that_a_stage_reads(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    found, scanned = describe(str(path)), scan(path)
    assert (found.sha256, found.rows, found.schema) == (scanned.sha256, 2, scanned.schema)
    assert found.profile == scanned.profile
    assert len(unpack_sample(found.sample)) == 2
