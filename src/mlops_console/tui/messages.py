"""What the console's parts tell each other. Named for what happened; the payload never changes afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.theme import Theme

from mlops_console.core.alerts import Alert
from mlops_console.core.deployments import Environment
from mlops_console.core.errors import MlopsError
from mlops_console.core.plans import Plan
from mlops_console.tui.themes import ThemeProblem

if TYPE_CHECKING:
    from mlops_console.core.config import Config


@dataclass
class StoreChanged(Message, bubble=False):
    """Somebody has written to the store; `topics` are the values of `store.changes.Topic`."""

    topics: frozenset[str]


@dataclass
class ReadFailed(Message):
    """A read in a thread has failed in an expected way."""

    what: str
    error: MlopsError


@dataclass
class ConfigLoaded(Message, bubble=False):
    config: "Config"


@dataclass
class ThemesLoaded(Message, bubble=False):
    themes: tuple[Theme, ...]
    problems: tuple[ThemeProblem, ...]


@dataclass
class StatusLoaded(Message, bubble=False):
    """What the header shows."""

    worker: str  # a state of `tui.glyphs`
    jobs: int
    alerts: tuple[Alert, ...]
    environment: Environment | None


@dataclass
class ActionPlanned(Message, bubble=False):
    name: str
    request: Mapping[str, Any]
    plan: Plan


@dataclass
class ActionDone(Message, bubble=False):
    """An action was performed at once (`result`) or queued as a job (`job_id`)."""

    name: str
    job_id: int | None
    result: Mapping[str, Any]


@dataclass
class ActionFailed(Message, bubble=False):
    name: str
    error: MlopsError
