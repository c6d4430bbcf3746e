"""The commands of the table in Textual's command palette."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from mlops_console.tui.commands import Command, in_view, shown_keys

if TYPE_CHECKING:
    from mlops_console.tui.app import ConsoleApp

_HELP = 0.1  # how much a match in the explanation counts beside one in the name


class ConsoleCommands(Provider):
    """Every command of the view that is shown."""

    async def discover(self) -> Hits:
        for command in self._commands():
            yield DiscoveryHit(self._title(command), self._run(command), help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            score = _score(command, query, matcher.match)
            if score > 0:
                yield Hit(score, self._title(command), self._run(command), help=command.help)

    @property
    def _console(self) -> "ConsoleApp":
        return cast("ConsoleApp", self.app)

    def _commands(self) -> list[Command]:
        view = self._console.main.view_name
        return [command for command in in_view(view, self._console.read_only) if command.palette]

    def _title(self, command: Command) -> str:
        keys = shown_keys(self._console.keymap.of(command))
        return f"{command.title}  ({keys})" if keys else command.title

    def _run(self, command: Command) -> Callable[[], Awaitable[None]]:
        return partial(self._console.run_command, command)


def _score(command: Command, query: str, match: Callable[[str], float]) -> float:
    """How well a command is what was typed: a name that begins so comes first, its explanation last."""
    word = query.strip().casefold()
    names = (command.title, command.id)
    score = max(match(name) for name in names)
    if any(name.casefold().startswith(word) for name in names):
        score += 2 if any(name.casefold() == word for name in names) else 1
    return score or _HELP * match(command.help)
