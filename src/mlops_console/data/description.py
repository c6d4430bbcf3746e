"""A dataset as the store keeps it: fingerprint, size, schema, profile and sample."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Description:
    """One state of a dataset. `sample` is the content of an object (see `data.samples`); `frame` has all rows."""

    sha256: str
    rows: int
    columns: int
    schema: dict[str, str]
    profile: dict[str, dict[str, Any]]
    sample: bytes
    frame: "pd.DataFrame"

    def facts(self) -> dict[str, Any]:
        """All but the rows, ready for JSON."""
        return {
            "sha256": self.sha256,
            "rows": self.rows,
            "columns": self.columns,
            "schema": self.schema,
            "profile": self.profile,
        }


def describe(data: Any) -> Description:
    """Describe what `data.frames.as_frame` takes; a file as `data.scan` does, so that it is what a stage reads.

    Raises:
        TypeError, UsageError, NotFoundError: as these do.
    """
    from mlops_console.data.fingerprint import hash_frame
    from mlops_console.data.frames import as_frame
    from mlops_console.data.profile import profile, schema
    from mlops_console.data.samples import pack_sample, take_sample
    from mlops_console.data.scan import scan

    if isinstance(data, str | Path):
        found = scan(Path(data))
        sample = pack_sample(take_sample(found.frame))
        return Description(found.sha256, found.rows, found.columns, found.schema, found.profile, sample, found.frame)
    frame = as_frame(data)
    return Description(
        hash_frame(frame),
        len(frame),
        frame.shape[1],
        schema(frame),
        profile(frame),
        pack_sample(take_sample(frame)),
        frame,
    )
