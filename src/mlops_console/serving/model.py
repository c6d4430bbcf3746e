"""A loaded model version: rows in, predictions out."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import ModelError
from mlops_console.core.models import ModelVersion
from mlops_console.core.text import safe_line
from mlops_console.models.forests import tree_by_tree
from mlops_console.models.nameless import without_names
from mlops_console.models.rows import REFUSALS, to_rows
from mlops_console.serving.errors import WrongInputError
from mlops_console.serving.inputs import Batch
from mlops_console.serving.unseen import unseen, unseen_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlops_console.models.compiled import Compiled

_LIKELIEST = frozenset(
    {"LogisticRegression", "DecisionTreeClassifier", "ExtraTreesClassifier", "RandomForestClassifier", "GaussianNB"}
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version in memory: its estimator, or its compiled form, which answers the same.

    `load_estimator` gives what answers the rows that the compiled form was not compared on.
    """

    version: ModelVersion
    estimator: Any = None
    compiled: "Compiled | None" = None
    load_estimator: "Callable[[], Loaded] | None" = None

    @property
    def is_compiled(self) -> bool:
        return self.compiled is not None

    def predict(self, batch: Batch) -> dict[str, "NDArray[Any]"]:
        """Arrays by output name: `predict` of shape (rows,) and, for a classifier that has them, `predict_proba` of
        shape (rows, classes).

        Raises:
            WrongInputError: the model does not take these rows.
            UncoveredRowsError: the compiled form was not compared on such rows.
        """
        try:
            if self.compiled is not None:
                return self.compiled.predict(batch.columns, batch.rows)
            return self._predict(batch)
        except REFUSALS as error:
            reason = safe_line(str(error).strip().split("\n")[0], 300).rstrip(".")
            told = unseen_words(unseen(self.version.signature, batch))
            raise WrongInputError(f"{self.version.ref} can't predict these rows: {reason}.{told}") from None

    def predict_uncovered(self, batch: Batch) -> dict[str, "NDArray[Any]"]:
        """As `predict`, by the estimator itself; the first call loads it."""
        assert self.load_estimator is not None, "only a compiled form leaves rows uncovered"
        return self.load_estimator().predict(batch)

    def _predict(self, batch: Batch) -> dict[str, "NDArray[Any]"]:
        import numpy as np

        rows = to_rows(self.estimator, self.version.signature.inputs, batch.columns)
        if not self.version.signature.probabilities:
            return {"predict": np.asarray(self.estimator.predict(rows))}
        chances = np.asarray(self.estimator.predict_proba(rows))
        if _chooses_likeliest(self.estimator):
            return {"predict": self.estimator.classes_[chances.argmax(axis=1)], "predict_proba": chances}
        return {"predict": np.asarray(self.estimator.predict(rows)), "predict_proba": chances}

    def hasten(self, example: Batch) -> None:
        """From now on give the estimator arrays, and ask its forests tree by tree, where it answers the same so."""
        import numpy as np

        if self.estimator is None:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before = self._predict(example)

            def agrees() -> bool:
                try:
                    after = self._predict(example)
                except REFUSALS:
                    return False
                return all(np.array_equal(before[name], after[name]) for name in before)

            if self._is_named and not self._needs_frame:
                without_names(self.estimator, agrees)
            tree_by_tree(self.estimator, agrees)

    @property
    def _is_named(self) -> bool:
        return hasattr(self.estimator, "feature_names_in_")

    @property
    def _needs_frame(self) -> bool:
        """Whether its columns are of several types, so that no array holds them all as they are."""
        dtypes = {column.dtype for column in self.version.signature.inputs}
        return len(dtypes) != 1 or not dtypes.pop().startswith(("float", "int", "uint"))


def _chooses_likeliest(estimator: Any) -> bool:
    """Whether its `predict` is no more than the class of the highest probability: then one call answers both."""
    if type(estimator).__module__ == "sklearn.pipeline":
        return _chooses_likeliest(estimator.steps[-1][1])
    return type(estimator).__module__.startswith("sklearn.") and type(estimator).__name__ in _LIKELIEST


def test_with_example(loaded: Loaded, example: Batch) -> None:
    """Predict the rows that were stored as the version's example, before any request is answered by it.

    Raises:
        ModelError: it can't.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded.predict(example)
    except WrongInputError as error:
        raise ModelError(f"{loaded.version.ref} fails on its own input example: {error.message}") from None


def outputs_by_row(outputs: Mapping[str, "NDArray[np.generic]"], rows: int) -> list[dict[str, Any]]:
    """The outputs as JSON values, an object for each row."""
    lists = {name: array.tolist() for name, array in outputs.items()}
    return [{name: values[row] for name, values in lists.items()} for row in range(rows)]
