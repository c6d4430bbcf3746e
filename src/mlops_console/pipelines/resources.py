"""What stages may take of the machine: all jobs together stay within it."""

import math
import os
import sys
from dataclasses import dataclass

from mlops_console.core.config import Stage, WorkerConfig, size
from mlops_console.core.errors import ConfigError
from mlops_console.core.text import number
from mlops_console.core.text import size as written
from mlops_console.pipelines.graph import OrderedStage
from mlops_console.store import stages
from mlops_console.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Limits:
    cpus: float
    memory: int  # bytes

    @classmethod
    def none(cls) -> "Limits":
        """For stages that run elsewhere."""
        return cls(math.inf, sys.maxsize)

    @classmethod
    def of(cls, settings: WorkerConfig) -> "Limits":
        """As `[worker]` says, else what the machine has."""
        cpus = settings.cpus if settings.cpus is not None else float(os.cpu_count() or 1)
        return cls(cpus, size(settings.memory) if settings.memory is not None else _installed())


def check(pipeline: str, ordered: tuple[OrderedStage, ...], settings: WorkerConfig) -> None:
    """See that no stage asks for more than there will ever be.

    Raises:
        ConfigError: one does.
    """
    asking = [found for found in ordered if found.stage.cpus or size(found.stage.memory)]
    if not asking:
        return
    limits = Limits.of(settings)
    for found in asking:
        cpus, memory = found.stage.cpus, size(found.stage.memory)
        if cpus > limits.cpus:
            raise _too_much(pipeline, found.name, "cpus", number(cpus), number(limits.cpus))
        if memory > limits.memory:
            raise _too_much(pipeline, found.name, "memory", written(memory), written(limits.memory))


def begun(workspace: Workspace, run_id: str, name: str, stage: Stage, limits: Limits) -> bool:
    """Begin a stage, if what it asks for is free; else nothing is changed."""
    with workspace.store.write() as tx:
        cpus, memory = stages.taken(tx)
        if stage.cpus and cpus + stage.cpus > limits.cpus:
            return False
        if size(stage.memory) and memory + size(stage.memory) > limits.memory:
            return False
        stages.start(tx, run_id, name)
    return True


def _too_much(pipeline: str, stage: str, key: str, wanted: str, limit: str) -> ConfigError:
    return ConfigError(
        f"mlops.toml: pipelines.{pipeline}.stages.{stage}.{key} is {wanted}, and all stages together may take {limit}.",
        f"Ask for less, or set [worker] {key}.",
    )


def _installed() -> int:
    import psutil

    return int(psutil.virtual_memory().total)
