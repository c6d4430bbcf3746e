"""The one command table. Bindings, palette, `:`, `?`, the footer and docs/keys.md are all generated from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding

VIEWS = (  # with a number and a tab
    "overview", "runs", "pipelines", "models", "deployments", "drift", "jobs", "ledger", "alerts",
)  # fmt: skip
ASIDE = ("datasets", "triggers", "sweeps")  # views without: `:name` opens them
_SORTED = ("runs", "pipelines", "models", "deployments", "drift", "jobs", "ledger", "datasets", "triggers", "sweeps")
LISTS = ("runs", "pipelines", "models", "deployments", "drift", "jobs", "ledger", "alerts", *ASIDE)
CHARTS = ("runs",)  # the views with a chart that can be zoomed
LOGS = ("runs", "pipelines", "jobs")  # the views with a log
_DELIVERY = ("overview", "deployments")  # the views with a selected environment and what is on its way there


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can ask for.

    Attributes:
        id: names it in `:`, in `[console.keys]` and in the bindings.
        title: one or two words, for the footer and the palette.
        keys: its default keys, comma-separated as Textual names them.
        action: the Textual action; `app.x` is the app's, else it is that of the widget which has the binding.
        help: one sentence without a full stop, for `?`, tooltips and the docs.
        scope: where its keys hold: "app", "grid" (any list), "marks" (one whose rows may be marked), "chart" (a run's
            metrics), "log" (of a stage, job or run, where its keys come before those of the view), "compare" (the
            dialogue that compares runs), "curves" (its chart), or names of views.
        acts: it changes something, so it does not exist in a read-only console.
        footer: the views whose footer shows it, in the order of this table; "chart" or "log" while that has the focus.
        argument: what may follow it in `:`, for people; "" where nothing may.
        palette: whether `:` and the palette offer it.
    """

    id: str
    title: str
    keys: str
    action: str
    help: str
    scope: tuple[str, ...] = ("app",)
    acts: bool = False
    footer: tuple[str, ...] = ()
    argument: str = ""
    palette: bool = True


def _view(number: int | str, name: str, help: str) -> Command:
    """`number` is "" for one of `ASIDE`."""
    return Command(name, name.title(), str(number), f"app.show_view('{name}')", help)


COMMANDS: tuple[Command, ...] = (
    _view(1, "overview", "What is live, is it healthy, is it drifting, what is running, what needs you"),
    _view(2, "runs", "Every run: filter, sort, compare, and what each has recorded"),
    _view(3, "pipelines", "The pipelines of mlops.toml and how far their newest run is"),
    _view(4, "models", "Every model version, with its aliases and metrics"),
    _view(5, "deployments", "What each environment serves, and how it came to"),
    _view(6, "drift", "How far the live data is from the reference, feature by feature"),
    _view(7, "jobs", "What the worker does, has done and will do"),
    _view(8, "ledger", "Who did what and when, in a chain that shows tampering"),
    _view(9, "alerts", "What wants a person, who has taken it up, and who was told; the ones to look at first on top"),
    _view("", "datasets", "Every dataset version: what has changed, its profile, who reads it, what it should hold"),
    _view("", "triggers", "What starts pipelines by itself: on a schedule, a change, after another one, on drift"),
    _view("", "sweeps", "Every sweep: how its trials went, what they tried, and what comes of the best"),
    Command("train", "Train", "t", "app.train", "Train a pipeline, with params of your choice", acts=True,
            footer=("overview", "runs", "pipelines", "models", "sweeps", "drift", "alerts"), argument="[PIPELINE]"),
    Command("deploy", "Deploy", "d", "app.deploy", "Deploy a model version to an environment", acts=True,
            footer=("overview", "runs", "models", "deployments", "sweeps"), argument="[MODEL_REF] [ENVIRONMENT]"),
    Command("rollback", "Rollback", "r", "app.rollback", "Go back to what an environment served before", acts=True,
            footer=("overview", "models", "deployments", "drift", "alerts"), argument="[ENVIRONMENT]"),
    Command("silence", "Silence", "s", "app.silence",
            "Tell nobody of such alerts as the selected one for a while, or end the silence",
            scope=("alerts", "overview"), acts=True, footer=("alerts",), argument="[SPAN]"),
    Command("acknowledge", "Acknowledge", "a", "app.acknowledge", "Take up the selected alert, with a note",
            scope=("alerts", "overview"), acts=True, footer=("alerts",), argument="[NOTE]"),
    Command("resolve", "Resolve", "R", "app.resolve", "End the selected alert by hand: one that is left over",
            scope=("alerts",), acts=True),
    Command("approve", "Approve", "A", "app.approve", "Approve what waits for it in the environment", scope=_DELIVERY,
            acts=True, footer=("deployments",), argument="[ENVIRONMENT] [REVISION]"),
    Command("promote", "Promote", "p", "app.promote", "Give the canary its next share now, the shadow all",
            scope=_DELIVERY, acts=True, footer=("deployments",), argument="[ENVIRONMENT] [--full]"),
    Command("promote-all", "Promote all", "P", "app.promote_all", "Give the canary, or the shadow, all the traffic now",
            scope=_DELIVERY, acts=True, argument="[ENVIRONMENT]"),
    Command("abort", "Abort", "X", "app.abort", "End what is on its way in the environment; what is live goes on",
            scope=_DELIVERY, acts=True, footer=("deployments",), argument="[ENVIRONMENT] [REVISION]"),
    Command("freeze", "Freeze", "F", "app.freeze", "Let no deployment change the environment, or let them again",
            scope=_DELIVERY, acts=True, footer=("deployments",), argument="[ENVIRONMENT] [REASON]"),
    Command("unfreeze", "Unfreeze", "", "app.unfreeze", "Let deployments change the environment again",
            scope=_DELIVERY, acts=True, argument="[ENVIRONMENT]"),
    Command("stop", "Stop", "x", "app.stop", "Stop the selected job or run", acts=True,
            footer=("overview", "runs", "pipelines", "jobs", "sweeps"), argument="[JOB]"),
    Command("check-drift", "Check drift", "v", "app.check_drift", "Compare live data with the reference now", acts=True,
            footer=("drift",), argument="[ENVIRONMENT]"),
    Command("worker", "Worker", "W", "app.worker", "How the worker is; start it, or stop it with all that it does",
            acts=True, argument="[start|stop]"),
    Command("environment", "Environment", "e", "next_environment", "Show the next environment",
            scope=("overview", "deployments", "drift"), footer=("deployments", "drift")),
    Command("map", "Map", "m", "map", "Show how far each feature has moved in each report as a map, or the table again",
            scope=("drift",), footer=("drift",)),
    Command("export", "Export", "E", "export", "Write the report to a file: one HTML page, Markdown or JSON",
            scope=("drift",), footer=("drift",), argument="[FILE]"),
    Command("why", "Why", "w", "app.why", "Why this is live: its gates, approvals, version, run, params, code and data",
            scope=_DELIVERY, footer=("deployments",), argument="[ENVIRONMENT] [REVISION]"),
    Command("logs", "Logs", "l", "app.logs", "Show the log of what is selected",
            footer=("runs", "pipelines", "jobs")),
    Command("compare", "Compare", "c", "compare", "Compare what is marked, or the best trials of a sweep, side by side",
            scope=("runs", "models", "sweeps"), footer=("runs", "models", "sweeps")),
    Command("mark", "Mark", "space", "mark", "Mark or unmark the row of the cursor, to compare it",
            scope=("marks", "runs", "models"), footer=("runs", "models")),
    Command("open", "Open", "enter", "open", "Go into the selected thing", scope=("grid",)),
    Command("out", "Back", "escape", "app.out",
            "Go back out, or clear the filter, or back to the view that has sent you here"),
    Command("filter", "Filter", "slash", "filter", "Show only the rows that match", scope=LISTS,
            footer=LISTS, argument="[EXPRESSION]"),
    Command("sort", "Sort", "s", "sort", "Choose the column to sort by",
            scope=_SORTED, footer=("runs",), argument="[COLUMN]"),
    Command("reverse", "Reverse", "S", "reverse", "Turn the order round", scope=_SORTED),
    Command("columns", "Columns", "C", "columns", "Choose the columns, their order and their widths",
            scope=("runs",), footer=("runs",)),
    Command("views", "Views", "V", "views", "Show, keep or delete a named view: filter, order, columns, groups",
            scope=("runs",)),
    Command("group", "Group", "b", "group", "Group the runs by experiment, tag or param, with mean and deviation",
            scope=("runs",), argument="[FIELD]"),
    Command("delete", "Delete", "D", "delete", "Move the marked runs, or the selected one, to the trash",
            scope=("runs",), acts=True),
    Command("trash", "Trash", "Z", "trash", "Show the trash, or leave it", scope=("runs",)),
    Command("restore", "Restore", "u", "restore", "Take the marked runs, or the selected one, out of the trash",
            scope=("runs",), acts=True),
    Command("purge", "Purge", "P", "purge", "Delete what is in the trash for ever", scope=("runs",), acts=True),
    Command("switch", "On/off", "space,e", "switch", "Switch the selected trigger off, or on again",
            scope=("triggers",), acts=True, footer=("triggers",)),
    Command("fire", "Fire", "f", "fire", "Do now what the selected trigger does", scope=("triggers",), acts=True,
            footer=("triggers",)),
    Command("all-trials", "Runs", "o", "all_trials", "Show the trials of the selected sweep among the runs",
            scope=("sweeps",), footer=("sweeps",)),
    Command("resume", "Resume", "R", "resume", "Go on with a sweep that was stopped, has failed or was lost",
            scope=("sweeps",), acts=True, footer=("sweeps",)),
    Command("retry", "Retry", "R", "retry", "Do once more what the selected job was to do", scope=("jobs",), acts=True,
            footer=("jobs",)),
    Command("next-tab", "Next tab", "tab", "next_tab", "Show the next tab of the details", scope=(*LISTS, "compare")),
    Command("previous-tab", "Previous tab", "shift+tab", "previous_tab", "Show the tab before",
            scope=(*LISTS, "compare")),
    Command("search", "Search", "slash", "search", "Find a text in the log", scope=("log",), footer=("log",)),
    Command("next-match", "Next", "n", "next_match", "The next line with the text", scope=("log",), footer=("log",)),
    Command("previous-match", "Before", "N", "previous_match", "The line with the text before", scope=("log",),
            footer=("log",)),
    Command("next-error", "Error", "e", "next_error", "The next line that tells of an error", scope=("log",),
            footer=("log",)),
    Command("previous-error", "Error before", "E", "previous_error", "The line before that tells of an error",
            scope=("log",)),
    Command("follow", "Follow", "G,end", "follow", "Go to the end, and stay there", scope=("log",), footer=("log",)),
    Command("smooth", "Smooth", "m", "smooth", "Smooth the curve more: by 0.6, 0.9, 0.99, not at all",
            scope=("chart", "curves"), footer=("chart",)),
    Command("log-scale", "Log", "L", "log_scale", "Draw values on a logarithmic scale, or not",
            scope=("chart", "curves"), footer=("chart",)),
    Command("x-axis", "X axis", "X", "x_axis", "Draw by step, by time since the start, by time",
            scope=("chart", "curves"), footer=("chart",)),
    Command("zoom-in", "Zoom in", "plus,equals_sign", "zoom_in", "Look at half of the steps, round the cross-hair",
            scope=("chart",), footer=("chart",)),
    Command("zoom-out", "Zoom out", "minus", "zoom_out", "Look at twice as many steps", scope=("chart",)),
    Command("pan-left", "Pan left", "left_square_bracket", "pan_left", "Look at earlier steps", scope=("chart",)),
    Command("pan-right", "Pan right", "right_square_bracket", "pan_right", "Look at later steps", scope=("chart",)),
    Command("whole", "Whole", "0", "whole", "Look at all steps, and follow those that come", scope=("chart",),
            footer=("chart",)),
    Command("cross-left", "Cross-hair left", "comma", "cross_left", "Read the value further left", scope=("chart",),
            footer=("chart",)),
    Command("cross-right", "Cross-hair right", "full_stop", "cross_right", "Read the value further right",
            scope=("chart",)),
    Command("full", "Full", "f", "full", "Give the chart the place of the figures, or back", scope=("chart",),
            footer=("chart",)),
    Command("compare-all", "All params", "a", "compare_all", "Show the params that are the same too, or not",
            scope=("compare",), palette=False),
    Command("compare-copy", "Copy", "y", "compare_copy", "Copy the table as Markdown", scope=("compare",),
            palette=False),
    Command("compare-write", "Write", "w", "compare_write", "Write the table to a file: CSV, JSON or Markdown",
            scope=("compare",), palette=False),
    Command("next-metric", "Metric", "right_square_bracket", "next_metric", "Judge by the next metric",
            scope=("compare", "drift"), palette=False),
    Command("previous-metric", "Metric before", "left_square_bracket", "previous_metric", "Judge by the metric before",
            scope=("compare", "drift"), palette=False),
    Command("importance", "Importance", "i", "importance", "Reckon in a job which params count for the metric",
            scope=("compare",), acts=True, palette=False),
    Command("copy-reference", "Copy ref", "y", "app.copy_reference", "Copy the reference of what is selected"),
    Command("copy-command", "Copy command", "Y", "app.copy_command", "Copy the shell command for what is selected"),
    Command("theme", "Theme", "T", "app.choose_theme", "Choose a theme", argument="[NAME]"),
    Command("command", "Command", "colon", "app.command_line", "Type any command", footer=(*VIEWS, *ASIDE),
            palette=False),
    Command("palette", "Palette", "ctrl+p", "app.command_palette", "Search all commands", palette=False),
    Command("help", "Help", "question_mark", "app.help", "The keys of this view",
            footer=(*VIEWS, *ASIDE, "chart", "log")),
    Command("quit", "Quit", "q,ctrl+c", "app.quit", "Leave the console; what runs goes on running"),
    Command("down", "Down", "j,down", "cursor_down", "Next row", scope=("grid",), palette=False),
    Command("up", "Up", "k,up", "cursor_up", "Row before", scope=("grid",), palette=False),
    Command("page-down", "Page down", "pagedown,ctrl+d", "page_down", "A page down", scope=("grid",), palette=False),
    Command("page-up", "Page up", "pageup,ctrl+u", "page_up", "A page up", scope=("grid",), palette=False),
    Command("top", "Top", "g,home", "top", "First row", scope=("grid",), palette=False),
    Command("bottom", "Bottom", "G,end", "bottom", "Last row", scope=("grid",), palette=False),
    Command("right", "Columns right", "right", "columns_right", "Show the columns further right", scope=("grid",),
            palette=False),
    Command("left", "Columns left", "left", "columns_left", "Show the columns further left", scope=("grid",),
            palette=False),
)  # fmt: skip

BY_ID: Mapping[str, Command] = {command.id: command for command in COMMANDS}
_SHOWN_KEYS = {
    "slash": "/", "colon": ":", "question_mark": "?", "escape": "esc", "pagedown": "pgdn", "pageup": "pgup",
    "up": "↑", "down": "↓", "left": "←", "right": "→", "plus": "+", "equals_sign": "=", "minus": "-",
    "left_square_bracket": "[", "right_square_bracket": "]", "comma": ",", "full_stop": ".",
}  # fmt: skip


def bindings(*scopes: str) -> list[Binding]:
    """The bindings of all commands with one of these scopes, for a `BINDINGS`."""
    found = [command for command in COMMANDS if set(command.scope) & set(scopes)]
    return [
        Binding(
            c.keys or f"no_key_{c.id}",  # one that nobody presses, so that [console.keys] can give it another
            c.action,
            c.title,
            show=False,
            tooltip=c.help,
            id=c.id,
            system=not c.palette,
            priority=False,
        )
        for c in found
    ]


def in_view(view: str, read_only: bool) -> list[Command]:
    """The commands a person can use in a view, in the order of the table."""
    here = {view, "app", "grid", *(["chart"] if view in CHARTS else []), *(["log"] if view in LOGS else [])}
    return [command for command in COMMANDS if here & set(command.scope) and not (read_only and command.acts)]


def footer(view: str, read_only: bool) -> list[Command]:
    """The commands that the footer of a view shows, or that of a "chart" or a "log"."""
    return [c for c in COMMANDS if view in c.footer and not (read_only and c.acts)]


def named(word: str) -> Command | None:
    """The command that a person means in `:`: its id, or the only one that begins so."""
    if word in BY_ID:
        return BY_ID[word]
    found = [command for command in COMMANDS if command.palette and command.id.startswith(word)]
    return found[0] if word and len(found) == 1 else None


def shown_keys(keys: str) -> str:
    """Keys as people read them: `slash` as "/", `j,down` as "j ↓"."""
    return " ".join(_SHOWN_KEYS.get(key.strip(), key.strip()) for key in keys.split(","))


@dataclass(frozen=True, slots=True)
class Keymap:
    """The user's keys, checked: `keys` may be given to `App.set_keymap`, `problems` are for people."""

    keys: Mapping[str, str]
    problems: tuple[str, ...]

    def of(self, command: Command) -> str:
        """The keys that a command has now."""
        return self.keys.get(command.id, command.keys)


DEFAULT_KEYMAP = Keymap({}, ())


def keymap(wanted: Mapping[str, str]) -> Keymap:
    """Check the `[console.keys]` of mlops.toml. An entry that makes no sense or clashes keeps its default keys."""
    known = {id: keys for id, keys in wanted.items() if id in BY_ID and keys.strip(" ,")}
    problems = [f"[console.keys] {id!r} is no command" if id not in BY_ID else f"[console.keys] {id} has no key"
                for id in wanted if id not in known]  # fmt: skip
    for id in list(known):
        clash = _clash(BY_ID[id], known)
        if clash:
            other, key = clash
            del known[id]
            problems.append(f"[console.keys] {id}: the key {shown_keys(key)} is already that of {other}")
    return Keymap(known, tuple(problems))


def _clash(command: Command, keys: Mapping[str, str]) -> tuple[str, str] | None:
    """Another command, reachable at the same time, that has one of the command's new keys."""
    mine = _keys(keys[command.id])
    for other in COMMANDS:
        if other is command or not _meet(command.scope, other.scope):
            continue
        for key in mine & _keys(keys.get(other.id, other.keys)):
            return other.id, key
    return None


def _meet(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether both scopes hold at once somewhere."""
    return bool(_places(one) & _places(other))


def _places(scope: Iterable[str]) -> set[str]:
    """The views and dialogues where a scope holds: the app's commands hold in no dialogue, those of lists do."""
    within = {"app": (*VIEWS, *ASIDE), "grid": (*VIEWS, *ASIDE, "compare"), "chart": CHARTS, "curves": ("compare",)}
    return {place for name in scope for place in within.get(name, (name,))}


def _keys(keys: str) -> set[str]:
    names = {shown: name for name, shown in _SHOWN_KEYS.items()}
    return {names.get(key.strip(), key.strip()) for key in keys.split(",")}
