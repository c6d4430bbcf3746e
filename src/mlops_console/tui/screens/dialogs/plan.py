"""The plan of an action. `y` does it; `enter` and `esc` leave, so that no accident acts."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mlops_console.core.errors import MlopsError
from mlops_console.core.plans import Plan
from mlops_console.tui.paint import styled
from mlops_console.tui.screens.dialogs.dialog import Dialog
from mlops_console.tui.screens.dialogs.plan_text import plan_text
from mlops_console.tui.screens.dialogs.prompt import Prompt

_LEAVE = ("esc", "leave")


class PlanDialog(Dialog[Plan]):
    """Makes the plan in a thread, shows it, and ends with it if it was confirmed, else with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "confirm", "Do it", show=False),
        Binding("enter", "cancel", "Leave", show=False),
        Binding("e", "explain", "Reason", show=False),
        Binding("B", "break_glass", "Break the glass", show=False),
        Binding("Y", "copy", "Copy command", show=False),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
    ]
    DEFAULT_CSS = """
    PlanDialog VerticalScroll { height: auto; max-height: 100%; scrollbar-size: 1 1; }
    PlanDialog Static { height: auto; }
    PlanDialog.-glass > Vertical { border: heavy $bad; border-title-color: $bad; }
    """

    def __init__(
        self,
        doing: str,
        make: Callable[[], Plan],
        explain: Callable[[str], None] | None = None,
        reason: str = "",
        glass: Callable[[str], None] | None = None,
    ) -> None:
        """`make` is called in a thread; `doing` says meanwhile what is being planned. `explain` takes the reason that
        somebody gives, after which the plan is made anew; None where an action takes no reason. `reason` is the one
        that was given before. `glass` likewise takes why a refusal is to be passed by.
        """
        super().__init__(doing, [_LEAVE])
        self._make = make
        self._explain = explain
        self._glass = glass
        self._reason = reason
        self._doing = doing
        self._plan: Plan | None = None
        self._keys: Sequence[tuple[str, str]] = [_LEAVE]
        self._text = Static(styled(f"Planning: {doing}…", "muted"))
        self._scroll = VerticalScroll(self._text, can_focus=True)

    def compose_inside(self) -> Iterable[Widget]:
        yield self._scroll

    def on_mount(self) -> None:
        self.watch(self._scroll, "scroll_y", self._tell_rest)
        self.watch(self._scroll, "virtual_size", self._tell_rest)
        self.run_worker(self._prepare(), name="plan", exit_on_error=False)

    async def _prepare(self) -> None:
        try:
            plan = await asyncio.to_thread(self._make)
        except MlopsError as error:
            self._text.update(Content("\n\n").join([styled(error.message, "bad"), styled(error.hint)]))
            self._keys = [_LEAVE]
            self._tell_rest()
            return
        self._plan = plan
        self.show_title(plan.title)
        takes_reason = self._explain is not None and not plan.refused
        self._text.update(plan_text(plan, self._reason if takes_reason else None))
        rest = [_LEAVE, ("Y", "copy command")]
        reason = [("e", "reason")] if takes_reason else []
        glass = [("B", "break the glass")] if self._can_break(plan) else []
        self._keys = [*glass, *rest] if plan.refused else [("y", "do it"), *reason, *rest]
        self._tell_rest()

    def on_resize(self) -> None:
        self._tell_rest()

    def _tell_rest(self) -> None:
        self.call_after_refresh(self._show_rest)  # the height that there is for the text is known only then

    def _show_rest(self) -> None:
        """How much of the plan is below what is seen stands before the keys, as long as there is any."""
        below = self._scroll.max_scroll_y - round(self._scroll.scroll_y)
        more = [("j", f"{below} more line{'s' * (below > 1)} ↓")] if below > 0 else []
        self.show_keys([*more, *self._keys])

    def action_confirm(self) -> None:
        if self._plan is None:
            self.app.notify("The plan is not ready yet.", markup=False, timeout=2)
        elif self._plan.refused:
            self.app.notify("A refused plan can't be confirmed.", severity="warning", markup=False)
        else:
            self.dismiss(self._plan)

    def action_explain(self) -> None:
        if self._explain is not None and self._plan is not None and not self._plan.refused:
            prompt = Prompt("Reason", "Why? It is kept with the revision and in the ledger.", self._reason)
            self.app.push_screen(prompt, self._explained)

    def _explained(self, reason: str | None) -> None:
        if reason is None or self._explain is None:
            return
        self._reason = reason.strip()
        self._explain(self._reason)
        self._plan = None  # nothing can be confirmed but what is shown
        self.run_worker(self._prepare(), name="plan", exit_on_error=False)

    def _can_break(self, plan: Plan | None) -> bool:
        return self._glass is not None and plan is not None and plan.refused is not None

    def action_break_glass(self) -> None:
        if self._can_break(self._plan):
            why = "Why must it pass by its gates, approvals and a freeze? The ledger marks it for ever."
            self.app.push_screen(Prompt("Break the glass", why), self._broken)

    def _broken(self, why: str | None) -> None:
        if self._glass is None or not (why or "").strip():
            return
        self._glass((why or "").strip())
        self._glass = None  # it is broken only once
        self._plan = None
        self.add_class("-glass")
        self.run_worker(self._prepare(), name="plan", exit_on_error=False)

    def action_copy(self) -> None:
        if self._plan is not None:
            self.app.copy_to_clipboard(self._plan.command)
            self.app.notify("Copied the shell command.", markup=False, timeout=2)

    def action_scroll(self, by: int) -> None:
        self._scroll.scroll_relative(y=by, animate=False)
