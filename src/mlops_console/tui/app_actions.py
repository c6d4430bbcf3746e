"""What the commands of the whole console do: the `action_` methods of the app."""

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from mlops_console.core.text import safe_line
from mlops_console.tui import commands
from mlops_console.tui.commands import Command

if TYPE_CHECKING:
    from mlops_console.tui.app import ConsoleApp


class AppActions:
    """Mixed into `ConsoleApp`."""

    own_themes: tuple[str, ...] = ()

    async def run_command(self: "ConsoleApp", command: Command, argument: str = "") -> None:
        """Do what a command says, as if its key had been pressed; `argument` as typed after it in `:`."""
        action = command.action.removeprefix("app.")
        target: Any = self
        if not command.action.startswith("app."):
            target = self.main.view
            if not hasattr(target, f"action_{action}"):
                target = getattr(target, "grid", target)
        if action.startswith("show_view"):
            await self.action_show_view(command.id)
        elif hasattr(target, f"action_{action}"):
            parameters = (argument,) if argument and command.argument else ()
            await self.run_action(("", action, parameters), default_namespace=target)

    def check_action(self: "ConsoleApp", action: str, parameters: tuple[object, ...]) -> bool | None:
        """Read-only, no action exists."""
        acting = {command.action.removeprefix("app.") for command in commands.COMMANDS if command.acts}
        return not (self.read_only and action in acting)

    async def action_show_view(self: "ConsoleApp", name: str, where: Mapping[str, Any] | None = None) -> None:
        await self.main.show_view(name, where)

    def action_out(self: "ConsoleApp") -> None:
        self.main.view.leave()

    async def action_logs(self: "ConsoleApp") -> None:
        if not await self.main.view.show_logs():
            self.tell("Nothing that has a log is selected.", "warning")

    def action_train(self: "ConsoleApp", argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.train(self, self.main.view.selection, argument))

    def action_deploy(self: "ConsoleApp", argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.deploy(self, self.main.view.selection, argument))

    def action_rollback(self: "ConsoleApp", argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.rollback(self, self.main.view.selection, argument))

    def action_stop(self: "ConsoleApp", argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.stop(self, self.main.view.selection, argument))

    def action_check_drift(self: "ConsoleApp", argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.check_drift(self, self.main.view.selection, argument))

    def act(self: "ConsoleApp", doing: str, name: str, request: Mapping[str, Any]) -> None:
        """Show the plan of an action and do it once it is confirmed."""
        from mlops_console.tui import flows

        self._flow(flows.act(self, doing, name, request))

    def action_copy_reference(self: "ConsoleApp") -> None:
        self._copy(self.main.view.selection.reference, "reference")

    def action_copy_command(self: "ConsoleApp") -> None:
        self._copy(self.main.view.selection.command, "shell command")

    def action_help(self: "ConsoleApp") -> None:
        from mlops_console.tui.screens.dialogs.help import Help

        self.push_screen(Help(self.main.view_name, self.read_only, self.keymap))

    def action_command_line(self: "ConsoleApp") -> None:
        from mlops_console.tui.screens.dialogs.command_line import CommandLine

        self.push_screen(CommandLine(commands.in_view(self.main.view_name, self.read_only)), self._typed)

    def action_choose_theme(self: "ConsoleApp", name: str = "") -> None:
        from mlops_console.tui.screens.dialogs.picker import Choice, Picker

        if name:
            self.use_theme(name)
            return
        choices = [Choice(own, own, "in use" if own == self.theme else "") for own in self.own_themes]
        self.push_screen(Picker("Theme", choices), lambda chosen: self.use_theme(chosen) if chosen else None)

    def use_theme(self: "ConsoleApp", name: str) -> None:
        """Switch to a theme; an unknown one is told."""
        if name in self.own_themes or name == self.theme:
            self.theme = name
        else:
            self.tell(f"There is no theme {safe_line(name, 60)}; there are {', '.join(self.own_themes)}.", "warning")

    async def _typed(self: "ConsoleApp", text: str | None) -> None:
        """Do what was typed into `:`."""
        word, _, argument = (text or "").partition(" ")
        if not word:
            return
        command = commands.named(word)
        if command is None or command not in commands.in_view(self.main.view_name, self.read_only):
            self.tell(f"There is no command {safe_line(word, 60)} here; ? shows them.", "warning")
        else:
            await self.run_command(command, argument.strip())

    def _copy(self: "ConsoleApp", text: str, what: str) -> None:
        if text:
            self.copy_to_clipboard(text)
            self.tell(f"Copied the {what}: {text}")
        else:
            self.tell(f"Nothing is selected that has a {what}.", "warning")

    def _flow(self: "ConsoleApp", flow: Coroutine[Any, Any, None]) -> None:
        self.run_worker(flow, name="flow", group="flow", exclusive=True, exit_on_error=False)
