"""Compile a model version to ONNX. Where that answers as scikit-learn does, servers take it."""

import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator

from mlops_console.actions.base import Action, JobContext, Request
from mlops_console.core.errors import ConfigError, JobStopped, ModelError
from mlops_console.core.models import CompiledModel, ModelRef, ModelVersion, served_form
from mlops_console.core.plans import Change, Plan
from mlops_console.store import compiled, models
from mlops_console.store.workspace import Workspace


def _is_ref(text: str) -> str:
    return str(ModelRef.parse(text))


class CompileModel(Request):
    """`model_ref` as `fraud:7` or `fraud@champion`."""

    model_ref: Annotated[str, AfterValidator(_is_ref)]


def _plan(workspace: Workspace, request: CompileModel) -> Plan:
    with workspace.store.read() as db:
        version = models.get(db, ModelRef.parse(request.model_ref))
        before = compiled.get(db, version.model, version.version)
    return Plan(
        compiled.ACTION,
        version.ref,
        f"Compile {version.ref} to ONNX",
        shlex.join(["mlops-console", "model", "compile", version.ref]),
        changes=(Change("form served", served_form(before)[0], "ONNX where it agrees, else scikit-learn"),),
        notes=("It is converted and compared in a job. Servers take the form when they load the version next.",),
        settles={"model_ref": version.ref},
    )


def _perform(workspace: Workspace, request: CompileModel, job: JobContext) -> dict[str, Any]:
    def progress(fraction: float, text: str) -> None:
        if job.stop_requested():
            raise JobStopped(f"Compiling {version.ref} was stopped.")
        job.progress(fraction, text)

    with workspace.store.read() as db:
        version = models.get(db, ModelRef.parse(request.model_ref))
    found, content = _compile(workspace, version, progress)
    if content is not None:
        kept = workspace.objects.put_bytes(content)
        found = replace(found, sha256=kept, size=len(content))
    with workspace.store.write() as tx:
        compiled.record(tx, version.model, version.version, found)
        result = {"model": version.model, "version": version.version, **_told(found)}
        job.record(tx, result)
    return result


def _compile(
    workspace: Workspace, version: ModelVersion, progress: Callable[[float, str], None]
) -> tuple[CompiledModel, bytes | None]:
    """A version that can't be loaded can't serve either: the reason is kept, and the job has done what it could."""
    from mlops_console.models.compiling import compile_model, fitting
    from mlops_console.models.storage import load_model

    progress(0.0, "loading the model")
    try:
        estimator = load_model(workspace, version, _trusted_types(workspace, version.model))
    except ModelError as error:
        return CompiledModel("unsupported", time.time(), reason=error.message), None
    rows = fitting(version.signature, _records(workspace, version))
    return compile_model(estimator, version.signature, rows, progress, _private(workspace, version))


def _private(workspace: Workspace, version: ModelVersion) -> frozenset[str]:
    """Columns that the prediction log of some environment never has; where mlops.toml can't be read, it may be any."""
    try:
        environments = workspace.config().environments.values() if workspace.config_path.exists() else ()
    except ConfigError:
        return frozenset(column.name for column in version.signature.inputs)
    return frozenset(name for environment in environments for name in environment.log.private)


def _records(workspace: Workspace, version: ModelVersion) -> Iterator[Mapping[str, Any]]:
    """The rows of the version's input example, and of the sample of its reference where that has all its columns."""
    from mlops_console.data.samples import read_sample

    if version.input_example is not None:
        yield from json.loads(workspace.objects.read_checked(version.input_example))
    if version.reference is None:
        return
    sample = read_sample(workspace.objects, version.reference.sample)
    names = [column.name for column in version.signature.inputs]
    if all(name in sample for name in names):
        for values in zip(*(sample[name].tolist() for name in names), strict=True):
            yield dict(zip(names, values, strict=True))


def _trusted_types(workspace: Workspace, model: str) -> tuple[str, ...]:
    """What a server would trust: where mlops.toml can't be read, nothing beside scikit-learn's own."""
    try:
        return workspace.config().model(model).trusted_types
    except ConfigError:
        return ()


def _told(found: CompiledModel) -> dict[str, Any]:
    form, why = served_form(found)
    return {
        "compiled": found.state,
        "serves": form,
        "why": why,
        "rows": found.rows,
        "worst_difference": found.worst_difference,
    }


ACTION = Action(compiled.ACTION, CompileModel, "process", _plan, _perform)
