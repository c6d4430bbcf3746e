"""Params: what params.toml says, what a person overrides, and what a stage is given."""

import copy
import datetime
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlops_console.core.config import Pipeline
from mlops_console.core.errors import ConfigError, UsageError
from mlops_console.core.text import did_you_mean

Params = dict[str, Any]  # as in the file: values, and tables of them


def load(root: Path, name: str, pipeline: Pipeline) -> Params:
    """What the params file of a pipeline says; nothing where it names none.

    Raises:
        ConfigError: the file is missing or no TOML, or a stage names params that are not in it.
    """
    params: Params = {}
    if pipeline.params is not None:
        params = _read(root / pipeline.params, f"pipelines.{name}.params", pipeline.params)
        _check_keys(params, pipeline.params)
    known = _names(params)
    for stage, settings in pipeline.stages.items():
        for section in settings.params:
            if section not in known:
                raise ConfigError(
                    f"mlops.toml: pipelines.{name}.stages.{stage}.params names {section!r}, which is not in "
                    f"{pipeline.params or 'any params file'}{did_you_mean(section, known) or '.'}",
                    f"Known there are: {', '.join(params) or 'none'}.",
                )
    return params


def parse_override(text: str) -> tuple[str, Any]:
    """`fit.lr=0.3` as key and value. The value is read as TOML; what is no TOML value is text.

    Raises:
        UsageError: there is no key or no value.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise UsageError(f"{text!r} is not of the form KEY=VALUE.", "Write for example -p fit.lr=0.3.")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return key.strip(), value.strip()
    return key.strip(), parsed["value"] if list(parsed) == ["value"] else value.strip()


def override(params: Params, overrides: Mapping[str, Any], source: str) -> Params:
    """A copy of the params with some values changed.

    Args:
        overrides: values by their dotted key, as in `fit.lr`.
        source: the name of the params file, for the errors.

    Raises:
        UsageError: there is no such param, or the value is of another kind than the one in the file.
    """
    changed = copy.deepcopy(params)
    known = flatten(params)
    for key, given in overrides.items():
        if key not in known:
            raise UsageError(
                f"There is no param {key!r} in {source}{did_you_mean(key, known) or '.'}",
                f"Known are: {', '.join(known) or 'none'}.",
            )
        value = _read_time(known[key], given)
        _check_kind(key, known[key], value, source)
        *sections, last = key.split(".")
        table = changed
        for section in sections:
            table = table[section]
        table[last] = value
    return changed


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"fit": {"lr": 0.1}}` as `{"fit.lr": 0.1}`."""
    flat: dict[str, Any] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def select(params: Params, names: Iterable[str]) -> Params:
    """Only the sections and values that a stage names, in their places."""
    chosen: Params = {}
    for name in names:
        *sections, last = name.split(".")
        source, target = params, chosen
        for section in sections:
            source, target = source[section], target.setdefault(section, {})
        target[last] = source[last]
    return chosen


def _read(path: Path, key: str, shown: str) -> Params:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"mlops.toml: {key} names {shown!r}, but there is no such file.", "Add it.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{shown} is not valid TOML: {error}.", "Mend that line.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown} can't be read: {error}.", "Mend the file or its permissions.") from None


def _check_keys(params: Mapping[str, Any], shown: str) -> None:
    for key, value in params.items():
        if "." in key:
            raise ConfigError(
                f"{shown}: the key {key!r} holds a dot, which separates a param from its section.",
                "Make it a section, or give it another name.",
            )
        if isinstance(value, Mapping):
            _check_keys(value, shown)


def _names(params: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The dotted names of all tables and values."""
    names = []
    for key, value in params.items():
        names.append(f"{prefix}{key}")
        if isinstance(value, Mapping):
            names.extend(_names(value, f"{prefix}{key}."))
    return names


def _read_time(old: Any, new: Any) -> Any:
    """A date or time that comes as text, as in a request, which is JSON; anything else as it is."""
    if isinstance(old, datetime.date | datetime.time) and isinstance(new, str):
        try:
            return type(old).fromisoformat(new)
        except ValueError:
            return new
    return new


def _check_kind(key: str, old: Any, new: Any, source: str) -> None:
    if _kind(old) != _kind(new):
        raise UsageError(
            f"Param {key!r} is {_kind(old)} in {source} ({old!r}), and {new!r} is {_kind(new)}.",
            f"Give {_kind(old)}.",
        )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, Mapping) else "a date or time"
