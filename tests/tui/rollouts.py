"""What is on its way in the environment `production` of a seeded workspace, and what its servers say of the traffic."""

import time
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from mlops_console.core.deployments import RevisionState, RolloutPlan
from mlops_console.core.models import ModelRef
from mlops_console.core.plans import GateResult
from mlops_console.core.traffic import BOUNDS, Traffic
from mlops_console.store import deploying, models, server_processes
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import add_server, advance, the

NAME = "production"


def spread(seconds: float, count: int) -> tuple[int, ...]:
    """The latencies of so many requests that all took as long."""
    counts = [0] * (len(BOUNDS) + 1)
    counts[bisect_left(BOUNDS, seconds)] = count
    return tuple(counts)


def add_waiting(workspace: Workspace, approvals: int = 1, actor: str = "ana") -> int:
    """A revision of fraud:2 that waits; its number."""
    with workspace.store.write() as tx:
        made = deploying.add_revision(
            tx,
            NAME,
            models.get(tx, ModelRef("fraud", 2)),
            kind="deploy",
            actor=actor,
            reason="faster",
            gates=[GateResult("test/average_precision >= 0.80", True, "0.840")],
            approvals=approvals,
            expires_at=time.time() + 3600,
        )
        advance(tx, NAME, made.revision, RevisionState.WAITING)
    return made.revision


def add_canary(workspace: Workspace, **rollout: Any) -> int:
    """A revision of fraud:2 in the first step of its canary; its number."""
    with workspace.store.write() as tx:
        made = deploying.add_revision(
            tx,
            NAME,
            models.get(tx, ModelRef("fraud", 2)),
            kind="deploy",
            actor="ana",
            reason="faster",
            rollout=RolloutPlan("canary", **rollout),
        )
        advance(tx, NAME, made.revision, RevisionState.LOADING, RevisionState.TESTING, RevisionState.CANARY)
    return made.revision


def tell_traffic(workspace: Workspace, slot: int, recent: Traffic, seconds: float) -> None:
    """What a process has answered in the last minute."""
    if slot not in [process.slot for process in the(workspace, NAME).processes]:
        with workspace.store.write() as tx:
            add_server(tx, NAME, 2, slot)
    _tell(workspace, slot, {"recent": {"seconds": seconds, **recent.to_json()}})


def tell_arms(workspace: Workspace, arms: Mapping[int, Traffic]) -> None:
    """What each revision has answered since the newest change."""
    told = {str(revision): traffic.to_json() for revision, traffic in arms.items()}
    _tell(
        workspace, 0, {"step": candidate.watched if (candidate := the(workspace, NAME).candidate) else "", "arms": told}
    )


def _tell(workspace: Workspace, slot: int, stats: Mapping[str, Any]) -> None:
    with workspace.store.write() as tx:
        server_processes.heartbeat(tx, NAME, slot, stats)
