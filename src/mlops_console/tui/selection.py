"""What is selected in a view, as far as the commands of the whole console need to know it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_console.core.alerts import Alert
from mlops_console.core.deployments import Revision


@dataclass(frozen=True, slots=True)
class Selection:
    """Each field is None or "" where the view knows none.

    `reference` is what `y` copies, `command` the shell command that `Y` copies. `params` are those that `t` trains
    the pipeline with, without asking; `no_model` says why `d` has nothing to deploy. `revision` is what `r` goes back
    to; `chosen` the selected one, whatever its state; `retrain` the environment for whose sake `t` trains.
    """

    reference: str = ""
    command: str = ""
    run_id: str | None = None
    pipeline: str | None = None
    model: str | None = None
    model_ref: str | None = None
    environment: str | None = None
    revision: int | None = None
    chosen: Revision | None = None
    job_id: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    no_model: str = ""
    retrain: str | None = None
    alert: Alert | None = None


NOTHING = Selection()


def of_alert(alert: Alert) -> Selection:
    """What the commands do where an alert is selected: they are about its environment, or its job."""
    return Selection(
        reference=str(alert.id),
        command=f"mlops-console alert show {alert.id}",
        environment=alert.environment or None,
        retrain=alert.environment or None,
        alert=alert,
        job_id=alert.detail.get("job"),
    )
