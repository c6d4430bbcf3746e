"""Which version answers: shares, clients that stay with one version, and the one reference."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlops_console.serving.engine import Engine
from mlops_console.serving.errors import NotReadyError
from mlops_console.serving.model import Loaded
from mlops_console.serving.routing import Routing, Served, Slot
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import add_constant

REQUESTS = 10_000
SHARES = [0.01, 0.05, 0.25, 0.5]


@pytest.fixture
def pair(workspace: Workspace) -> tuple[Served, Served]:
    """A live version and a candidate."""
    with ThreadPoolExecutor(1) as pool:
        live, candidate = (
            Served(revision, Engine(Loaded(add_constant(workspace, revision)), pool, 10)) for revision in (1, 2)
        )
    return live, candidate


def user(number: int) -> list[tuple[bytes, bytes]]:
    return [(b"accept", b"*/*"), (b"x-user", f"user-{number}".encode())]


def on_candidate(routing: Routing, users: range) -> set[int]:
    return {number for number in users if routing.choose(user(number)) is routing.candidate}


@pytest.mark.parametrize("share", SHARES)
def test_the_candidate_gets_its_share(pair: tuple[Served, Served], share: float) -> None:
    routing = Routing(*pair, share)
    chosen = [routing.choose([]) for _ in range(REQUESTS)]
    assert chosen.count(pair[1]) / REQUESTS == pytest.approx(share, abs=0.015)
    for start in range(0, REQUESTS, 1_000):  # and all the time, not only in the end
        assert chosen[start : start + 1_000].count(pair[1]) / 1_000 == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("share", SHARES)
def test_the_candidate_gets_its_share_of_the_clients(pair: tuple[Served, Served], share: float) -> None:
    routing = Routing(*pair, share, sticky=b"x-user")
    assert len(on_candidate(routing, range(REQUESTS))) / REQUESTS == pytest.approx(share, abs=0.015)


def test_a_client_stays_with_its_version(pair: tuple[Served, Served]) -> None:
    first, second = (Routing(*pair, 0.25, sticky=b"x-user") for _ in range(2))  # two processes, or two moments
    for _ in range(50):
        first.choose([])  # who sends no such header does not disturb those who do
    assert on_candidate(first, range(1_000)) == on_candidate(first, range(1_000)) == on_candidate(second, range(1_000))


def test_a_larger_share_keeps_those_who_had_the_candidate(pair: tuple[Served, Served]) -> None:
    before: set[int] = set()
    for share in SHARES:
        found = on_candidate(Routing(*pair, share, sticky=b"x-user"), range(REQUESTS))
        assert before < found
        before = found


def test_clients_without_the_header_are_shared_out_like_others(pair: tuple[Served, Served]) -> None:
    routing = Routing(*pair, 0.25, sticky=b"x-user")
    chosen = [routing.choose([(b"accept", b"*/*")]) for _ in range(REQUESTS)]
    assert chosen.count(pair[1]) / REQUESTS == pytest.approx(0.25, abs=0.015)


def test_without_a_share_the_live_one_answers_all(pair: tuple[Served, Served]) -> None:
    live, candidate = pair
    for routing in (
        Routing(live),
        Routing(live, candidate, 0.0),
        Routing(live, candidate, 0.0, mirror=True, sticky=b"x-user"),
    ):
        assert all(routing.choose(user(number)) is live for number in range(1_000))
    assert Routing(live, candidate, 1.0).choose([]) is candidate
    assert (Routing(live).all, Routing(live, candidate).all) == ((live,), (live, candidate))


def test_an_empty_slot_says_why_nothing_answers(pair: tuple[Served, Served]) -> None:
    slot = Slot("production")
    with pytest.raises(NotReadyError, match="production serves no model: the first model is being loaded"):
        slot.now()
    slot.routing = Routing(pair[0])
    assert slot.now().live.headers == ((b"x-model", b"fraud:1"), (b"x-revision", b"1"))
