"""From a fitted estimator to an ONNX graph that onnxruntime takes.

Numbers go in as float64 wherever onnxruntime can reckon so, as then linear models, networks, neighbours and scalers
answer as scikit-learn does down to 1e-15. Its trees know float64 inputs too, and add up in float64, but scikit-learn
rounds a number to float32 before it asks a tree: `_mend_trees` puts that rounding before each of them, so that every
split falls alike. What can't be had so is converted with float32 inputs, and the comparison decides.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_console.core.errors import ModelError
from mlops_console.core.models import Column, Signature
from mlops_console.core.text import safe_line
from mlops_console.models.compiled import FORM, TOGETHER, Form, failures
from mlops_console.models.trees import trees_in

_OPSET = {"": 21, "ai.onnx.ml": 3}  # the newest in which skl2onnx knows all its parts
# Operators of ai.onnx.ml that give float32, whatever they get.
_ROUNDED = ("TreeEnsemble", "SVM", "Linear", "Normalizer")


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to convert a model."""

    together: bool
    precise: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """A converted model. `rounded`: what it gives has been float32 somewhere on its way."""

    variant: Variant
    model: Any
    outputs: tuple[str, ...]
    rounded: bool


def variants(signature: Signature) -> Iterator[Variant]:
    """The ways worth a try, the most exact first."""
    numbers_only = not any(is_text(column) for column in signature.inputs)
    for precise in (True, False):
        if numbers_only:
            yield Variant(together=True, precise=precise)
        yield Variant(together=False, precise=precise)


def is_text(column: Column) -> bool:
    """Whether a column's values are texts; truth values are numbers to ONNX."""
    return column.dtype == "object"


def _refusals() -> tuple[type[Exception], ...]:
    """What skl2onnx and onnx raise over an estimator that they don't know, or don't understand."""
    from google.protobuf.message import Error as ProtobufError
    from onnx.checker import ValidationError
    from onnx.shape_inference import InferenceError

    lookups = (LookupError, AttributeError, NameError, ArithmeticError, AssertionError, ImportError)
    return (*failures(), *lookups, ValidationError, InferenceError, ProtobufError)


def convert(estimator: Any, signature: Signature, variant: Variant) -> Graph:
    """Convert an estimator.

    Raises:
        ModelError: skl2onnx can't convert it so, or would never come to an end.
    """

    _check_splits(estimator)
    try:
        model = _converted(estimator, signature, variant)
    except _refusals() as error:
        reason = f"skl2onnx can't convert this {type(estimator).__name__}: {_first_line(error)}."
        raise ModelError(reason) from None
    if variant.precise:
        _mend_trees(model.graph)
    rounded = not variant.precise or any(node.op_type.startswith(_ROUNDED) for node in model.graph.node)
    return Graph(variant, model, tuple(output.name for output in model.graph.output), rounded)


def pack(graph: Graph, outputs: Sequence[str], form: Form) -> bytes:
    """The file of a graph that gives these outputs only: what they don't need is cut away.

    Raises:
        ModelError: it is too large for one file, or skl2onnx can't cut it.
    """
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    try:
        model = select_model_inputs_outputs(graph.model, list(outputs))
        del model.metadata_props[:]
        told = model.metadata_props.add()
        told.key, told.value = FORM, form.dumps()
        content: bytes = model.SerializeToString()
    except _refusals() as error:
        raise ModelError(f"Its ONNX form can't be written: {_first_line(error)}.") from None
    return content


def _converted(estimator: Any, signature: Signature, variant: Variant) -> Any:
    from skl2onnx import to_onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return to_onnx(
            estimator,
            initial_types=_types(signature.inputs, variant),
            options={id(estimator): {"zipmap": False}} if signature.probabilities else None,
            target_opset=_OPSET,
            name="model",
        )


def _check_splits(estimator: Any) -> None:
    """Raise `ModelError` over a split that only tells missing values apart: its threshold is infinite.

    skl2onnx looks for the float32 below a threshold, and for an infinite one it looks for ever.
    """
    import numpy as np

    for _, tree in trees_in(estimator):
        if hasattr(tree, "threshold") and not np.isfinite(tree.threshold).all():
            raise ModelError("It has trees that split by what is missing, which skl2onnx can't convert.")


def _types(columns: Sequence[Column], variant: Variant) -> list[tuple[str, Any]]:
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    number = DoubleTensorType if variant.precise else FloatTensorType
    if variant.together:
        return [(TOGETHER, number([None, len(columns)]))]
    return [(column.name, (StringTensorType if is_text(column) else number)([None, 1])) for column in columns]


def _mend_trees(graph: Any) -> None:
    """Round to float32 before each tree ensemble of a float64 graph, and go on in float64 after it."""
    from onnx import TensorProto, helper

    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {output.name: output for output in graph.output}
    mended: list[Any] = []
    for number, node in enumerate(graph.node):
        if not node.op_type.startswith("TreeEnsemble"):
            mended.append(node)
            continue
        rounded, rows, scores = f"rounded{number}", f"rows{number}", f"scores{number}"
        mended.append(helper.make_node("Cast", [node.input[0]], [rounded], rounded, to=TensorProto.FLOAT))
        mended.append(helper.make_node("Cast", [rounded], [rows], rows, to=TensorProto.DOUBLE))
        node.input[0] = rows
        mended.append(node)
        last = len(node.output) - 1
        given = node.output[last]
        if not (readers.get(given) and all(reader.op_type == "Cast" for reader in readers[given])):
            node.output[last] = scores
            mended.append(helper.make_node("Cast", [scores], [given], scores, to=TensorProto.DOUBLE))
            if given in outputs:
                outputs[given].type.tensor_type.elem_type = TensorProto.DOUBLE
    del graph.node[:]
    graph.node.extend(mended)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return safe_line(lines[0].partition(" with name=")[0], 160).rstrip(". ,:")  # what follows are all its weights
