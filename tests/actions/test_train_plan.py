"""What a training would do, shown before it is confirmed; and what is wrong with a project, in one sentence each."""

import datetime
import shlex
from typing import Any

import pytest

from mlops_console import actions
from mlops_console.actions.train import Train, _command
from mlops_console.core.errors import ConfigError, UsageError
from mlops_console.core.plans import Difference, Step
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.pipelines.params import parse_override
from mlops_console.store import jobs, runs, stages
from mlops_console.store.identity import current_process
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.delivery.helpers import add_version, make_live
from tests.support import free_port

CONFIG = """
[project]
name = "fraud"

[pipelines.train]
params = "params.toml"
[pipelines.train.stages.fit]
run = "python fit.py"
deps = ["fit.py", "rows.csv"]
params = ["fit"]
[pipelines.train.stages.prepare]
run = "python prepare.py"
outs = ["rows.csv"]
"""


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    (workspace.root / "mlops.toml").write_text(CONFIG)
    (workspace.root / "params.toml").write_text("[fit]\nlr = 0.1\nkernel = 'rbf'\n")
    (workspace.root / "fit.py").touch()
    return workspace


def test_the_plan_of_a_training(project: Workspace) -> None:
    plan = actions.plan(project, "train", {"params": {"fit.lr": 0.3, "fit.kernel": "a b"}})
    assert (plan.subject, plan.refused, plan.notes) == ("train", None, ())
    assert plan.steps == (
        Step("prepare", "python prepare.py", True, "it names no deps, so nothing tells whether it must"),
        Step("fit", "python fit.py", None, "if prepare changes rows.csv"),
    )
    assert plan.params == (Difference("fit.lr", "0.1", "0.3"), Difference("fit.kernel", "rbf", "a b"))
    assert plan.command == "mlops-console train train -p fit.lr=0.3 -p 'fit.kernel=a b'"


@pytest.mark.parametrize(
    "value", ["a b", "0.3", "true", "", "it's", 'say "x"', [1, 2.5], ["a", "b"], [], 0.1, True, -3]
)
def test_the_command_of_a_plan_says_the_same_params(value: Any) -> None:
    words = shlex.split(_command("train", Train(params={"fit.x": value})))
    assert parse_override(words[-1]) == ("fit.x", value)


def test_infinities_and_dates_reach_the_job(project: Workspace) -> None:
    (project.root / "params.toml").write_text("[fit]\nlr = 0.1\nsince = 2026-03-03\n")
    (project.root / "rows.csv").touch()
    with project.store.write() as tx:
        jobs.register_worker(tx, current_process(), "0")
    given = {"fit.lr": float("inf"), "fit.since": datetime.date(2026, 4, 1)}
    job_id = client.execute(project, "train", {"params": given}).job_id
    assert job_id is not None
    with project.store.read() as db:
        kept, run = jobs.get(db, job_id).request["params"], runs.of_job(db, job_id)
    assert run is not None
    assert run.params == {"fit.lr": "inf", "fit.since": "2026-04-01"}
    assert actions.plan(project, "train", {"params": kept}).params == (
        Difference("fit.lr", "0.1", "inf"),
        Difference("fit.since", "2026-03-03", "2026-04-01"),
    )


def test_the_plan_tells_how_long_it_usually_takes(project: Workspace) -> None:
    commands = {name: stage.run for name, stage in project.config().pipelines["train"].stages.items()}
    for took in (190.0, 192.0, 200.0):
        with project.store.write() as tx:
            run_id = runs.create(tx, name="a", experiment="e", pipeline="train")
            planned = [StageRun(name, at, RunStatus.QUEUED, run, "") for at, (name, run) in enumerate(commands.items())]
            stages.plan_stages(tx, run_id, planned)
            for name in commands:
                stages.start(tx, run_id, name)
                stages.finish(tx, run_id, name, RunStatus.SUCCEEDED, 0)
            tx.execute("UPDATE stage_runs SET ended_at = started_at + ? WHERE ended_at - started_at < 1", (took,))
    assert actions.plan(project, "train", {}).notes == ("It usually takes 6m24s (6m22s–6m32s).",)


@pytest.mark.parametrize(
    ("old", "new", "request_", "told"),
    [
        ("", "", {"pipeline": "trian"}, "There is no pipeline 'trian', did you mean 'train'?"),
        ("", "", {"params": {"fit.lrr": 1}}, "There is no param 'fit.lrr' in params.toml, did you mean 'fit.lr'?"),
        ("", "", {"params": {"fit.lr": "x"}}, "Param 'fit.lr' is a number in params.toml (0.1), and 'x' is a text."),
        ('outs = ["rows.csv"]', 'outs = ["rows.csv"]\ndeps = ["rows.csv"]', {}, "prepare → prepare."),
        (
            '"rows.csv"]\nparams',
            '"rows.csv", "more.csv"]\nparams',
            {},
            "deps names 'more.csv', which is not there and no stage makes.",
        ),
        ('params = ["fit"]', 'params = ["fitt"]', {}, "names 'fitt', which is not in params.toml, did you mean 'fit'?"),
        ("outs =", "out =", {}, "unknown key pipelines.train.stages.prepare.out, did you mean 'outs'?"),
        ("[pipelines.train]", "[pipelines.train", {}, "mlops.toml is not valid TOML: "),
        (CONFIG, "[project]\nname = 'x'", {}, "mlops.toml has no pipeline."),
        ("pipelines.train", "pipelines.other", {"pipeline": "train"}, "There is no pipeline 'train'."),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence_and_nothing_is_queued(
    project: Workspace, old: str, new: str, request_: dict[str, Any], told: str
) -> None:
    (project.root / "mlops.toml").write_text(CONFIG.replace(old, new) if old else CONFIG)
    with pytest.raises(UsageError) as caught:
        client.execute(project, "train", request_)
    assert told in caught.value.message
    assert caught.value.hint
    with project.store.read() as db:
        assert not jobs.listing(db)
        assert not runs.open_runs(db)


def test_two_pipelines_of_which_none_is_called_train(project: Workspace) -> None:
    second = "\n[pipelines.two.stages.s]\nrun = 'true'\n"
    (project.root / "mlops.toml").write_text(CONFIG.replace("pipelines.train", "pipelines.one") + second)
    with pytest.raises(UsageError, match="more than one pipeline"):
        actions.plan(project, "train", {})
    assert actions.plan(project, "train", {"pipeline": "two"}).subject == "two"


def test_without_mlops_toml(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match=r"There is no mlops\.toml"):
        actions.plan(workspace, "train", {})


def test_a_queued_training_has_its_run_and_both_can_be_stopped(project: Workspace) -> None:
    with project.store.write() as tx:  # a worker that never looks
        jobs.register_worker(tx, current_process(), "0")
    job_id = client.execute(project, "train", {"params": {"fit.lr": 0.3}}).job_id
    assert job_id is not None
    with project.store.read() as db:
        run = runs.of_job(db, job_id)
    assert run is not None
    assert (run.status, run.experiment, run.pipeline) == (RunStatus.QUEUED, "fraud", "train")
    assert run.params == {"fit.kernel": "rbf", "fit.lr": 0.3}
    client.execute(project, "stop_run", {"run": run.id})
    with project.store.read() as db:
        assert runs.get(db, run.id).status is RunStatus.STOPPED
        assert jobs.get(db, job_id).state == "stopped"


@pytest.fixture
def retrained(project: Workspace) -> Workspace:
    """production serves fraud:1, which was trained with other params than params.toml has now."""
    served = CONFIG.replace('python prepare.py"', 'python prepare.py"\nserved = true')
    production = f"[environments.production]\nmodel = 'fraud'\nport = {free_port()}\n"
    (project.root / "mlops.toml").write_text(f"{served}[models.fraud]\n{production}")
    (project.root / "params.toml").write_text("[fit]\nlr = 0.1\nepochs = 120\nkernel = 'rbf'\nsince = 2026-03-03\n")
    then = {"fit.lr": 0.3, "fit.epochs": 150, "fit.kernel": "rbf", "fit.since": "2026-03-03", "rows": 9}
    make_live(project, "production", add_version(project, params=then))
    return project


def test_a_retraining_tells_what_is_not_as_the_live_version_was_trained(retrained: Workspace) -> None:
    plan = actions.plan(retrained, "train", {"served": "production"})
    assert plan.params == (Difference("fit.lr", "0.3", "0.1"), Difference("fit.epochs", "150", "120"))
    told = "Not as fraud:1, which is live, was trained: fit.lr 0.3 → 0.1, fit.epochs 150 → 120; -p KEY=VALUE sets them."
    assert told in plan.notes
    assert actions.plan(retrained, "train", {}).params == ()


def test_a_retraining_as_the_live_version_was_trained_tells_nothing(retrained: Workspace) -> None:
    plan = actions.plan(retrained, "train", {"served": "production", "params": {"fit.lr": 0.3, "fit.epochs": 150}})
    assert plan.params == ()
    assert not any("was trained" in note for note in plan.notes)


def test_many_and_long_params_are_named_in_brief(retrained: Workspace) -> None:
    names = [f"p{at}" for at in range(6)]
    (retrained.root / "params.toml").write_text("[fit]\n" + "\n".join(f"{name} = 1" for name in names))
    then = {f"fit.{name}": "x" * 200 for name in names}
    make_live(retrained, "production", add_version(retrained, params=then))
    plan = actions.plan(retrained, "train", {"served": "production"})
    assert len(plan.params) == 6
    note = next(note for note in plan.notes if note.startswith("Not as fraud:2"))
    assert "fit.p3" in note
    assert "and 2 more; -p KEY=VALUE sets them." in note
    assert len(note) < 300
