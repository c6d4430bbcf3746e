"""A packaged model version: a folder that serves on a machine without the workspace. What is in it, and reading it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlops_console.core.errors import ModelError
from mlops_console.core.models import Column, ModelVersion, Signature

MANIFEST, MODEL, COMPILED, EXAMPLE = "model.json", "model.skops", "model.onnx", "example.json"
_FORMAT = 1
_WAY_OUT = "Make the package anew with 'mlops-console model package'."


@dataclass(frozen=True, slots=True)
class Package:
    """A package in memory.

    Attributes:
        trusted_types: beyond scikit-learn's own that its file may hold, as mlops.toml said when it was made.
        contents: of its model files by name, each with the SHA-256 that model.json says.
    """

    version: ModelVersion
    trusted_types: tuple[str, ...]
    contents: Mapping[str, bytes]


def manifest(package: Package, made_with: str) -> bytes:
    """The content of model.json."""
    version = package.version
    told = {
        "format": _FORMAT,
        "model": version.model,
        "version": version.version,
        "created_at": version.created_at,
        "estimator": version.estimator,
        "run": version.run_id,
        "signature": asdict(version.signature),
        "packages": dict(version.packages),
        "trusted_types": list(package.trusted_types),
        "made_with": made_with,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in package.contents.items()},
    }
    return json.dumps(told, indent=2, sort_keys=True).encode() + b"\n"


def read_package(folder: Path) -> Package:
    """Read the package in a folder, and check each of its model files.

    Raises:
        ModelError: it is no package, or a file of it is missing or is not the one that was packaged.
    """
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
        if told["format"] != _FORMAT:
            raise ModelError(f"{folder} is a package of another format ({told['format']}).", _WAY_OUT)
        contents = {name: _checked(folder, name, told["sha256"].get(name)) for name in _named(told)}
        return Package(_version(told, contents), tuple(told["trusted_types"]), contents)
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise ModelError(f"{folder} is no package of a model: it has no {missing}.", _WAY_OUT) from None
    except OSError as error:
        raise ModelError(f"{folder} can't be read: {error.strerror}.", "Check its permissions.") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"The {MANIFEST} of {folder} is damaged: {error!r}.", _WAY_OUT) from None


def _named(told: Mapping[str, Any]) -> list[str]:
    """The files to read: those with names that a package has, so that no name leads out of its folder."""
    return [name for name in (MODEL, COMPILED, EXAMPLE) if name == MODEL or name in told["sha256"]]


def _checked(folder: Path, name: str, sha256: str) -> bytes:
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(f"{name} in {folder} is not the file that was packaged: it has another SHA-256.", _WAY_OUT)
    return content


def _version(told: Mapping[str, Any], contents: Mapping[str, bytes]) -> ModelVersion:
    signature = told["signature"]
    return ModelVersion(
        told["model"],
        told["version"],
        told["created_at"],
        told["sha256"][MODEL],
        len(contents[MODEL]),
        told["estimator"],
        Signature(
            tuple(Column.of(column) for column in signature["inputs"]),
            signature["task"],
            tuple(signature["classes"]),
            signature["probabilities"],
        ),
        run_id=told["run"],
        input_example=told["sha256"].get(EXAMPLE),
        packages=told["packages"],
    )
