"""Why something is live: every link of the chain, and every one that is missing."""

import time

import pytest

from mlops_console.core.deployments import RevisionState as S
from mlops_console.core.errors import NotFoundError
from mlops_console.core.lineage import Lineage
from mlops_console.core.models import ModelVersion
from mlops_console.core.plans import GateResult
from mlops_console.core.runs import Provenance
from mlops_console.delivery.lineage import why
from mlops_console.store import deploying, jobs, models
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import advance
from tests.delivery.records import SIGNATURE, add_dataset, add_made

COMMIT = "ab" * 20
GATES = (GateResult("test/auc >= 0.8", True, "0.91"),)


def lineage(workspace: Workspace, revision: int | None = None, at: float | None = None) -> Lineage:
    with workspace.store.read() as db:
        return why(db, "production", revision, at=at)


def deploy(
    workspace: Workspace,
    version: ModelVersion,
    *approvers: str,
    kind: str = "deploy",
    restores: int | None = None,
    gates: tuple[GateResult, ...] = (),
    break_glass: str | None = None,
    needed: int = 0,
    reason: str = "better",
) -> int:
    """A revision that goes live; its number."""
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 8100)
        job = jobs.enqueue(tx, kind, "production", {}, "ann")
        revision = deploying.add_revision(
            tx,
            "production",
            version,
            kind=kind,
            actor="ann",
            reason=reason,
            restores=restores,
            job_id=job,
            gates=gates,
            approvals=needed,
            break_glass=break_glass,
        ).revision
        for approver in approvers:
            deploying.approve(tx, "production", revision, approver, "looks fine")
        advance(tx, "production", revision, S.LOADING, S.LIVE)
    return revision


def whole(workspace: Workspace) -> ModelVersion:
    return add_made(
        workspace,
        origin=Provenance("ann", "python fit.py", COMMIT, "main", True),
        params={"depth": 3},
        metrics={"test/auc": 0.91},
        inputs={"train": add_dataset(workspace, "claims", 1.0), "test": add_dataset(workspace, "claims", 2.0)},
        files={"git/dirty.patch": b"+ x", "model.txt": b"y"},
        asked_by="trigger:nightly",
    )


def test_a_whole_chain_has_no_gaps(workspace: Workspace) -> None:
    version = whole(workspace)
    deploy(workspace, version, "bo", gates=GATES, needed=1)
    found = lineage(workspace)
    assert found.gaps == ()
    assert (found.revision.revision, found.version.ref, found.admission) == (1, "fraud:1", found.passage)
    assert [change.state for change in found.passage.changes] == ["planned", "loading", "live"]
    assert found.passage.gates == GATES
    assert [(approval.actor, approval.reason) for approval in found.passage.approvals] == [("bo", "looks fine")]
    assert found.run is not None
    assert (found.run.name, found.run.params, found.run.provenance.git_commit) == ("calm-otter-1", {"depth": 3}, COMMIT)
    assert [artifact.path for artifact in found.patch] == ["git/dirty.patch"]
    assert [(i.role, i.version.ref) for i in found.inputs] == [("test", "claims:2"), ("train", "claims:1")]
    assert found.training is not None
    assert (found.trigger, found.training.action) == ("nightly", "train")
    assert found.passage.job is not None
    assert found.passage.job.action == "deploy"


def test_a_rollback_shows_what_let_in_the_deployment_that_it_goes_back_to(workspace: Workspace) -> None:
    first, second = whole(workspace), add_made(workspace, "brave-fox-2")
    deploy(workspace, first, "bo", gates=GATES, needed=1)
    deploy(workspace, second)
    deploy(workspace, first, kind="rollback", restores=1)
    deploy(workspace, second, kind="rollback", restores=2)
    deploy(workspace, first, kind="rollback", restores=3)
    found = lineage(workspace)
    assert found.revision.revision == 5
    assert found.origin is not None
    assert (found.admission.revision.revision, found.admission.gates) == (1, GATES)
    assert found.gaps == ()
    assert lineage(workspace, 4).admission.revision.revision == 2


def test_metrics_of_the_machine_tell_nothing_of_the_version(workspace: Workspace) -> None:
    made = add_made(workspace, params={"depth": 3}, metrics={"system/cpu": 90.0, "test/auc": 0.9, "a/b": 1.0})
    deploy(workspace, made)
    assert [(found.name, found.last) for found in lineage(workspace).metrics] == [("a/b", 1.0), ("test/auc", 0.9)]
    bare = add_made(workspace, "brave-fox-2", params={"depth": 3}, metrics={"system/cpu": 90.0})
    deploy(workspace, bare)
    assert lineage(workspace).metrics == ()
    assert "Run brave-fox-2 has recorded no metrics." in lineage(workspace).gaps


def test_every_missing_link_is_named(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        bare = models.add_version(tx, "fraud", sha256="0" * 64, size=1, estimator="Tree", signature=SIGNATURE)
    deploy(workspace, bare, reason="")
    assert lineage(workspace).gaps == (
        "No reason was given for revision 1.",
        "fraud:1 was made by no run: its params, its code and its data are not known.",
    )


@pytest.mark.parametrize(
    ("origin", "files", "gap"),
    [
        (Provenance(), {}, "was not started from a commit"),
        (Provenance(git_commit=COMMIT), {}, "Whether the tree of run"),
        (Provenance(git_commit=COMMIT, git_dirty=True), {}, "were not kept"),
        (Provenance(git_commit=COMMIT, git_dirty=True), {"git/dirty.txt": b"a"}, "were too large"),
        (Provenance(git_commit=COMMIT, git_dirty=True), {"git/untracked.txt": b"a"}, "only the names are kept"),
    ],
)
def test_what_is_not_known_of_the_code(
    workspace: Workspace, origin: Provenance, files: dict[str, bytes], gap: str
) -> None:
    deploy(workspace, add_made(workspace, origin=origin, files=files), "bo", gates=GATES, needed=1)
    found = lineage(workspace).gaps
    assert [name for name in found if gap in name] != []
    assert any("recorded no params" in name for name in found)
    assert any("recorded no metrics" in name for name in found)
    assert any("recorded no dataset" in name for name in found)


def test_broken_glass_and_too_few_approvals_are_named(workspace: Workspace) -> None:
    version = whole(workspace)
    failed = (GateResult("test/auc >= 0.99", False, "0.91"),)
    deploy(workspace, version, gates=failed, break_glass="the till is down", reason="")  # why it was broken is a reason
    assert lineage(workspace).gaps == ("Glass was broken for revision 1: its gates and approvals did not count.",)
    deploy(workspace, version, gates=GATES, needed=2)
    assert lineage(workspace).gaps == ("Revision 2 has none of the 2 approvals that it needs.",)


def test_a_moment_and_a_number_choose_the_revision(workspace: Workspace) -> None:
    before = time.time()
    deploy(workspace, whole(workspace))
    first = lineage(workspace).revision
    deploy(workspace, add_made(workspace, "brave-fox-2"))
    assert first.live_at is not None
    assert lineage(workspace, at=first.live_at).revision.revision == 1
    assert (lineage(workspace).revision.revision, lineage(workspace, 1).version.ref) == (2, "fraud:1")
    with pytest.raises(NotFoundError, match="Nothing was live at"):
        lineage(workspace, at=before - 60)
    with pytest.raises(NotFoundError, match="no revision 9"):
        lineage(workspace, 9)
    with pytest.raises(NotFoundError, match="Nothing was ever deployed"), workspace.store.read() as db:
        why(db, "moon")
