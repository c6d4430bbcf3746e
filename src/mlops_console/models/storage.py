"""Models in the object store, as skops files. Pickles are never written and never loaded."""

import io
import json
import warnings
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.errors import ModelError, StoreError, UsageError
from mlops_console.core.models import NAME, ModelVersion, Signature
from mlops_console.models.packages import loaded_packages
from mlops_console.models.signature import infer
from mlops_console.models.trees import CHECKED, check_trees
from mlops_console.store import compiled, models
from mlops_console.store.identity import actor
from mlops_console.store.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE_ROWS = 10

# Types of scikit-learn's own that skops does not know of: plain attributes, no code and no memory that a file could
# point outside of. Its trees are trusted too, after `check_trees`; its neighbour search trees are not.
_HARMLESS = (
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
)

# What compiled and foreign code raises over data or files that it can't take.
_FAILURES = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, ImportError)


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A model that has been checked and turned into bytes, ready to be stored."""

    name: str
    estimator: str
    content: bytes
    signature: Signature
    example: bytes | None
    reference: DatasetVersion | None
    untrusted: tuple[str, ...]  # types that `load_model` refuses unless mlops.toml trusts them
    packages: dict[str, str] = field(default_factory=loaded_packages)

    def store(
        self, workspace: Workspace, *, run_id: str | None, description: str = "", profile: str | None = None
    ) -> ModelVersion:
        """Store it as the next version, and queue the job that compiles it.

        Args:
            profile: object with its reference profile.

        Raises:
            StoreError, OSError: the store can't be written.
        """
        sha256 = workspace.objects.put_bytes(self.content)
        example = None if self.example is None else workspace.objects.put_bytes(self.example)
        with workspace.store.write() as tx:
            version = models.add_version(
                tx,
                self.name,
                sha256=sha256,
                size=len(self.content),
                estimator=self.estimator,
                signature=self.signature,
                run_id=run_id,
                input_example=example,
                reference=(self.reference.dataset, self.reference.version) if self.reference else None,
                description=description,
                packages=self.packages,
                profile=profile,
            )
            compiled.queue(tx, version.model, version.version, actor())
        return version


def save_model(
    workspace: Workspace,
    run_id: str | None,
    model: Any,
    name: str,
    input_example: "pd.DataFrame | None" = None,
    *,
    reference: DatasetVersion | None = None,
    description: str = "",
) -> ModelVersion:
    """Store a fitted model as the next version of `name`.

    Args:
        workspace: where.
        run_id: the run that made it.
        model: with `predict`, of types that skops can write.
        name: letters, digits, "_", "." and "-".
        input_example: some rows as the model takes them; up to 10 of them are kept.
        reference: the data that it was trained with: the signature's second source, and what drift is compared with.
        description: for people.

    Raises:
        ModelError: it is a pickle, has no `predict`, is not fitted, can't be written, or does not take its own example.
        UsageError: the name is no model name, or the example does not fit.
        StoreError, OSError: the store can't be written.
    """
    return prepare(model, name, input_example, reference).store(workspace, run_id=run_id, description=description)


def prepare(
    model: Any, name: str, input_example: "pd.DataFrame | None" = None, reference: DatasetVersion | None = None
) -> PreparedModel:
    """Check a model and turn it into bytes; `save_model` without the storing."""
    from skops import io as skops_io

    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UsageError(
            f"{str(name)[:60]!r} is no name for a model.", "Use letters, digits, '_', '.' and '-', as in fraud."
        )
    _check_kind(model)
    _check_fitted(model)
    signature = infer(model, input_example, reference)
    example = None
    if input_example is not None:
        example = input_example[[column.name for column in signature.inputs]].head(EXAMPLE_ROWS)
        _check_example(model, example)
    try:
        content = skops_io.dumps(model)
    except _FAILURES as error:
        raise ModelError(
            f"This {type(model).__name__} can't be written with skops: {_first_line(error)}.",
            "Use estimators of scikit-learn, without lambdas or open files in them.",
        ) from error
    untrusted = tuple(kind for kind in skops_io.get_untrusted_types(data=content) if kind not in (*CHECKED, *_HARMLESS))
    packed = None if example is None else _pack_example(example)
    return PreparedModel(name, type(model).__name__, content, signature, packed, reference, untrusted)


def load_model(workspace: Workspace, version: ModelVersion, trusted_types: Iterable[str] = ()) -> Any:
    """Load a model version.

    Args:
        workspace: where it is stored.
        version: which.
        trusted_types: full names of types beyond scikit-learn's own that its file may hold; read only if it
            holds any.

    Raises:
        ModelError: the file is missing or damaged, is no skops file (a pickle is never loaded), or holds other types.
    """
    return load_content(_read(workspace, version), version, trusted_types)


def load_content(content: bytes, version: ModelVersion, trusted_types: Iterable[str] = ()) -> Any:
    """As `load_model`, from the content of the version's file."""
    from skops import io as skops_io

    if not _is_skops(content):
        raise ModelError(
            f"The file of {version.ref} is no skops file; a pickle is never loaded, as it could run any code.",
            "Store the model anew with run.log_model.",
        )
    try:
        found = skops_io.get_untrusted_types(data=content)
        trusted_types = tuple(trusted_types) if found else ()
        trusted = [*trusted_types, *CHECKED, *_HARMLESS]
        refused = sorted(set(found) - set(trusted))
        if refused:
            raise ModelError(
                f"{version.ref} holds types that are not trusted: {', '.join(refused)}.",
                f"If you trust its maker, name them as trusted_types in [models.{version.model}] of mlops.toml.",
            )
        model = skops_io.loads(content, trusted=[kind for kind in trusted if kind in found])
    except (*_FAILURES, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{version.ref} can't be loaded: {_first_line(error)}.",
            "Install the packages that it was made with, or store it anew.",
        ) from error
    if not set(found) & set(CHECKED) <= set(trusted_types):
        check_trees(model, version.ref)
    return model


def _read(workspace: Workspace, version: ModelVersion) -> bytes:
    try:
        return workspace.objects.read_checked(version.sha256)
    except StoreError as error:
        raise ModelError(f"The file of {version.ref} is missing or damaged. {error.message}", error.hint) from None


def _is_skops(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "schema.json" in archive.namelist()
    except (zipfile.BadZipFile, ValueError):
        return False


def _check_kind(model: Any) -> None:
    if isinstance(model, str | bytes | bytearray | memoryview | PathLike) or hasattr(model, "read"):
        raise ModelError(
            "log_model takes no files or bytes: a pickle is never loaded, as it could run any code.",
            "Give the fitted scikit-learn estimator itself; it is stored with skops.",
        )
    if isinstance(model, type) or not callable(getattr(model, "predict", None)):
        what = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
        raise ModelError(f"A model needs a predict method, which {what} does not have.", "Give a fitted estimator.")


def _check_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        if hasattr(model, "fit"):
            check_is_fitted(model)
    except NotFittedError:
        raise ModelError(f"This {type(model).__name__} is not fitted.", "Call its fit first.") from None


def _check_example(model: Any, example: "pd.DataFrame") -> None:
    """The model must predict the rows that it is to be tested with before it serves."""
    rows = example if hasattr(model, "feature_names_in_") else example.to_numpy()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.predict(rows)
    except _FAILURES as error:
        raise ModelError(
            f"This {type(model).__name__} can't predict its own input example: {_first_line(error)}.",
            "Give rows of the data that it takes, with the columns it was fitted with.",
        ) from error


def _pack_example(example: "pd.DataFrame") -> bytes:
    """A list of records; null is a missing value."""
    rows = example.astype(object).where(example.notna(), None).to_dict("records")
    return json.dumps(rows, default=str).encode()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")[:300]
