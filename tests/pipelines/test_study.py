"""What Optuna is asked and told, and that a study goes on where it was left."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_console.core.errors import UsageError
from mlops_console.core.search_space import Choice, Dimension, Range
from mlops_console.pipelines.study import Study, grid_of

SPACE: dict[str, Dimension] = {"depth": Range(2, 12, whole=True), "kind": Choice(("a", "b"))}


def study(file: Path, space: dict[str, Dimension] = SPACE, sampler: str = "random", prune: bool = True) -> Study:
    return Study(file, space, "minimize", sampler, prune, 1)  # type: ignore[arg-type]


def test_a_study_goes_on_where_it_was_left(tmp_path: Path) -> None:
    file = tmp_path / "sweeps" / "s.journal"
    first = study(file)
    trials = [first.ask() for _ in range(4)]
    assert all(trial is not None and 2 <= trial.params["depth"] <= 12 for trial in trials)
    first.tell(trials[0], "complete", 3.0)  # type: ignore[arg-type]
    first.tell(trials[1], "fail")  # type: ignore[arg-type]
    again = study(file)
    assert again.unfinished() == trials[2:]
    assert again.asked == 4
    for trial in again.unfinished():
        again.tell(trial, "complete", 1.0 + trial.number)
    assert again.unfinished() == []
    assert again.best() == (0, 3.0) or again.best() == (2, 3.0)
    assert study(file).best() == again.best()


def test_a_grid_has_an_end(tmp_path: Path) -> None:
    space: dict[str, Dimension] = {"depth": Range(1, 5, whole=True, step=2), "kind": Choice(("a", "b"))}
    found = study(tmp_path / "s", space, "grid")
    seen = set()
    while (trial := found.ask()) is not None:
        seen.add((trial.params["depth"], trial.params["kind"]))
        found.tell(trial, "complete", 1.0)
    assert seen == {(depth, kind) for depth in (1, 3, 5) for kind in "ab"}


def test_the_values_of_a_grid() -> None:
    assert grid_of({"x": Range(0.1, 0.5, whole=False, step=0.2)})["x"] == pytest.approx([0.1, 0.3, 0.5])
    assert grid_of({"x": Range(2, 4, whole=True)}) == {"x": [2, 3, 4]}
    with pytest.raises(UsageError, match="A grid needs steps, and x has none"):
        grid_of({"x": Range(0.1, 0.5, whole=False)})
    with pytest.raises(UsageError, match="10,000 are the most"):
        grid_of({"x": Range(1, 1000, whole=True), "y": Range(1, 1000, whole=True)})


def test_what_is_worse_than_the_median_is_poor(tmp_path: Path) -> None:
    found = study(tmp_path / "s")
    for _ in range(5):
        trial = found.ask()
        assert trial is not None
        found.report(trial, range(5), [1.0 / (step + 1) for step in range(5)])
        assert not found.is_poor(trial)
        found.tell(trial, "complete", 0.2)
    poor = found.ask()
    assert poor is not None
    assert not found.is_poor(poor)
    found.report(poor, [-1, 0], [9.0, float("nan")])
    assert not found.is_poor(poor)
    found.report(poor, [0, 1], [9.0, 9.0])
    assert found.is_poor(poor)
    found.tell(poor, "pruned")
    assert found.best() is not None
    unpruned = study(tmp_path / "s", prune=False)
    trial = unpruned.ask()
    assert trial is not None
    unpruned.report(trial, [0], [99.0])
    assert not unpruned.is_poor(trial)


def test_long_trials_are_compared_at_steps_they_have_in_common(tmp_path: Path) -> None:
    found = study(tmp_path / "s")
    for _ in range(5):
        trial = found.ask()
        assert trial is not None
        found.report(trial, range(100_000), [1.0] * 100_000)
        found.tell(trial, "complete", 1.0)
    poor = found.ask()
    assert poor is not None
    found.report(poor, range(54_321), [9.0] * 54_321)
    assert found.is_poor(poor)
    assert (tmp_path / "s").stat().st_size < 500_000


def test_a_process_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    script = (
        "import sys, os, signal\n"
        "from pathlib import Path\n"
        "from mlops_console.pipelines.study import KernelLock\n"
        "lock = KernelLock(Path(sys.argv[1]))\n"
        "lock.acquire()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    study(tmp_path / "s")
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "s")], check=False)
    begun = time.monotonic()
    assert study(tmp_path / "s").ask() is not None
    assert time.monotonic() - begun < 20  # Optuna's own lock would be waited for 30 s
