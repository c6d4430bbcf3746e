"""When commits were made."""

from mlops_console.store.workspace import Workspace
from mlops_console.tracking.commit_times import commit_times
from tests.delivery.records import commit


def test_commit_times_of_many_commits_at_once(workspace: Workspace) -> None:
    made = {commit(workspace.root, f"{n}.py", "x", 1_700_000_000 + n): 1_700_000_000.0 + n for n in range(3)}
    unknown = [f"{n:040x}" for n in range(450)]
    assert commit_times(workspace.root, [*unknown, *made, "HEAD", "", "--all"]) == made
    assert commit_times(workspace.root / ".mlops", []) == {}


def test_without_a_repository_no_commit_has_a_time(workspace: Workspace) -> None:
    assert commit_times(workspace.root, ["ab" * 20]) == {}
