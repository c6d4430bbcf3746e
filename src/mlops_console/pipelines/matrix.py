"""Stages with a matrix: one stage for each combination of its values."""

import itertools
import re
import shlex
from collections.abc import Mapping
from typing import Any

from mlops_console.core.config import Pipeline, Stage
from mlops_console.core.errors import ConfigError
from mlops_console.core.text import param

MOST = 1000  # stages out of one
_NAMED = re.compile(r"\$\{(\w+)\}")
_AT = "@"  # which the name of no stage in mlops.toml has
_ODD = re.compile(r"[^A-Za-z0-9_.+-]")  # in the name of a stage, which is also that of its log


def expanded(name: str, pipeline: Pipeline) -> dict[str, Stage]:
    """The stages of a pipeline; `fit` with `matrix = { model = ["rf", "lr"] }` as `fit@rf` and `fit@lr`.

    In `run`, `deps`, `outs`, `cwd` and `env` of these `${model}` stands for the value, in `run` quoted for the shell.
    All other `${…}` is left to the shell.

    Raises:
        ConfigError: two combinations would have the same name, or there are more than `MOST`.
    """
    stages: dict[str, Stage] = {}
    for stage, settings in pipeline.stages.items():
        if not settings.matrix:
            stages[stage] = settings
            continue
        for values in _combinations(name, stage, settings.matrix):
            made = f"{stage}{_AT}{'-'.join(_ODD.sub('_', _written(value)) for value in values.values())}"
            if made in stages:
                raise ConfigError(
                    f"mlops.toml: the matrix of pipelines.{name}.stages.{stage} makes two stages {made!r}.",
                    "Let its values differ in letters, digits, '_', '.', '+' or '-'.",
                )
            stages[made] = _filled(settings, values)
    return stages


def base_name(stage: str) -> str:
    """The name that mlops.toml has for a stage."""
    return stage.partition(_AT)[0]


def _combinations(name: str, stage: str, matrix: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    found = list(itertools.islice(itertools.product(*matrix.values()), MOST + 1))
    if len(found) > MOST:
        raise ConfigError(
            f"mlops.toml: the matrix of pipelines.{name}.stages.{stage} makes more than {MOST:,} stages.",
            "Take some of its values away.",
        )
    return [dict(zip(matrix, values, strict=True)) for values in found]


def _filled(settings: Stage, values: Mapping[str, Any]) -> Stage:
    plain = {key: _written(value) for key, value in values.items()}
    quoted = {key: shlex.quote(value) for key, value in plain.items()}
    return settings.model_copy(
        update={
            "run": _replaced(settings.run, quoted),
            "deps": tuple(_replaced(dep, plain) for dep in settings.deps),
            "outs": tuple(_replaced(out, plain) for out in settings.outs),
            "cwd": _replaced(settings.cwd, plain),
            "env": {variable: _replaced(text, plain) for variable, text in settings.env.items()},
            "matrix": {},
        }
    )


def _replaced(text: str, values: Mapping[str, str]) -> str:
    return _NAMED.sub(lambda match: values.get(match[1], match[0]), text)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else param(value)
