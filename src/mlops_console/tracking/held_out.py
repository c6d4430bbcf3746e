"""What a model answers on rows that it was not trained on, and how much each of its inputs counts for that."""

import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.core.errors import ModelError, UsageError
from mlops_console.core.models import Signature
from mlops_console.core.profiles import HeldOut
from mlops_console.core.text import safe_line
from mlops_console.tracking.evaluation import FAILURES

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

ROWS = 5_000
_SHUFFLED = 1_000  # rows that each input is shuffled in
_PATIENCE = 2.0  # seconds that shuffling all inputs may take
_SEED = 20_240_229
_DIGITS = 9  # of a number that is kept
_HINT = "Give held_out=(X_test, y_test): rows as the model takes them, and the true answer of each."


def ask(model: Any, signature: Signature, held_out: Any) -> tuple[HeldOut, Mapping[str, float]]:
    """Ask a fitted model for its answers to held-out rows.

    Args:
        held_out: the rows and the true answer of each, as (X_test, y_test). Rows without an answer are left out; of
            more than 5,000 an even sample is asked.

    Returns:
        The answers, and the permutation importance of each input; {} where that would take more than two seconds.

    Raises:
        ModelError: there are not as many answers as rows, none at all, or such as the model can't give; or the model
            does not take the rows.
    """
    from mlops_console.drift.labels import plain

    frame, labels = _checked(held_out, signature)
    asked = _Asked(model, signature)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predictions = asked.predict(frame)
            probabilities = asked.probabilities(frame) if signature.probabilities else None
            told = _finite(predictions, probabilities)
            frame, labels = frame.iloc[told], labels[told]
            importance = asked.importance(frame, labels)
    except FAILURES as error:
        reason = safe_line(str(error).strip().partition("\n")[0], 300).rstrip(".") or type(error).__name__
        raise ModelError(f"This {type(model).__name__} can't predict its held-out rows: {reason}.", _HINT) from error
    inputs = {}
    if signature.task == "regression":
        inputs = {name: tuple(_short(plain(value)) for value in frame[name].tolist()) for name in frame.columns}
    found = HeldOut(
        signature.task,
        signature.classes,
        tuple(_short(value) for value in predictions[told].tolist()),
        tuple(_short(value) for value in labels.tolist()),
        () if probabilities is None else tuple(tuple(map(_short, row)) for row in probabilities[told].tolist()),
        inputs,
    )
    return found, importance


def as_shares(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures of importance as shares of their sum; {} of nothing."""
    total = math.fsum(figures.values())
    return {name: value / total for name, value in figures.items()} if 0 < total < math.inf else {}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A model, and how it wants to be asked."""

    model: Any
    signature: Signature

    def predict(self, frame: "pd.DataFrame") -> "NDArray[Any]":
        """The answer to each row."""
        import numpy as np

        predictions = np.asarray(self.model.predict(self._rows(frame)))
        if predictions.shape != (len(frame),):
            raise ValueError(f"it gives an array of shape {predictions.shape}, not one answer a row")
        return predictions

    def probabilities(self, frame: "pd.DataFrame") -> "NDArray[np.float64]":
        """Of each class, shape (rows, classes)."""
        import numpy as np

        return np.asarray(self.model.predict_proba(self._rows(frame)), dtype=np.float64)

    def error(self, frame: "pd.DataFrame", labels: "NDArray[Any]") -> float:
        """The mean log loss of probabilities; without them the share of wrong classes, or the mean squared error."""
        import numpy as np

        if self.signature.probabilities:
            place = {name: at for at, name in enumerate(self.signature.classes)}
            chances = self.probabilities(frame)[np.arange(len(labels)), [place[name] for name in labels.tolist()]]
            return float(-np.log(np.clip(chances, 1e-6, None)).mean())
        predictions = self.predict(frame)
        if self.signature.task == "classification":
            return float((predictions != labels).mean())
        return float(((predictions - labels) ** 2).mean())

    def importance(self, frame: "pd.DataFrame", labels: "NDArray[Any]") -> dict[str, float]:
        """Permutation importance (Breiman 2001): how much the error on up to 1,000 rows grows where one input is
        shuffled, as a share of the sum over all inputs; {} where none counts, or it would take too long."""
        import numpy as np

        rng = np.random.default_rng(_SEED)
        chosen = rng.permutation(len(frame))[:_SHUFFLED]
        frame, labels = frame.iloc[chosen], labels[chosen]
        begin = time.perf_counter()
        before = self.error(frame, labels)
        grown: dict[str, float] = {}
        for name in frame.columns:
            shuffled = frame.assign(**{name: frame[name].array[rng.permutation(len(frame))]})
            grown[name] = max(0.0, self.error(shuffled, labels) - before)
            each = (time.perf_counter() - begin) / (len(grown) + 1)
            if each * len(frame.columns) > _PATIENCE:
                return {}
        return as_shares(grown)

    def _rows(self, frame: "pd.DataFrame") -> Any:
        return frame if hasattr(self.model, "feature_names_in_") else frame.to_numpy()


def _checked(held_out: Any, signature: Signature) -> "tuple[pd.DataFrame, NDArray[Any]]":
    """The inputs of up to 5,000 rows whose answer is known, and the answers as the model would give them."""
    import numpy as np
    import pandas as pd

    from mlops_console.data.frames import as_frame

    if not isinstance(held_out, tuple | list) or len(held_out) != 2:
        raise ModelError(f"held_out takes rows and their answers, not a {type(held_out).__name__}.", _HINT)
    try:
        frame = as_frame(held_out[0])
    except TypeError as error:
        raise ModelError(f"The rows of held_out are no table: {error}.", _HINT) from None
    except UsageError as error:
        raise ModelError(f"The rows of held_out are no table: {error.message}", _HINT) from None
    frame = _inputs(frame, signature)
    answers = _column(held_out[1])
    if len(answers) != len(frame):
        raise ModelError(f"held_out has {len(frame):,} rows and {len(answers):,} answers.", _HINT)
    known = np.flatnonzero(~pd.isna(answers))
    if not len(known):
        raise ModelError("held_out has no row whose answer is known.", _HINT)
    if len(known) > ROWS:
        known = np.sort(np.random.default_rng(_SEED).choice(known, size=ROWS, replace=False))
    return frame.iloc[known], _labels(answers, known, signature)


def _inputs(frame: "pd.DataFrame", signature: Signature) -> "pd.DataFrame":
    """The columns that the model takes, in its order; of rows without names, by their place."""
    names = [column.name for column in signature.inputs]
    missing = [name for name in names if name not in frame.columns]
    if not missing:
        return frame[names]
    nameless = [f"x{at}" for at in range(len(names))]
    if frame.shape[1] == len(names) and nameless in (names, list(frame.columns)):
        return frame.set_axis(names, axis=1)
    raise ModelError(f"The rows of held_out lack column {missing[0][:60]!r}, which the model takes.", _HINT)


def _column(answers: Any) -> "NDArray[Any]":
    """One value a row."""
    import numpy as np
    import pandas as pd

    if isinstance(answers, pd.DataFrame | pd.Series):
        answers = answers.astype(object).to_numpy()
    values = np.asarray(answers)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ModelError(f"The answers of held_out have {values.ndim} dimensions, and one is needed.", _HINT)
    return values.astype(object)


def _labels(answers: "NDArray[Any]", known: "NDArray[Any]", signature: Signature) -> "NDArray[Any]":
    """The answers as the model would give them: its classes, or floats."""
    import numpy as np

    if signature.task == "regression":
        try:
            numbers: NDArray[Any] = answers[known].astype(np.float64)
        except (TypeError, ValueError):
            raise ModelError("The answers of held_out are no numbers, which a regressor gives.", _HINT) from None
        if not np.isfinite(numbers).all():
            raise ModelError("An answer of held_out is infinite.", _HINT)
        return numbers
    classes = {name: name for name in signature.classes}
    labels = np.empty(len(known), dtype=object)
    for at, value in enumerate(answers[known].tolist()):
        if value not in classes:
            raise ModelError(
                f"held_out has the answer {safe_line(repr(value), 60)}, which is no class of the model "
                f"({safe_line(', '.join(map(repr, signature.classes[:5])), 200)}).",
                _HINT,
            )
        labels[at] = classes[value]
    return labels


def _finite(predictions: "NDArray[Any]", probabilities: "NDArray[np.float64] | None") -> "NDArray[Any]":
    """The rows to which the answer is a number, if it should be one."""
    import numpy as np

    finite = np.ones(len(predictions), dtype=bool)
    if predictions.dtype.kind == "f":
        finite &= np.isfinite(predictions)
    if probabilities is not None:
        finite &= np.isfinite(probabilities).all(axis=1)
    if not finite.any():
        raise ValueError("no answer is a finite number")
    return np.flatnonzero(finite)


def _short(value: Any) -> Any:
    """A float with nine digits: the others are noise, and weigh."""
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
