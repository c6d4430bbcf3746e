"""Two model versions side by side: what they were made of, what they take, and how good they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_console.core.comparison import Goal, goal_of, is_of_machine
from mlops_console.core.datasets import DatasetVersion, RunInput
from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.core.plans import Difference
from mlops_console.core.runs import Artifact, Run
from mlops_console.core.text import param, size


@dataclass(frozen=True, slots=True)
class Made:
    """A version with all that is known of its making. `patch`: the artifacts that tell what was not committed."""

    version: ModelVersion
    run: Run | None = None
    inputs: tuple[RunInput, ...] = ()
    patch: tuple[Artifact, ...] = ()


@dataclass(frozen=True, slots=True)
class DataPair:
    """What the two have read in one role; None where a side has read nothing in it."""

    role: str
    before: DatasetVersion | None
    after: DatasetVersion | None

    @property
    def same(self) -> bool:
        """By content, not by number."""
        return self.before is not None and self.after is not None and self.before.sha256 == self.after.sha256


@dataclass(frozen=True, slots=True)
class ModelDiff:
    """What is different of `after` against `before`. Every section holds differences only, but `data`: all roles.

    Attributes:
        notes: what could not be compared, and why.
    """

    before: str
    after: str
    params: tuple[Difference, ...]
    metrics: tuple[Difference, ...]
    data: tuple[DataPair, ...]
    signature: tuple[Difference, ...]
    code: tuple[Difference, ...]
    packages: tuple[Difference, ...]
    notes: tuple[str, ...]


def compare(before: Made, after: Made, goals: Mapping[str, Goal]) -> ModelDiff:
    """Put two versions side by side.

    Args:
        goals: what is better, by metric; of one that is not there its name tells (`core.comparison.goal_of`).
    """
    return ModelDiff(
        before.version.ref,
        after.version.ref,
        _differing(
            {"estimator": before.version.estimator} | _params(before),
            {"estimator": after.version.estimator} | _params(after),
        ),
        tuple(_judged(found, goals) for found in _differing(_metrics(before), _metrics(after))),
        data_pairs(before.inputs, after.inputs),
        _signature(before.version.signature, after.version.signature),
        _differing(_code(before), _code(after)),
        _differing(before.version.packages, after.version.packages),
        tuple(_notes(before, after)),
    )


def _differing(before: Mapping[str, float | str], after: Mapping[str, float | str]) -> tuple[Difference, ...]:
    names = dict.fromkeys((*before, *after))
    found = (Difference(name, before.get(name), after.get(name)) for name in names)
    return tuple(difference for difference in found if not difference.same)


def _params(made: Made) -> dict[str, str]:
    return {name: param(value) for name, value in made.run.params.items()} if made.run else {}


def _metrics(made: Made) -> dict[str, float]:
    """Without those of the machine, as in a plan."""
    metrics = made.run.metrics if made.run else {}
    return {name: series.last for name, series in metrics.items() if not is_of_machine(name)}


def _judged(found: Difference, goals: Mapping[str, Goal]) -> Difference:
    goal = goal_of(found.name, goals)
    if goal is None or not isinstance(found.before, int | float) or not isinstance(found.after, int | float):
        return found
    return Difference(found.name, found.before, found.after, (found.after > found.before) == (goal == "maximize"))


def data_pairs(before: Iterable[RunInput], after: Iterable[RunInput]) -> tuple[DataPair, ...]:
    """What two runs have read, role by role."""
    old, new = ({i.role: i.version for i in inputs} for inputs in (before, after))
    return tuple(DataPair(role, old.get(role), new.get(role)) for role in dict.fromkeys((*old, *new)))


def _signature(before: Signature, after: Signature) -> tuple[Difference, ...]:
    return _differing(_shape(before), _shape(after))


def _shape(signature: Signature) -> dict[str, str]:
    outputs = {
        "task": signature.task,
        "classes": ", ".join(map(str, signature.classes)),
        "probabilities": "yes" if signature.probabilities else "no",
    }
    return {f"input {column.name}": _column(column) for column in signature.inputs} | outputs


def _column(column: Column) -> str:
    parts = [column.dtype, column.kind, *(["may be missing"] if column.nullable else [])]
    return ", ".join(parts) + (f", one of: {', '.join(column.categories)}" if column.categories else "")


def _code(made: Made) -> dict[str, str]:
    if made.run is None:
        return {}
    origin = made.run.provenance
    facts: dict[str, Any] = {
        "commit": origin.git_commit,
        "branch": origin.git_branch,
        "not committed": {True: "changes", False: "nothing", None: None}[origin.git_dirty],
        "command": origin.command or None,
        "python": origin.python or None,
    }
    patches = {artifact.path: f"{size(artifact.size)}, sha256 {artifact.sha256[:12]}" for artifact in made.patch}
    return {name: value for name, value in facts.items() if value is not None} | patches


def _notes(*both: Made) -> Iterable[str]:
    for made in both:
        if made.run is None:
            yield f"{made.version.ref} was made by no run: its params, metrics, data and code are not known."
            continue
        if not made.inputs:
            yield f"The run of {made.version.ref} has recorded no dataset."
        if made.run.provenance.git_commit is None:
            yield f"The run of {made.version.ref} was not started from a commit."
        if made.run.provenance.git_dirty and not made.patch:
            yield f"What was not committed of {made.version.ref} was not kept."
