"""A command imports no more than it needs."""

import subprocess
import sys

import typer.main

from mlops_console.cli import app


def names(built: typer.Typer) -> set[str]:
    return set(typer.main.get_command(built).commands)  # type: ignore[attr-defined]


def test_each_command_is_in_the_module_that_the_table_names() -> None:
    every = names(app.build(lambda: None))
    assert every == {command for commands in app._MODULES.values() for command in commands}
    for command in every:
        assert command in names(app.build(lambda: None, command))
    assert names(app.build(lambda: None, "nonsense")) == every


def test_the_command_is_found_behind_options() -> None:
    assert app._command(["-w", "run", "--read-only", "train", "--force"]) == "train"
    assert app._command(["--help"]) is None


def test_train_imports_neither_the_other_commands_nor_what_only_they_need() -> None:
    script = (
        "import sys; from mlops_console.cli.app import build; build(lambda: None, 'train'); "
        "print(*sorted(name for name in sys.modules if name.split('.')[0] in "
        "('mlops_console', 'rich', 'pandas', 'numpy', 'optuna', 'textual', 'psutil')))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "mlops_console.cli.train" in found
    assert not [name for name in found if not name.startswith("mlops_console")]
    assert not [name for name in found if name.startswith(("mlops_console.tui", "mlops_console.cli.run"))]
