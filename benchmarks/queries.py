"""The run table: pages, counts and groups of 10,000 and of 1,000,000 runs, beside SQL by hand on the same file."""

import functools
import sqlite3
import statistics
import time
from collections.abc import Callable

from benchmarks.make_store import store_of
from mlops_console.core.filters import Field, parse_field
from mlops_console.store import run_table, runs
from mlops_console.store.database import Connection
from mlops_console.store.runs import RunQuery
from mlops_console.store.workspace import open_workspace

SMALL, LARGE = 10_000, 1_000_000
ROUNDS = 7
FIELDS = tuple(
    map(parse_field, ("metrics.val/auc", "metrics.train/loss.min", "params.lr", "params.optimizer", "tags.team"))
)
BEST = RunQuery("metrics.val/acc > 0.9", "-metrics.val/acc")

# The same page, for somebody who knows the tables and their indexes.
_BY_HAND = """
SELECT r.id, r.name, e.name, r.status, r.created_at, r.started_at, r.ended_at, r.heartbeat_at, r.job_id, r.pipeline,
  r.user, a.last, l.min, p.value, o.value, t.value
FROM (SELECT x.run_key AS key, x.last AS figure FROM series x JOIN runs r ON r.key = x.run_key
      WHERE x.name = 'val/acc' AND x.last > 0.9 AND r.deleted_at IS NULL
      ORDER BY x.last DESC, x.run_key DESC LIMIT 50) found
CROSS JOIN runs r ON r.key = found.key JOIN experiments e ON e.key = r.experiment_key
LEFT JOIN series a INDEXED BY sqlite_autoindex_series_1 ON a.run_key = r.key AND a.name = 'val/auc'
LEFT JOIN series l INDEXED BY sqlite_autoindex_series_1 ON l.run_key = r.key AND l.name = 'train/loss'
LEFT JOIN params p ON p.run_key = r.key AND p.name = 'lr'
LEFT JOIN params o ON o.run_key = r.key AND o.name = 'optimizer'
LEFT JOIN tags t ON t.run_key = r.key AND t.name = 'team'
ORDER BY found.figure DESC, found.key DESC
"""

Query = Callable[[Connection], object]

# What is done to the run table, by what it is called in the results.
_ROWS: dict[str, Query] = {
    "filter + sort by a metric": lambda db: run_table.rows(db, BEST, FIELDS),
    "the same as whole runs, with their count": lambda db: runs.page(db, BEST),
    "newest runs": lambda db: run_table.rows(db, RunQuery(), FIELDS),
    "sort by a metric": lambda db: run_table.rows(db, RunQuery("", "-metrics.val/auc"), FIELDS),
    "sort by a param": lambda db: run_table.rows(db, RunQuery("", "params.lr"), FIELDS),
    "two filters": lambda db: run_table.rows(db, RunQuery("metrics.val/acc > 0.9 and params.lr < 0.001"), FIELDS),
    "rare filter": lambda db: run_table.rows(db, RunQuery("params.seed = 77 and metrics.val/auc > 0.99"), FIELDS),
    "params.optimizer ~ dam": lambda db: run_table.rows(db, RunQuery("params.optimizer ~ dam"), FIELDS),
    "a name that nobody has": lambda db: run_table.rows(db, RunQuery('name ~ "zebra"'), FIELDS),
}
_SLOW: dict[str, Query] = {
    "count all": lambda db: runs.count(db, RunQuery()),
    "count metrics.val/acc > 0.9": lambda db: runs.count(db, BEST),
    "count params.optimizer ~ dam": lambda db: runs.count(db, RunQuery("params.optimizer ~ dam")),
    "groups by a tag, with 2 metrics": lambda db: run_table.groups(db, RunQuery(), Field("tags", "team"), FIELDS[:2]),
}


def bench_queries() -> dict[str, float]:
    """Milliseconds, medians; pages are of 50 runs with five fields."""
    small, large = _measure(SMALL), _measure(LARGE)
    found = {f"10k: {name}": value for name, value in small.items()}
    found |= {f"1M: {name}": value for name, value in large.items()}
    first = "filter + sort by a metric"
    found["10k: ratio to SQL by hand"] = small[first] / small["by hand: filter + sort by a metric"]
    found["1M: ratio to SQL by hand"] = large[first] / large["by hand: filter + sort by a metric"]
    found["filter + sort: 1M / 10k"] = large[first] / small[first]
    return found


def _measure(size: int) -> dict[str, float]:
    workspace = open_workspace(store_of("runs", size))
    path = workspace.store.path
    raw = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        with workspace.store.read() as db:
            ours = [row.id for row in run_table.rows(db, BEST, FIELDS)]
            assert ours == [row[0] for row in raw.execute(_BY_HAND)]
            found = {name: _median(query, db) for name, query in _ROWS.items()}
            found["by hand: filter + sort by a metric"] = _median(lambda _: raw.execute(_BY_HAND).fetchall(), db)
            found |= {name: _median(query, db, 2) for name, query in (_SLOW | _deep_pages(size)).items()}
    finally:
        raw.close()
        workspace.store.close()
    return found


def _deep_pages(size: int) -> dict[str, Query]:
    return {
        f"page {where}, {name}": functools.partial(
            run_table.rows, query=RunQuery("", order, 50, offset), fields=FIELDS, total=size
        )
        for name, order in (("newest", "-started"), ("by a metric", "-metrics.val/auc"))
        for where, offset in (("in the middle", size // 2), ("at the end", size - 50))
    }


def _median(query: Query, db: Connection, rounds: int = ROUNDS) -> float:
    """Milliseconds, after a first time for the page cache."""
    taken = []
    query(db)
    for _ in range(rounds):
        begin = time.perf_counter()
        query(db)
        taken.append(time.perf_counter() - begin)
    return 1000 * statistics.median(taken)
