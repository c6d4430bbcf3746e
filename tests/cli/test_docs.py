"""docs/commands.md is held to the commands."""

import re
from pathlib import Path

import typer.main

from mlops_console.cli.app import build

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()


def commands() -> dict[str, list[str]]:
    """Every command with its options."""
    root = typer.main.get_command(build(lambda *_, **__: None))
    found: dict[str, list[str]] = {}

    def walk(command: object, path: str) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            params = getattr(command, "params", [])
            found[path] = [option for p in params for option in p.opts if option.startswith("--")]
            return
        for name, child in inner.items():
            walk(child, f"{path} {name}".strip())

    walk(root, "")
    return found


def test_every_command_and_option_is_documented() -> None:
    for command, options in commands().items():
        noun, _, verb = command.partition(" ")
        assert re.search(rf"`[^`]*\b{noun} {verb}".rstrip(), PAGE), command
        for option in options:
            assert option in PAGE, f"{command} {option}"


def test_no_command_is_documented_that_is_not_there() -> None:
    known = {command.split()[0] for command in commands()}
    assert set(re.findall(r"`mlops-console ([a-z]+)", PAGE)) <= known


def test_every_command_that_answers_has_json() -> None:
    without = {command for command, options in commands().items() if "--json" not in options}
    assert without == {"demo", "worker run"}  # the one opens the console, the other is the worker itself
