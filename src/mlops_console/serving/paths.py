"""From a path to what is asked there."""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote

from mlops_console.serving.errors import WrongMethodError, WrongPathError

H = TypeVar("H")

_KEPT_LENGTH = 256  # characters: what is found at a longer path is not kept in memory, as anybody may ask for any


@dataclass(frozen=True, slots=True)
class Path(Generic[H]):
    """`template` has names in braces; `method` is the one that it takes; `is_open` asks for no token."""

    template: str
    method: str
    handler: H
    is_open: bool = False


class Paths(Generic[H]):
    """All paths of a server."""

    def __init__(self, paths: Iterable[Path[H]]) -> None:
        self._paths = [(re.compile(_pattern(path.template)), path) for path in paths]
        self._find = functools.lru_cache(1024)(self._look)

    def find(self, method: str, path: str) -> tuple[Path[H], dict[str, str]]:
        """What is asked, and what the path names.

        Raises:
            WrongPathError: there is nothing.
            WrongMethodError: it takes another method.
        """
        found = self._find(method, path) if len(path) <= _KEPT_LENGTH else self._look(method, path)
        if isinstance(found, str):
            if not found:
                raise WrongPathError("There is nothing at this path; /v2 is the server.")
            raise WrongMethodError(f"This path takes {found}, not {method[:20]}.", allow=found)
        return found

    def _look(self, method: str, path: str) -> tuple[Path[H], dict[str, str]] | str:
        allowed = []
        for pattern, known in self._paths:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if method == known.method or (method == "HEAD" and known.method == "GET"):
                return known, {name: unquote(value) for name, value in match.groupdict().items()}
            allowed.append(known.method)
        return ", ".join(allowed)


def _pattern(template: str) -> str:
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/:]+)", re.escape(template))
