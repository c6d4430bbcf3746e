"""Short versions of the load drill that `make bench` has, and of the kills that `make chaos` has."""

import pytest

from benchmarks.rollback import CANARY, drill
from benchmarks.serving_chaos import chaos


@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_nothing_fails_while_two_processes_deploy_a_canary_and_roll_back() -> None:
    done = drill(CANARY, workers=2, rounds=2, least=500)
    assert (done.load.failed, done.wrong) == (0, 0)
    assert len(done.load.answers) >= 500
    assert len(done.took) == 2


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_whoever_is_killed_the_environment_ends_with_one_version() -> None:
    ends = chaos(rounds=3, seed=11)
    assert ends["live"] == 1
