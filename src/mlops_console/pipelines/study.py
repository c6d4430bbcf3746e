"""The trials of a sweep, kept by Optuna in a file of the workspace, so that a sweep that was killed goes on."""

import fcntl
import importlib.util
import itertools
import logging
import math
import os
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlops_console.core.comparison import Goal
from mlops_console.core.errors import UsageError
from mlops_console.core.search_space import Choice, Dimension

if TYPE_CHECKING:
    import optuna
    from optuna.storages.journal._file import BaseJournalFileLock

Sampler = Literal["tpe", "random", "grid"]
MOST_OF_A_GRID = 10_000
_DENSE = 64  # so many steps are compared one by one, and half as many of each later power of two
_UNPRUNED = 5  # trials that run to their end before one is pruned


@dataclass(frozen=True, slots=True)
class Trial:
    number: int
    params: Mapping[str, Any]


def check_installed() -> None:
    """Raise `UsageError` where there is no Optuna."""
    if importlib.util.find_spec("optuna") is None:
        raise UsageError("A sweep needs Optuna.", "pip install 'mlops-console[sweep]'")


def grid_of(space: Mapping[str, Dimension]) -> dict[str, list[Any]]:
    """Every value of each param.

    Raises:
        UsageError: a range has no steps, or the grid is too large.
    """
    grid = {key: _values(key, dimension) for key, dimension in space.items()}
    count = math.prod(map(len, grid.values()))
    if count > MOST_OF_A_GRID:
        raise UsageError(f"The grid has {count:,} points; {MOST_OF_A_GRID:,} are the most.", "Take larger steps.")
    return grid


class KernelLock:
    """A lock that ends with its process; of Optuna's own a killed one leaves a file behind, which is waited for."""

    def __init__(self, file: Path) -> None:
        self._path = file.with_suffix(".lock")
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(file: Path) -> "BaseJournalFileLock":
    from optuna.storages.journal._file import BaseJournalFileLock

    class Lock(KernelLock, BaseJournalFileLock):
        """As Optuna wants it."""

    return Lock(file)


class Study:
    """Asks Optuna what to try, and tells it what came of it. Used by one thread at a time.

    Args:
        file: made where it is not there; its folder too.
        seed: of the sampler; None for another one each time.
    """

    def __init__(
        self, file: Path, space: Mapping[str, Dimension], goal: Goal, sampler: Sampler, prune: bool, seed: int | None
    ) -> None:
        import optuna
        from optuna.storages.journal import JournalFileBackend, JournalStorage

        optuna.logging.set_verbosity(logging.WARNING)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._goal = goal
        self._is_grid = sampler == "grid"
        self._distributions = {key: _distribution(dimension) for key, dimension in space.items()}
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(file), _lock(file))),
            study_name="sweep",
            load_if_exists=True,
            direction=goal,
            sampler=_sampler(sampler, seed, 0, many=len(space) > 1),
            pruner=optuna.pruners.MedianPruner(_UNPRUNED) if prune else optuna.pruners.NopPruner(),
        )
        self._sampler, self._seed = sampler, seed
        self._asked: dict[int, optuna.Trial] = {}
        if sampler == "grid" and not self._study.get_trials(deepcopy=False):
            for params in _points(grid_of(space), seed):
                self._study.enqueue_trial(params)

    def _waiting(self) -> int:
        """How many points of a grid nobody has asked for yet."""
        from optuna.trial import TrialState

        return len(self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def unfinished(self) -> list[Trial]:
        """The trials that were asked for, and of which nobody has told what became of them.

        Params are stored one by one: those that a trial lacks, as its process was killed meanwhile, are chosen now.
        """
        from optuna import Trial as OptunaTrial
        from optuna.trial import TrialState

        found = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for trial in found:
            if trial.number not in self._asked:
                self._reseed(trial.number)
                asked = self._asked[trial.number] = OptunaTrial(self._study, trial._trial_id)
                for key, distribution in self._distributions.items():
                    if key not in trial.params:
                        asked._suggest(key, distribution)
        return [Trial(trial.number, self._asked[trial.number].params) for trial in found]

    @property
    def asked(self) -> int:
        """How many trials were asked for, whatever became of them."""
        return len(self._study.get_trials(deepcopy=False)) - self._waiting()

    def ask(self) -> Trial | None:
        """The next trial; None where a grid has no more."""
        if self._is_grid and not self._waiting():
            return None
        self._reseed(self.asked)
        trial = self._study.ask(self._distributions)
        self._asked[trial.number] = trial
        return Trial(trial.number, trial.params)

    def _reseed(self, number: int) -> None:
        """Chance is another one for each trial: where it began anew, a study that goes on would try the same again."""
        if self._seed is not None:
            self._study.sampler = _sampler(self._sampler, self._seed, number, many=len(self._distributions) > 1)

    def report(self, trial: Trial, steps: Iterable[int], values: Iterable[float]) -> None:
        """Report what a trial has newly logged, at the steps at which trials are compared."""
        asked = self._asked[trial.number]
        for step, value in zip(steps, values, strict=True):
            if _is_compared(step) and math.isfinite(value):
                asked.report(value, step)

    def is_poor(self, trial: Trial) -> bool:
        """Whether what was reported of a trial is worse than the median of the others at its last step."""
        return self._asked[trial.number].should_prune()

    def tell(self, trial: Trial, outcome: Literal["complete", "pruned", "fail"], value: float | None = None) -> None:
        from optuna.trial import TrialState

        state = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "fail": TrialState.FAIL}[outcome]
        self._study.tell(trial.number, value if outcome == "complete" else None, state, skip_if_finished=True)

    def history(self) -> list[tuple[int, float]]:
        """The number and value of each trial that ran to its end."""
        from optuna.trial import TrialState

        found = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [(trial.number, float(trial.value)) for trial in found if trial.value is not None]

    def best(self) -> tuple[int, float] | None:
        """The number of the best trial that ran to its end, and its value."""
        better = min if self._goal == "minimize" else max
        return better(self.history(), key=lambda trial: trial[1], default=None)


def _is_compared(step: int) -> bool:
    """Every step at first, later every 2nd, 4th, …: trials have these in common, and a long one has few of them."""
    return 0 <= step < _DENSE or (step > 0 and step % (1 << (step.bit_length() - _DENSE.bit_length() + 1)) == 0)


def _values(key: str, dimension: Dimension) -> list[Any]:
    if isinstance(dimension, Choice):
        return list(dimension.values)
    if dimension.log or (dimension.step is None and not dimension.whole):
        raise UsageError(f"A grid needs steps, and {key} has none.", f"Write {key}=LOW..HIGH/STEP, or its values.")
    step = dimension.step or 1.0
    count = itertools.takewhile(lambda at: dimension.low + at * step <= dimension.high + step / 1e6, itertools.count())
    values = [dimension.low + at * step for at in itertools.islice(count, MOST_OF_A_GRID + 1)]
    return [int(value) for value in values] if dimension.whole else values


def _distribution(dimension: Dimension) -> "optuna.distributions.BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.values)
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), dimension.log, int(dimension.step or 1))
    return FloatDistribution(dimension.low, dimension.high, dimension.log, dimension.step)


def _sampler(name: Sampler, seed: int | None, trial: int, *, many: bool) -> "optuna.samplers.BaseSampler":
    import optuna

    if seed is not None:
        seed = random.Random(f"{seed} {trial}").getrandbits(32)
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, multivariate=many)
    return optuna.samplers.RandomSampler(seed)  # of a grid too: its points are queued, as Optuna's own can't be asked


def _points(grid: Mapping[str, list[Any]], seed: int | None) -> list[dict[str, Any]]:
    """All of them, in random order: after half of the trials all of the grid has been seen."""
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    random.Random(seed).shuffle(points)
    return points
