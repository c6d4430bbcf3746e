"""The tabs of a run that are names and values: params, artifacts, lineage."""

from mlops_console.core.runs import Run
from mlops_console.core.text import age, clock, duration, param, size
from mlops_console.tui import glyphs
from mlops_console.tui.screens.runs.reading import RunLoaded
from mlops_console.tui.widgets.facts import Fact


def param_facts(run: Run) -> list[Fact]:
    if not run.params and not run.tags:
        return [Fact("", "This run has logged no params: start_run(params={…}) or run.log_params(…) does.")]
    facts = [Fact(name, param(value) or '""', "strong") for name, value in run.params.items()]
    if run.tags:
        facts += [Fact("Tags"), *(Fact(name, value or '""') for name, value in run.tags.items())]
    return facts


def artifact_facts(loaded: RunLoaded) -> list[Fact]:
    if not loaded.artifacts:
        return [Fact("", 'This run has kept no files: run.log_artifact("roc.png") does.')]
    return [
        Fact(artifact.path, f"{size(artifact.size):>9}  {age(artifact.created_at):>8}  {artifact.sha256[:12]}")
        for artifact in loaded.artifacts
    ]


def lineage_facts(loaded: RunLoaded) -> list[Fact]:
    """Where the run came from and what came of it."""
    run = loaded.run
    state = glyphs.state(run.status)
    return [
        Fact("status", state.text, state.style),
        *([Fact("error", run.error, "bad")] if run.error else []),
        Fact("run", run.id),
        Fact("experiment", run.experiment),
        Fact("started", clock(run.started_at)),
        Fact("took", duration(run.duration(run.ended_at or run.heartbeat_at or run.created_at))),
        Fact("Made by"),
        *([Fact("pipeline", run.pipeline, "accent")] if run.pipeline else []),
        *([Fact("job", str(run.job_id), "accent")] if run.job_id is not None else []),
        *_origin_facts(run),
        Fact("Has read"),
        *(
            Fact(given.role, f"{given.version.dataset}:{given.version.version}  {given.version.rows:,} rows", "accent")
            for given in loaded.inputs
        ),
        *([] if loaded.inputs else [Fact("", "no dataset: run.log_dataset(role, frame) records one")]),
        Fact("Has made"),
        *(Fact("model", " ".join((v.ref, *(f"@{alias}" for alias in v.aliases))), "accent") for v in loaded.versions),
        *([] if loaded.versions else [Fact("", "no model version: run.log_model(model, name) stores one")]),
    ]


def _origin_facts(run: Run) -> list[Fact]:
    origin = run.provenance
    dirty = {True: ", with changes not committed", False: "", None: ""}[origin.git_dirty]
    commit = f"{origin.git_commit[:12]} on {origin.git_branch or '?'}{dirty}" if origin.git_commit else "not in git"
    process = f"{run.process.pid} on {run.process.host}" if run.process else ""
    packages = "  ".join(f"{name} {version}" for name, version in list(origin.packages.items())[:40])
    facts = [("user", origin.user), ("command", origin.command), ("git", commit), ("process", process),
             ("python", origin.python), ("packages", packages)]  # fmt: skip
    return [Fact(name, value) for name, value in facts if value]
