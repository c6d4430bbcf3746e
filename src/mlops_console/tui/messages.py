"""What the console's parts tell each other. Named for what happened; the payload never changes afterwards."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message
from textual.theme import Theme

from mlops_console.core.alerts import Alert
from mlops_console.core.deployments import Environment
from mlops_console.core.errors import MlopsError
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
