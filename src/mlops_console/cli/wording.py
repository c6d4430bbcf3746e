"""Words for revisions that several commands share."""

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.text import shorten

_ASKED = 60  # characters at most of why it was asked for
_ENDED = 120  # and of how it ended


def state(found: Revision, at: RevisionState | None = None) -> str:
    """The state it has, or had: a shadow is called one, and a canary has its share while it is one.

    Args:
        at: a state of its life; by default the present one.
    """
    if (at or found.state) is not RevisionState.CANARY:
        return at or found.state
    if found.rollout.strategy == "shadow":
        return "shadow"
    return f"canary {found.share:.0%}" if at is None else "canary"


def reason(found: Revision) -> str:
    """Why it was asked for and, where it came to nothing, how it ended; both cut to what a table bears."""
    told = (shorten(found.reason, _ASKED), shorten(found.error or "", _ENDED))
    return " · ".join(part for part in told if part)
