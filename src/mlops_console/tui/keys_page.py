"""docs/keys.md, out of the command table: `python -m mlops_console.tui.keys_page > docs/keys.md`."""

import sys

from mlops_console.tui.commands import ASIDE, COMMANDS, LISTS, VIEWS, Command, shown_keys

_INTRO = """\
# The keys of the console

Made from the command table (`src/mlops_console/tui/commands.py`) by `python -m mlops_console.tui.keys_page`; don't
edit it.

`?` shows the keys of the view you are in, `:` and `ctrl+p` do any command by name. In a read-only console the commands
marked ✎ do nothing. Every key can be changed in mlops.toml, by the command's name; several keys are separated by
commas, and a key that another command has already is refused with a message:

```toml
[console.keys]
train = "ctrl+t"
down = "j,down,n"
```
"""
_DIALOGS = """\
## In dialogues

| key | what it does |
| --- | --- |
| `y` | in a plan: do it. Nothing else does, so that no accident acts |
| `e` | in a plan to deploy or roll back: give a reason |
| `j` `k` `down` `up` | in a plan: scroll. Its lower border says how much is below |
| `B` | in the plan of a deployment that is refused: break the glass, with a reason, and plan anew |
| `enter` | in a plan: leave. In a form, a prompt or a list of choices: go on |
| `esc` | leave |
| `Y` | in a plan: copy the equivalent shell command |
| `tab` | in `:` complete the command |
"""


def keys_page() -> str:
    """The whole page."""
    views = [c for c in COMMANDS if c.action.startswith("app.show_view")]
    groups = {
        "Views": views,
        "Everywhere": [c for c in COMMANDS if c.scope == ("app",) and c not in views],
        "In a list": [c for c in COMMANDS if "grid" in c.scope or set(LISTS) <= set(c.scope)],
        "In the chart of a run's metrics": [c for c in COMMANDS if c.scope[0] == "chart"],
        "In a log": [c for c in COMMANDS if c.scope == ("log",)],
        "Where runs are compared": [c for c in COMMANDS if {"compare", "curves"} & set(c.scope)],
    }
    told = [command for group in groups.values() for command in group]
    groups["In some views"] = [c for c in COMMANDS if c not in told]
    return "\n".join([_INTRO, *(_group(title, commands) for title, commands in groups.items()), _DIALOGS])


def _group(title: str, commands: list[Command]) -> str:
    lines = [f"## {title}", "", "| key | command | what it does |", "| --- | --- | --- |"]
    lines += [f"| {_keys(c)} | `{c.id}`{' ✎' if c.acts else ''} | {c.help}{_where(c)} |" for c in commands]
    return "\n".join(lines) + "\n"


def _keys(command: Command) -> str:
    keys = shown_keys(command.keys) or f":{command.id}"  # without a key it is called by its name
    return " ".join(f"`{key}`" for key in keys.split(" "))


def _where(command: Command) -> str:
    views = [view for view in (*VIEWS, *ASIDE) if view in command.scope]
    return f" ({', '.join(views)})" if views and not set(LISTS) <= set(command.scope) else ""


if __name__ == "__main__":
    sys.stdout.write(keys_page())
