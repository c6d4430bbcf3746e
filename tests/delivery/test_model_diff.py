"""Two versions side by side: every section, and what can't be compared."""

from mlops_console.core.models import Column, Signature
from mlops_console.core.plans import Difference
from mlops_console.core.runs import Provenance
from mlops_console.delivery.model_diff import ModelComparison, compare_models
from mlops_console.store import models
from mlops_console.store.workspace import Workspace
from tests.delivery.records import SIGNATURE, add_dataset, add_made, commit

TOML = '[project]\nname = "fraud"\n[models.fraud]\nmetric = "odd"\ngoal = "minimize"\n'


def compared(workspace: Workspace, one: str = "fraud:1", other: str = "fraud:2") -> ModelComparison:
    return compare_models(workspace, one, other)


def test_every_section_tells_what_differs_and_nothing_else(workspace: Workspace) -> None:
    workspace.config_path.write_text(TOML)
    first = commit(workspace.root, "fit.py", "a = 1\n", 1_700_000_000)
    second = commit(workspace.root, "fit.py", "a = 2\nb = 3\n", 1_700_000_100)
    test = add_dataset(workspace, "holdout", 5.0)
    add_made(
        workspace,
        origin=Provenance("ann", "python fit.py", first, "main", False),
        params={"depth": 3, "seed": 1, "old": True},
        metrics={"auc": 0.9, "odd": 2.0, "what": 1.0, "same": 0.5},
        inputs={"train": add_dataset(workspace, "claims", 1.0), "test": test},
        packages={"numpy": "2.0", "scipy": "1.1"},
    )
    add_made(
        workspace,
        origin=Provenance("ann", "python fit.py", second, "main", True),
        params={"depth": 5, "seed": 1, "new": "x"},
        metrics={"auc": 0.8, "odd": 1.0, "what": 3.0, "same": 0.5},
        inputs={"train": add_dataset(workspace, "claims", 2.0, rows=12), "test": test, "extra": test},
        packages={"numpy": "2.1", "scipy": "1.1"},
        files={"git/dirty.patch": b"+ x"},
        signature=Signature(
            (Column("amount", "int64", "numeric"), Column("country", "object", "categorical", True, ("ch", "de"))),
            "classification",
            (0, 1, 2),
            True,
        ),
    )
    found = compared(workspace)
    diff = found.diff
    assert diff.params == (
        Difference("depth", "3", "5"),
        Difference("old", "true", None),
        Difference("new", None, "x"),
    )
    assert diff.metrics == (
        Difference("auc", 0.9, 0.8, better=False),
        Difference("odd", 2.0, 1.0, better=True),
        Difference("what", 1.0, 3.0, better=None),
    )
    assert [(pair.role, pair.same) for pair in diff.data] == [("test", True), ("train", False), ("extra", False)]
    assert list(found.data) == ["train"]
    assert found.data["train"].rows == (9, 12)
    assert [column.name for column in found.data["train"].columns] == ["amount"]
    assert diff.signature == (
        Difference("input amount", "float64, numeric", "int64, numeric"),
        Difference("classes", "0, 1", "0, 1, 2"),
        Difference("input country", None, "object, categorical, may be missing, one of: ch, de"),
    )
    assert [difference.name for difference in diff.code] == ["commit", "not committed", "git/dirty.patch"]
    assert diff.packages == (Difference("numpy", "2.0", "2.1"),)
    assert found.stat is not None
    assert found.stat.summary == "1 file changed, 2 insertions(+), 1 deletion(-)"
    assert diff.notes == ()


def test_the_same_version_differs_in_nothing(workspace: Workspace) -> None:
    add_made(
        workspace, origin=Provenance(git_commit="ab" * 20), inputs={"train": add_dataset(workspace, "claims", 1.0)}
    )
    with workspace.store.write() as tx:
        models.set_alias(tx, "fraud", "champion", 1)
    diff = compared(workspace, "fraud:1", "fraud@champion").diff
    assert (diff.params, diff.metrics, diff.signature, diff.code, diff.packages) == ((), (), (), (), ())
    assert all(pair.same for pair in diff.data)


def test_what_can_not_be_compared_is_said(workspace: Workspace) -> None:
    """Without a mlops.toml, a repository, or a run."""
    with workspace.store.write() as tx:
        models.add_version(tx, "fraud", sha256="0" * 64, size=1, estimator="Tree", signature=SIGNATURE)
    add_made(
        workspace, params={"depth": 3}, metrics={"loss": 0.5}, origin=Provenance(git_commit="ab" * 20, git_dirty=True)
    )
    found = compared(workspace)
    assert found.diff.params == (Difference("depth", None, "3"),)
    assert found.diff.metrics == (Difference("loss", None, 0.5),)
    assert found.stat is None
    assert found.diff.notes == (
        "fraud:1 was made by no run: its params, metrics, data and code are not known.",
        "The run of fraud:2 has recorded no dataset.",
        "What was not committed of fraud:2 was not kept.",
    )
    add_made(workspace, origin=Provenance(git_commit="cd" * 20))
    other = compared(workspace, "fraud:2", "fraud:3")
    assert other.stat is not None
    assert other.stat.summary == "no git tree here"


def test_a_version_of_a_dataset_without_a_profile_is_named_only(workspace: Workspace) -> None:
    before, after = add_dataset(workspace, "claims", 1.0), add_dataset(workspace, "claims", 2.0)
    with workspace.store.write() as tx:
        tx.execute("UPDATE dataset_versions SET profile = '{}' WHERE version = 1")
    add_made(workspace, inputs={"train": before})
    add_made(workspace, inputs={"train": after})
    found = compared(workspace)
    assert [(pair.role, pair.same) for pair in found.diff.data] == [("train", False)]
    assert found.data == {}
