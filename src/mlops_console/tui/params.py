"""The params of a pipeline as a form: how each is written, and how what is typed becomes a value again."""

import json
import tomllib
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import UsageError
from mlops_console.core.text import param
from mlops_console.tui.screens.dialogs.form import Field, Parse

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace


def read_form(workspace: "Workspace", pipeline: str) -> tuple[list[Field], Parse]:
    """In a thread: the fields of a pipeline, and what checks a typed value.

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

    return [Field(key, _written(value)) for key, value in flat.items()], parse


def _written(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list) else param(value)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text.strip()}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        raise ValueError(f"{text!r} is not a value such as 0.1, 12, true or [1, 2]") from None
