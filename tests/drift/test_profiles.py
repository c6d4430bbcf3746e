"""Reference profiles: bins, what is told of any column, and their stored form."""

import json
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.errors import StoreError, UsageError
from mlops_console.core.models import Column
from mlops_console.core.profiles import FeatureProfile, HeldOut, ReferenceProfile
from mlops_console.drift.profiles import make_profile, pack_profile, read_profile, unpack_profile
from mlops_console.store.workspace import Workspace
from tests.drift.helpers import add_version, rows

NUMBER = Column("x", "float64", "numeric")
TEXT = Column("x", "object", "categorical")


def objects(values: Any) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def profile_of(values: Any, column: Column = NUMBER) -> FeatureProfile:
    return make_profile({"x": np.asarray(values)}, [column]).features[0]


def count(values: Any, profile: FeatureProfile) -> list[int]:
    """Rows of each bin, counted as a window is."""
    at = np.searchsorted(profile.edges, np.asarray(values, dtype=float), side="left")
    return list(map(int, np.bincount(at, minlength=len(profile.counts))))


def test_a_number_has_a_hundred_bins_of_equal_counts() -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    found = profile_of(values)
    assert found.counts == (100,) * 100
    assert count(values, found) == list(found.counts)
    assert (found.rows, found.missing, found.distinct) == (10_000, 0, 10_000)
    assert found.mean == pytest.approx(values.mean())
    assert found.std == pytest.approx(values.std())
    assert (found.least, found.greatest) == (values.min(), values.max())


def test_equal_edges_are_merged_and_every_whole_number_has_its_bin() -> None:
    found = profile_of(np.repeat(np.arange(24), 40))
    assert found.counts == (0, *[40] * 24, 0)
    assert found.distinct == 24


def test_a_constant_tells_below_it_and_above() -> None:
    found = profile_of([5.0] * 60)
    assert found.counts == (0, 60, 0)
    assert count([4.999, 5, 5, 5.001], found) == [1, 2, 1]


def test_what_is_no_finite_number_is_missing() -> None:
    found = profile_of(objects([1, 2.5, None, float("nan"), float("inf"), "text", "7", True]))
    assert (found.rows, found.missing, found.least, found.greatest) == (8, 4, 1.0, 7.0)


def test_a_column_without_values_has_one_bin() -> None:
    nothing = profile_of([np.nan] * 40)
    assert (nothing.rows, nothing.missing, nothing.counts, nothing.edges, nothing.mean) == (40, 40, (0,), (), None)
    assert make_profile({}, [NUMBER]).features[0].counts == (0,)
    assert make_profile({"x": objects([None] * 3)}, [TEXT]).features[0].missing == 3


def test_categories_are_written_as_json_has_them_and_the_most_frequent_come_first() -> None:
    found = profile_of(objects(["b", 3.0, "b", 3, None, True, "b", float("nan")]), TEXT)
    assert found.labels == ("b", "3", "True")
    assert found.counts == (3, 2, 1, 0)
    assert (found.rows, found.missing, found.distinct) == (8, 2, 3)


def test_of_many_categories_the_rest_shares_a_bin() -> None:
    found = profile_of(objects([f"user {n}" for n in range(3_000)] + ["often"] * 5), TEXT)
    assert (len(found.labels), found.labels[0], found.counts[-1], found.distinct) == (1_000, "often", 2_001, 3_001)


def test_long_texts_are_cut_and_what_has_no_hash_is_counted() -> None:
    assert profile_of(objects(["a" * 900, "a" * 500]), TEXT).counts == (2, 0)
    assert profile_of(objects([["a"], ["a"], {"b": 1}]), TEXT).counts == (2, 1, 0)


def test_a_sample_is_even_and_always_the_same() -> None:
    columns = {"x": np.arange(10_000.0), "other": objects(["a", None] * 5_000)}
    signature = [NUMBER, Column("other", "object", "categorical")]
    found = make_profile(columns, signature)
    assert found == make_profile(columns, signature)
    assert len(found.sample["x"]) == len(found.sample["other"]) == 200
    assert 4_000 < np.mean(found.sample["x"]) < 6_000
    assert all((x % 2 == 1) == (other is None) for x, other in zip(*found.sample.values(), strict=True))


def held_out(classes: tuple[Any, ...], count: int = 40) -> HeldOut:
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.ones(len(classes)), size=count)
    predictions = tuple(classes[at] for at in chances.argmax(axis=1))
    return HeldOut("classification", classes, predictions, predictions, tuple(map(tuple, chances.tolist())))


def predicted(profile: ReferenceProfile) -> list[str]:
    return [feature.name for feature in profile.features if feature.role == "prediction"]


def test_predictions_are_profiled_with_their_probabilities() -> None:
    two, three = ((0, 1), ("a", "b", "c"))
    assert predicted(make_profile({}, [], held_out=held_out(two))) == ["prediction", "probability of 1"]
    assert predicted(make_profile({}, [], held_out=held_out(three))) == [
        "prediction",
        "probability of a",
        "probability of b",
        "probability of c",
    ]
    assert predicted(make_profile({}, [], held_out=held_out(tuple(range(11))))) == ["prediction"]
    number = HeldOut("regression", (), (1.5, 2.5), (1.0, 3.0))
    assert make_profile({}, [], held_out=number).features[0].kind == "numeric"
    of_a_class = make_profile({}, [], held_out=held_out((0, 1))).features[0]
    assert (of_a_class.kind, sum(of_a_class.counts)) == ("categorical", 40)


def test_an_input_that_is_called_prediction_goes_first() -> None:
    found = make_profile({}, [Column("prediction", "float64", "numeric")], held_out=held_out((0, 1)))
    assert [(f.name, f.role) for f in found.features] == [("prediction", "input"), ("probability of 1", "prediction")]


values = st.lists(
    st.one_of(st.none(), st.floats(), st.integers(-5, 5), st.booleans(), st.text(max_size=4)), min_size=1, max_size=150
)


@settings(deadline=None, max_examples=60)
@given(values, st.sampled_from([NUMBER, TEXT]))
def test_any_column_has_a_profile_that_comes_back_as_it_was(given_values: list[Any], column: Column) -> None:
    profile = make_profile({"x": objects(given_values)}, [column], importance={"x": 1.0})
    found = profile.features[0]
    assert sum(found.counts) == found.present
    assert len(found.counts) == (len(found.edges) if column is NUMBER else len(found.labels)) + 1
    assert (np.diff(found.edges) > 0).all()
    assert unpack_profile(pack_profile(profile)) == profile
    assert pack_profile(profile) == pack_profile(unpack_profile(pack_profile(profile)))


def test_a_profile_weighs_some_kilobytes() -> None:
    rng = np.random.default_rng(0)
    columns = {f"x{n}": rng.normal(size=5_000) for n in range(10)}
    profile = make_profile(columns, [Column(name, "float64", "numeric") for name in columns])
    assert len(pack_profile(profile)) < 40_000


def test_what_is_damaged_or_newer_is_refused() -> None:
    content = pack_profile(make_profile({"x": np.arange(9.0)}, [NUMBER]))
    for damaged in (b"", b"nonsense", content[:-9], zlib.compress(b"[]"), zlib.compress(b'{"format": 1}')):
        with pytest.raises(StoreError, match="The reference profile is damaged"):
            unpack_profile(damaged)
    newer = json.loads(zlib.decompress(content)) | {"format": 2}
    with pytest.raises(StoreError, match="format 2, and this mlops-console knows up to 1"):
        unpack_profile(zlib.compress(json.dumps(newer).encode()))


def test_a_version_without_a_profile_has_that_of_its_sample(workspace: Workspace) -> None:
    profile = read_profile(workspace.objects, add_version(workspace, rows(500, seed=1)))
    assert (profile.rows, [feature.name for feature in profile.features]) == (500, ["amount", "hour", "country"])
    with pytest.raises(UsageError, match="fraud:2 has no reference data"):
        read_profile(workspace.objects, add_version(workspace, None))


def test_a_profile_made_without_the_training_data_takes_them_from_the_sample(workspace: Workspace) -> None:
    version = add_version(workspace, rows(500, seed=1))
    answers = HeldOut("classification", (0, 1), (0, 1), (0, 0), ((0.9, 0.1), (0.4, 0.6)))
    far = make_profile({}, version.signature.inputs, held_out=answers, importance={"amount": 1.0})
    made_far = replace(version, profile=workspace.objects.put_bytes(pack_profile(far)))
    profile = read_profile(workspace.objects, made_far)
    assert (profile.rows, profile.features[0].present, profile.features[0].importance) == (500, 500, 1.0)
    assert [f.name for f in profile.features if f.role == "prediction"] == ["prediction", "probability of 1"]
    assert profile.held_out == answers
