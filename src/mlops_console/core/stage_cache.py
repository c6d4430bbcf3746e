"""What a stage was made of and what it has made: how it is told whether it must run again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_console.core.retraining import VARIABLES
from mlops_console.core.text import param, shorten


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that the outs of a stage depend on.

    Attributes:
        deps: the SHA-256 of each file or folder.
        params: the values that the stage is given, by their dotted names.
        env: the variables that mlops.toml gives it.
        outs: the paths it promises to write.
        expected: the SHA-256 of what each dataset should hold that it checks, by the dataset's name.
    """

    command: str
    cwd: str
    deps: Mapping[str, str]
    params: Mapping[str, Any]
    env: Mapping[str, str]
    outs: tuple[str, ...]
    expected: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Always the same text for the same inputs."""
        content = {name: getattr(self, name) for name in ("command", "cwd", "deps", "params", "env", "outs")}
        content |= {"expected": self.expected} if self.expected else {}
        return json.dumps(content, sort_keys=True, default=str)

    @property
    def fingerprint(self) -> str:
        """SHA-256, as 64 hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode(errors="surrogatepass")).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> "Inputs":
        content = json.loads(text)
        return cls(**{**content, "outs": tuple(content["outs"])})


@dataclass(frozen=True, slots=True)
class Out:
    """A file or folder that a stage has made."""

    sha256: str
    is_folder: bool


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of the project whose content is an object."""

    path: str
    sha256: str
    size: int  # bytes
    executable: bool


@dataclass(frozen=True, slots=True)
class CachedStage:
    """What a stage has made of its inputs.

    Attributes:
        key: the store's own.
        made_in: the id of the run that made it.
        run_name: its name; the id again where that run is purged.
        took: seconds.
    """

    key: int
    made_in: str
    run_name: str
    stage: str
    inputs: Inputs
    outs: Mapping[str, Out]
    took: float
    files: tuple[KeptFile, ...] = field(default=())


def differences(before: Inputs, after: Inputs) -> list[str]:
    """What is different, each in a few words: `fit.lr 0.1 → 0.3`, `data/x.csv changed`."""
    told = []
    if before.command != after.command:
        told.append("its command changed")
    if before.cwd != after.cwd:
        told.append(f"its folder changed from {before.cwd} to {after.cwd}")
    told += [f"{name} {_word(old)} → {_word(new)}" for name, old, new in _changes(before.params, after.params)]
    env = [change for change in _changes(before.env, after.env) if change[0] not in VARIABLES]
    told += [f"{name}={_word(old)} → {_word(new)}" for name, old, new in env]
    told += _served(before, after)
    for name, old, new in _changes(before.deps, after.deps):
        told.append(
            f"{name} is new" if old is _NONE else f"{name} is no dep now" if new is _NONE else f"{name} changed"
        )
    told += [f"what {name} should hold changed" for name, _, _ in _changes(before.expected, after.expected)]
    if set(before.outs) != set(after.outs):
        told.append("its outs are others")
    return told


def _served(before: Inputs, after: Inputs) -> list[str]:
    """What is different of the window of served rows, which a stage is told in its environment."""
    old, new = ([inputs.env.get(name) for name in VARIABLES] for inputs in (before, after))
    if old == new:
        return []
    if None in old:
        return ["it takes served rows now"]
    return ["it takes no served rows now" if None in new else "the served rows are others"]


_NONE = object()


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = [*after, *(name for name in before if name not in after)]
    pairs = ((name, before.get(name, _NONE), after.get(name, _NONE)) for name in names)
    return [(name, old, new) for name, old, new in pairs if old != new]


def _word(value: Any) -> str:
    return "–" if value is _NONE else shorten(param(value), 24)
