"""`Run`: what training code holds while it runs."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from time import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from mlops_console.core.errors import MlopsError, NotFoundError
from mlops_console.tracking import endings
from mlops_console.tracking.clerk import Clerk
from mlops_console.tracking.endings import Ending
from mlops_console.tracking.journal import Journal, checked_name

if TYPE_CHECKING:
    from mlops_console.core.datasets import DatasetVersion
    from mlops_console.core.models import ModelVersion
    from mlops_console.tracking.intake import Intake


class Run:
    """One run that this process writes; made by `start_run`.

    Nothing here raises because of trouble with the store: it warns once, training goes on, and the end of the run tells
    what was not stored. A wrong type raises `TypeError`, a hopeless name `ValueError`, at once.
    """

    def __init__(self, run_id: str, name: str | None, clerk: Clerk, journal: Journal, *, joined: bool) -> None:
        self._id = run_id
        self._name = name
        self._clerk = clerk
        self._journal = journal
        self._joined = joined
        self._pid = os.getpid()
        self._params: dict[str, Any] = {}
        self._unstored: list[str] = []

    @property
    def id(self) -> str:
        return self._id

    @property
    def name(self) -> str:
        """The run's name; of a run that a worker has started, as the store has it."""
        if self._name is None:
            self._name = self._clerk.call(lambda intake: intake.name(self._id))
        return self._name

    @property
    def params(self) -> dict[str, Any]:
        """What this process has logged as params."""
        return dict(self._params)

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log one point of each metric. When this returns, the points survive even `kill -9`.

        Args:
            metrics: name to number: int, float, bool, NumPy scalar or array without dimensions; NaN and infinities too.
                A name has 1 to 250 characters.
            step: any 64-bit integer; the same step again replaces the value. By default calls without a step are
                counted from 0.

        Raises:
            TypeError: a value is no number, a name no str, or the step no int. Nothing of the call is logged then.
            ValueError: a name is empty or too long, or a number too large.
            UsageError: the run has ended.
        """
        self._journal.log(metrics, step)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Set params. Values keep their JSON types; of NumPy scalars the number is taken, of other objects the text."""
        plain = {checked_name(name, "param"): _plain(value) for name, value in _mapping(params, "params").items()}
        self._params.update(plain)
        self._journal.event("params", params=plain)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; their values are stored as text."""
        checked = {checked_name(name, "tag"): clean(str(value)) for name, value in _mapping(tags, "tags").items()}
        self._journal.event("tags", tags=checked)

    def log_artifact(self, path: str | Path, name: str | None = None) -> None:
        """Keep a copy of a file, or of all files below a folder, as artifacts called `name` (by default the file's name).

        Raises:
            NotFoundError: there is no such file.
        """
        source = Path(path)
        if not source.exists():
            raise NotFoundError(f"There is no file {source} to keep as an artifact.", "Write it first.")
        name = checked_name(name if name is not None else source.name, "artifact")
        files = sorted(file for file in source.rglob("*") if file.is_file()) if source.is_dir() else [source]
        for file in files:
            self._keep_file(file, name if file is source else f"{name}/{file.relative_to(source).as_posix()}")

    def log_dataset(self, role: str, frame: Any, name: str | None = None) -> None:
        """Record what the run reads: fingerprint, schema, profile and a sample of up to 10,000 rows.

        Args:
            role: "train", "test", … The one called "train" is what drift is compared with.
            frame: a pandas DataFrame, a NumPy array of one or two dimensions, a dict of columns, or the path of a CSV
                or Parquet file.
            name: of the dataset; by default the experiment-wide role.

        Raises:
            TypeError: the frame is nothing of the kind.
        """
        from mlops_console.data.description import describe

        description = describe(frame)
        role = checked_name(role, "role")
        name = checked_name(name if name is not None else role, "dataset")
        try:
            sample = self._clerk.objects().put_bytes(description.sample)
        except (MlopsError, OSError) as error:
            self._not_stored(f"dataset {name!r}", error)
            return
        self._journal.event("dataset", role=role, name=name, sample=sample, **description.facts())

    def log_model(
        self, model: Any, name: str, input_example: Any = None, description: str = ""
    ) -> "ModelVersion | None":
        """Store a scikit-learn model, with skops, as the next version of `name`.

        Args:
            model: a fitted estimator with `predict`.
            name: letters, digits, "_", "." and "-".
            input_example: some rows as the model takes them (DataFrame, array, dict of columns or list of records);
                without it the signature is taken from the dataset that the run has logged as "train".
            description: for people.

        Returns:
            The version; None if the store is in trouble (the end of the run tells).

        Raises:
            ModelError: it is a pickle, has no `predict`, is not fitted, or does not take its own example.
            UsageError: the name is no model name.
        """
        from mlops_console.models.storage import prepare_model

        reference = None
        try:
            if self._clerk.drain(self._journal):
                reference = self._clerk.call(lambda intake: intake.reference(self._id))
        except (MlopsError, OSError) as error:
            self._clerk.warn(str(error))
        prepared = prepare_model(model, name, input_example, reference, self._clerk.root)
        try:
            return self._clerk.call(lambda intake: prepared.store(intake.workspace, self._id, description))
        except (MlopsError, OSError) as error:
            self._not_stored(f"model {name!r}", error)
            return None

    def finish(
        self, status: Literal["succeeded", "failed", "stopped"] = "succeeded", error: str | None = None
    ) -> None:
        """End the run and wait until all of it is in the store. A second call does nothing.

        A run that a worker has started is not ended by this: the worker decides by the exit codes of its stages.
        """
        self._end(Ending(status, error))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end(endings.SUCCEEDED if error is None else endings.of_exception(error, traceback))

    def __repr__(self) -> str:
        return f"<Run {self._id} {self._name or ''}>"
