"""A model version's ONNX form: loaded, and asked by a server in microseconds.

It needs neither scikit-learn nor pandas. The file tells by itself how it is to be asked: `Form` is in its metadata.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from operator import itemgetter
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from mlops_console.core.errors import ModelError, StoreError
from mlops_console.core.models import ModelVersion
from mlops_console.core.text import safe_line
from mlops_console.store import compiled
from mlops_console.store.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORM = "mlops_console"  # the key of the form in the file's metadata
_TELEMETRY = "ORT_DISABLE_TELEMETRY"
TOGETHER = "X"  # the one input of a form that takes all columns in one tensor

_ELSEWHERE = "scikit-learn answers such rows, or refuses them."


class UncoveredRowsError(ModelError):
    """Rows that the ONNX form might answer otherwise than scikit-learn: only that can answer, or refuse, them."""


@dataclass(frozen=True, slots=True)
class Form:
    """How an ONNX file is asked, and for which rows it was compared.

    Attributes:
        columns: names, in the signature's order.
        texts: those of them that hold texts.
        together: all columns in one tensor; else each is an input of its own, called as the column is.
        precise: numbers go in as float64; else as float32.
        limit: the greatest magnitude of a number up to which the answers were compared.
        nullable: columns in which a value may be missing at all.
        gaps: those of them in which a missing value was compared; a row with any other one is refused.
        label: where a label comes from: the greatest probability, an output of its own, or there is none.
        tie: probabilities that are nearer to each other are equal, and the first class wins, as in scikit-learn. ONNX
            adds up the trees of a forest in another order, so that its ties are none.
        classes: labels, in the order of the probabilities.
        dtype: of the answers, as NumPy writes it.
        probabilities: whether it gives them.
    """

    columns: tuple[str, ...]
    texts: tuple[str, ...]
    together: bool
    precise: bool
    limit: float
    nullable: tuple[str, ...]
    gaps: tuple[str, ...]
    label: Literal["argmax", "output", "none"]
    tie: float
    classes: tuple[Any, ...]
    dtype: str
    probabilities: bool

    def dumps(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> "Form":
        told = json.loads(text).items()
        fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told}
        return cls(**fields)


class Compiled:
    """An ONNX form in memory. It may be asked by any number of threads at once."""

    def __init__(self, content: bytes) -> None:
        """Load the content of a file.

        Raises:
            ModelError: it is damaged, or of another kind, or this onnxruntime can't run it.
        """
        import numpy as np

        self._session = _session(content)
        told = self._session.get_modelmeta().custom_metadata_map.get(FORM)
        if told is None:
            raise ModelError("The compiled file does not tell how it is to be asked.", "Compile the version anew.")
        self.form = Form.loads(told)
        self._run: Callable[..., list[NDArray[Any]]] = self._session.run
        self._failures = failures()
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._float = np.dtype(np.float64 if self.form.precise else np.float32)
        self._answer = np.dtype(self.form.dtype)
        self._classes = np.array(self.form.classes, dtype=self._answer) if self.form.classes else np.empty(0)
        self._labels = [self._classes[at : at + 1] for at in range(len(self._classes))]
        self._pick = _picker(self.form.columns)
        self._watched = frozenset(self.form.nullable) - frozenset(self.form.gaps)
        self._texts = [at for at, name in enumerate(self.form.columns) if name in self.form.texts]
        self._numbers = [at for at, name in enumerate(self.form.columns) if name not in self.form.texts]
        self._dtypes = [np.dtype(object) if name in self.form.texts else self._float for name in self.form.columns]

    def predict(self, columns: Mapping[str, list[Any]], rows: int) -> "dict[str, NDArray[Any]]":
        """Arrays by output name: `predict` of shape (rows,) with the labels that scikit-learn gives and, for a
        classifier that has them, `predict_proba` of shape (rows, classes).

        Args:
            columns: checked JSON values by column of the signature; None is a missing value.
            rows: how many there are of each.

        Raises:
            UncoveredRowsError: the rows are such that scikit-learn must be asked.
        """
        values = self._pick(columns)
        if self._watched:
            self._check_gaps(columns)
        feed = self._one(values) if rows == 1 else self._many(values)
        try:
            outputs = self._run(self._outputs, feed)
        except self._failures as error:
            told = safe_line(str(error).strip().split("\n")[0], 200).rstrip(".")
            raise UncoveredRowsError(f"onnxruntime can't answer these rows: {told}.", _ELSEWHERE) from None
        return self._answers(outputs, rows)

    def _one(self, values: "tuple[list[Any], ...]") -> "dict[str, NDArray[Any]]":
        """One row, without a step in NumPy that it does not need."""
        import numpy as np

        row = [column[0] for column in values]
        numbers = row if not self._texts else [row[at] for at in self._numbers]
        if self.form.nullable:
            numbers = [value for value in numbers if value is not None]
        if numbers and not (min(numbers) >= -self.form.limit and max(numbers) <= self.form.limit):
            raise self._beyond()
        if self.form.together:
            return {TOGETHER: np.array([row], dtype=self._float)}
        if self._texts:
            _check_texts([row[at] for at in self._texts])
        return {
            name: np.array([[value]], dtype=dtype)
            for name, value, dtype in zip(self.form.columns, row, self._dtypes, strict=True)
        }

    def _many(self, values: "tuple[list[Any], ...]") -> "dict[str, NDArray[Any]]":
        import numpy as np

        if self.form.together:
            table = np.array(values, dtype=np.float64).T
            self._check_limit(table)
            return {TOGETHER: np.ascontiguousarray(table, dtype=self._float)}
        feed: dict[str, NDArray[Any]] = {}
        for name, column in zip(self.form.columns, values, strict=True):
            if name in self.form.texts:
                _check_texts(column)
                feed[name] = np.array(column, dtype=object).reshape(-1, 1)
            else:
                numbers = np.array(column, dtype=np.float64).reshape(-1, 1)
                self._check_limit(numbers)
                feed[name] = numbers.astype(self._float, copy=False)
        return feed

    def _answers(self, outputs: "list[NDArray[Any]]", rows: int) -> "dict[str, NDArray[Any]]":
        import numpy as np

        if not self.form.probabilities:
            return {"predict": outputs[0].reshape(-1).astype(self._answer, copy=False)}
        scores = outputs[-1].astype(np.float64, copy=False)
        if self.form.label == "output":
            return {"predict": outputs[0].reshape(-1).astype(self._answer, copy=False), "predict_proba": scores}
        if rows == 1:
            return {"predict": self._labels[_first(scores[0].tolist(), self.form.tie)], "predict_proba": scores}
        best = scores.max(axis=1, keepdims=True) - self.form.tie
        return {"predict": self._classes[(scores >= best).argmax(axis=1)], "predict_proba": scores}

    def _check_gaps(self, columns: Mapping[str, list[Any]]) -> None:
        for name in self._watched:
            if None in columns[name]:
                raise UncoveredRowsError(
                    f"Column {name!r} has a missing value, which the compiled model does not take.",
                    _ELSEWHERE,
                )

    def _check_limit(self, numbers: "NDArray[np.float64]") -> None:
        import numpy as np

        if (np.abs(numbers) > self.form.limit).any():
            raise self._beyond()

    def _beyond(self) -> UncoveredRowsError:
        return UncoveredRowsError(
            f"A number is beyond ±{self.form.limit:g}, up to which the compiled model was compared.",
            _ELSEWHERE,
        )


def load(workspace: Workspace, version: ModelVersion) -> Compiled | None:
    """The ONNX form of a version; None where there is none that agrees with scikit-learn.

    Raises:
        ModelError: its file is missing or damaged, or this onnxruntime can't run it.
    """
    with workspace.store.read() as db:
        found = compiled.get(db, version.model, version.version)
    if found is None or found.state != "agrees" or found.sha256 is None:
        return None
    try:
        return Compiled(workspace.objects.read_checked(found.sha256))
    except (StoreError, ModelError) as error:
        raise ModelError(
            f"The compiled form of {version.ref} can't be used. {error.message}",
            f"'mlops-console model compile {version.ref}' makes it anew.",
        ) from None


def failures() -> tuple[type[Exception], ...]:
    """What onnxruntime raises over a file or over rows that it can't take. Its errors have no base of their own."""
    raised = _onnxruntime().capi.onnxruntime_pybind11_state
    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
    return (*(getattr(raised, name) for name in names), ValueError, TypeError, RuntimeError)


def _onnxruntime() -> ModuleType:
    """The library. By itself it sends what it does to its makers, and keeps an id and a database below `~/.cache`.

    The environment it reads once, as it is imported; where others have imported it before, the call ends most of it.
    """
    os.environ.setdefault(_TELEMETRY, "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime  # type: ignore[no-any-return]


def _session(content: bytes) -> Any:
    """A request has one small matrix: more threads than one, or any that spin, only take time from other requests."""
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what is wrong is raised too
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except failures() as error:
        told = str(error).strip().split("\n")[0][:200].rstrip(".")
        raise ModelError(f"onnxruntime can't load it: {told}.") from None


def _picker(names: tuple[str, ...]) -> "Callable[[Mapping[str, list[Any]]], tuple[list[Any], ...]]":
    if len(names) == 1:
        return lambda columns: (columns[names[0]],)
    return itemgetter(*names)


def _first(scores: list[float], tie: float) -> int:
    """The first of the greatest."""
    best = max(scores) - tie
    at = 0
    while scores[at] < best:
        at += 1
    return at


def _check_texts(values: list[Any]) -> None:
    """A text that is no Unicode (half of a surrogate pair, as JSON can spell it) does not reach onnxruntime."""
    for value in values:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UncoveredRowsError(
                "A text is no valid Unicode, which the compiled model does not take.",
                _ELSEWHERE,
            ) from None
