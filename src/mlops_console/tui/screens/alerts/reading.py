"""What the alerts view reads, in a thread."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.alerts import Alert, Delivery

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace

_ALERTS = 500


@dataclass
class AlertsLoaded(Message, bubble=False):
    """What is or was open: the ones to look at first on top."""

    alerts: tuple[Alert, ...]


@dataclass
class DeliveriesLoaded(Message, bubble=False):
    """Whom an alert was told to, in the order of the messages; `destination` is what may be shown of it."""

    alert: int
    deliveries: tuple[Delivery, ...]


def read_alerts(workspace: "Workspace") -> AlertsLoaded:
    from mlops_console.store import alerts

    with workspace.store.read() as db:
        found = (*alerts.open_alerts(db), *alerts.recent(db, _ALERTS))  # what is open is shown however old it is
    return AlertsLoaded(tuple(sorted({alert.id: alert for alert in found}.values(), key=urgency)))


def urgency(alert: Alert) -> tuple[int, bool]:
    """What nobody has taken up yet comes first; of that, what is critical."""
    states = ("open", "acknowledged", "silenced", "resolved")
    return states.index(alert.state), alert.severity != "critical" and alert.resolved_at is None


def read_deliveries(workspace: "Workspace", alert: int) -> DeliveriesLoaded:
    from mlops_console.store import alerting, outbox

    names = alerting.destination_names(workspace)
    with workspace.store.read() as db:
        found = outbox.of_alert(db, alert)
    told = (replace(each, destination=names.get(each.destination, "not in mlops.toml")) for each in found)
    return DeliveriesLoaded(alert, tuple(told))
