"""Large stores, made in bulk and kept for the next time: what the product itself would have written, only faster.

python benchmarks/make_store.py runs 1000000 FOLDER
python benchmarks/make_store.py points 50000000 FOLDER
"""

import contextlib
import json
import os
import shutil
import sqlite3
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mlops_console.core.runs import RunStatus
from mlops_console.store import migrations, runs, series
from mlops_console.store.chunks import Columns
from mlops_console.store.workspace import Workspace, open_workspace

BEGIN = 1_767_225_600.0  # seconds since the epoch: 2026-01-01
SPACING = 20.0  # seconds between the starts of two runs
EXPERIMENTS = ("baseline", "sweep-lr", "sweep-depth", "augment", "distill", "ablation", "seeds", "final")
METRICS = ("train/loss", "val/acc", "val/auc", "val/loss", "time/epoch")
SERIES_OF_A_RUN = 5
POINTS_OF_A_SERIES = 1_000_000
_STATUSES = (*[RunStatus.SUCCEEDED] * 16, *[RunStatus.FAILED] * 2, RunStatus.STOPPED, RunStatus.LOST)
_CHOICES: dict[str, tuple[Any, ...]] = {
    "batch_size": (16, 32, 64, 128, 256),
    "data": ("s3-2025", "s3-2026", "clean", "noisy"),
    "depth": tuple(range(2, 34)),
    "dropout": (0.0, 0.1, 0.2, 0.3, 0.5),
    "lr": tuple(round(10 ** (-5 + at / 25), 8) for at in range(100)),
    "momentum": (0.8, 0.9, 0.95, 0.99),
    "optimizer": ("adam", "adamw", "sgd", "lamb"),
    "seed": tuple(range(1000)),
    "warm_up": (True, False),
    "width": (64, 128, 256, 512, 1024),
}
_TABLES = ("experiments", "runs", "params", "tags", "series", "chunks")
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class MadeRun:
    """One run of a store made here; `number` counts from 1."""

    number: int
    id: str
    name: str
    experiment: int  # its place in EXPERIMENTS
    status: RunStatus
    started_at: float
    ended_at: float | None
    params: dict[str, Any]
    tags: dict[str, str]
    metrics: dict[str, float]


def made_run(number: int, of: int) -> MadeRun:
    """The run with this number in a store of so many. A few in the middle still run, as far as the store knows."""
    noise = number * 2_654_435_761 % 4_294_967_291  # a permutation: no two runs have the same metrics
    share = noise / 4_294_967_291
    running = of // 2 <= number < of // 2 + 3
    started = BEGIN + number * SPACING
    return MadeRun(
        number=number,
        id=f"{noise:08x}{number:08x}",
        name=f"{_NAMES[number % len(_NAMES)]}-{number}",
        experiment=noise % len(EXPERIMENTS),
        status=RunStatus.RUNNING if running else _STATUSES[noise % len(_STATUSES)],
        started_at=started,
        ended_at=None if running else started + 60 + noise % 7200,
        params={name: values[noise // (at + 1) % len(values)] for at, (name, values) in enumerate(_CHOICES.items())},
        tags={"node": f"gpu-{noise % 40:02d}", "team": ("vision", "speech", "ranking")[noise % 3]},
        metrics={
            "train/loss": 2 * share,
            "val/acc": 1 - share / 2,
            "val/auc": 1 - share * share / 2,
            "val/loss": 2.5 * share + 0.1,
            "time/epoch": 10 + 90 * share,
        },
    )


_NAMES = ("amber-otter", "brisk-heron", "calm-lynx", "dusky-finch", "eager-seal", "frosty-wren", "gentle-ibex")


def store_of(kind: str, size: int) -> Path:
    """The folder of a workspace with so many runs or points: the one made before, or one made now.

    They are kept in $BENCH_STORES, else among the system's temporary files.
    """
    kept = Path(os.environ.get("BENCH_STORES") or Path(tempfile.gettempdir()) / f"mlops-console-bench-{os.getuid()}")
    folder = kept / f"{kind}-{size}-format-{migrations.newest()}"
    if not folder.exists():
        aside = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        make(kind, size, aside)
        aside.rename(folder)
    return folder


def make(kind: str, size: int, folder: Path) -> None:
    """Make a workspace with so many `runs` or `points` in this folder, which is made too."""
    folder.mkdir(parents=True, exist_ok=True)
    workspace = open_workspace(folder)
    try:
        if kind == "runs":
            make_runs(workspace, size)
        else:
            make_points(workspace, size)
    finally:
        workspace.store.close()


def make_runs(workspace: Workspace, size: int) -> None:
    """Runs with 10 params, 2 tags and 5 metrics of one point each, straight into the tables of a new store."""
    with contextlib.closing(_bulk(workspace)) as db, _without_indexes(db):
        db.executemany(
            "INSERT INTO experiments (key, name, created_at) VALUES (?, ?, ?)",
            [(key, name, BEGIN) for key, name in enumerate(EXPERIMENTS, 1)],
        )
        texts = {name: [_stored(value) for value in values] for name, values in _CHOICES.items()}
        known = {name: dict(zip(map(repr, values), texts[name], strict=True)) for name, values in _CHOICES.items()}
        for begin in range(1, size + 1, _BATCH):
            _insert(db, [made_run(number, size) for number in range(begin, min(begin + _BATCH, size + 1))], known)


def make_points(workspace: Workspace, size: int) -> None:
    """Noisy curves, a point a second, in runs of five series; of a million points each where there are that many."""
    import numpy as np

    length = min(size, POINTS_OF_A_SERIES)
    series_count = size // length
    steps, ats = range(length), (BEGIN + np.arange(length)).tolist()
    noise = np.random.default_rng(0).normal(size=length)
    for begin in range(0, series_count, SERIES_OF_A_RUN):
        with workspace.store.write() as tx:
            started = BEGIN + begin
            run_id = runs.create(tx, name=f"long-{begin}", experiment="long", started_at=started)
            for number in range(begin, min(begin + SERIES_OF_A_RUN, series_count)):
                curve = np.exp(-np.arange(length) * (3 + number % 7) / length) + 0.1 * np.roll(noise, number)
                name = METRICS[number % SERIES_OF_A_RUN]
                series.append(tx, run_id, {name: Columns(steps, curve.tolist(), ats)})
            runs.finish(tx, run_id, RunStatus.SUCCEEDED, ended_at=started + length)


def _bulk(workspace: Workspace) -> sqlite3.Connection:
    path = workspace.store.path
    workspace.store.close()  # or the journal could not be switched off
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "foreign_keys=OFF"):
        db.execute(f"PRAGMA {pragma}")
    return db


@contextlib.contextmanager
def _without_indexes(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction with the indexes away; at its end they are made anew from the schema's own words."""
    marks = ", ".join("?" * len(_TABLES))
    indexes = db.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({marks}) "
        "ORDER BY rowid",
        _TABLES,
    ).fetchall()
    db.execute("BEGIN")
    for name, _ in indexes:
        db.execute(f"DROP INDEX {name}")
    yield
    for _, sql in indexes:
        db.execute(sql)
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode=WAL")


def _insert(db: sqlite3.Connection, made: list[MadeRun], known: dict[str, dict[str, tuple[str, float | None]]]) -> None:
    db.executemany(
        "INSERT INTO runs (key, id, experiment_key, name, status, created_at, started_at, ended_at, "
        "heartbeat_at, user) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'bench')",
        [
            (
                run.number,
                run.id,
                run.experiment + 1,
                run.name,
                run.status,
                run.started_at,
                run.started_at,
                run.ended_at,
                # None could tell whether those in the middle are lost: they are to stay as they are.
                4e9 if run.ended_at is None else run.ended_at,
            )
            for run in made
        ],
    )
    db.executemany(
        "INSERT INTO params (run_key, name, value, number) VALUES (?, ?, ?, ?)",
        ((run.number, name, *known[name][repr(value)]) for run in made for name, value in run.params.items()),
    )
    db.executemany(
        "INSERT INTO tags (run_key, name, value) VALUES (?, ?, ?)",
        ((run.number, name, value) for run in made for name, value in run.tags.items()),
    )
    keyed = [
        ((run.number - 1) * len(METRICS) + at, run.number, name, value, run.started_at + 60)
        for run in made
        for at, (name, value) in enumerate(sorted(run.metrics.items()), 1)
    ]
    db.executemany(
        "INSERT INTO series (key, run_key, name, count, finite, total, first, first_step, last, last_step, min, "
        "min_step, max, max_step) VALUES (?1, ?2, ?3, 1, 1, ?4, ?4, 0, ?4, 0, ?4, 0, ?4, 0)",
        ((key, run, name, value) for key, run, name, value, _ in keyed),
    )
    pack = struct.Struct("<dd").pack
    db.executemany(
        "INSERT INTO chunks (key, series_key, first_step, last_step, stride, count, finite, total, first, first_at, "
        "last, last_at, min, min_step, min_at, max, max_step, max_at, data) "
        "VALUES (?1, ?1, 0, 0, 0, 1, 1, ?2, ?2, ?3, ?2, ?3, ?2, 0, ?3, ?2, 0, ?3, ?4)",
        ((key, value, at, pack(value, at)) for key, _, _, value, at in keyed),
    )


def _stored(value: Any) -> tuple[str, float | None]:
    return json.dumps(value), None if isinstance(value, bool | str) else float(value)


if __name__ == "__main__":
    begun = time.perf_counter()
    make(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    print(f"Made in {time.perf_counter() - begun:.1f} s.")
