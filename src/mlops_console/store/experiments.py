"""Experiments: their runs, and how they come and go. The name of one in the trash is free for another."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_console.core.errors import NotFoundError
from mlops_console.store.changes import Topic, announce


@dataclass(frozen=True, slots=True)
class Experiment:
    key: int
    name: str
    created_at: float
    deleted_at: float | None
    runs: int  # that are not in the trash; of a deleted experiment, those that are
    open: int  # of them, queued or running


def listing(db: sqlite3.Connection, *, deleted: bool = False) -> list[Experiment]:
    """All of them, or those in the trash, by name."""
    which = "NOT NULL" if deleted else "NULL"
    rows = db.execute(
        "SELECT e.*, "
        f"(SELECT count(*) FROM runs r WHERE r.experiment_key = e.key AND r.deleted_at IS {which}) AS runs, "
        "(SELECT count(*) FROM runs r WHERE r.experiment_key = e.key AND r.status IN ('queued', 'running')) AS open "
        f"FROM experiments e WHERE e.deleted_at IS {which} ORDER BY e.name, e.deleted_at DESC"
    )
    return [Experiment(r["key"], r["name"], r["created_at"], r["deleted_at"], r["runs"], r["open"]) for r in rows]


def get(db: sqlite3.Connection, name: str, *, deleted: bool = False) -> Experiment:
    """The experiment of this name; of several in the trash, the one deleted last.

    Raises:
        NotFoundError: there is none.
    """
    found = next((experiment for experiment in listing(db, deleted=deleted) if experiment.name == name), None)
    if found is None:
        where = " in the trash" if deleted else ""
        raise NotFoundError(
            f"There is no experiment {name!r}{where}.",
            f"'mlops-console experiment list{' --deleted' if deleted else ''}' shows them.",
        )
    return found


def delete(tx: sqlite3.Connection, key: int) -> None:
    """Put an experiment and all its runs in the trash; they carry the same time, by which `restore` knows them."""
    now = time.time()
    tx.execute("UPDATE experiments SET deleted_at = ? WHERE key = ?", (now, key))
    tx.execute("UPDATE runs SET deleted_at = ? WHERE experiment_key = ? AND deleted_at IS NULL", (now, key))
    announce(tx, Topic.RUNS)


def restore(tx: sqlite3.Connection, found: Experiment) -> None:
    """Take an experiment out of the trash, with the runs that went there with it.

    Where its name belongs to another experiment by now, the runs become that one's.
    """
    tx.execute(
        "UPDATE runs SET deleted_at = NULL WHERE experiment_key = ? AND deleted_at = ?", (found.key, found.deleted_at)
    )
    bring_back(tx, found.key)
    join_living(tx)
    announce(tx, Topic.RUNS)


def bring_back(tx: sqlite3.Connection, key: int) -> None:
    """Let an experiment live, unless another of its name does."""
    tx.execute(
        "UPDATE experiments AS e SET deleted_at = NULL WHERE key = ? "
        "AND NOT EXISTS (SELECT 1 FROM experiments o WHERE o.name = e.name AND o.deleted_at IS NULL)",
        (key,),
    )


def replaced(db: sqlite3.Connection, run_ids: Sequence[str]) -> list[str]:
    """The names of those experiments of these runs that are in the trash, while another has taken their name."""
    marks = ", ".join("?" * len(run_ids))
    rows = db.execute(
        "SELECT DISTINCT e.name FROM runs r JOIN experiments e ON e.key = r.experiment_key "
        f"WHERE r.id IN ({marks}) AND e.deleted_at IS NOT NULL "
        "AND EXISTS (SELECT 1 FROM experiments o WHERE o.name = e.name AND o.deleted_at IS NULL) ORDER BY e.name",
        run_ids,
    )
    return [row[0] for row in rows]


def of_run(db: sqlite3.Connection, run_id: str) -> int:
    """The key of a run's experiment."""
    return int(db.execute("SELECT experiment_key FROM runs WHERE id = ?", (run_id,)).fetchone()[0])


def join_living(tx: sqlite3.Connection) -> None:
    """Give runs that live, but whose experiment is in the trash, to the living one of the same name.

    One in the trash that has no runs left then is gone.
    """
    tx.execute(
        "UPDATE runs SET experiment_key = (SELECT living.key FROM experiments old JOIN experiments living "
        "ON living.name = old.name AND living.deleted_at IS NULL WHERE old.key = runs.experiment_key) "
        "WHERE deleted_at IS NULL AND experiment_key IN (SELECT old.key FROM experiments old JOIN experiments living "
        "ON living.name = old.name AND living.deleted_at IS NULL WHERE old.deleted_at IS NOT NULL)"
    )
    tx.execute(
        "DELETE FROM experiments AS e WHERE deleted_at IS NOT NULL "
        "AND EXISTS (SELECT 1 FROM experiments o WHERE o.name = e.name AND o.deleted_at IS NULL) "
        "AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.experiment_key = e.key)"
    )
