"""From a key to an action: what is still open is asked, then the plan is shown, then it is done and told.

Each flow is a coroutine that the app runs as a worker, so that it reads from top to bottom.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import ConfigError
from mlops_console.core.plans import Plan
from mlops_console.core.text import age, clock, safe_line
from mlops_console.tui import themes
from mlops_console.tui.screens.dialogs.picker import Choice, Picker
from mlops_console.tui.screens.dialogs.plan import PlanDialog
from mlops_console.tui.screens.dialogs.prompt import Prompt
from mlops_console.tui.selection import Selection

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace
    from mlops_console.tui.app_actions import ActingApp
    from mlops_console.worker.client import Execution

_DEFAULT_PIPELINE = "train"  # as in the `train` action: it need not be named
_MOMENT = 3.0  # seconds


async def act(
    app: "ActingApp",
    doing: str,
    name: str,
    request: Mapping[str, Any],
    done: Callable[[], object] = lambda: None,
) -> None:
    """Show the plan of an action and, once it is confirmed, do it.

    Args:
        doing: what the dialogue is called until the plan has come, as "Deploy fraud:7 to production".
        name: the action; see `actions`.
        request: its fields.
        done: called when it was done, or is queued.

    Raises:
        MlopsError: the action was refused or failed to start; the app tells it.
    """
    workspace = app.workspace
    wanted = dict(request)
    explain = (lambda reason: wanted.update(reason=reason)) if "reason" in wanted else None
    glass = (lambda reason: wanted.update(break_glass=reason)) if name == "deploy" else None
    dialog = PlanDialog(doing, lambda: _plan(workspace, name, wanted), explain, str(wanted.get("reason", "")), glass)
    plan = await app.push_screen_wait(dialog)
    if plan is None:
        return
    if not await _confirmed_by_name(app, str(request.get("environment", ""))):
        return
    if name == "train" and _is_repeat(app, wanted):
        app.tell(f"Train: it is queued already. Once more is taken {_MOMENT:.0f} seconds later.", "warning")
        return
    found = await asyncio.to_thread(_execute, workspace, name, {**wanted, **plan.settles})
    done()
    app.tell(_told(name, found))


async def train(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """The selected pipeline, else "train", else one to choose: edit its params, train.

    Where an environment is to be retrained, its pipeline on the rows that are proposed for it.
    """
    from mlops_console.tui.params import read_form
    from mlops_console.tui.screens.dialogs.form import Form

    if selection.retrain and not argument:
        name = selection.retrain
        await act(
            app, f"Retrain what is live in {name}", "train", await asyncio.to_thread(_retraining, app.workspace, name)
        )
        return
    config = await asyncio.to_thread(app.workspace.config)
    names = list(config.pipelines)
    pipeline = argument or selection.pipeline or (_DEFAULT_PIPELINE if _DEFAULT_PIPELINE in names else None)
    pipeline = pipeline or await _choose(app, "Train which pipeline?", names, "pipeline")
    if not pipeline:
        return
    if selection.params and not argument:
        await act(app, f"Train {pipeline}", "train", {"pipeline": pipeline, "params": dict(selection.params)})
        return
    fields, parse = await asyncio.to_thread(read_form, app.workspace, pipeline)
    note = "What differs from the params file holds for this run only."
    if any(field.last for field in fields):
        note = "As the last time; what differs from the params file holds for this run only."
    changed = await app.push_screen_wait(Form(f"Train {pipeline}", fields, parse, note)) if fields else {}
    if changed is not None:
        await act(app, f"Train {pipeline}", "train", {"pipeline": pipeline, "params": dict(changed)})


async def deploy(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """Choose a model version and an environment, deploy."""
    words = argument.split()
    if not words and selection.no_model:
        app.tell(selection.no_model, "warning")
        return
    ref = words[0] if words else selection.model_ref or await _choose_version(app, selection)
    if not ref:
        return
    name = words[1] if len(words) > 1 else selection.environment or await choose_environment(app, f"Deploy {ref} to")
    if name:
        await act(app, f"Deploy {ref} to {name}", "deploy", {"model_ref": ref, "environment": name, "reason": ""})


async def rollback(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """Go back in the selected environment, else in the most important one: from anywhere it is `r`, `y`."""
    name = argument or selection.environment or app.important_environment
    name = name or await choose_environment(app, "Roll back which environment?")
    if name:
        request: dict[str, Any] = {"environment": name, "reason": ""}
        if selection.environment == name and selection.revision is not None:
            request["to"] = selection.revision
        await act(app, f"Roll back {name}", "rollback", request)


async def stop(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """Stop the selected job, or the selected run."""
    if argument.isdigit() or selection.job_id is not None:
        job = int(argument) if argument.isdigit() else selection.job_id
        await act(app, f"Stop job {job}", "stop_job", {"job": job})
    elif selection.run_id is not None:
        await act(app, "Stop the run", "stop_run", {"run": selection.run_id})
    else:
        app.tell("Nothing that could be stopped is selected; 7 shows the jobs.", "warning")


async def check_drift(app: "ActingApp", selection: Selection, argument: str = "") -> None:
    """Compare the live data of an environment with the reference."""
    name = argument or selection.environment or app.important_environment
    name = name or await choose_environment(app, "Check which environment?")
    if name:
        await act(app, f"Check the drift of {name}", "check_drift", {"environment": name})


async def worker(app: "ActingApp", argument: str = "") -> None:
    """Say how the worker is, and start or stop it."""
    from mlops_console.worker import client

    found = await asyncio.to_thread(client.worker_status, app.workspace)
    busy = f"{found.running} running and {found.queued} queued jobs"
    if found.state in ("running", "stopping"):
        title = f"The worker is {found.state}: {busy}"
        choices = [Choice("stop", "Stop it", "jobs and model servers end too")]
    else:
        title = "The worker was killed" if found.state == "dead" else "There is no worker"
        choices = [Choice("start", "Start it", "it takes over what was left" if found.state == "dead" else busy)]
    chosen: str | None = argument
    if not chosen:
        chosen = await app.push_screen_wait(Picker(title, [*choices, Choice("", "Leave it as it is")]))
    if chosen == "start":
        await asyncio.to_thread(client.start_worker, app.workspace)
        app.tell("The worker has started.")
    elif chosen == "stop":
        app.tell("The worker, its jobs and its servers are being stopped.")
        stopped = await asyncio.to_thread(client.stop_worker, app.workspace)
        app.tell("The worker, its jobs and its servers have ended." if stopped else "There was no worker.")
    elif chosen:
        app.tell(f"The worker can start or stop, not {safe_line(chosen, 40)}.", "warning")


async def keep_theme(app: "ActingApp", name: str) -> None:
    """Remember a theme, and say where."""
    path = await asyncio.to_thread(themes.keep, name)
    app.tell(f"Theme {name}, kept in {path}; the theme of mlops.toml or --theme wins over it.")


async def _confirmed_by_name(app: "ActingApp", environment: str) -> bool:
    """Where mlops.toml says `confirm = "type"`, the name of the environment has to be typed as well."""
    if not environment or not await asyncio.to_thread(_must_be_typed, app.workspace, environment):
        return True
    typed = await app.push_screen_wait(Prompt(f"Type {environment} to confirm", "mlops.toml asks for it here."))
    if typed is not None and typed != environment:
        app.tell(f"{typed!r} is not {environment}: nothing was done.", "warning")
    return typed == environment


async def _choose(app: "ActingApp", title: str, names: list[str], noun: str) -> str | None:
    if not names:
        app.tell(f"mlops.toml names no {noun} yet.", "warning")
        return None
    return names[0] if len(names) == 1 else await app.push_screen_wait(Picker(title, [Choice(n, n) for n in names]))


async def _choose_version(app: "ActingApp", selection: Selection) -> str | None:
    choices = await asyncio.to_thread(_version_choices, app.workspace, selection.model)
    if not choices:
        app.tell("There is no model version yet: t trains one.", "warning")
        return None
    return await app.push_screen_wait(Picker("Deploy which model version?", choices))


async def choose_environment(app: "ActingApp", title: str) -> str | None:
    """One of those that there are; None if nobody wants one, or there is none."""
    choices = await asyncio.to_thread(_environment_choices, app.workspace)
    if not choices:
        app.tell("mlops.toml names no environment: add one under [environments.NAME].", "warning")
        return None
    return choices[0].key if len(choices) == 1 else await app.push_screen_wait(Picker(title, choices))


# In threads


def _plan(workspace: "Workspace", name: str, request: Mapping[str, Any]) -> Plan:
    from mlops_console import actions

    return actions.plan(workspace, name, dict(request))


def _execute(workspace: "Workspace", name: str, request: Mapping[str, Any]) -> "Execution":
    from mlops_console.worker import client

    return client.execute(workspace, name, dict(request))


def _retraining(workspace: "Workspace", environment: str) -> dict[str, Any]:
    from mlops_console.actions.retrain import retraining_of

    return retraining_of(workspace, environment)


def _must_be_typed(workspace: "Workspace", environment: str) -> bool:
    try:
        settings = workspace.config().environments.get(environment)
    except ConfigError:  # a rollback needs no readable mlops.toml, and must not wait until somebody has mended it
        return False
    return settings is not None and settings.confirm == "type"


def _version_choices(workspace: "Workspace", model: str | None) -> list[Choice]:
    from mlops_console.store import models

    with workspace.store.read() as db:
        names = [model] if model else models.model_names(db)
        versions = [version for name in names for version in models.versions(db, name)]
    versions.sort(key=lambda version: version.created_at, reverse=True)
    return [
        Choice(v.ref, v.ref, " ".join((age(v.created_at), *(f"@{alias}" for alias in v.aliases)))) for v in versions
    ]


def _environment_choices(workspace: "Workspace") -> list[Choice]:
    from mlops_console.store import deployments

    config = workspace.config()
    with workspace.store.read() as db:
        known = {environment.name: environment for environment in deployments.environments(db)}
    names = list(config.environments) or list(known)
    live = {name: env.live.model_ref for name, env in known.items() if env.live is not None}
    return [Choice(name, name, f"serves {live[name]}" if name in live else "serves nothing yet") for name in names]


def _is_repeat(app: "ActingApp", wanted: dict[str, Any]) -> bool:
    """Whether the same training was confirmed a moment ago: keys bounce, and fingers do."""
    now, before = time.monotonic(), app.last_training
    if before is not None and before[1] == wanted and now - before[0] < _MOMENT:
        return True
    app.last_training = (now, wanted)
    return False


def _told(name: str, found: "Execution") -> str:
    verb = name.replace("_", " ").capitalize()
    if name in _TOLD and found.result is not None:
        return safe_line(_TOLD[name](found, found.result), 300)
    if found.again:
        return f"{verb}: job {found.job_id} is to do the same already. 7 shows the jobs."
    if found.job_id is not None:
        return f"{verb}: job {found.job_id} queued. 7 shows the jobs."
    said = (found.result or {}).get("message")
    return safe_line(said, 300) if said else f"{verb}: done."


def _told_of_approval(found: "Execution", result: Mapping[str, Any]) -> str:
    which = f"revision {result['revision']} ({result['model']}:{result['version']})"
    if found.job_id is not None:
        return f"Approved: {which} is rolled out, job {found.job_id}. 5 shows how far it is."
    return f"Approved: {which} waits for more approvals."


def _told_of_promotion(_: "Execution", result: Mapping[str, Any]) -> str:
    return f"Promoted: {result['model']}:{result['version']} gets {result['traffic']}."


def _told_of_end(found: "Execution", result: Mapping[str, Any]) -> str:
    which = f"revision {result['revision']} ({result['model']}:{result['version']})"
    return " ".join((f"Aborted: {which}.", *found.plan.notes))


def _told_of_freeze(_: "Execution", result: Mapping[str, Any]) -> str:
    return f"Frozen: nothing is deployed to {result['environment']} until F unfreezes it; r still rolls back."


def _told_of_thaw(_: "Execution", result: Mapping[str, Any]) -> str:
    return f"Unfrozen: d deploys to {result['environment']} again."


def _told_of_acknowledgement(_: "Execution", result: Mapping[str, Any]) -> str:
    return f"Acknowledged: {result['rule']} of {result['subject']} stays open until it is right again."


def _told_of_silence(_: "Execution", result: Mapping[str, Any]) -> str:
    return f"Silenced: nobody is told of {result['rule']} of {result['subject']} until {clock(result['until'])[:16]}."


def _told_of_unsilence(_: "Execution", result: Mapping[str, Any]) -> str:
    return f"The silence is over: what is still wrong with {result['rule']} is told now."


# What comes next, where the result says more than that it was done.
_TOLD: Mapping[str, Callable[["Execution", Mapping[str, Any]], str]] = {
    "approve": _told_of_approval,
    "promote": _told_of_promotion,
    "abort": _told_of_end,
    "freeze": _told_of_freeze,
    "unfreeze": _told_of_thaw,
    "acknowledge": _told_of_acknowledgement,
    "silence": _told_of_silence,
    "unsilence": _told_of_unsilence,
}
