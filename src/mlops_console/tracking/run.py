"""`Run`: what training code holds while it runs."""

import contextlib
import itertools
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from time import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from mlops_console.core.errors import ConfigError, MlopsError, NotFoundError, StoreError
from mlops_console.store.location import HOME
from mlops_console.tracking import endings, process
from mlops_console.tracking.clerk import Clerk
from mlops_console.tracking.endings import Ending
from mlops_console.tracking.journal import Journal, checked_name

if TYPE_CHECKING:
    from mlops_console.core.datasets import DatasetVersion
    from mlops_console.core.models import ModelVersion, Signature
    from mlops_console.core.plots import Plot
    from mlops_console.core.profiles import ReferenceProfile
    from mlops_console.store.objects import Objects
    from mlops_console.tracking.output import Output

_numbers = itertools.count()


class Run:
    """One run that this process writes; made by `start_run`.

    Nothing here raises because of trouble with the store: it warns once, training goes on, and the end of the run tells
    what was not stored. A wrong type raises `TypeError`, a hopeless name `ValueError`, at once.
    """

    def __init__(self, run_id: str, name: str | None, root: Path, journal: Journal) -> None:
        self._id = run_id
        self._name = name
        self._root = root
        self._journal = journal
        self._joined = not journal.owns_run
        self._pid = os.getpid()
        self._params: dict[str, Any] = {}
        self._unstored: list[str] = []
        self._output: Output | None = None
        self._number = next(_numbers)  # of two open runs the inner one has the higher number
        self._roles: dict[str, str] = {}  # of the datasets that were logged, with their fingerprints
        self._training: tuple[str, ReferenceProfile] | None = None  # the fingerprint of "train", and its profile
        self._evaluations: Counter[str] = Counter()

    @property
    def id(self) -> str:
        return self._id

    @property
    def name(self) -> str:
        """The run's name; of a run that a worker has started, as the store has it."""
        if self._name is None:
            self._name = process.clerk(self._root).call(lambda intake: intake.name(self._id))
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
        """Keep a copy of a file, or of all files below a folder, called `name` (by default the file's name).

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
            name: of the dataset; by default its role.

        Raises:
            TypeError: the frame is nothing of the kind.
        """
        from mlops_console.data.description import describe

        role = checked_name(role, "role")
        name = checked_name(name if name is not None else role, "dataset")
        description = describe(frame)
        self._roles[role] = description.sha256
        if role == "train":
            from mlops_console.tracking.reference import profile_frame

            self._training = description.sha256, profile_frame(description.frame)
        try:
            sample = self._objects().put_bytes(description.sample)
        except (MlopsError, OSError) as error:
            self._not_stored(f"dataset {name!r}", error)
            return
        self._journal.event("dataset", role=role, name=name, sample=sample, **description.facts())

    def log_plot(self, name: str, plot: "Plot") -> None:
        """Keep a plot that the console draws, as the artifact `plots/NAME.json`.

        Args:
            name: of 1 to 200 characters; the same name again replaces the plot.
            plot: `mlops.Lines`, `mlops.Matrix` or `mlops.Bars`.

        Raises:
            TypeError: it is nothing of the kind.
        """
        from mlops_console.core.plots import artifact_path, to_json

        path = checked_name(artifact_path(checked_name(name, "plot")), "plot")
        content = to_json(plot)
        try:
            sha256 = self._objects().put_bytes(content)
        except (MlopsError, OSError) as error:
            self._not_stored(f"plot {name!r}", error)
            return
        self._journal.event("artifact", path=clean(path), sha256=sha256, size=len(content))

    def log_evaluation(self, model: Any, X: Any, y: Any, name: str = "test") -> dict[str, float]:
        """Log what a fitted scikit-learn model is worth on rows whose answers are known, as `test/accuracy` and so on.

        A classifier gets accuracy, precision, recall, f1, roc_auc, average_precision and log_loss, a confusion matrix,
        ROC and precision-recall curves; a regressor r2, mae and rmse; both their feature importances, where the model
        tells any. Of two classes the positive one is `classes_[1]`; of more, the unweighted mean over the classes is
        taken. A metric that can't be computed is left out, and the tag `test/left_out` says why.

        Args:
            model: a fitted classifier or regressor, a pipeline, a search.
            X: rows as the model takes them.
            y: the true answer of each row.
            name: what the metrics and plots begin with. Each further evaluation under a name is the next step of its
                metrics, and replaces its plots.

        Returns:
            The metrics without the beginning of their names: {"accuracy": 0.93, …}. Empty, with a warning, where the
            model can't predict these rows.
        """
        from mlops_console.tracking.evaluation import evaluate

        name = checked_name(name, "evaluation")
        found = evaluate(model, X, y)
        if found.failure:
            process.clerk(self._root).warn(f"The evaluation {name!r} is not logged, the model fails: {found.failure}.")
            return {}
        step = self._evaluations[name]
        self._evaluations[name] += 1
        self.log({f"{name}/{metric}": value for metric, value in found.metrics.items()}, step=step)
        for title, plot in found.plots.items():
            self.log_plot(title if title == "feature_importances" else f"{name}/{title}", plot)
        if found.left_out:
            reasons = "; ".join(f"{what}: {why}" for what, why in found.left_out.items())
            self.set_tags({f"{name}/left_out": reasons})
        return found.metrics

    def log_model(
        self,
        model: Any,
        name: str,
        input_example: Any = None,
        description: str = "",
        held_out: tuple[Any, Any] | None = None,
    ) -> "ModelVersion | None":
        """Store a scikit-learn model, with skops, as the next version of `name`.

        Args:
            model: a fitted estimator with `predict`.
            name: letters, digits, "_", "." and "-".
            input_example: some rows as the model takes them (DataFrame, array, dict of columns or list of records);
                without it the signature is taken from the dataset that the run has logged as "train".
            description: for people.
            held_out: rows that the model was not trained on and the true answer of each, as (X_test, y_test). From its
                answers to up to 5,000 of them are known the drift of its predictions, its performance before labels
                come, and which inputs count. Rows without an answer are left out.

        Returns:
            The version; None if the store is in trouble (the end of the run tells).

        Raises:
            ModelError: it is a pickle, has no `predict`, is not fitted, or does not take its own example or its
                held-out rows.
            UsageError: the name is no model name.
        """
        from mlops_console.data.frames import as_frame
        from mlops_console.models.storage import prepare

        example = None if input_example is None else as_frame(input_example)
        reference = self._reference()
        prepared = prepare(model, name, example, reference)
        clerk = process.clerk(self._root)
        try:
            profile = self._profile(model, prepared.signature, reference, held_out)
            version = clerk.call(
                lambda intake: prepared.store(
                    intake.workspace, run_id=self._id, description=clean(description), profile=profile
                )
            )
        except (StoreError, OSError) as error:
            self._not_stored(f"model {name!r}", error)
            return None
        self._tell_untrusted(version, prepared.untrusted)
        return version

    def finish(self, status: Literal["succeeded", "failed", "stopped"] = "succeeded", error: str | None = None) -> None:
        """End the run and wait until all of it is in the store. A second call does nothing.

        A run that a worker has started is not ended by this: the worker decides by the exit codes of its stages.
        """
        self._end(Ending(status, error))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._output is not None and error is not None and not isinstance(error, SystemExit):
            self._output.tell_error(error, traceback)
        self._end(endings.SUCCEEDED if error is None else endings.of_exception(error, traceback))

    def __repr__(self) -> str:
        return f"<Run {self._id} {self._name or ''}>"

    def _reference(self) -> "DatasetVersion | None":
        """The dataset that the run has logged as "train", else the first one."""
        clerk = process.clerk(self._root)
        try:
            if clerk.drain(self._journal):
                return clerk.call(lambda intake: intake.reference(self._id))
        except (MlopsError, OSError) as error:
            clerk.warn_of_trouble(str(error))
        return None

    def _profile(
        self, model: Any, signature: "Signature", reference: "DatasetVersion | None", held_out: tuple[Any, Any] | None
    ) -> str | None:
        """Keep what traffic will be compared with; the object, None where nothing is known of it.

        A stage on another machine has not the rows that another stage has logged: at home they are read again.
        """
        objects, sample = self._objects(), reference and reference.sample
        of_reference = self._training and reference and self._training[0] == reference.sha256
        at_hand = sample if sample and objects.has(sample) else None
        if not (of_reference or at_hand) and held_out is None:
            return None
        from mlops_console.data.samples import read_sample
        from mlops_console.drift.profiles import pack_profile
        from mlops_console.tracking.reference import profile_model

        found = profile_model(
            model,
            signature,
            held_out,
            self._training[1] if self._training and of_reference else None,
            lambda: read_sample(objects, at_hand) if at_hand else {},
        )
        return objects.put_bytes(pack_profile(found))

    def _tell_untrusted(self, version: "ModelVersion", types: tuple[str, ...]) -> None:
        if types:
            from mlops_console.tracking.loading import trusted_types

            try:
                trusted = process.clerk(self._root).call(lambda intake: trusted_types(intake.workspace, version.model))
            except ConfigError:
                trusted = ()
            names = [name for name in types if name not in trusted]
            if names:
                process.clerk(self._root).warn(
                    f"{version.ref} can be loaded only once [models.{version.model}] of mlops.toml has "
                    f"trusted_types = {names}."
                )

    def _keep_file(self, file: Path, name: str) -> None:
        try:
            sha256, size = self._objects().put_file(file)
        except (MlopsError, OSError) as error:
            self._not_stored(f"artifact {name!r}", error)
            return
        self._journal.event("artifact", path=clean(name), sha256=sha256, size=size)

    def _capture_output(self) -> None:
        from mlops_console.store.logs import output_log
        from mlops_console.tracking.output import Output

        warn = process.clerk(self._root).warn_of_trouble
        try:
            self._output = Output(self._root / output_log(self._id), warn)
        except OSError as error:
            warn(f"Output is not kept in {self._root / output_log(self._id)}: {error.strerror}.")

    def _objects(self) -> "Objects":
        from mlops_console.store.objects import Objects

        return Objects(self._root / HOME / "objects")

    def _not_stored(self, what: str, error: Exception) -> None:
        self._unstored.append(what)
        process.clerk(self._root).warn_of_trouble(f"{what} is not stored: {error}")

    def _end(self, ending: Ending) -> None:
        if self._journal.closed:
            return
        clerk = process.clerk(self._root)
        in_time = True
        if os.getpid() == self._pid:  # a forked child only ends what it has logged itself
            in_time = self._say_goodbye(clerk, ending)
        self._journal.close()
        if in_time:
            clerk.drain(self._journal)
        self._tell(clerk)
        if self._output is not None:
            self._output.close()
        process.forget(self)

    def _say_goodbye(self, clerk: Clerk, ending: Ending) -> bool:
        """Log how the run has ended, after everything else; whether all of that came into the store in time."""
        at = time()
        in_time = clerk.drain(self._journal)
        if in_time:
            with contextlib.suppress(MlopsError, OSError):  # told by what is not stored
                clerk.call(lambda intake: intake.describe(self._id))
        if not self._joined:
            self._journal.event("finish", status=ending.status, error=_clean(ending.error), at=at)
        elif ending.error is not None:
            self._journal.event("error", error=_clean(ending.error))
        return in_time

    def _tell(self, clerk: Clerk) -> None:
        """Say on stderr what of this run is not in the store."""
        waiting, lost = clerk.left(self._journal)
        parts = []
        if self._unstored:
            parts.append(f"not stored: {', '.join(self._unstored)}")
        if lost:
            parts.append(f"{lost:,} records are lost")
        if waiting:
            parts.append(f"{waiting:,} records wait in {HOME}/spool, and the next mlops-console command stores them")
        if parts and sys.stderr is not None:
            from mlops_console.core.text import safe_line

            with contextlib.suppress(OSError, ValueError):
                reason = f" ({error})" if (error := clerk.error(self._journal)) else ""
                told = f"run {self._name or self._id}: {'; '.join(parts)}{reason}"
                sys.stderr.write(f"mlops-console: {safe_line(told)}\n")


def clean(text: str) -> str:
    """Text that any file and store can hold."""
    return text.encode("utf-8", "replace").decode()


def _clean(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _mapping(value: object, what: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{what} must be a dict, not {type(value).__name__}")
    return value


def _plain(value: Any) -> Any:
    """A NumPy scalar as the number it is; everything else as it is."""
    return value.item() if hasattr(value, "dtype") and getattr(value, "shape", None) == () else value
