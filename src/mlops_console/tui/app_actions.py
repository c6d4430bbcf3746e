"""What the commands of the whole console do: the `action_` methods of the app."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from mlops_console.core.errors import RefusedError
from mlops_console.core.text import safe_line
from mlops_console.tui import commands
from mlops_console.tui.commands import Command, Keymap
from mlops_console.tui.screens.main import MainScreen
from mlops_console.tui.telling import TellingApp


class ActingApp(TellingApp, inherit_bindings=False):
    """A base of `ConsoleApp`, which sets what is declared here."""

    read_only: bool
    keymap: Keymap
    own_themes: tuple[str, ...] = ()
    last_training: tuple[float, dict[str, Any]] | None = None  # when it was confirmed, and what

    @property
    def main(self) -> MainScreen:
        raise NotImplementedError

    @property
    def important_environment(self) -> str | None:
        raise NotImplementedError

    async def run_command(self, command: Command, argument: str = "") -> None:
        """Do what a command says, as if its key had been pressed; `argument` as typed after it in `:`."""
        action = command.action.removeprefix("app.")
        target: Any = self
        if not command.action.startswith("app."):
            view: Any = self.main.view
            detail = getattr(view, "detail", None)
            places = (view, getattr(view, "grid", None), detail and detail.widget)
            target = next((place for place in places if hasattr(place, f"action_{action}")), view)
        if action.startswith("show_view"):
            await self.action_show_view(command.id)
        elif hasattr(target, f"action_{action}"):
            parameters = (argument,) if argument and command.argument else ()
            await self.run_action(("", action, parameters), default_namespace=target)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None exists before there is a view."""
        return self.main.ready or action in ("quit", "show_view")

    async def action_show_view(self, name: str, where: Mapping[str, Any] | None = None) -> None:
        await self.main.show_view(name, where)

    async def action_out(self) -> None:
        if not self.main.view.leave():
            await self.main.go_back()

    async def action_logs(self) -> None:
        if not await self.main.view.show_logs():
            self.tell("Nothing that has a log is selected.", "warning")

    def action_train(self, argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.train(self, self.main.view.selection, argument))

    def action_deploy(self, argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.deploy(self, self.main.view.selection, argument))

    def action_rollback(self, argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.rollback(self, self.main.view.selection, argument))

    def action_why(self, argument: str = "") -> None:
        from mlops_console.tui import delivery_flows

        reading = delivery_flows.why(self, self.main.view.selection, argument)
        self.run_worker(reading, name="why", group="flow", exclusive=True, exit_on_error=False)

    def action_approve(self, argument: str = "") -> None:
        from mlops_console.tui import delivery_flows

        self._flow(delivery_flows.approve(self, self.main.view.selection, argument))

    def action_promote(self, argument: str = "") -> None:
        from mlops_console.tui import delivery_flows

        self._flow(delivery_flows.promote(self, self.main.view.selection, argument))

    def action_promote_all(self, argument: str = "") -> None:
        from mlops_console.tui import delivery_flows

        self._flow(delivery_flows.promote(self, self.main.view.selection, argument, full=True))

    def action_abort(self, argument: str = "") -> None:
        from mlops_console.tui import delivery_flows

        self._flow(delivery_flows.abort(self, self.main.view.selection, argument))

    def action_freeze(self, argument: str = "") -> None:
        from mlops_console.tui import delivery_flows

        self._flow(delivery_flows.freeze(self, self.main.view.selection, argument))

    def action_unfreeze(self, argument: str = "") -> None:
        from mlops_console.tui import delivery_flows

        self._flow(delivery_flows.unfreeze(self, self.main.view.selection, argument))

    def action_acknowledge(self, argument: str = "") -> None:
        from mlops_console.tui import alert_flows

        self._flow(alert_flows.acknowledge(self, self.main.view.selection, argument))

    def action_silence(self, argument: str = "") -> None:
        from mlops_console.tui import alert_flows

        self._flow(alert_flows.silence(self, self.main.view.selection, argument))

    def action_resolve(self) -> None:
        from mlops_console.tui import alert_flows

        self._flow(alert_flows.resolve(self, self.main.view.selection))

    def action_stop(self, argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.stop(self, self.main.view.selection, argument))

    def action_check_drift(self, argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.check_drift(self, self.main.view.selection, argument))

    def action_worker(self, argument: str = "") -> None:
        from mlops_console.tui import flows

        self._flow(flows.worker(self, argument))

    def act(self, doing: str, name: str, request: Mapping[str, Any], done: Callable[[], object] = lambda: None) -> None:
        """Show the plan of an action and do it once it is confirmed; then call `done`."""
        from mlops_console.tui import flows

        self._flow(flows.act(self, doing, name, request, done))

    def action_copy_reference(self) -> None:
        self._copy(self.main.view.selection.reference, "reference")

    def action_copy_command(self) -> None:
        self._copy(self.main.view.selection.command, "shell command")

    def action_help(self) -> None:
        from mlops_console.tui.screens.dialogs.help import Help

        self.push_screen(Help(self.main.view_name, self.read_only, self.keymap))

    def action_command_line(self) -> None:
        from mlops_console.tui.screens.dialogs.command_line import CommandLine

        self.push_screen(CommandLine(commands.in_view(self.main.view_name, self.read_only)), self._typed)

    def action_choose_theme(self, name: str = "") -> None:
        from mlops_console.tui.screens.dialogs.picker import Choice, Picker

        if name:
            self._choose_theme(name)
            return
        choices = [Choice(own, own, "in use" if own == self.theme else "") for own in self.own_themes]
        self.push_screen(Picker("Theme", choices), lambda chosen: self._choose_theme(chosen) if chosen else None)

    def use_theme(self, name: str) -> bool:
        """Switch to a theme; an unknown one is told, and False."""
        if name in self.own_themes or name == self.theme:
            self.theme = name
            return True
        self.tell(f"There is no theme {safe_line(name, 60)}; there are {', '.join(self.own_themes)}.", "warning")
        return False

    def _choose_theme(self, name: str) -> None:
        """Switch to a theme and remember it, for this user."""
        from mlops_console.tui import flows

        if self.use_theme(name):
            self.run_worker(flows.keep_theme(self, name), name="theme", exit_on_error=False)

    async def _typed(self, text: str | None) -> None:
        """Do what was typed into `:`."""
        word, _, argument = (text or "").partition(" ")
        if not word:
            return
        command = commands.named(word)
        if command is None or command not in commands.in_view(self.main.view_name, self.read_only):
            self.tell(f"There is no command {safe_line(word, 60)} here; ? shows them.", "warning")
        elif argument.strip() and not command.argument:
            self.tell(
                f"{command.id} takes nothing after it, so {safe_line(argument.strip(), 60)} was not done.", "warning"
            )
        else:
            await self.run_command(command, argument.strip())

    def _copy(self, text: str, what: str) -> None:
        if text:
            self.copy_to_clipboard(text)
            self.tell(f"Copied the {what}: {text}")
        else:
            self.tell(f"Nothing is selected that has a {what}.", "warning")

    def _flow(self, flow: Coroutine[Any, Any, None]) -> None:
        """Begin an action; read-only, say that there is none."""
        if self.read_only:
            flow.close()
            self.tell_error(
                RefusedError("read-only: nothing can be changed from here.", "Start it without --read-only.")
            )
            return
        self.run_worker(flow, name="flow", group="flow", exclusive=True, exit_on_error=False)
