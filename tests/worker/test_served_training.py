"""Retraining on what was served: the plan tells which rows, the stage that asks for them gets them, and no other one
runs again for it."""

import json
import time

import pytest

from mlops_console import actions
from mlops_console.actions.retrain import retraining_of
from mlops_console.core.errors import NotFoundError, RefusedError, UsageError
from mlops_console.core.jobs import JobState
from mlops_console.core.predictions import Label, Prediction
from mlops_console.store import deploying, models, runs, stages
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.answered import log_rows
from tests.delivery.helpers import add_live
from tests.serving.helpers import constant_signature
from tests.worker.project import Project

CONFIG = """
[project]
name = "sample"
[pipelines.train.stages.prepare]
run = "python prepare.py"
deps = ["prepare.py"]
outs = ["prepared"]
[pipelines.train.stages.fit]
run = "python fit.py"
deps = ["fit.py", "prepared"]
outs = ["rows.json"]
{served}
[pipelines.other.stages.test]
run = "true"
[environments.production]
model = "fraud"
port = 8199
{more}
"""
FIT = """
import json, mlops_console as mlops
rows = mlops.served()
found = None if rows is None else [len(rows), *rows.label[:2], *rows.x[:2]]
json.dump(found, open("rows.json", "w"))
"""


def configure(workspace: Workspace, served: str = "served = true", more: str = "") -> None:
    (workspace.root / "mlops.toml").write_text(CONFIG.format(served=served, more=more))


@pytest.fixture
def answering(workspace: Workspace) -> Workspace:
    """A project whose production has answered 300 rows lately; the first 250 have labels."""
    configure(workspace)
    (workspace.root / "fit.py").write_text(FIT)
    (workspace.root / "prepare.py").write_text("open('prepared', 'w').close(); open('times', 'a').write('x')")
    with workspace.store.write() as tx:
        run = runs.create(tx, name="calm-otter-1", experiment="sample", pipeline="train")
        version = models.add_version(
            tx, "fraud", sha256="0" * 64, size=1, estimator="Tree", signature=constant_signature(0), run_id=run
        )
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 8199)
        add_live(tx, "production", version)
    start = time.time() - 300
    log_rows(workspace, "production", (Prediction(start + i, 1, {"x": float(i)}, {"predict": 0}) for i in range(300)))
    PredictionLog(workspace.predictions_path).add_labels(Label(f"r{i}", 0, i % 2) for i in range(250))
    return workspace


class TestPlan:
    def test_it_says_which_rows_and_why_and_settles_them(self, answering: Workspace) -> None:
        asked = retraining_of(answering, "production")
        assert asked == {"pipeline": "train", "served": "production"}
        plan = actions.plan(answering, "train", asked)
        assert plan.notes[0].startswith("It is trained on the 250 labelled rows since ")
        assert "50 have no label yet and are left out" in plan.notes[0]
        settled = plan.settles["served"]
        assert settled.startswith("production:2")
        assert plan.command == f"mlops-console train train --served {settled}"
        again = actions.plan(answering, "train", {**asked, **plan.settles})
        assert (again.settles, again.notes[0].split(" rows ")[0]) == (plan.settles, plan.notes[0].split(" rows ")[0])

    def test_too_few_labels_are_refused(self, answering: Workspace) -> None:
        with pytest.raises(RefusedError, match="at least 100 labelled rows, and it would have the 0 labelled rows"):
            client.execute(answering, "train", {"pipeline": "train", "served": "production:2026-03-03..2026-03-04"})

    @pytest.mark.parametrize(
        ("request_", "told"),
        [
            ({"pipeline": "train", "served": "productio"}, "no environment 'productio'"),
            ({"pipeline": "other", "served": "production"}, "No stage of pipeline 'other' reads served rows"),
            ({"pipeline": "train", "served": "production:x"}, "names no window"),
        ],
    )
    def test_what_makes_no_sense(self, answering: Workspace, request_: dict[str, str], told: str) -> None:
        with pytest.raises(UsageError, match=told):
            actions.plan(answering, "train", request_)

    def test_on_dask_no_served_rows_can_be_read(self, answering: Workspace) -> None:
        configure(answering, more='[executor]\nkind = "dask"\naddress = "tcp://localhost:1"')
        with pytest.raises(UsageError, match="on this machine only"):
            actions.plan(answering, "train", {"pipeline": "train", "served": "production"})

    def test_a_pipeline_that_reads_none_is_proposed_without(self, answering: Workspace) -> None:
        configure(answering, served="")
        asked = retraining_of(answering, "production")
        assert asked.keys() == {"pipeline", "reason"}
        assert "no stage of train reads served rows" in actions.plan(answering, "train", asked).notes[0]

    def test_what_no_pipeline_has_made_can_not_be_proposed(self, answering: Workspace) -> None:
        with answering.store.write() as tx:
            tx.execute("UPDATE runs SET pipeline = NULL")
        with pytest.raises(UsageError, match="fraud:1, which is live in production, was made by no pipeline"):
            retraining_of(answering, "production")
        with pytest.raises(NotFoundError, match="Nothing is live in 'staging'"):
            retraining_of(answering, "staging")


def test_the_stage_that_asks_gets_the_rows_and_no_other_runs_again(answering: Workspace, project: Project) -> None:
    def train(**request: str) -> object:
        job = client.execute(answering, "train", {"pipeline": "train", **request}).job_id
        assert job is not None
        assert client.wait(answering, job, timeout=30).state is JobState.SUCCEEDED
        with answering.store.read() as db:
            run = runs.of_job(db, job)
            assert run is not None
            seen.append((run, [stage.why for stage in stages.listing(db, run.id)]))
        return json.loads((answering.root / "rows.json").read_text())

    seen: list[tuple[runs.Run, list[str]]] = []
    configure(answering)  # the fixture of the project has written another one
    (answering.root / "fit.py").write_text(FIT)
    assert train() is None  # without a window
    assert train(served="production") == [250, 0, 1, 0.0, 1.0]
    run, why = seen[-1]
    assert str(run.params["mlops.served"]).startswith("production:2")
    assert why[0].startswith("cached from")
    assert "it takes served rows now" in why[1]
    assert train(served=str(run.params["mlops.served"])) == [250, 0, 1, 0.0, 1.0]
    assert seen[-1][1][1].startswith("cached from")
    PredictionLog(answering.predictions_path).add_labels([Label("r299", 0, 1)])
    plan = actions.plan(answering, "train", {"pipeline": "train", "served": run.params["mlops.served"]})
    assert [step.runs for step in plan.steps] == [False, True]  # more labels have come
    assert (answering.root / "times").read_text() == "x"
