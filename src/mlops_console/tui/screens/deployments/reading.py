"""What the deployments view shows, read from the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from mlops_console.core.deployments import Revision
from mlops_console.core.errors import ConfigError
from mlops_console.core.plans import GateResult
from mlops_console.tui.screens.overview.reading import Card, read_cards

if TYPE_CHECKING:
    from mlops_console.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Deployments:
    """All environments, and the revisions of each, newest first."""

    cards: tuple[Card, ...]
    history: Mapping[str, tuple[Revision, ...]]
    has_models: bool


@dataclass
class DeploymentsRead(Message, bubble=False):
    deployments: Deployments


@dataclass
class GatesRead(Message, bubble=False):
    """The gates that a revision has passed or not."""

    environment: str
    revision: int
    gates: tuple[GateResult, ...]


def read_deployments(workspace: "Workspace") -> DeploymentsRead:
    """Everything the view shows but the gates.

    Raises:
        StoreError: the store can't be read.
    """
    from mlops_console.store import deployments, models
    from mlops_console.store.predictions import PredictionLog

    try:
        config = workspace.config()
    except ConfigError:
        config = None  # the app says what is wrong with it; the store is shown all the same
    with workspace.store.read() as db:
        cards = read_cards(db, config, PredictionLog(workspace.predictions_path))
        history = {card.environment.name: tuple(deployments.revisions(db, card.environment.name)) for card in cards}
        return DeploymentsRead(Deployments(cards, history, bool(models.model_names(db))))


def read_gates(workspace: "Workspace", environment: str, revision: int) -> GatesRead:
    from mlops_console.store import deployments

    with workspace.store.read() as db:
        return GatesRead(environment, revision, tuple(deployments.gate_results(db, environment, revision)))
