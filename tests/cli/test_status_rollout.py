"""What `status` says of a freeze, of a revision on its way or that waits, of tokens, and of requests that fail."""

import time

import pytest

from mlops_console.cli.status_rollout import lines
from mlops_console.core.deployments import Freeze
from mlops_console.core.deployments import RevisionState as S
from mlops_console.core.models import ModelRef
from mlops_console.core.traffic import Traffic
from mlops_console.store import deploying, models, tokens
from mlops_console.store.workspace import Workspace
from tests.cli.test_commands import console, document
from tests.delivery.helpers import advance, the
from tests.tui.rollouts import add_canary, spread, tell_arms, tell_traffic
from tests.tui.seed import seed


def told(workspace: Workspace, later: float = 0.0) -> list[str]:
    return list(lines(the(workspace, "production"), now=time.time() + later))


@pytest.fixture(autouse=True)
def seeded(workspace: Workspace) -> None:
    seed(workspace)


def test_nothing_is_said_where_nothing_comes_and_all_is_well(workspace: Workspace) -> None:
    tell_traffic(workspace, 0, Traffic(600, 0, spread(0.001, 600)), seconds=60.0)
    assert told(workspace) == []


def test_a_canary_says_its_version_share_and_step_and_what_it_waits_for(workspace: Workspace) -> None:
    number = add_canary(workspace, steps=(0.1, 0.5, 1.0), hold=600.0, min_requests=50)
    begun = f"production: fraud:2, revision {number}, is a canary of 10%, step 1 of 3"
    assert told(workspace) == [f"{begun}, and waits for requests: 0 of 50"]
    tell_arms(workspace, {number: Traffic(3, 1, spread(0.002, 3))})
    [line] = told(workspace, 60.0)
    assert line.startswith(f"{begun}: 1m0")
    assert line.endswith(" of 10m00s, 3 of 50 requests, 33.3% errors")
    assert told(workspace, 601.0) == [f"{begun}, and waits for requests: 3 of 50"]
    text = console("status", cwd=workspace.root).stdout
    assert begun in text


def test_what_is_no_canary_yet_has_its_state(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        version = models.get(tx, ModelRef("fraud", 2))
        made = deploying.add_revision(tx, "production", version, kind="deploy", actor="ana", reason="")
        advance(tx, "production", made.revision, S.LOADING)
    assert told(workspace) == ["production: fraud:2, revision 3, is loading"]


def test_failing_requests_are_added_up_over_the_processes(workspace: Workspace) -> None:
    for slot in (0, 1):
        tell_traffic(workspace, slot, Traffic(600, 6 * slot, spread(0.001, 600)), seconds=60.0)
    assert told(workspace) == ["production: 6 of 1,200 requests of the last minute were answered with an error (0.5%)"]


def test_a_freeze_and_what_waits_for_approval_are_told(workspace: Workspace) -> None:
    [production, _] = document("status", cwd=workspace.root)["environments"]
    assert (production["freeze"], production["waiting"]) == (None, [])
    with workspace.store.write() as tx:
        deploying.set_freeze(tx, "production", Freeze(5.0, "root", "end of quarter"))
        for number in (1, 2):
            version = models.get(tx, ModelRef("fraud", number))
            made = deploying.add_revision(
                tx, "production", version, kind="deploy", actor="ana", reason="", approvals=2
            ).revision
            advance(tx, "production", made, S.WAITING)
        deploying.approve(tx, "production", made, "bo", "")
    text = console("status", cwd=workspace.root).stdout
    assert "production is frozen by root: end of quarter\n" in text
    waits = "waits for approval: {} of 2; mlops-console approve production {}\n"
    newest = text.index(f"production: fraud:2, revision 4, {waits.format(1, 4)}")
    assert newest < text.index(f"production: fraud:1, revision 3, {waits.format(0, 3)}")
    [production, staging] = document("status", cwd=workspace.root)["environments"]
    assert production["freeze"] == {"actor": "root", "reason": "end of quarter", "at": 5.0}
    assert production["waiting"] == [
        {"revision": 4, "model": "fraud", "version": 2, "approvals": 1, "needed": 2},
        {"revision": 3, "model": "fraud", "version": 1, "approvals": 0, "needed": 2},
    ]
    assert (staging["freeze"], staging["waiting"]) == (None, [])


def test_an_environment_that_lets_nobody_in_says_so(workspace: Workspace) -> None:
    told = "production lets nobody in, as all its tokens are revoked"
    with workspace.store.write() as tx:
        tokens.add(tx, "production", "ci", "0" * 64, "ana")
    assert told not in console("status", cwd=workspace.root).stdout
    with workspace.store.write() as tx:
        tokens.revoke(tx, "production", "ci")
    assert told in console("status", cwd=workspace.root).stdout
