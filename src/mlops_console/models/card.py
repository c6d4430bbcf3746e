"""Model cards, with the sections of "Model Cards for Model Reporting" (Mitchell et al., 2019).

A card is filled with what is on record. What is not is said, each time with how to fill it: a card that kept silent of
its gaps would look like one that is complete.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_console.core.comparison import goal_of, is_of_machine
from mlops_console.core.datasets import RunInput
from mlops_console.core.markdown import inline, paragraph, table
from mlops_console.core.models import served_form
from mlops_console.core.text import clock, number, param, size
from mlops_console.models.card_facts import CardFacts
from mlops_console.store.measurements import Measurement

_TRAINING = ("train", "training", "fit")  # words of the roles that are no evaluation data
_DESCRIBE = 'say it in run.log_model(…, description="…")'


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a card should tell and that nobody has recorded, and how to."""

    what: str
    how: str

    def __str__(self) -> str:
        return f"Not known: {self.what} To fill it, {self.how}."


@dataclass(frozen=True, slots=True)
class Section:
    """`blocks` are Markdown already, with all foreign text escaped."""

    title: str
    blocks: tuple[str, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Card:
    ref: str
    sections: tuple[Section, ...]

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return tuple(gap for section in self.sections for gap in section.gaps)

    def markdown(self) -> str:
        parts = [f"# {inline(self.ref)}"]
        for section in self.sections:
            parts += [f"## {section.title}", *section.blocks]
            if section.gaps:
                parts.append("\n".join(f"- *{gap}*" for gap in section.gaps))
        return "\n\n".join(parts) + "\n"


def build(facts: CardFacts) -> Card:
    """The card of a version."""
    builders = {
        "Model details": _details,
        "Intended use": _use,
        "Factors": _factors,
        "Metrics": _metrics,
        "Evaluation data": _evaluation_data,
        "Training data": _training_data,
        "Quantitative analyses": _analyses,
        "Ethical considerations": _ethics,
        "Caveats and recommendations": _caveats,
    }
    return Card(facts.version.ref, tuple(_section(title, list(make(facts))) for title, make in builders.items()))


def _section(title: str, parts: list[str | Gap]) -> Section:
    blocks = tuple(part for part in parts if isinstance(part, str))
    return Section(title, blocks, tuple(part for part in parts if isinstance(part, Gap)))


def _list(facts: Mapping[str, object]) -> str:
    return "\n".join(f"- **{name}**: {inline(value)}" for name, value in facts.items())


def _details(facts: CardFacts) -> Iterator[str | Gap]:
    version, run = facts.version, facts.run
    form, why = served_form(facts.compiled)
    live = ", ".join(f"{name} (revision {revision})" for name, revision in facts.live_in.items())
    yield _list(
        {
            **({"Project": facts.project} if facts.project else {}),
            "Version": version.ref + "".join(f" @{alias}" for alias in version.aliases),
            "Type": f"{version.estimator}, {version.signature.task}",
            **({"Classes": ", ".join(map(str, version.signature.classes))} if version.signature.classes else {}),
            "Stored": f"{clock(version.created_at)}, {size(version.size)}, sha256 {version.sha256}",
            "Served as": f"{form}. {why}",
            "Live in": live or "nowhere",
            **({"Packages": ", ".join(f"{n} {v}" for n, v in version.packages.items())} if version.packages else {}),
        }
    )
    if run is None:
        yield Gap("who made it, from which code and with which params.", "store it in a run: run.log_model(…)")
    else:
        origin = run.provenance
        dirty = ", with changes that were not committed" if origin.git_dirty else ""
        code = {"Code": f"{origin.git_commit}{dirty}"} if origin.git_commit else {}
        by = {"By": origin.user} if origin.user else {}
        yield _list({**by, "Run": f"{run.name} ({run.id}), {run.status}", **code})
        if not origin.git_commit:
            yield Gap("the code that it was made of.", "train it in a git repository with a commit")
        if run.params:
            yield table(("Param", "Value"), [(name, param(value)) for name, value in run.params.items()])
        else:
            yield Gap("the params that it was trained with.", "use mlops.start_run(…, params={…})")
    yield Gap("license, contact and citation.", _DESCRIBE)


def _use(facts: CardFacts) -> Iterator[str | Gap]:
    if facts.version.description.strip():
        yield paragraph(facts.version.description)
        yield Gap(
            "whether that is all: for whom it is, and which uses are out of scope.", f"where it is not, {_DESCRIBE}"
        )
    else:
        yield Gap("what it is for, for whom, and which uses are out of scope.", _DESCRIBE)


def _factors(facts: CardFacts) -> Iterator[str | Gap]:
    yield table(
        ("Input", "Type", "May be missing", "Known values"),
        [
            (c.name, f"{c.dtype}, {c.kind}", "yes" if c.nullable else "no", ", ".join(c.categories) or "–")
            for c in facts.version.signature.inputs
        ],
    )
    slices = {column for evaluate in facts.evaluated.values() for column in evaluate.slices}
    sensitive = {column for evaluate in facts.evaluated.values() for column in evaluate.sensitive}
    if slices or sensitive:
        yield _list(
            {
                "Looked at value by value": ", ".join(sorted(slices)) or "–",
                "Groups": ", ".join(sorted(sensitive)) or "–",
            }
        )
    where = "[environments.NAME.evaluate] of mlops.toml"
    if not slices:
        yield Gap("for which parts of the data it is better or worse.", f"name their columns as slices in {where}")
    if not sensitive:
        yield Gap("between which groups of people it should be fair.", f"name their columns as sensitive in {where}")


def _metrics(facts: CardFacts) -> Iterator[str | Gap]:
    settings = facts.settings
    if settings.metric is None:
        key = f"[models.{facts.version.model}] of mlops.toml"
        yield Gap("the figure by which it is judged.", f'write metric = "…" and goal = "…" in {key}')
        return
    yield _list({"Judged by": settings.metric, "Better is": "more" if settings.goal == "maximize" else "less"})
    if facts.run is None or settings.metric not in facts.run.metrics:
        yield Gap("that figure of this version.", "log it in the run that stores the model: run.log({…})")


def _evaluation_data(facts: CardFacts) -> Iterator[str | Gap]:
    found = [i for i in facts.inputs if not _is_training(i)]
    if found:
        yield _datasets(found)
    else:
        yield Gap("what it was evaluated on.", 'use run.log_dataset("test", frame)')


def _training_data(facts: CardFacts) -> Iterator[str | Gap]:
    found = [i for i in facts.inputs if _is_training(i)]
    if found:
        yield _datasets(found)
    else:
        yield Gap("what it was trained on.", 'use run.log_dataset("train", frame)')
    reference = facts.version.reference
    if reference is not None:
        yield _list({"Its traffic is compared with": f"{reference.dataset}:{reference.version}"})
    else:
        yield Gap(
            "which data its traffic is to be compared with.", 'use run.log_dataset("train", …) before run.log_model'
        )


def _is_training(found: RunInput) -> bool:
    return any(word in found.role.lower() for word in _TRAINING)


def _datasets(found: list[RunInput]) -> str:
    return table(
        ("Role", "Dataset", "Rows", "Columns", "Held what was expected", "SHA-256"),
        [
            (i.role, i.version.ref, f"{i.version.rows:,}", f"{i.version.columns:,}", _verdict(i), i.version.sha256)
            for i in found
        ],
    )


def _verdict(found: RunInput) -> str:
    verdict = found.version.verdict
    if verdict is None:
        return "not checked"
    return "yes" if verdict.held else "no: " + "; ".join(v.message for v in verdict.violations)


def _analyses(facts: CardFacts) -> Iterator[str | Gap]:
    measured = [m for m in facts.run.metrics.values() if not is_of_machine(m.name)] if facts.run is not None else []
    if measured:
        goals = {facts.settings.metric: facts.settings.goal} if facts.settings.metric else {}
        rows = [(m.name, number(m.last), goal_of(m.name, goals) or "–") for m in measured]
        yield table(("Metric", "Value", "Goal"), rows)
    else:
        yield Gap("how good it is.", "log metrics in the run that stores the model: run.log({…})")
    for kind, title, lacking, gate in (
        ("slices", "Part by part", "how good it is for each part of the data.", "slices.COLUMN.METRIC.min >= …"),
        ("fairness", "Between groups", "how fair it is.", "fairness.COLUMN.demographic_parity_difference <= …"),
    ):
        found = {context: m for (of, context), m in facts.measured.items() if of == kind}
        for context, measurement in found.items():
            yield f"### {title}, on {inline(context)}, {clock(measurement.at)}"
            yield table(("Figure", "Value"), _figures(measurement))
        if not found:
            yield Gap(lacking, f'ask for it with a gate of an environment: gates = ["{inline(gate)}"]')


def _figures(measurement: Measurement) -> list[tuple[str, str]]:
    return [(" / ".join(path), _figure(value)) for path, value in _leaves(measurement.result)]


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every figure of a nested result, with the names that lead to it."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    elif isinstance(value, list):
        for at, inner in enumerate(value, 1):
            yield from _leaves(inner, (*path, str(at)))
    else:
        yield path, value


def _figure(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return number(value) if is_number else param(value)


def _ethics(facts: CardFacts) -> Iterator[str | Gap]:
    sensitive = sorted({column for evaluate in facts.evaluated.values() for column in evaluate.sensitive})
    taken = [name for name in sensitive if any(c.name == name for c in facts.version.signature.inputs)]
    if taken:
        yield f"It takes columns that mlops.toml calls sensitive as inputs: {inline(', '.join(taken))}."
    yield Gap("whose lives it touches, what may go wrong for them, and what was done about that.", _DESCRIBE)


def _caveats(facts: CardFacts) -> Iterator[str | Gap]:
    if told := list(_warnings(facts)):
        yield "\n".join(f"- {inline(line)}" for line in told)
    yield Gap("what else one should know before using it.", _DESCRIBE)


def _warnings(facts: CardFacts) -> Iterator[str]:
    run = facts.run
    if run is not None and run.status != "succeeded":
        yield f"The run that made it is {run.status}{f': {run.error}' if run.error else '.'}"
    if run is not None and run.provenance.git_dirty:
        kept = [a.path for a in facts.artifacts if a.path.startswith("git/")]
        what = f"kept as {', '.join(kept)}" if kept else "not kept"
        yield f"Its code had changes that were not committed; they are {what}."
    if facts.compiled is not None and facts.compiled.state == "differs":
        yield f"Its ONNX form answers otherwise and does not serve: {facts.compiled.reason}"
    for found in facts.inputs:
        if found.version.verdict is not None and not found.version.verdict.held:
            yield f"{found.version.ref}, which it has read as {found.role}, did not hold what was expected of it."
