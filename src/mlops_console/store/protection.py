"""The model versions that a purge must leave alone, and why: an environment may serve them again at any moment.

Whatever they were made of stays with them: the model file, the input example, the compiled form, the run that made them
with its artifacts, and the sample that their traffic is compared with (see `store.trash`).
"""

import sqlite3
from dataclasses import dataclass

WINDOW = 10  # newest revisions of an environment that one may want to go back to


@dataclass(frozen=True, slots=True)
class Protected:
    """A version with its strongest reason: `why` as in "is live in production as revision 7"."""

    ref: str
    why: str


def protected(db: sqlite3.Connection, window: int = WINDOW) -> list[Protected]:
    """The versions that are live, on their way, or among the newest revisions of an environment; by name."""
    rows = db.execute(
        "SELECT ref, state, environment, revision, min(rank) FROM ("
        "SELECT m.name || ':' || mv.version AS ref, v.state, v.environment, v.revision, "
        "iif(v.state = 'live', 0, iif(v.state NOT IN ('retired', 'failed', 'aborted'), 1, 2)) AS rank, "
        "row_number() OVER (PARTITION BY v.environment ORDER BY v.revision DESC) AS age FROM revisions v "
        "JOIN model_versions mv ON mv.key = v.model_version_key JOIN models m ON m.key = mv.model_key) "
        "WHERE rank < 2 OR age <= ? GROUP BY ref ORDER BY ref",
        (window,),
    )
    return [Protected(row["ref"], _why(row, window)) for row in rows]


def _why(row: sqlite3.Row, window: int) -> str:
    where = f"{row['environment']} as revision {row['revision']}"
    if row["state"] == "live":
        return f"is live in {where}"
    if row["state"] not in ("retired", "failed", "aborted"):
        return f"is {row['state']} in {where}"
    return f"is among the last {window} revisions of {row['environment']}"
