"""What an environment serves, or may go back to, outlives every purge, with all that it was made of."""

import os
import time
from pathlib import Path

import pytest

from mlops_console import actions
from mlops_console.core.deployments import RevisionState as S
from mlops_console.core.errors import StoreError
from mlops_console.core.models import CompiledModel, ModelVersion
from mlops_console.core.runs import Provenance
from mlops_console.delivery.lineage import why
from mlops_console.store import artifacts, compiled, deploying, protection
from mlops_console.store.objects import SETTLED
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.delivery.helpers import add_live, advance
from tests.delivery.records import add_dataset, add_made


def put_in(workspace: Workspace, version: ModelVersion, environment: str = "production") -> None:
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, environment, "fraud", "127.0.0.1", 8100)
        add_live(tx, environment, version)


def age(workspace: Workspace) -> list[Path]:
    """Every object, made so old that a purge may take it."""
    files = [path for path in workspace.objects.folder.glob("*/*") if path.is_file()]
    for path in files:
        os.utime(path, (time.time() - 2 * SETTLED,) * 2)
    return files


def test_all_that_a_live_version_was_made_of_is_kept(workspace: Workspace) -> None:
    version = add_made(
        workspace,
        origin=Provenance(git_commit="ab" * 20, git_dirty=True),
        params={"depth": 3},
        inputs={"train": add_dataset(workspace, "claims", 1.0)},
        files={"git/dirty.patch": b"+ x", "report.html": b"<p>"},
    )
    onnx = workspace.objects.put_bytes(b"the compiled form")
    with workspace.store.write() as tx:
        compiled.record(tx, "fraud", 1, CompiledModel("agrees", time.time(), onnx, 17, 10, 0.0))
    put_in(workspace, version)
    needless = workspace.objects.put_bytes(b"nobody refers to this")
    with workspace.store.read() as db:
        before = why(db, "production")
        assert before.run is not None
        kept = {
            version.sha256,
            version.input_example,
            onnx,
            *(artifact.sha256 for artifact in artifacts.listing(db, before.run.id)),
            *(i.version.sample for i in before.inputs),
        }
    client.execute(workspace, "delete_runs", {"runs": [before.run.id]})
    age(workspace)
    result = client.execute(workspace, "purge_runs", {}).result
    assert result == {"runs": 0, "kept": ["calm-otter-1"], "freed": len(b"nobody refers to this")}
    assert not workspace.objects.has(needless)
    assert len(kept) == 6
    for sha256 in kept:
        assert sha256 is not None
        workspace.objects.check(sha256)
    with workspace.store.read() as db:
        assert why(db, "production") == before


def test_the_plan_says_what_stays_and_why(workspace: Workspace) -> None:
    old, live, waiting, candidate = (add_made(workspace, f"run-{number}") for number in range(1, 5))
    put_in(workspace, old)
    put_in(workspace, live)
    put_in(workspace, old, "staging")
    put_in(workspace, live, "staging")
    with workspace.store.write() as tx:
        for version, states in ((waiting, (S.WAITING,)), (candidate, (S.LOADING,))):
            revision = deploying.add_revision(tx, "production", version, kind="deploy", actor="ann", reason="")
            advance(tx, "production", revision.revision, *states)
    assert old.run_id is not None
    client.execute(workspace, "delete_runs", {"runs": [old.run_id]})
    notes = actions.plan(workspace, "purge_runs", {}).notes
    assert "1 stay, as model versions came from them: run-1 (fraud:1)." in notes
    assert [note for note in notes if "with all that it was made of" in note] == [
        "fraud:1 stays, with all that it was made of: it is among the last 10 revisions of production.",
        "fraud:2 stays, with all that it was made of: it is live in production as revision 2.",
        "fraud:3 stays, with all that it was made of: it is waiting in production as revision 3.",
        "fraud:4 stays, with all that it was made of: it is loading in production as revision 4.",
    ]


def test_what_is_out_of_the_window_is_no_longer_protected(workspace: Workspace) -> None:
    first, second = add_made(workspace), add_made(workspace)
    put_in(workspace, first)
    for _ in range(protection.WINDOW):
        put_in(workspace, second)
    with workspace.store.read() as db:
        assert [version.ref for version in protection.protected(db)] == ["fraud:2"]
        assert [version.ref for version in protection.protected(db, protection.WINDOW + 1)] == ["fraud:1", "fraud:2"]


def test_a_version_that_a_revision_names_can_not_be_deleted_at_all(workspace: Workspace) -> None:
    """No purge deletes versions; a later one that would try is stopped by the store itself."""
    put_in(workspace, add_made(workspace))
    with pytest.raises(StoreError, match="FOREIGN KEY"), workspace.store.write() as tx:
        tx.execute("DELETE FROM model_versions")
