"""The order in which the stages of a pipeline run: a stage waits for those whose outs are among its deps."""

import graphlib
import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_console.core.config import Pipeline, Stage
from mlops_console.core.errors import ConfigError, UsageError
from mlops_console.core.text import did_you_mean
from mlops_console.pipelines.matrix import base_name, expanded

_NO_OUTS = (".mlops", ".git", "mlops.toml")


@dataclass(frozen=True, slots=True)
class OrderedStage:
    """A stage in its place. `waits_for` are the names of the stages that make its deps."""

    name: str
    stage: Stage
    waits_for: tuple[str, ...]


def order(name: str, pipeline: Pipeline) -> tuple[OrderedStage, ...]:
    """The stages of a pipeline, each after those it waits for, else as mlops.toml lists them.

    Raises:
        ConfigError: a cycle, two stages that write the same file, or a file or folder outside of the project.
    """
    stages = expanded(name, pipeline)
    for stage, settings in stages.items():
        _inside(name, stage, "cwd", settings.cwd)
    outs = _outs(name, stages)
    waits = {stage: _makers(name, stage, settings, outs) for stage, settings in stages.items()}
    return tuple(OrderedStage(stage, stages[stage], waits[stage]) for stage in _sorted(name, waits))


def part_of(
    name: str, stages: tuple[OrderedStage, ...], start: str | None = None, until: str | None = None
) -> tuple[OrderedStage, ...]:
    """The stages that are, or come after, `start`, and are, or are needed by, `until`.

    Args:
        start: the name of a stage, or of all that its matrix makes.
        until: likewise.

    Raises:
        UsageError: there is no such stage, or nothing is left.
    """
    for wanted in (start, until):
        check_stage(name, stages, wanted)
    after = {ordered.name for ordered in stages if start is None or is_meant(ordered.name, start)}
    for ordered in stages:
        if after.intersection(ordered.waits_for):
            after.add(ordered.name)
    before = {ordered.name for ordered in stages if until is None or is_meant(ordered.name, until)}
    for ordered in reversed(stages):
        if ordered.name in before:
            before.update(ordered.waits_for)
    found = tuple(
        OrderedStage(o.name, o.stage, tuple(name for name in o.waits_for if name in after and name in before))
        for o in stages
        if o.name in after and o.name in before
    )
    if not found:
        raise UsageError(f"No stage of pipeline {name!r} is after {start!r} and before {until!r}.", "Name others.")
    return found


def is_meant(stage: str, wanted: str) -> bool:
    """Whether a name that somebody gives is that of this stage, or of the one whose matrix has made it."""
    return wanted in (stage, base_name(stage))


def check_stage(pipeline: str, stages: tuple[OrderedStage, ...], wanted: str | None) -> None:
    """See that a pipeline has a stage that is meant by this name, if any is wanted.

    Raises:
        UsageError: it has none.
    """
    known = [ordered.name for ordered in stages]
    if wanted is not None and not any(is_meant(name, wanted) for name in known):
        names = list(dict.fromkeys([*known, *map(base_name, known)]))
        raise UsageError(
            f"Pipeline {pipeline!r} has no stage {wanted!r}{did_you_mean(wanted, names) or '.'}",
            f"It has: {', '.join(known)}.",
        )


def missing_deps(root: Path, stages: tuple[OrderedStage, ...]) -> list[tuple[str, str]]:
    """The deps that no stage makes and that are not there: pairs of stage and file."""
    outs = {_normal(out) for ordered in stages for out in ordered.stage.outs}
    return [
        (ordered.name, dep)
        for ordered in stages
        for dep in ordered.stage.deps
        if not any(overlap(_normal(dep), out) for out in outs) and not os.path.exists(root / dep)  # noqa: PTH110 - false also where the name is too long
    ]


def check_deps(root: Path, name: str, stages: tuple[OrderedStage, ...], whole: tuple[OrderedStage, ...]) -> None:
    """See that everything is there which no stage makes.

    Args:
        stages: those that are to run, of the `whole` pipeline.

    Raises:
        ConfigError: a file or folder is missing.
    """
    missing = missing_deps(root, stages)
    if missing:
        stage, dep = missing[0]
        makers = [found.name for found in whole if any(overlap(dep, out) for out in found.stage.outs)]
        if makers:
            raise ConfigError(
                f"{stage} needs {dep!r}, which is not there: {makers[0]} makes it, and is not to run.",
                f"Leave --from away, or begin with {makers[0]}.",
            )
        raise ConfigError(
            f"mlops.toml: pipelines.{name}.stages.{stage}.deps names {dep!r}, which is not there and no stage makes.",
            "Add the file, or list it in the outs of the stage that writes it.",
        )


def _outs(name: str, stages: Mapping[str, Stage]) -> dict[str, str]:
    """Which stage writes which path."""
    outs: dict[str, str] = {}
    for stage, settings in stages.items():
        for out in settings.outs:
            path = _inside(name, stage, "outs", out)
            _check_out(name, stage, path)
            for other, owner in outs.items():
                if overlap(path, other) and owner == stage:
                    told = f"{out!r} twice" if path == other else f"both {other!r} and {out!r}, one inside of the other"
                    raise ConfigError(
                        f"mlops.toml: pipelines.{name}.stages.{stage}.outs names {told}.", "Name what it writes once."
                    )
                if overlap(path, other):
                    raise ConfigError(
                        f"mlops.toml: the stages {owner!r} and {stage!r} of pipeline {name!r} both write {out!r}.",
                        "Let one stage write it, or give each a file of its own.",
                    )
            outs[path] = stage
    return outs


def _check_out(name: str, stage: str, path: str) -> None:
    """What a stage writes is replaced as a whole: it may not hold what mlops-console or its user needs."""
    if any(overlap(path, kept) for kept in _NO_OUTS):
        raise ConfigError(
            f"mlops.toml: pipelines.{name}.stages.{stage}.outs names {path!r}, which holds more than its outs.",
            "Let it write into a folder of its own.",
        )


def _makers(name: str, stage: str, settings: Stage, outs: Mapping[str, str]) -> tuple[str, ...]:
    makers: dict[str, None] = {}
    for dep in settings.deps:
        path = _inside(name, stage, "deps", dep)
        makers.update({owner: None for out, owner in outs.items() if overlap(path, out)})
    return tuple(makers)


def _sorted(name: str, waits: Mapping[str, tuple[str, ...]]) -> list[str]:
    places = {stage: place for place, stage in enumerate(waits)}
    sorter = graphlib.TopologicalSorter(waits)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise ConfigError(
            f"mlops.toml: the stages of pipeline {name!r} wait for each other in a circle: "
            f"{' → '.join(_from_first(error.args[1], places))}.",
            "Take one of their deps or outs away.",
        ) from None
    ready: list[str] = []
    done: list[str] = []
    while sorter.is_active():
        ready = sorted((*ready, *sorter.get_ready()), key=places.__getitem__)
        done.append(ready.pop(0))
        sorter.done(done[-1])
    return done


def _from_first(cycle: list[str], places: Mapping[str, int]) -> list[str]:
    """The cycle, told from its stage that mlops.toml lists first."""
    ring = cycle[:-1]
    start = ring.index(min(ring, key=places.__getitem__))
    return [*ring[start:], *ring[:start], ring[start]]


def _inside(name: str, stage: str, key: str, path: str) -> str:
    normal = _normal(path)
    if posixpath.isabs(path) or normal == ".." or normal.startswith("../"):
        raise ConfigError(
            f"mlops.toml: pipelines.{name}.stages.{stage}.{key} names {path!r}, which is outside of the project.",
            "Name files below the folder of mlops.toml, by paths relative to it.",
        )
    return normal


def _normal(path: str) -> str:
    return posixpath.normpath(path)


def overlap(one: str, other: str) -> bool:
    """Whether two paths are the same, or one is a folder above the other."""
    one, other = _normal(one), _normal(other)
    return one == other or "." in (one, other) or one.startswith(other + "/") or other.startswith(one + "/")
