"""`model list|show|alias|compile`, and what its other modules add."""

from typing import Annotated

import typer

from mlops_console.cli import shapes
from mlops_console.cli.acting import act
from mlops_console.cli.model_card import card
from mlops_console.cli.model_diff import diff
from mlops_console.cli.model_options import RefArgument
from mlops_console.cli.model_package import package_model
from mlops_console.cli.options import DryRunOption, JsonOption, WaitOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.deployments import Environment
from mlops_console.core.errors import UsageError
from mlops_console.core.models import ModelRef, ModelVersion, served_form
from mlops_console.core.runs import Run
from mlops_console.store import compiled, deployments, models, runs
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

app = typer.Typer(help="Models: versions, differences, aliases.", no_args_is_help=True)
app.command("diff")(diff)
app.command("card")(card)


@app.command("list")
def list_models(
    name: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Only this model.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """All versions, the newest first."""
    with opened(workspace).store.read() as db:
        if name is not None:
            models.check_known(db, name)
        versions = models.versions(db, name)
        origins = {v.ref: runs.get(db, v.run_id) if v.run_id else None for v in versions}
        environments = deployments.environments(db)
    live_in = {v.ref: _live_in(environments, v) for v in versions}
    if as_json:
        show_json({"versions": [shapes.model_version(v, origins[v.ref], live_in[v.ref]) for v in versions]})
        return
    if not versions:
        show("No model is stored yet: 'mlops-console train', or run.log_model(…) in a script, stores one.")
        return
    show_table(
        ("MODEL", "ALIASES", "ESTIMATOR", "CREATED", "SIZE", "LIVE IN", "METRICS"),
        [
            (
                v.ref,
                " ".join(f"@{alias}" for alias in v.aliases),
                v.estimator,
                text.age(v.created_at),
                text.size(v.size),
                ", ".join(live_in[v.ref]),
                _figures(origins[v.ref]),
            )
            for v in versions
        ],
        right=("SIZE",),
    )


@app.command("show")
def show_model(ref: RefArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """All that is known of a version."""
    found = opened(workspace)
    version, origin, live_in = _load(found, ref)
    with found.store.read() as db:
        form = compiled.get(db, version.model, version.version)
    if as_json:
        show_json({**shapes.model_version(version, origin, live_in), "compiled": shapes.compiled_model(form)})
        return
    show(f"{version.ref}  {version.estimator}  {text.size(version.size)}")
    facts = (
        ("aliases", ", ".join(version.aliases) or "–"),
        ("live in", ", ".join(live_in) or "–"),
        ("created", text.clock(version.created_at)),
        ("run", f"{origin.name} ({origin.id})" if origin else "–"),
        ("sha256", version.sha256),
        ("task", version.signature.task),
        ("serves", "{}: {}".format(*served_form(form))),
        ("reference", f"{version.reference.dataset}:{version.reference.version}" if version.reference else "–"),
    )
    for name, value in facts:
        show(f"  {name:<11}{value}")
    show_table(("INPUT", "DTYPE", "KIND"), [(c.name, c.dtype, c.kind) for c in version.signature.inputs])
    if origin and origin.metrics:
        show_table(
            ("METRIC", "VALUE"), [(m.name, text.number(m.last)) for m in origin.metrics.values()], right=("VALUE",)
        )


@app.command("alias")
def alias(
    ref: RefArgument,
    name: Annotated[str, typer.Argument(metavar="ALIAS", help="As champion.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the alias away.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Point an alias at a version."""
    parsed = ModelRef.parse(ref)
    if parsed.version is None:
        raise UsageError(f"{ref!r} is an alias itself.", "Name the version by its number, as in fraud:7.")
    version = None if remove else parsed.version
    client.execute(opened(workspace), "set_alias", {"model": parsed.model, "alias": name, "version": version})
    if as_json:
        show_json({"model": parsed.model, "alias": name, "version": version})
    else:
        show(f"{parsed.model}@{name} is no more." if remove else f"{parsed.model}@{name} is {ref} now.")


@app.command("compile")
def compile_model(
    ref: RefArgument,
    wait: WaitOption = False,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compile a version to ONNX, and compare that with scikit-learn. New versions are compiled by themselves."""
    act(opened(workspace), "compile_model", {"model_ref": ref}, wait=wait, dry_run=dry_run, as_json=as_json)


app.command("package")(package_model)


def _load(workspace: Workspace, ref: str) -> tuple[ModelVersion, Run | None, list[str]]:
    parsed = ModelRef.parse(ref)
    with workspace.store.read() as db:
        version = models.get(db, parsed)
        origin = runs.get(db, version.run_id) if version.run_id else None
        environments = deployments.environments(db)
    return version, origin, _live_in(environments, version)


def _live_in(environments: list[Environment], version: ModelVersion) -> list[str]:
    return [found.name for found in environments if found.live and found.live.model_ref == version.ref]


def _metrics(run: Run | None) -> dict[str, str]:
    return {name: text.number(summary.last) for name, summary in run.metrics.items()} if run else {}


def _figures(run: Run | None) -> str:
    shown = [f"{name} {value}" for name, value in _metrics(run).items() if name.startswith("test/")]
    return "  ".join(shown[:3])
