"""Filters, orders and pages by SQL agree with the slow reference, whichever way they are planned."""

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.filters import (
    Both,
    Comparison,
    Either,
    Field,
    Filter,
    Membership,
    Not,
    Order,
    Pattern,
)
from mlops_console.core.runs import Provenance, Run, RunStatus
from mlops_console.store import run_queries, runs, series
from mlops_console.store.workspace import Workspace
from tests.store.reference import holds, ordered

KEYS = st.sampled_from(["x", "odd key", "y.max"])
FIGURES = st.sampled_from([-1.0, 0.0, 0.5, 2.0, float("inf"), float("-inf"), float("nan")])
NUMBERS = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0])
WORDS = st.sampled_from(["adam", "Adam W", "a%b", "é_", "10", "true"])
PARAMS = st.one_of(NUMBERS, st.integers(-2, 2), WORDS, st.booleans())
METRICS = st.builds(
    Field, st.just("metrics"), KEYS, st.sampled_from(["", "first", "last", "min", "max", "mean", "count"])
)
PARAM = st.builds(Field, st.just("params"), KEYS)
TAG = st.builds(Field, st.just("tags"), KEYS)
TEXT = st.sampled_from([Field("status"), Field("name"), Field("experiment"), Field("user")])
COMPARED = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
PATTERN = st.builds(Pattern, st.sampled_from(["^a", "dam", "[0-9]", "é", "w$"]))
LEAVES = st.one_of(
    st.builds(Comparison, METRICS, COMPARED, NUMBERS),
    st.builds(Comparison, PARAM, COMPARED, NUMBERS),
    st.builds(Comparison, st.one_of(PARAM, TAG, TEXT), st.sampled_from(["=", "!=", "~", "!~"]), WORDS),
    st.builds(Comparison, st.one_of(PARAM, TAG, TEXT), st.sampled_from(["~", "!~"]), PATTERN),
    st.builds(Comparison, st.just(Field("status")), st.just("="), st.sampled_from(["failed", "succeeded"])),
    st.builds(Membership, st.one_of(PARAM, TAG, TEXT), st.lists(WORDS, min_size=1, max_size=2).map(tuple)),
    st.builds(Membership, st.one_of(PARAM, METRICS), st.lists(NUMBERS, min_size=1, max_size=2).map(tuple)),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.builds(Not, inner), st.builds(Both, inner, inner), st.builds(Either, inner, inner)),
    max_leaves=5,
)
ORDERS = st.builds(Order, st.one_of(METRICS, PARAM, TAG, TEXT, st.just(Field("started"))), st.booleans())
RUNS = st.lists(
    st.tuples(
        WORDS,
        st.sampled_from(list(RunStatus)),
        st.dictionaries(KEYS, PARAMS, max_size=2),
        st.dictionaries(KEYS, st.lists(FIGURES, min_size=1, max_size=3), max_size=2),
        st.dictionaries(KEYS, WORDS, max_size=2),
        st.booleans(),
    ),
    max_size=9,
)


def _fill(workspace: Workspace, rows: list[tuple[Any, ...]]) -> None:
    with workspace.store.write() as tx:
        tx.execute("DELETE FROM runs")
        for number, (name, status, params, metrics, tags, deleted) in enumerate(rows):
            run_id = runs.create(
                tx,
                name=name,
                experiment=f"exp-{number % 2}",
                provenance=Provenance("ada" if number % 3 else "bob"),
                started_at=1000.0 + number // 2,
            )
            runs.set_params(tx, run_id, params)
            runs.set_tags(tx, run_id, tags)
            points = [
                (metric, step, value, 1.0) for metric, found in metrics.items() for step, value in enumerate(found)
            ]
            series.ingest(tx, run_id, points)
            tx.execute("UPDATE runs SET status = ?, ended_at = 2000 WHERE id = ?", (status, run_id))
            if deleted:
                tx.execute("UPDATE runs SET deleted_at = 1 WHERE id = ?", (run_id,))


@pytest.mark.parametrize("gathered", [0, 10**9], ids=["walked", "gathered"])
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(found=st.none() | FILTERS, order=ORDERS, rows=RUNS, limit=st.integers(1, 4), deleted=st.booleans())
def test_pages_agree_with_the_slow_reference(
    gathered: int,
    workspace: Workspace,
    found: Filter | None,
    order: Order,
    rows: list[tuple[Any, ...]],
    limit: int,
    deleted: bool,
) -> None:
    _fill(workspace, rows)
    now = time.time()
    with workspace.store.read() as db, pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_queries, "_GATHERED", gathered)
        keys = [
            row[0]
            for row in db.execute("SELECT key FROM runs WHERE deleted_at IS NOT NULL = ? ORDER BY key", (deleted,))
        ]
        everything = runs.of_keys(db, keys)
        chosen = [run for run in everything if found is None or holds(found, run, now)]
        expected = _names(ordered(chosen, order, now))
        total = run_queries.count(db, found, deleted=deleted)
        assert total == len(expected)
        for known in (None, total):
            pages = [
                run_queries.page_keys(db, found, order, deleted=deleted, limit=limit, offset=offset, total=known)
                for offset in range(0, len(expected) + 1, limit)
            ]
            assert _names(runs.of_keys(db, [key for page in pages for key in page])) == expected


def _names(found: list[Run]) -> list[str]:
    return [run.id for run in found]
