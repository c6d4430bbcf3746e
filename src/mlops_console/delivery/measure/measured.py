"""Where the measurements of a candidate are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_console.core.models import ModelVersion
from mlops_console.delivery.gate_names import Kind
from mlops_console.store import measurements
from mlops_console.store.database import Connection


@dataclass(frozen=True, slots=True)
class Measured:
    """By what the gates of a candidate are judged: the context of each measurement in the store, and why some of them
    are not there; both by kind and version."""

    contexts: Mapping[tuple[Kind, str], str] = field(default_factory=dict)
    problems: Mapping[tuple[Kind, str], str] = field(default_factory=dict)

    def result(self, db: Connection, kind: Kind, version: ModelVersion) -> Mapping[str, Any] | None:
        """What was measured; None where it was not."""
        context = self.contexts.get((kind, version.ref))
        if context is None or (kind, version.ref) in self.problems:
            return None
        found = measurements.get(db, version, kind, context)
        return found.result if found else None

    def why_not(self, kind: Kind, version: ModelVersion) -> str:
        """Why there is no result."""
        problem = self.problems.get((kind, version.ref))
        return f"could not be measured: {problem}" if problem else "not measured"


NOTHING_MEASURED = Measured()
