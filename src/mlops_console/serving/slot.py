"""The one reference that says which model answers. It is swapped whole, so that every request sees one or the other."""

from dataclasses import dataclass

from mlops_console.serving.errors import NotReadyError
from mlops_console.serving.model import Served


@dataclass(slots=True)
class Slot:
    """`current` is read once for each request; `problem` says why there is none."""

    environment: str
    current: Served | None = None
    problem: str = "the first model is being loaded"

    def served(self) -> Served:
        """What answers now.

        Raises:
            NotReadyError: nothing does yet.
        """
        current = self.current
        if current is None:
            raise NotReadyError(f"{self.environment} serves no model: {self.problem}.")
        return current
