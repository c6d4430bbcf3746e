"""Drift reports, and which of them an environment stands by."""

from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.store import drift
from mlops_console.store.workspace import Workspace


def add(workspace: Workspace, revision: int, p_value: float | None, drifted: bool = False) -> int:
    feature = FeatureDrift("x", "numeric", "ks", 100, 50, p_value, p_value, None, drifted, "")
    report = DriftReport(0, "production", "fraud", 1, revision, 0, 1, 50, 100, 0.01, drifted, 1, (feature,))
    with workspace.store.write() as tx:
        return drift.add_report(tx, report)


def stands_by(workspace: Workspace, revision: int | None = None) -> int | None:
    with workspace.store.read() as db:
        found = drift.standing(db, "production", revision)
    return found.id if found else None


def test_an_environment_stands_by_its_newest_tested_report(workspace: Workspace) -> None:
    assert stands_by(workspace) is None
    untested = add(workspace, 1, None)
    assert stands_by(workspace) == untested
    add(workspace, 1, 0.5)
    drifted = add(workspace, 1, 1e-6, drifted=True)
    newest = add(workspace, 2, None)
    assert stands_by(workspace) == drifted
    assert (stands_by(workspace, 1), stands_by(workspace, 2)) == (drifted, newest)
    stable = add(workspace, 1, 0.5)
    assert stands_by(workspace, 1) == stable
