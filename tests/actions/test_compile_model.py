"""The action that compiles a version."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlops_console import actions
from mlops_console.actions.base import JobContext
from mlops_console.core.errors import JobStopped, NotFoundError, UsageError
from mlops_console.core.jobs import JobState
from mlops_console.core.models import CompiledModel, ModelVersion
from mlops_console.data.samples import pack_sample
from mlops_console.models.compiled import load
from mlops_console.models.storage import save_model
from mlops_console.store import compiled, datasets, jobs, ledger, models
from mlops_console.store.workspace import Workspace

_CHANCE = np.random.default_rng(0)
X = pd.DataFrame(_CHANCE.normal(size=(400, 3)), columns=["a", "b", "c"])
Y = (X.a + X.b > 0).astype(int)


class Foreign(BaseEstimator):  # type: ignore[misc]
    """A type that is not scikit-learn's."""

    def fit(self, rows: Any, labels: Any) -> "Foreign":
        self.mean_ = float(np.mean(labels))
        return self

    def predict(self, rows: Any) -> Any:
        return np.full(len(rows), self.mean_)


def _perform(workspace: Workspace, ref: str, **context: Any) -> dict[str, Any]:
    action = actions.get("compile_model")
    job = JobContext(workspace, "compile_model", ref, **context)
    result: dict[str, Any] = action.perform(workspace, action.check({"model_ref": ref}), job)
    return result


def _found(workspace: Workspace) -> CompiledModel | None:
    with workspace.store.read() as db:
        return compiled.get(db, "fraud", 1)


def _files(workspace: Workspace) -> set[str]:
    return {str(path.relative_to(workspace.root)) for path in workspace.root.rglob("*") if path.is_file()}


def _stored(workspace: Workspace, model: Any) -> ModelVersion:
    return save_model(workspace, None, model.fit(X, Y), "fraud", X)


def test_a_new_version_has_its_job_in_the_same_transaction(workspace: Workspace) -> None:
    _stored(workspace, LogisticRegression())
    with workspace.store.read() as db:
        (job,) = jobs.listing(db)
    assert (job.action, job.subject, job.state) == ("compile_model", "fraud:1", JobState.QUEUED)
    assert job.request == {"model_ref": "fraud:1"}
    assert job.turn.priority < jobs.NOW.priority


def test_a_version_that_agrees_gets_its_form_in_the_object_store_and_nowhere_else(workspace: Workspace) -> None:
    version = _stored(workspace, LogisticRegression())
    before = _files(workspace)
    result = _perform(workspace, "fraud:1")
    assert (result["compiled"], result["serves"]) == ("agrees", "ONNX")
    found = _found(workspace)
    assert found is not None
    assert found.sha256 is not None
    assert found.worst_difference == result["worst_difference"] <= 1e-5
    assert len(workspace.objects.read_checked(found.sha256)) == found.size
    new = {name for name in _files(workspace) - before if not name.endswith(("-wal", "-shm", "ledger.head"))}
    assert new == {str(workspace.objects.path(found.sha256).relative_to(workspace.root))}
    form = load(workspace, version)
    assert form is not None
    assert form.predict({"a": [3.0], "b": [3.0], "c": [0.0]}, 1)["predict"].tolist() == [1]
    with workspace.store.read() as db:
        (entry,) = ledger.entries(db)
    assert (entry.action, entry.subject, entry.detail["compiled"]) == ("compile_model", "fraud:1", "agrees")


def test_it_compares_on_the_sample_of_the_reference(workspace: Workspace) -> None:
    model = LogisticRegression().fit(X, Y)
    sample = workspace.objects.put_bytes(pack_sample(X.assign(target=Y)))
    schema = {"a": "float64", "b": "float64", "c": "float64", "target": "int64"}
    profile = {name: {"missing": 0} for name in schema}
    with workspace.store.write() as tx:
        reference = datasets.add_version(
            tx, "transactions", sha256="a" * 64, rows=400, columns=4, schema=schema, profile=profile, sample=sample
        )
    save_model(workspace, None, model, "fraud", X.head(2), reference=reference)
    save_model(workspace, None, model, "other", X.head(2))
    with_reference, without = _perform(workspace, "fraud:1"), _perform(workspace, "other:1")
    assert with_reference["rows"] >= without["rows"] + len(X)


@pytest.mark.parametrize(
    ("environments", "kept"),
    [
        ("", {"a", "b", "c"}),
        (
            '[environments.x]\nmodel = "fraud"\nport = 1\nlog = {private = ["a"]}\n'
            '[environments.y]\nmodel = "other"\nport = 2\nlog = {private = ["c", "d"]}\n',
            {"b"},
        ),
        ("[environments.x", set()),
    ],
)
def test_private_columns_of_the_worst_row_are_not_stored(
    workspace: Workspace, environments: str, kept: set[str]
) -> None:
    """Those of any environment, and all of them where mlops.toml can't be read."""
    _stored(workspace, RandomForestClassifier(3, random_state=0))
    workspace.config_path.write_text(f'[project]\nname = "p"\n{environments}')
    _perform(workspace, "fraud:1")
    found = _found(workspace)
    assert found is not None
    assert found.worst is not None
    assert set(found.worst["row"]) == kept


def test_what_can_not_be_converted_is_no_failure(workspace: Workspace) -> None:
    (workspace.root / "mlops.toml").write_text(
        '[project]\nname = "p"\n[models.fraud]\n'
        'trusted_types = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]\n'
    )
    version = _stored(workspace, HistGradientBoostingClassifier(max_iter=3))
    result = _perform(workspace, "fraud:1")
    assert (result["compiled"], result["serves"]) == ("unsupported", "scikit-learn")
    assert "HistGradientBoostingClassifier" in result["why"]
    assert load(workspace, version) is None


def test_a_version_that_is_not_trusted_is_told_so(workspace: Workspace) -> None:
    _stored(workspace, Foreign())
    result = _perform(workspace, "fraud:1")
    assert result["compiled"] == "unsupported"
    assert "types that are not trusted" in result["why"]


def test_compiling_again_takes_back_a_form(workspace: Workspace) -> None:
    version = _stored(workspace, RandomForestClassifier(3, random_state=0))
    with workspace.store.write() as tx:
        compiled.record(tx, "fraud", 1, CompiledModel("differs", 1.0, reason="It differs."))
    assert load(workspace, version) is None
    _perform(workspace, "fraud:1")
    assert load(workspace, version) is not None


def test_it_stops_when_it_is_told_to(workspace: Workspace) -> None:
    _stored(workspace, LogisticRegression())
    with pytest.raises(JobStopped, match="Compiling fraud:1 was stopped"):
        _perform(workspace, "fraud:1", stopping=lambda: True)
    assert _found(workspace) is None


def test_the_plan_settles_an_alias(workspace: Workspace) -> None:
    _stored(workspace, LogisticRegression())
    with workspace.store.write() as tx:
        models.set_alias(tx, "fraud", "champion", 1)
    plan = actions.plan(workspace, "compile_model", {"model_ref": "fraud@champion"})
    assert plan.subject == "fraud:1"
    assert plan.settles == {"model_ref": "fraud:1"}
    assert plan.command == "mlops-console model compile fraud:1"
    assert plan.changes[0].before == "scikit-learn"


def test_what_there_is_not_is_refused(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError):
        actions.plan(workspace, "compile_model", {"model_ref": "fraud:1"})
    with pytest.raises(UsageError):
        actions.plan(workspace, "compile_model", {"model_ref": "fraud"})
