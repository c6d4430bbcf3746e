"""How each state is told: a glyph and a word, and a semantic style besides. The one table of them."""

from enum import StrEnum
from typing import NamedTuple

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.drift import DriftVerdict
from mlops_console.core.runs import StageRun
from mlops_console.drift import wording

# The semantic styles: each names a theme variable (see `tui.themes`) and a component class of the grid.
STYLES = ("ok", "run", "warn", "bad", "muted", "strong", "accent")


class State(NamedTuple):
    glyph: str
    word: str
    style: str

    @property
    def text(self) -> str:
        return f"{self.glyph} {self.word}"

    @property
    def cell(self) -> tuple[str, str]:
        """A cell of the grid."""
        return (self.text, self.style)


_DRIFT = {DriftVerdict.DRIFTED: "warn", DriftVerdict.STABLE: "ok", DriftVerdict.UNTESTED: "muted"}
_STATES = {
    state.word: state
    for state in (
        # runs, stages and jobs
        State("○", "queued", "muted"),
        State("●", "running", "run"),
        State("✓", "succeeded", "ok"),
        State("✗", "failed", "bad"),
        State("■", "stopped", "warn"),
        State("?", "lost", "bad"),
        State("⊘", "refused", "warn"),
        State("·", "waiting", "muted"),
        State("↷", "skipped", "muted"),
        State("◇", "cached", "ok"),
        State("⊘", "pruned", "muted"),
        # revisions
        State("○", "planned", "muted"),
        State("◐", "loading", "run"),
        State("◓", "testing", "run"),
        State("◑", "canary", "run"),
        State("▲", "live", "ok"),
        State("▽", "retired", "muted"),
        State("⊘", "aborted", "warn"),
        # servers and workers
        State("✓", "ready", "ok"),
        State("◐", "starting", "run"),
        State("–", "none", "muted"),
        State("●", "working", "ok"),
        State("●", "idle", "ok"),
        State("○", "off", "muted"),
        # triggers
        State("●", "on", "ok"),
        # drift
        *(State(wording.GLYPHS[verdict], verdict.value, style) for verdict, style in _DRIFT.items()),
        # alerts
        State("⚠", "warning", "warn"),
        State("✗", "critical", "bad"),
        State("●", "open", "warn"),
        State("◐", "acknowledged", "run"),
        State("○", "silenced", "muted"),
        State("✓", "resolved", "ok"),
        State("✓", "sent", "ok"),
        State("✗", "given up", "bad"),
    )
}

MARK = "◆"
CURSOR = "▌"
PASSED = State("✓", "passed", "ok")
NOT_PASSED = State("✗", "not passed", "bad")
CACHED = _STATES["cached"]
STEPS = {True: State("●", "runs", "run"), False: CACHED, None: State("◐", "may run", "muted")}
BETTER = State("▲", "better", "ok")
WORSE = State("▼", "worse", "bad")
ALERT = "⚠"
FINDING = "!"
FROZEN = State("❅", "frozen", "accent")
GLASS = State("⚠", "broken glass", "bad")
_WAITS = State("◔", "waiting", "warn")  # for people, unlike a stage that waits for its turn


def state(word: str | StrEnum) -> State:
    """The glyph, word and style of a state; an unknown one is told by its word alone."""
    name = str(word)
    return _STATES.get(name) or State("·", name, "muted")


def step_state(revision: Revision, word: RevisionState) -> State:
    """A state that a revision has had; a shadow is called one."""
    if word is RevisionState.WAITING:
        return _WAITS
    found = state(word)
    if word is RevisionState.CANARY and revision.rollout.strategy == "shadow":
        return State(found.glyph, "shadow", found.style)
    return found


def revision_state(revision: Revision) -> State:
    """Its state; a canary's with its share of the traffic."""
    found = step_state(revision, revision.state)
    if found is not _STATES["canary"]:
        return found
    return State(found.glyph, f"{found.word} {revision.share:.0%}", found.style)


def stage_state(stage: StageRun) -> State:
    """Its status, more exactly: whether it came from the cache, waits for its turn, or never had one."""
    if stage.cached_from is not None:
        return CACHED
    if stage.started_at is None:
        return state("skipped" if stage.status.is_final else "waiting")
    return state(stage.status)
