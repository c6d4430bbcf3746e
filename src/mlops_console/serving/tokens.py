"""Who may ask: bearer tokens, by their hashes."""

import hashlib
from collections.abc import Iterable

from mlops_console.serving.errors import UnauthorizedError
from mlops_console.serving.messages import Headers
from mlops_console.store.tokens import Token

_BEARER = b"bearer "


class Gatekeeper:
    """Lets all in while no token was ever made for the environment; from then on only who has one that holds."""

    def __init__(self, tokens: Iterable[Token] = ()) -> None:
        self.replace(tokens)

    def replace(self, tokens: Iterable[Token]) -> None:
        """Other tokens hold from now on."""
        found = list(tokens)
        self._closed = bool(found)
        self._hashes = frozenset(token.hash for token in found if token.revoked_at is None)

    def knows(self, headers: Headers) -> bool:
        """Whether a request with these headers may pass."""
        if not self._closed:
            return True
        given = next((value for name, value in headers if name == b"authorization"), b"")
        return given[: len(_BEARER)].lower() == _BEARER and _hash(given[len(_BEARER) :].strip()) in self._hashes

    def check(self, headers: Headers) -> None:
        """Raise UnauthorizedError unless a request with these headers may pass."""
        if not self.knows(headers):
            raise UnauthorizedError("A token is needed: send 'Authorization: Bearer TOKEN' with one that holds.")


def _hash(token: bytes) -> str:
    return hashlib.sha256(token).hexdigest()
