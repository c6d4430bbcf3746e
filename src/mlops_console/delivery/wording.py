"""Words for revisions that plans and refusals share."""

from mlops_console.core.deployments import Revision, RevisionState


def state_word(found: Revision) -> str:
    """Its state; a shadow is called one."""
    is_shadow = found.state is RevisionState.CANARY and found.rollout.strategy == "shadow"
    return "shadow" if is_shadow else found.state.value
