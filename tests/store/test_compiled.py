"""What came of compiling versions, in the store."""

from mlops_console.core.models import Column, CompiledModel, Signature
from mlops_console.store import compiled, jobs, models, trash
from mlops_console.store.workspace import Workspace

SIGNATURE = Signature((Column("x", "float64", "numeric"),), "regression")


def _add(workspace: Workspace, name: str) -> None:
    with workspace.store.write() as tx:
        models.add_version(tx, name, sha256="a" * 64, size=1, estimator="Ridge", signature=SIGNATURE)


def test_the_last_word_about_a_version_stands(workspace: Workspace) -> None:
    _add(workspace, "fraud")
    _add(workspace, "churn")
    first = CompiledModel("differs", 1.0, rows=9, worst_difference=0.5, worst={"row": {"x": 1.0}}, reason="It differs.")
    second = CompiledModel("agrees", 2.0, "b" * 64, 120, 10, 1e-9, {"row": {"x": 2.0}})
    with workspace.store.write() as tx:
        compiled.record(tx, "fraud", 1, first)
    with workspace.store.read() as db:
        assert compiled.get(db, "fraud", 1) == first
        assert compiled.get(db, "churn", 1) is None
    with workspace.store.write() as tx:
        compiled.record(tx, "fraud", 1, second)
    with workspace.store.read() as db:
        assert compiled.get(db, "fraud", 1) == second
        assert compiled.get(db, "churn", 1) is None


def test_a_version_is_queued_once_behind_what_people_ask_for(workspace: Workspace) -> None:
    _add(workspace, "fraud")
    with workspace.store.write() as tx:
        job_id = compiled.queue(tx, "fraud", 1, "ada")
        assert compiled.queue(tx, "fraud", 1, "ada") is None
        people = jobs.enqueue(tx, "train", "train", {}, "ada")
        found = jobs.open_jobs(tx)
    assert [job.id for job in found] == [people, job_id]
    assert (found[1].action, found[1].subject, found[1].actor) == ("compile_model", "fraud:1", "ada")


def test_a_purge_leaves_compiled_forms(workspace: Workspace) -> None:
    _add(workspace, "fraud")
    with workspace.store.write() as tx:
        compiled.record(tx, "fraud", 1, CompiledModel("agrees", 1.0, "b" * 64, 5))
    with workspace.store.read() as db:
        assert "b" * 64 in trash.needed_objects(db)
