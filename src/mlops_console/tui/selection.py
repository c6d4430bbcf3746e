"""What is selected in a view, as far as the commands of the whole console need to know it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """Each field is None or "" where the view knows none.

    `reference` is what `y` copies, `command` the shell command that `Y` copies.
    """

    reference: str = ""
    command: str = ""
    run_id: str | None = None
    pipeline: str | None = None
    model: str | None = None
    model_ref: str | None = None
    environment: str | None = None
    revision: int | None = None
    job_id: int | None = None


NOTHING = Selection()
