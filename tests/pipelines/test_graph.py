"""The order of stages, and what is told of pipelines that have none."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.config import Pipeline, Stage
from mlops_console.core.errors import ConfigError
from mlops_console.pipelines.graph import check_deps, order


def pipeline(**stages: tuple[list[str], list[str]]) -> Pipeline:
    """Stages by name, each with its deps and outs."""
    made = {name: Stage(run="true", deps=tuple(deps), outs=tuple(outs)) for name, (deps, outs) in stages.items()}
    return Pipeline(stages=made)


def names(made: Pipeline) -> list[str]:
    return [ordered.name for ordered in order("train", made)]


def test_a_stage_comes_after_those_that_make_its_deps() -> None:
    made = pipeline(fit=(["b", "fit.py"], ["c"]), report=(["c"], []), prepare=(["a"], ["b"]))
    assert names(made) == ["prepare", "fit", "report"]
    assert [ordered.waits_for for ordered in order("train", made)] == [(), ("prepare",), ("fit",)]


def test_stages_that_do_not_wait_for_each_other_keep_the_order_of_the_file() -> None:
    assert names(pipeline(c=([], []), a=([], []), b=([], []))) == ["c", "a", "b"]


def test_folders_and_the_files_in_them_belong_together() -> None:
    assert names(pipeline(fit=(["build/x.csv"], []), prepare=([], ["build"]))) == ["prepare", "fit"]
    assert names(pipeline(fit=(["./build/"], []), prepare=([], ["build/x.csv"]))) == ["prepare", "fit"]
    assert names(pipeline(fit=(["build2/x"], []), prepare=([], ["build"]))) == ["fit", "prepare"]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (
            pipeline(prepare=(["model"], ["rows"]), fit=(["rows"], ["model"])),
            "mlops.toml: the stages of pipeline 'train' wait for each other in a circle: prepare → fit → prepare.",
        ),
        (
            pipeline(first=([], []), c=(["b"], ["c"]), b=(["a"], ["b"]), a=(["c"], ["a"])),
            "mlops.toml: the stages of pipeline 'train' wait for each other in a circle: c → a → b → c.",
        ),
        (
            pipeline(fit=(["model"], ["model"])),
            "mlops.toml: the stages of pipeline 'train' wait for each other in a circle: fit → fit.",
        ),
        (
            pipeline(a=([], ["x.csv", "./x.csv"])),
            "mlops.toml: pipelines.train.stages.a.outs names './x.csv' twice.",
        ),
        (
            pipeline(a=([], ["x", "x/y.csv"])),
            "mlops.toml: pipelines.train.stages.a.outs names both 'x' and 'x/y.csv', one inside of the other.",
        ),
        (
            pipeline(a=([], ["x.csv"]), b=([], ["./x.csv"])),
            "mlops.toml: the stages 'a' and 'b' of pipeline 'train' both write './x.csv'.",
        ),
        (
            pipeline(a=([], ["build"]), b=([], ["build/x"])),
            "mlops.toml: the stages 'a' and 'b' of pipeline 'train' both write 'build/x'.",
        ),
        (
            pipeline(a=(["../rows.csv"], [])),
            "mlops.toml: pipelines.train.stages.a.deps names '../rows.csv', which is outside of the project.",
        ),
        (
            pipeline(a=([], ["build/../../x"])),
            "mlops.toml: pipelines.train.stages.a.outs names 'build/../../x', which is outside of the project.",
        ),
        (
            pipeline(a=(["/etc/passwd"], [])),
            "mlops.toml: pipelines.train.stages.a.deps names '/etc/passwd', which is outside of the project.",
        ),
    ],
)
def test_what_makes_no_sense_is_told_in_one_sentence(made: Pipeline, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        order("train", made)
    assert caught.value.message == told
    assert caught.value.hint


def test_a_missing_file_that_no_stage_makes(tmp_path: Path) -> None:
    made = order("train", pipeline(prepare=(["rows.csv"], ["x"]), fit=(["x"], [])))
    with pytest.raises(ConfigError) as caught:
        check_deps(tmp_path, "train", made, made)
    assert caught.value.message == (
        "mlops.toml: pipelines.train.stages.prepare.deps names 'rows.csv', which is not there and no stage makes."
    )
    (tmp_path / "rows.csv").touch()
    check_deps(tmp_path, "train", made, made)
    with pytest.raises(ConfigError) as caught:
        check_deps(tmp_path, "train", made[1:], made)
    assert caught.value.message == "fit needs 'x', which is not there: prepare makes it, and is not to run."
    assert caught.value.hint == "Leave --from away, or begin with prepare."


@st.composite
def dags(draw: st.DrawFn) -> Pipeline:
    """Stages that wait only for such as come before them in a hidden order, listed in another one."""
    count = draw(st.integers(1, 8))
    waits = {f"s{i}": [j for j in range(i) if draw(st.booleans())] for i in range(count)}
    listed = draw(st.permutations(list(waits)))
    return pipeline(**{name: ([f"out{j}" for j in waits[name]], [f"out{name[1:]}"]) for name in listed})


@given(dags())
def test_every_order_has_each_stage_once_and_after_those_it_waits_for(made: Pipeline) -> None:
    found = order("train", made)
    assert sorted(stage.name for stage in found) == sorted(made.stages)
    done: set[str] = set()
    for stage in found:
        assert set(stage.waits_for) == {f"s{dep[3:]}" for dep in made.stages[stage.name].deps}
        assert set(stage.waits_for) <= done
        done.add(stage.name)


@given(dags(), st.data())
def test_a_way_back_is_always_found_as_a_circle(made: Pipeline, data: st.DataObject) -> None:
    """The first stage in order gets the out of the last one that waits for it, however far away."""
    found = order("train", made)
    reached = {found[0].name}
    for stage in found[1:]:
        if reached & set(stage.waits_for):
            reached.add(stage.name)
    last = data.draw(st.sampled_from(sorted(reached)))
    changed = dict(made.stages)
    first = changed[found[0].name]
    changed[found[0].name] = first.model_copy(update={"deps": (*first.deps, f"out{last[1:]}")})
    with pytest.raises(ConfigError, match="in a circle") as caught:
        order("train", Pipeline(stages=changed))
    circle = caught.value.message.split(": ")[-1].rstrip(".").split(" → ")
    assert circle[0] == circle[-1]
    for before, after in itertools.pairwise(circle):
        assert f"out{before[1:]}" in changed[after].deps
