"""The moves of a revision, and its share of the traffic."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.deployments import (
    MOVES,
    Environment,
    Revision,
    RevisionState,
    RolloutPlan,
    ServerHealth,
    ServerProcess,
    ServerSettings,
    Strategy,
)
from mlops_console.core.runs import ProcessIdentity

S = RevisionState
PLAN = RolloutPlan("canary", (0.05, 0.25, 1.0))
REVISION = Revision("production", 2, "fraud", 3, "deploy", S.CANARY, "ann", "", 0.0, rollout=PLAN, step=0)


def test_every_state_has_its_moves_and_three_have_none() -> None:
    assert set(MOVES) == set(S)
    assert {state for state in S if not MOVES[state]} == {S.RETIRED, S.FAILED, S.ABORTED}
    assert {state for state in S if state.is_final} == {S.RETIRED, S.FAILED, S.ABORTED}


def test_no_revision_comes_back_to_a_state_but_to_planned_by_its_approvals() -> None:
    def reachable(state: RevisionState) -> set[RevisionState]:
        found, left = set(), list(MOVES[state])
        while left:
            following = left.pop()
            if following not in found:
                found.add(following)
                left += MOVES[following]
        return found

    assert {state for state in S if state in reachable(state)} == {S.PLANNED, S.WAITING}
    assert reachable(S.PLANNED) == set(S)
    assert S.PLANNED not in reachable(S.LOADING)


def test_only_what_is_live_is_retired_and_what_is_live_neither_fails_nor_is_aborted() -> None:
    assert [state for state in S if S.RETIRED in MOVES[state]] == [S.LIVE]
    assert MOVES[S.LIVE] == {S.RETIRED}
    for state in S:
        if not state.is_final and state is not S.LIVE:
            assert MOVES[state] >= {S.FAILED, S.ABORTED}


def test_what_is_under_way_is_in_the_hands_of_the_servers() -> None:
    assert [state for state in S if state.is_under_way] == [S.LOADING, S.TESTING, S.CANARY]
    assert [state for state in S if S.LIVE in MOVES[state]] == [S.LOADING, S.TESTING, S.CANARY]


@given(st.sampled_from(S), st.sampled_from(["swap", "canary", "shadow"]), st.sampled_from([None, 0, 1]))
def test_the_share_is_all_of_it_when_live_and_none_unless_a_canary(
    state: RevisionState, strategy: Strategy, step: int | None
) -> None:
    share = replace(REVISION, state=state, rollout=replace(PLAN, strategy=strategy), step=step).share
    if state is S.LIVE:
        assert share == 1.0
    elif state is S.CANARY and strategy != "shadow" and step is not None:
        assert share == PLAN.steps[step]
    else:
        assert share == 0.0


def test_plans_and_settings_are_read_as_they_were_written() -> None:
    written = {"strategy": "shadow", "steps": [0.1, 1.0], "hold": 3.0, "sticky": "x-user"}
    assert RolloutPlan.read(written) == RolloutPlan("shadow", (0.1, 1.0), 3.0, "x-user")
    assert RolloutPlan.read({}) == RolloutPlan()  # of a store from before
    assert ServerSettings.read({"workers": 3, "private": ["iban"]}) == ServerSettings(3, private=("iban",))
    assert ServerSettings.read({}) == ServerSettings()


@pytest.mark.parametrize(
    ("host", "certificate", "url"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:8100"),
        ("::1", None, "http://[::1]:8100"),
        ("::", "server.pem", "https://[::]:8100"),
    ],
)
def test_the_address(host: str, certificate: str | None, url: str) -> None:
    assert Environment("production", "fraud", 8100, host, ServerSettings(certificate=certificate)).url == url


def test_what_the_processes_say_together() -> None:
    def process(slot: int, health: ServerHealth, serving: int | None, beat: float) -> ServerProcess:
        return ServerProcess(slot, ProcessIdentity(slot, 0.0, "b", "h"), health, beat, serving=serving)

    nothing = Environment("production", "fraud", 8100, "127.0.0.1")
    assert (nothing.observed, nothing.heartbeat_at, nothing.ready) == (None, None, ())
    first, second = process(0, ServerHealth.READY, 4, 7.0), process(1, ServerHealth.STARTING, None, 9.0)
    found = replace(nothing, processes=(first, second))
    assert (found.observed, found.heartbeat_at, found.ready) == (4, 9.0, (first,))
    assert replace(found, processes=(first, process(1, ServerHealth.READY, 5, 1.0))).observed is None
