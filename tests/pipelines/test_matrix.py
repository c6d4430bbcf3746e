"""Stages with a matrix, and what they ask of the machine."""

import pytest

from mlops_console.core.config import Pipeline, Stage, WorkerConfig, size
from mlops_console.core.errors import ConfigError
from mlops_console.pipelines import resources
from mlops_console.pipelines.graph import order
from mlops_console.pipelines.matrix import expanded
from mlops_console.pipelines.resources import Limits


def test_each_combination_is_a_stage() -> None:
    fit = Stage(
        run='python fit.py ${model} --fold ${fold} > "${HOME}/log" $$',
        deps=("fit.py", "data/${fold}"),
        outs=("out/${model}-${fold}",),
        env={"SEED": "1${fold}"},
        matrix={"model": ("rf", "a b"), "fold": (1, 2)},
    )
    made = expanded("train", Pipeline(stages={"fit": fit, "last": Stage(run="true", deps=("out",))}))
    assert list(made) == ["fit@rf-1", "fit@rf-2", "fit@a_b-1", "fit@a_b-2", "last"]
    one = made["fit@a_b-2"]
    assert one.run == """python fit.py 'a b' --fold 2 > "${HOME}/log" $$"""
    assert (one.deps, one.outs, one.env) == (("fit.py", "data/2"), ("out/a b-2",), {"SEED": "12"})
    ordered = order("train", Pipeline(stages={"last": Stage(run="true", deps=("out",)), "fit": fit}))
    assert ordered[-1].name == "last"
    assert set(ordered[-1].waits_for) == set(made) - {"last"}


def test_a_value_is_never_filled_in_twice_nor_obeyed() -> None:
    fit = Stage(run="echo ${a}", matrix={"a": ("${b}", "$(rm -rf x); `y`"), "b": ("z",)})
    assert [stage.run for stage in expanded("t", Pipeline(stages={"fit": fit})).values()] == [
        "echo '${b}'",
        "echo '$(rm -rf x); `y`'",
    ]


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        ({"a": ("x y", "x_y")}, "makes two stages 'fit@x_y'"),
        ({name: tuple(range(11)) for name in "abc"}, "makes more than 1,000 stages"),
    ],
)
def test_a_matrix_that_makes_no_sense(matrix: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        expanded("train", Pipeline(stages={"fit": Stage(run="true", matrix=matrix)}))


def test_two_stages_of_a_matrix_may_not_write_the_same() -> None:
    fit = Stage(run="true", outs=("out",), matrix={"a": (1, 2)})
    with pytest.raises(ConfigError, match="'fit@1' and 'fit@2' of pipeline 'train' both write 'out'"):
        order("train", Pipeline(stages={"fit": fit}))


def test_who_asks_for_more_than_there_is() -> None:
    ordered = order("train", Pipeline(stages={"fit": Stage(run="true", cpus=8, memory="64 GB")}))
    with pytest.raises(ConfigError, match=r"fit\.cpus is 8, and all stages together may take 4\."):
        resources.check("train", ordered, WorkerConfig(cpus=4, memory="1 TB"))
    with pytest.raises(ConfigError, match=r"fit\.memory is 64\.0 GB, and all stages together may take 2\.0 GB\."):
        resources.check("train", ordered, WorkerConfig(cpus=8, memory="2 GB"))
    resources.check("train", ordered, WorkerConfig(cpus=8, memory="64 GB"))
    assert Limits.of(WorkerConfig(cpus=3, memory="1 GiB")) == Limits(3, 1024**3)
    assert Limits.of(WorkerConfig()).memory > 10**8


def test_sizes() -> None:
    assert [size(text) for text in ("0 B", "512 MB", "1.5GB", "2 KiB".replace("K", "k"))] == [
        0,
        512 * 10**6,
        15 * 10**8,
        2048,
    ]
    with pytest.raises(ValueError, match="is not a size"):
        size("8 G")
