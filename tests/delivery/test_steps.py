"""The steps of a rollout, told from the changes of its revision."""

from mlops_console.core.deployments import RevisionChange, RolloutPlan
from mlops_console.core.deployments import RevisionState as S
from mlops_console.delivery.steps import Step, along, traffic_text


def test_each_step_has_its_share_and_what_came_next() -> None:
    states = (S.TESTING, S.CANARY, S.CANARY, S.ABORTED)
    changes = [RevisionChange(state, float(at), "ann", "after all") for at, state in enumerate(states)]
    told = list(along(RolloutPlan("canary", (0.05, 0.25, 1.0)), changes))
    assert [change for change, _ in told] == changes
    assert [step for _, step in told] == [
        None,
        Step(0.05, changes[1], changes[2]),
        Step(0.25, changes[2], changes[3]),
        None,
    ]


def test_a_shadow_has_one_step_without_a_share() -> None:
    began = RevisionChange(S.CANARY, 1.0, "rollout", "")
    assert list(along(RolloutPlan("shadow", (0.05, 1.0)), [began])) == [(began, Step(None, began, None))]
    assert (traffic_text(None), traffic_text(0.25)) == ("a copy of the traffic", "25% of the traffic")
