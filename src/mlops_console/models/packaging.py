"""Packaging a model version: a folder, an OCI image layout or a zip with all that serving it takes.

The same version gives the same bytes, whoever packages it and when.
"""

import contextlib
import importlib.metadata
import io
import os
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from mlops_console._version import __version__
from mlops_console.core.errors import ConfigError, UsageError
from mlops_console.core.models import ModelVersion
from mlops_console.models import oci
from mlops_console.models.package import COMPILED, EXAMPLE, MANIFEST, MODEL, Package, manifest
from mlops_console.store import compiled
from mlops_console.store.workspace import Workspace

Format = Literal["oci-dir", "zip"]

_TEMPLATES = Path(__file__).parent / "package_files"
_EXECUTABLE = frozenset({"serve"})
# What serving imports; mlops-console asks for lower bounds, and a package for what it was packaged beside.
_NEEDED = (
    "numpy",
    "onnxruntime",
    "orjson",
    "pandas",
    "prometheus-client",
    "pydantic",
    "scikit-learn",
    "scipy",
    "skops",
    "uvicorn",
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can tell


def package(workspace: Workspace, version: ModelVersion, kind: Format, parent: Path) -> Path:
    """Make the package of a version in the folder `parent`, as `fraud-7` or `fraud-7.zip`, and return where.

    An earlier package of the same name is replaced, whole.

    Raises:
        StoreError: a file of the version is missing or damaged.
        UsageError: something else has the name.
        OSError: `parent` can't be written.
    """
    name = f"{version.model}-{version.version}"
    files = contents(workspace, version)
    target = parent / (f"{name}.zip" if kind == "zip" else name)
    parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or (target.exists() and not _is_ours(target, kind)):
        raise UsageError(f"{target} is there already, and is no package.", "Move it away, or give another --output.")
    aside = parent / f".incoming-{os.urandom(8).hex()}"
    try:
        if kind == "zip":
            aside.write_bytes(_zipped(name, files))
        else:
            _write(aside, {**files, **oci.layout(files, _EXECUTABLE)})
        _put(aside, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            _remove(aside)
    return target


def contents(workspace: Workspace, version: ModelVersion) -> dict[str, bytes]:
    """The files of a package by name, sorted.

    Raises:
        StoreError: one is missing from the store or damaged.
    """
    objects = workspace.objects
    model = {MODEL: objects.read_checked(version.sha256)}
    if version.input_example is not None:
        model[EXAMPLE] = objects.read_checked(version.input_example)
    with workspace.store.read() as db:
        form = compiled.get(db, version.model, version.version)
    if form is not None and form.state == "agrees" and form.sha256 is not None:
        model[COMPILED] = objects.read_checked(form.sha256)
    described = Package(version, _trusted_types(workspace, version.model), model)
    words = {
        "@MODEL@": version.model,
        "@VERSION@": str(version.version),
        "@PYTHON@": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
    files = {
        **model,
        MANIFEST: manifest(described, __version__),
        "requirements.txt": requirements(version).encode(),
        **{path.name: _filled(path, words) for path in _TEMPLATES.iterdir() if path.is_file()},
    }
    return dict(sorted(files.items()))


def requirements(version: ModelVersion) -> str:
    """The pins: what the version was made with, and beyond that what serves it here."""
    here = {name: importlib.metadata.version(name) for name in _NEEDED}
    pins = {**here, **version.packages, "mlops-console": __version__}
    return "".join(f"{name}=={pins[name]}\n" for name in sorted(pins))


def _trusted_types(workspace: Workspace, model: str) -> tuple[str, ...]:
    """What mlops.toml trusts; where there is none that can be read, scikit-learn's own types only."""
    try:
        return workspace.config().model(model).trusted_types
    except ConfigError:
        return ()


def _filled(path: Path, words: Mapping[str, str]) -> bytes:
    text = path.read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return text.encode()


def _zipped(name: str, files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner, content in files.items():
            entry = zipfile.ZipInfo(f"{name}/{inner}", _EPOCH)
            entry.create_system = 3  # Unix, whose modes these are
            entry.external_attr = (0o100755 if inner in _EXECUTABLE else 0o100644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if name in _EXECUTABLE else 0o644)


def _is_ours(target: Path, kind: Format) -> bool:
    """Whether a package stands there, that this one may take the place of."""
    if kind == "zip":
        return zipfile.is_zipfile(target) and any(
            name.endswith(f"/{MANIFEST}") for name in zipfile.ZipFile(target).namelist()
        )
    return (target / MANIFEST).is_file()


def _put(aside: Path, target: Path) -> None:
    if target.is_dir():
        old = aside.with_name(f"{aside.name}-old")
        target.rename(old)
        aside.rename(target)
        shutil.rmtree(old)
    else:
        aside.replace(target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
