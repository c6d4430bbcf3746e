"""The params of a pipeline as a form: how each is written, and how what is typed becomes a value again."""

import json
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import UsageError
from mlops_console.core.text import param
from mlops_console.tui.screens.dialogs.form import Field, Parse

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace


def read_form(workspace: "Workspace", pipeline: str) -> tuple[list[Field], Parse]:
    """In a thread: the fields of a pipeline, as their user had them the last time, and what checks a typed value.

    Raises:
        ConfigError: mlops.toml or the params file is wrong.
        UsageError: there is no such pipeline.
    """
    from mlops_console.pipelines import params as pipeline_params

    config = workspace.config()
    settings = config.pipelines.get(pipeline)
    if settings is None:
        known = ", ".join(config.pipelines) or "none"
        raise UsageError(f"There is no pipeline {pipeline!r}.", f"mlops.toml names: {known}.")
    params = pipeline_params.load(workspace.root, pipeline, settings)
    flat = pipeline_params.flatten(params)

    def parse(key: str, text: str) -> Any:
        value = text if isinstance(flat[key], str) else _value(text)
        try:
            pipeline_params.override(params, {key: value}, settings.params or "")
        except UsageError as error:
            raise ValueError(error.message) from None
        return value

    last = _last_params(workspace, pipeline)
    fields = []
    for key, value in flat.items():
        written = _written(last[key]) if key in last and last[key] != value else ""
        fields.append(Field(key, _written(value), written if _parses(parse, key, written) else ""))
    return fields, parse


def _last_params(workspace: "Workspace", pipeline: str) -> Mapping[str, Any]:
    from mlops_console.store import jobs
    from mlops_console.store.identity import actor

    with workspace.store.read() as db:
        last = jobs.newest(db, "train", pipeline, actor())
    return last.request.get("params", {}) if last is not None else {}


def _parses(parse: Parse, key: str, text: str) -> bool:
    """Whether what was used the last time still makes sense: the file may have changed since."""
    try:
        parse(key, text)
    except ValueError:
        return False
    return True


def _written(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list) else param(value)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text.strip()}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        raise ValueError(f"{text!r} is not a value such as 0.1, 12, true or [1, 2]") from None
