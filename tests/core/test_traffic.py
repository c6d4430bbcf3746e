"""Traffic as counts."""

import json
from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.traffic import BOUNDS, Traffic

latencies = st.floats(BOUNDS[0], BOUNDS[-1])
samples = st.lists(st.tuples(latencies, st.booleans()), max_size=300)


def counted(sample: list[tuple[float, bool]]) -> Traffic:
    counts = [0] * (len(BOUNDS) + 1)
    for seconds, _ in sample:
        counts[bisect_left(BOUNDS, seconds)] += 1
    return Traffic(len(sample), sum(failed for _, failed in sample), tuple(counts))


@given(samples.filter(bool), st.floats(0.001, 1.0))
def test_a_quantile_is_right_within_ten_per_cent(sample: list[tuple[float, bool]], share: float) -> None:
    found = counted(sample).quantile(share)
    right = np.percentile([seconds for seconds, _ in sample], share * 100, method="inverted_cdf")
    assert found == pytest.approx(right, rel=0.1)


def test_the_quantiles_of_usual_traffic() -> None:
    seconds = np.random.default_rng(7).lognormal(-5.5, 0.8, 20_000)
    traffic = counted([(value, False) for value in seconds.tolist()])
    for share in (0.01, 0.5, 0.9, 0.99):
        assert traffic.quantile(share) == pytest.approx(np.percentile(seconds, share * 100), rel=0.1)


@pytest.mark.parametrize("share", [0.001, 0.5, 1.0])
def test_what_took_longer_than_all_bounds_took_at_least_the_last(share: float) -> None:
    assert counted([(1e6, True)]).quantile(share) == BOUNDS[-1]


def test_of_nothing_there_is_no_quantile_and_no_rate() -> None:
    assert Traffic().quantile(0.5) is None
    assert Traffic().error_rate == 0.0
    assert Traffic(8, 2).error_rate == 0.25


@given(samples, samples)
def test_counts_are_added_and_taken_away(one: list[tuple[float, bool]], other: list[tuple[float, bool]]) -> None:
    assert counted(one) + counted(other) == counted(one + other)
    assert counted(one + other) - counted(other) == counted(one)
    assert counted(one) + Traffic() == counted(one)


@given(samples)
def test_what_was_written_as_json_is_read_again(sample: list[tuple[float, bool]]) -> None:
    traffic = counted(sample)
    written = json.loads(json.dumps(traffic.to_json()))
    assert Traffic.of_json(written) == traffic
    assert len(written["latency"]) <= len(sample)  # empty buckets are not written
    assert Traffic.of_json({}) == Traffic()
