"""Any sequence of what people, servers and the rollout may do, against a plain model of an environment."""

import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mlops_console.core.deployments import MOVES, Revision, RevisionState, Strategy
from mlops_console.core.errors import NotFoundError, RefusedError, UsageError
from mlops_console.delivery import canary, intervene, rollout
from mlops_console.delivery.begin import begin_approved, begin_deploy, begin_rollback
from mlops_console.store import deploying, deployments
from mlops_console.store.workspace import open_workspace
from tests.delivery.helpers import FakeJob, PlayedServers, add_version, the, write_config

ENVIRONMENT = "staging"
STEPS = (0.05, 0.25, 1.0)
OVER = ("retired", "failed", "aborted")
PEOPLE = st.sampled_from(["ann", "bo", "cy"])


@dataclass
class Known:
    """A revision as the plain model has it."""

    version: int
    strategy: Strategy
    actor: str
    state: str
    approvals: int = 0
    approved_by: set[str] = field(default_factory=set)
    was_live: bool = False
    step: int = 0
    glass: bool = False


class Deliveries(RuleBasedStateMachine):
    """The environment beside its model."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.workspace = open_workspace(Path(self.folder.name))
        write_config(self.workspace)
        self.toml = self.workspace.config_path.read_text()
        for _ in range(3):
            add_version(self.workspace)
        self.servers = PlayedServers(self.workspace, ENVIRONMENT, count=2)
        self.known: dict[int, Known] = {}
        self.warm: set[int] = set()  # versions in the memory of all servers, once they have told
        self.frozen = False
        self.ended: dict[int, Revision] = {}

    def teardown(self) -> None:
        if hasattr(self, "workspace"):
            self.workspace.store.close()
            self.folder.cleanup()

    # ---- the model

    def only(self, *states: str) -> int | None:
        """The number of the one revision in these states."""
        found = [number for number, revision in self.known.items() if revision.state in states]
        assert len(found) <= 1
        return found[0] if found else None

    @property
    def live(self) -> int | None:
        return self.only("live")

    @property
    def candidate(self) -> int | None:
        return self.only("loading", "testing", "canary")

    @property
    def is_busy(self) -> bool:
        return any(revision.state not in ("live", *OVER) for revision in self.known.values())

    def go_live(self, number: int) -> None:
        for other in self.known.values():
            if other.state == "live":
                other.state = "retired"
            elif other.state not in OVER:
                other.state = "aborted"
        self.known[number].state = "live"
        self.known[number].was_live = True

    def next_step(self, number: int, full: bool) -> None:
        revision = self.known[number]
        revision.step += 1
        if full or revision.strategy == "shadow" or STEPS[revision.step] == 1:
            self.go_live(number)

    # ---- what may happen

    @rule(
        version=st.integers(1, 3),
        strategy=st.sampled_from(["swap", "canary", "shadow"]),
        approvals=st.integers(0, 2),
        refuse=st.booleans(),
        glass=st.booleans(),
    )
    def deploy(self, version: int, strategy: Strategy, approvals: int, refuse: bool, glass: bool) -> None:
        if not refuse and self.candidate is not None:
            return  # the jobs of an environment wait for each other
        more = f'approvals = {approvals}\nstrategy = "{strategy}"\nrollout = {{hold = "1h"}}'
        self.workspace.config_path.write_text(
            self.toml.replace("[environments.staging]", f"[environments.staging]\n{more}")
        )
        refused = (self.frozen and not glass) or (refuse and self.is_busy)
        try:
            begun = begin_deploy(
                self.workspace,
                f"fraud:{version}",
                ENVIRONMENT,
                "better",
                FakeJob(actor="ann"),
                break_glass="no time" if glass else None,
                when_busy="refuse" if refuse else "wait",
            )
        except RefusedError:
            assert refused
            return
        assert not refused
        needed = 0 if glass else approvals
        state = "waiting" if needed else "loading"
        assert begun.revision == len(self.known) + 1
        self.known[begun.revision] = Known(version, strategy, "ann", state, needed, glass=glass)

    @rule(person=PEOPLE)
    def approve(self, person: str) -> None:
        waiting = [number for number, revision in self.known.items() if revision.state == "waiting"]
        if not waiting:
            return
        revision = self.known[max(waiting)]
        with self.workspace.store.write() as tx:
            asked = intervene.waiting(tx, ENVIRONMENT, None)
            assert asked.revision == max(waiting)
            try:
                is_last = intervene.approve(tx, asked, person, "")
            except RefusedError:
                assert person == revision.actor or self.frozen
                return
        assert person != revision.actor
        assert not self.frozen
        revision.approved_by.add(person)
        assert is_last == (len(revision.approved_by) == revision.approvals)
        if is_last:
            revision.state = "planned"

    @rule()
    def go_on_with_the_approved(self) -> None:
        planned = [number for number, revision in self.known.items() if revision.state == "planned"]
        if not planned or self.candidate is not None:
            return
        with self.workspace.store.read() as db:
            revision = deployments.revision(db, ENVIRONMENT, planned[0])
        try:
            begin_approved(self.workspace, revision, FakeJob())
        except RefusedError:
            assert self.frozen
            self.known[planned[0]].state = "failed"
        else:
            assert not self.frozen
            self.known[planned[0]].state = "loading"

    @rule(data=st.data())
    def roll_back_to_any(self, data: st.DataObject) -> None:
        self.roll_back(data.draw(st.sampled_from([None, *self.known])))

    def roll_back(self, to: int | None) -> None:
        number = len(self.known) + 1
        target = self.target(to)
        try:
            begun = begin_rollback(self.workspace, ENVIRONMENT, to, "bad", FakeJob(actor="bo"))
        except (NotFoundError, UsageError):
            assert target is None
            return
        assert target is not None
        assert (begun.revision, begun.kind, begun.restores) == (number, "rollback", target)
        for other in self.known.values():
            if other.state in ("planned", "loading", "testing", "canary"):
                other.state = "aborted"
        version = self.known[target].version
        self.known[number] = Known(version, "swap", "bo", "loading")
        if version in self.warm:
            self.go_live(number)

    def target(self, to: int | None) -> int | None:
        """Where a rollback goes to; None where there is nothing to go back to."""
        was_live = [number for number, revision in self.known.items() if revision.was_live and number != self.live]
        if to is not None:
            return to if to in was_live else None
        if self.live is not None:
            served = self.known[self.live].version
            was_live = [n for n in was_live if n < self.live and self.known[n].version != served]
        return max(was_live, default=None)

    @rule()
    def servers_load(self) -> None:
        """They bring what is wanted into memory, test it, and say so."""
        self.servers.look()
        if self.candidate is not None and self.known[self.candidate].state == "loading":
            self.known[self.candidate].state = "testing"
        if self.live is not None:
            self.warm.add(self.known[self.live].version)
            if self.candidate is not None:
                self.warm.add(self.known[self.candidate].version)
        elif self.candidate is not None:
            self.warm.add(self.known[self.candidate].version)

    @rule()
    def servers_can_not_load(self) -> None:
        if self.candidate is None or self.known[self.candidate].state == "canary":
            return
        self.servers.error = "Object 0000… is damaged."
        self.servers.look()
        self.servers.error = None
        self.known[self.candidate].state = "failed"
        if self.live is not None:
            self.warm.add(self.known[self.live].version)

    @rule()
    def servers_crash(self) -> None:
        self.servers.crash()
        self.warm.clear()

    @precondition(lambda self: self.candidate is not None)
    @rule()
    def the_rollout_looks(self) -> None:
        number = self.candidate
        assert number is not None
        known = self.known[number]
        environment = the(self.workspace, ENVIRONMENT)
        prepared = bool(environment.processes) and all(p.prepared == number for p in environment.processes)
        with self.workspace.store.read() as db:
            revision = deployments.revision(db, ENVIRONMENT, number)
        if known.state == "canary":
            with self.workspace.store.write() as tx:
                assert canary.next_step(tx, revision, "rollout", "held")
            self.next_step(number, full=False)
            return
        rollout._Rollout(self.workspace, revision, FakeJob(), 60.0)._prepare(revision, environment)
        if not prepared:
            return
        assert known.state == "testing"
        if self.live is not None and known.strategy != "swap":
            known.state = "canary"
        else:
            self.go_live(number)

    @rule(full=st.booleans())
    def promote(self, full: bool) -> None:
        number = self.only("canary")
        with self.workspace.store.write() as tx:
            try:
                found = intervene.in_canary(tx, ENVIRONMENT)
            except (NotFoundError, UsageError):
                assert number is None
                return
            assert found.revision == number
            assert intervene.promote(tx, found, "bo", "", full)
        self.next_step(found.revision, full)

    @rule(data=st.data())
    def abort(self, data: st.DataObject) -> None:
        if not self.known:
            return
        number = data.draw(st.sampled_from(sorted(self.known)))
        possible = self.known[number].state not in ("live", *OVER)
        with self.workspace.store.write() as tx:
            try:
                found = intervene.stoppable(tx, ENVIRONMENT, number)
            except UsageError:
                assert not possible
                return
            assert possible
            assert intervene.abort(tx, found, "cy", "")
        self.known[number].state = "aborted"

    @rule(data=st.data(), state=st.sampled_from(RevisionState))
    def move_that_can_not_follow(self, data: st.DataObject, state: RevisionState) -> None:
        if not self.known:
            return
        number = data.draw(st.sampled_from(sorted(self.known)))
        if state in MOVES[RevisionState(self.known[number].state)]:
            return
        with self.workspace.store.write() as tx:
            assert not deploying.advance(tx, ENVIRONMENT, number, state, "mallory")

    @rule()
    def freeze_or_unfreeze(self) -> None:
        if not self.known:
            return
        with self.workspace.store.write() as tx:
            if self.frozen:
                deploying.set_freeze(tx, ENVIRONMENT, None)
            else:
                intervene.freeze(tx, ENVIRONMENT, "dee", "black friday")
        self.frozen = not self.frozen

    # ---- what must hold

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        if not self.known:
            return
        with self.workspace.store.read() as db:
            found = {revision.revision: revision for revision in deployments.revisions(db, ENVIRONMENT)}
        assert sorted(found) == list(range(1, len(self.known) + 1))
        for number, known in self.known.items():
            revision = found[number]
            assert (revision.version, revision.state.value) == (known.version, known.state)
            assert (revision.live_at is not None) == known.was_live
            assert (revision.ended_at is not None) == (known.state in OVER)
            assert (revision.break_glass is not None) == known.glass
            if known.state in OVER:
                assert self.ended.setdefault(number, revision) == revision

    @invariant()
    def the_environment_is_as_the_model(self) -> None:
        if not self.known:
            return
        environment = the(self.workspace, ENVIRONMENT)
        live, candidate = environment.live, environment.candidate
        assert (live.revision if live else None, candidate.revision if candidate else None) == (
            self.live,
            self.candidate,
        )
        assert (environment.freeze is not None) == self.frozen
        share = 0.0
        if candidate is not None and candidate.state is RevisionState.CANARY:
            known = self.known[candidate.revision]
            share = 0.0 if known.strategy == "shadow" else STEPS[known.step]
            assert (candidate.share, candidate.step) == (share, known.step)
        elif candidate is not None:
            assert candidate.share == 0.0
        with self.workspace.store.read() as db:
            (stored,) = db.execute("SELECT share FROM environments WHERE name = ?", (ENVIRONMENT,)).fetchone()
        assert stored == share

    @invariant()
    def every_change_is_kept_and_could_follow(self) -> None:
        for number, known in self.known.items():
            with self.workspace.store.read() as db:
                changes = deployments.changes(db, ENVIRONMENT, number)
            states = [change.state for change in changes]
            assert (states[0].value, states[-1].value) == ("planned", known.state)
            for before, after in itertools.pairwise(states):
                another_step = before is after is RevisionState.CANARY
                assert another_step or after in MOVES[before]
            times = [change.at for change in changes]
            assert times == sorted(times)
            assert all(change.actor and change.at > 0 for change in changes)


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("order", ["drdr", "ddrd", "rdrd", "drrd"])
def test_canaries_and_rollbacks_in_any_order(order: str) -> None:
    """d: a canary that goes live by all its steps; r: a rollback while the next canary is on its way."""
    machine = Deliveries()
    machine.begin()
    try:
        for version in (1, 2):
            machine.deploy(version, "swap", 0, False, False)
            machine.servers_load()
            machine.the_rollout_looks()
        for place, what in enumerate(order):
            machine.deploy(place % 3 + 1, "canary", 0, False, False)
            machine.servers_load()
            machine.the_rollout_looks()
            assert machine.only("canary") is not None
            if what == "d":
                machine.the_rollout_looks()
                machine.the_rollout_looks()
            else:
                machine.roll_back(None)
                assert machine.live == max(machine.known)
            assert machine.candidate is None
            machine.the_store_is_as_the_model()
            machine.the_environment_is_as_the_model()
            machine.every_change_is_kept_and_could_follow()
    finally:
        machine.teardown()
