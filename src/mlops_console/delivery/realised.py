"""What a version was worth where it served, as a plan tells it beside the figures of its training."""

from mlops_console.core.deployments import Revision
from mlops_console.core.errors import StoreError
from mlops_console.core.performance import metric_text
from mlops_console.core.text import clock
from mlops_console.drift.wording import decimals, interval
from mlops_console.store import drift
from mlops_console.store.database import Connection


def told(db: Connection, revision: Revision) -> str:
    """One sentence by the report that tells where a revision stands; "" where too few labels have come for one."""
    try:
        report = drift.standing(db, revision.environment, revision.revision)
    except StoreError:  # a damaged report keeps nobody from a rollback
        return ""
    found = report.performance if report else None
    if report is None or found is None or not found.realised:
        return ""
    realised = found.realised[0]
    estimated, held_out = found.figure("estimated", realised.metric), found.reference.get(realised.metric)
    beside = [
        *([f"estimated {interval(estimated)}"] if estimated else []),
        *([f"{decimals(held_out)} on held-out rows"] if held_out is not None else []),
    ]
    figure = f"{metric_text(realised.metric)} {interval(realised)}"
    return (
        f"{revision.model_ref} served in {revision.environment} with {figure} by {found.labelled:,} labels, "
        f"in the report of {clock(report.created_at)}"
        f"{': ' if beside else ''}{', '.join(beside)}."
    )
