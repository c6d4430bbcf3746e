"""Bearer tokens of the model servers: only their hashes are kept."""

import sqlite3
import time
from dataclasses import dataclass

from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.store.deploying import touch


@dataclass(frozen=True, slots=True)
class Token:
    environment: str
    name: str
    hash: str  # SHA-256 of the token, which has 256 random bits of its own: no salt or slow hash is needed
    actor: str
    created_at: float
    revoked_at: float | None


def add(tx: sqlite3.Connection, environment: str, name: str, token_hash: str, actor: str) -> None:
    """Let a token in. It takes the place of one of its name that was revoked.

    Raises:
        UsageError: the environment has one of this name that is let in.
    """
    done = tx.execute(
        "INSERT INTO tokens (environment, name, hash, actor, created_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET hash = excluded.hash, actor = excluded.actor, created_at = excluded.created_at, "
        "revoked_at = NULL WHERE revoked_at IS NOT NULL",
        (environment, name, token_hash, actor, time.time()),
    )
    if not done.rowcount:
        raise UsageError(f"{environment} has a token {name!r} already.", "Revoke it first, or take another name.")
    touch(tx, environment)


def revoke(tx: sqlite3.Connection, environment: str, name: str) -> None:
    """Let a token in no more.

    Raises:
        NotFoundError: there is no such token, or it is revoked already.
    """
    done = tx.execute(
        "UPDATE tokens SET revoked_at = ? WHERE environment = ? AND name = ? AND revoked_at IS NULL",
        (time.time(), environment, name),
    )
    if not done.rowcount:
        known = any(token.name == name for token in tokens(tx, environment))
        raise NotFoundError(
            f"The token {name!r} of {environment} is revoked already."
            if known
            else f"{environment} has no token {name!r}.",
            f"'mlops-console token list {environment}' shows them.",
        )
    touch(tx, environment)


def tokens(db: sqlite3.Connection, environment: str) -> list[Token]:
    """All tokens of an environment, the oldest first."""
    rows = db.execute("SELECT * FROM tokens WHERE environment = ? ORDER BY created_at", (environment,))
    return [
        Token(row["environment"], row["name"], row["hash"], row["actor"], row["created_at"], row["revoked_at"])
        for row in rows
    ]
