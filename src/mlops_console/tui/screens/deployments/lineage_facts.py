"""The chain from a revision to the code and the data of its version, as facts from top to bottom."""

from collections.abc import Iterator, Sequence

from mlops_console.core.deployments import Revision
from mlops_console.core.jobs import Job
from mlops_console.core.lineage import Lineage, Passage
from mlops_console.core.runs import Run
from mlops_console.core.text import age, clock, number, param, size
from mlops_console.tui import glyphs
from mlops_console.tui.widgets.facts import Fact

_HASH = 12  # characters of one that tell it apart


def lineage_facts(lineage: Lineage, now: float) -> list[Fact]:
    """Every link of the chain begins with ●, and what belongs to it with │."""
    return [
        *_passage("revision", lineage.passage, now),
        *(_passage("goes back to", lineage.origin, now) if lineage.origin is not None else ()),
        *_gates(lineage.admission),
        *_approvals(lineage.admission),
        *_version(lineage),
        *(_run(lineage, lineage.run) if lineage.run is not None else ()),
        *_data(lineage),
        *_gaps(lineage.gaps),
    ]


def _link(name: str, value: str, style: str = "") -> Fact:
    return Fact(f"● {name}", value, style)


def _more(name: str, value: str, style: str = "") -> Fact:
    return Fact(f"│ {name}", value, style)


def _passage(name: str, passage: Passage, now: float) -> Iterator[Fact]:
    revision = passage.revision
    state = glyphs.revision_state(revision)
    to = f" to {revision.restores}" if revision.restores is not None else ""
    job = f", job {passage.job.id}" if passage.job is not None else ""
    what = f"{revision.revision}, {revision.model_ref}: {revision.kind}{to} by {revision.actor}{job}"
    yield _link(name, what, "strong")
    yield _more("state", f"{state.text}{_when(revision, now)}", state.style)
    if revision.reason:
        yield _more("reason", revision.reason)
    if revision.break_glass is not None:
        yield _more(glyphs.GLASS.text, revision.break_glass, glyphs.GLASS.style)


def _when(revision: Revision, now: float) -> str:
    """When it was live; of what never was, when it ended."""
    ended = clock(revision.ended_at) if revision.ended_at is not None else ""
    if revision.live_at is None:
        return f", {ended}" if ended else ""
    if ended:
        return f", live from {clock(revision.live_at)} to {ended}"
    return f" since {clock(revision.live_at)}, {age(revision.live_at, now)}"


def _gates(passage: Passage) -> Iterator[Fact]:
    yield _link("gates", _count(passage.gates, "gate"), "" if passage.gates else "muted")
    for gate in passage.gates:
        told = glyphs.PASSED if gate.passed else glyphs.NOT_PASSED
        yield _more("", f"{told.text}  {gate.gate}: {gate.figure}", told.style)


def _approvals(passage: Passage) -> Iterator[Fact]:
    given, needed = passage.approvals, passage.revision.approvals
    style = "warn" if len(given) < needed else "ok" if given else "muted"
    told = [f"{a.actor}, {clock(a.at)}" + (f": {a.reason}" if a.reason else "") for a in given]
    nobody = f"nobody, and it needs {needed}" if needed else "nobody had to"
    yield _link("approved by", told[0] if told else nobody, style)
    for line in told[1:]:
        yield _more("", line, style)


def _version(lineage: Lineage) -> Iterator[Fact]:
    version = lineage.version
    what = f"{version.ref}, {version.estimator}, {size(version.size)}, stored {clock(version.created_at)}"
    yield _link("version", what, "strong")
    yield _more("sha256", version.sha256, "muted")
    if version.description:
        yield _more("description", version.description)


def _run(lineage: Lineage, run: Run) -> Iterator[Fact]:
    who = f" by {run.provenance.user}" if run.provenance.user else ""
    yield _link("run", f"{run.name} of {run.experiment}, {run.status}{who}, {clock(run.started_at)}", "strong")
    yield _more("id", run.id, "muted")
    if asked := _asked(lineage.training, lineage.trigger):
        yield _more("asked for", asked)
    if lineage.metrics:
        yield _more("metrics", ", ".join(f"{found.name} {number(found.last)}" for found in lineage.metrics))
    params = ", ".join(f"{name} = {param(value)}" for name, value in sorted(run.params.items()))
    yield _link("params", params or "none", "" if params else "muted")
    yield from _code(lineage, run)


def _asked(training: Job | None, trigger: str | None) -> str:
    found = [f"trigger {trigger}"] if trigger is not None else []
    return ", ".join([*found, f"job {training.id} by {training.actor}"] if training is not None else found)


def _code(lineage: Lineage, run: Run) -> Iterator[Fact]:
    origin = run.provenance
    if origin.git_commit is None:
        yield _link("commit", "none", "muted")
        return
    branch = f" on {origin.git_branch}" if origin.git_branch else ""
    dirty = ", with changes that were not committed" if origin.git_dirty else ""
    yield _link("commit", f"{origin.git_commit[:_HASH]}{branch}{dirty}", "warn" if origin.git_dirty else "")
    for artifact in lineage.patch:
        yield _more("kept", f"{artifact.path}, {size(artifact.size)}: :runs shows it with the run")


def _data(lineage: Lineage) -> Iterator[Fact]:
    for found in lineage.inputs:
        data = found.version
        yield _link("data", f"{data.ref} as {found.role}, {data.rows:,} rows, sha256 {data.sha256[:_HASH]}")
    if not lineage.inputs:
        yield _link("data", "none recorded", "muted")


def _gaps(gaps: Sequence[str]) -> Iterator[Fact]:
    yield _link("missing", gaps[0] if gaps else "nothing", "warn" if gaps else "ok")
    for gap in gaps[1:]:
        yield _more("", gap, "warn")


def _count(found: Sequence[object], noun: str) -> str:
    return f"{len(found)} {noun}{'s' * (len(found) != 1)}" if found else "none had to be passed"
