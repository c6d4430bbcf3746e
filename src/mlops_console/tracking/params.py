"""`params`: the params of the stage that runs, or of params.toml where a script is run by hand."""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

from mlops_console.core.errors import ConfigError
from mlops_console.store.location import CONFIG
from mlops_console.tracking.start import locate

VARIABLE = "MLOPS_PARAMS"


def params(section: str | None = None) -> dict[str, Any]:
    """The params as the worker has resolved them for this stage, `-p` overrides included.

    Run by hand, a script gets those of the project's params file: the one that a pipeline of mlops.toml names, else
    params.toml beside it.

    Args:
        section: a table of it, such as "fit"; "fit.model" for one within another. By default all of it.

    Raises:
        ConfigError: there is no params file, it is not valid, or it has no such section.
    """
    source = Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else _params_file()
    try:
        text = source.read_text(encoding="utf-8")
        found: Any = json.loads(text) if source.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(f"There is no params file {source}.", "Write one, or set the params in the script.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{source} can't be read: {error}.", "Mend the file.") from None
    for part in section.split(".") if section else ():
        known = [key for key, value in found.items() if isinstance(value, dict)]
        if part not in known:
            raise ConfigError(f"{source.name} has no section [{section}].", f"Known here are: {', '.join(known)}.")
        found = found[part]
    return dict(found)


def _params_file() -> Path:
    root = locate(None)
    config = root / CONFIG
    if config.is_file():
        try:
            pipelines = tomllib.loads(config.read_text(encoding="utf-8")).get("pipelines", {})
        except (OSError, ValueError) as error:
            raise ConfigError(f"{config} can't be read: {error}.", "Mend the file.") from None
        for pipeline in pipelines.values():
            if isinstance(pipeline, dict) and isinstance(pipeline.get("params"), str):
                return root / str(pipeline["params"])
    return root / "params.toml"
