"""What Optuna is asked and told, and that a study goes on where it was left."""

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from mlops_console.core.errors import UsageError
from mlops_console.core.search_space import Choice, Dimension, Range, parse_dimension
from mlops_console.pipelines.params import override, parse_override
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


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_study_with_a_seed_tries_the_same_however_often_it_is_killed(tmp_path: Path, sampler: str) -> None:
    space: dict[str, Dimension] = {"x": Range(0.0, 1.0, whole=False), "depth": Range(2, 12, whole=True)}
    whole = study(tmp_path / "whole", space, sampler)
    wanted = [whole.ask() for _ in range(12)]
    found = [study(tmp_path / "killed", space, sampler).ask() for _ in range(12)]
    assert [trial and trial.params for trial in found] == [trial and trial.params for trial in wanted]
    assert len({trial.params["x"] for trial in wanted if trial}) == 12


@pytest.mark.parametrize("sampler", ["random", "tpe", "grid"])
def test_a_trial_that_was_killed_while_it_was_asked_for_gets_all_its_params(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    suggest = optuna.Trial._suggest

    def killed(trial: optuna.Trial, key: str, distribution: optuna.distributions.BaseDistribution) -> object:
        if key == "kind":
            raise KeyboardInterrupt
        return suggest(trial, key, distribution)

    space: dict[str, Dimension] = {"depth": Range(1, 2, whole=True), "kind": Choice(("a", "b"))}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(optuna.Trial, "_suggest", killed)
        study(tmp_path / "s", space, sampler).ask()
    again = study(tmp_path / "s", space, sampler)
    [left] = again.unfinished()
    assert left.params.keys() == space.keys()
    assert again.unfinished() == study(tmp_path / "s", space, sampler).unfinished() == [left]
    if sampler == "grid":
        others = [again.ask() for _ in range(3)]
        assert len({(trial.params["depth"], trial.params["kind"]) for trial in [left, *others] if trial}) == 4


def test_dates_are_tried(tmp_path: Path) -> None:
    key, dimension = parse_dimension("since=2020-01-01,2020-02-01", lambda text: parse_override(f"x={text}")[1])
    trial = study(tmp_path / "s", {key: dimension}).ask()
    assert trial is not None
    params = override({"since": dt.date(2019, 1, 1)}, trial.params, "params.toml")
    assert params["since"] in (dt.date(2020, 1, 1), dt.date(2020, 2, 1))


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
