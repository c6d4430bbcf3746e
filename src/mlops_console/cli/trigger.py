"""`trigger list|on|off|fire`."""

import time
from typing import Annotated

import typer

from mlops_console.cli import shapes
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.triggers import upcoming
from mlops_console.store import jobs, triggers
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

app = typer.Typer(help="Triggers: what starts pipelines by itself.", no_args_is_help=True)
TriggerArgument = Annotated[str, typer.Argument(metavar="TRIGGER", help="Its name in mlops.toml.")]


@app.command("list")
def list_triggers(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """The triggers of mlops.toml: what fires them, whether they are on, and when they have fired."""
    found = opened(workspace)
    known = found.config().triggers
    with found.store.read() as db:
        states = {trigger.name: triggers.state(db, trigger.name) for trigger in known}
    if as_json:
        show_json({"triggers": [shapes.trigger(trigger, states[trigger.name]) for trigger in known]})
        return
    if not known:
        show("There are no triggers yet: [[triggers]] in mlops.toml makes one; docs/configuration.md shows how.")
        return
    now = time.time()
    show_table(
        ("NAME", "WHEN", "DOES", "STATE", "LAST", "NEXT", "LAST JOB", "TELLS"),
        [
            (
                trigger.name,
                trigger.when,
                trigger.does,
                state.word(trigger),
                text.age(state.last_fired_at, now),
                text.clock(upcoming(trigger, state, now)),
                "–" if state.last_job is None else state.last_job,
                state.last_note,
            )
            for trigger, state in ((trigger, states[trigger.name]) for trigger in known)
        ],
        right=("LAST JOB",),
    )


@app.command("on")
def switch_on(trigger: TriggerArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Let it fire, whatever mlops.toml says in `enabled`, and forget its failures."""
    _switch(opened(workspace), trigger, on=True, as_json=as_json)


@app.command("off")
def switch_off(trigger: TriggerArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Let it fire no more, until somebody switches it on."""
    _switch(opened(workspace), trigger, on=False, as_json=as_json)


@app.command("fire")
def fire(trigger: TriggerArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Do now what it does, whether it is on or not."""
    found = opened(workspace)
    job_id = client.execute(found, "fire_trigger", {"trigger": trigger}).job_id
    assert job_id is not None, "firing queues a job"
    if as_json:
        with found.store.read() as db:
            show_json({"trigger": trigger, "job": shapes.job(jobs.get(db, job_id))})
    else:
        show(f"Trigger {trigger} has queued job {job_id}: 'mlops-console job show {job_id}'.")


def _switch(workspace: Workspace, name: str, *, on: bool, as_json: bool) -> None:
    execution = client.execute(workspace, "set_trigger", {"trigger": name, "on": on})
    if as_json:
        trigger = next(trigger for trigger in workspace.config().triggers if trigger.name == name)
        with workspace.store.read() as db:
            show_json(shapes.trigger(trigger, triggers.state(db, name)))
        return
    show(f"Trigger {name} is {'on' if on else 'off'}.")
    for note in execution.plan.notes[1:]:
        show(note)
