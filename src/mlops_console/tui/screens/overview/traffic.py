"""The traffic of an environment in the last minute, by the words of its server processes."""

from dataclasses import dataclass

from mlops_console.core.deployments import Environment
from mlops_console.core.traffic import Traffic

_LEAST_SECONDS = 1.0  # over which a rate is reckoned: a request in a process's first moment is no storm


@dataclass(frozen=True, slots=True)
class Recent:
    """What was answered, and how many requests a second that is."""

    traffic: Traffic
    per_second: float


def recent(environment: Environment) -> Recent | None:
    """The sum over all processes; None where nothing was answered."""
    total, rate = Traffic(), 0.0
    for process in environment.processes:
        told = process.stats.get("recent", {})
        answered = Traffic.of_json(told)
        total += answered
        rate += answered.requests / max(told.get("seconds", 0.0), _LEAST_SECONDS)
    return Recent(total, rate) if total.requests else None
