"""Saved views of the runs."""

import json
import sqlite3
from dataclasses import asdict

from mlops_console.core.errors import NotFoundError
from mlops_console.core.views import RunView, ViewColumn
from mlops_console.store.changes import Topic, announce


def listing(db: sqlite3.Connection) -> list[RunView]:
    """All of them, by name."""
    return [_view(row) for row in db.execute("SELECT name, definition FROM views ORDER BY name")]


def get(db: sqlite3.Connection, name: str) -> RunView:
    """The view of this name.

    Raises:
        NotFoundError: there is none.
    """
    row = db.execute("SELECT name, definition FROM views WHERE name = ?", (name,)).fetchone()
    if row is None:
        known = ", ".join(view.name for view in listing(db)) or "none yet"
        raise NotFoundError(f"There is no view {name!r}.", f"Known are: {known}.")
    return _view(row)


def save(tx: sqlite3.Connection, view: RunView) -> None:
    """Keep a view; one of the same name is replaced."""
    definition = asdict(view)
    del definition["name"]
    tx.execute(
        "INSERT INTO views (name, definition) VALUES (?, ?) ON CONFLICT DO UPDATE SET definition = excluded.definition",
        (view.name, json.dumps(definition)),
    )
    announce(tx, Topic.VIEWS, view.name)


def delete(tx: sqlite3.Connection, name: str) -> None:
    tx.execute("DELETE FROM views WHERE name = ?", (name,))
    announce(tx, Topic.VIEWS, name)


def _view(row: sqlite3.Row) -> RunView:
    found = json.loads(row["definition"])
    columns = tuple(ViewColumn(**column) for column in found.pop("columns"))
    return RunView(name=row["name"], columns=columns, **found)
