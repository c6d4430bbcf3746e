"""A line to type in, in which keys act in the order in which they were typed."""

from textual import events
from textual.binding import NoBinding
from textual.reactive import var
from textual.widgets import Input


class Entry(Input):
    """Textual's `Input`, steady and in order.

    An `Input` inserts a character at once but lets `backspace`, `enter` and the like travel to the app and back, so
    that in a burst of keys (fast typing, a slow line) they come after characters that were typed later.
    """

    cursor_blink = var(False)  # a blink would send bytes down an idle line

    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable:
            await super()._on_key(event)
            return
        try:
            bindings = self._bindings.get_bindings_for_key(event.key)
        except NoBinding:
            return
        event.stop()
        event.prevent_default()
        for binding in bindings:
            if await self.app.run_action(binding.action, self):
                return
