"""What each protocol makes of a request: checked rows, and how their outputs are answered."""

from collections.abc import Callable
from dataclasses import dataclass

from mlops_console.core.models import ModelVersion, Signature
from mlops_console.serving import tf_serving
from mlops_console.serving.engine import Outputs
from mlops_console.serving.inputs import Batch
from mlops_console.serving.invocations import invocation_answer, parse_invocation
from mlops_console.serving.messages import Answer, Request
from mlops_console.serving.open_inference import inference_answer, json_length, parse_inference


@dataclass(frozen=True, slots=True)
class Question:
    """Rows, and what makes an answer of their outputs."""

    batch: Batch
    answer: Callable[[ModelVersion, Outputs], Answer]


def invocation(signature: Signature, request: Request) -> Question:
    """MLflow's /invocations."""
    batch = parse_invocation(signature, request.body, request.header(b"content-type"))
    return Question(batch, lambda version, outputs: invocation_answer(outputs))


def inference(signature: Signature, request: Request) -> Question:
    """The Open Inference Protocol's infer."""
    length = json_length(request.header(b"inference-header-content-length"))
    found = parse_inference(signature, request.body, length)
    return Question(found.batch, lambda version, outputs: inference_answer(version, outputs, found))


def tf_predict(signature: Signature, request: Request) -> Question:
    """TensorFlow Serving's :predict."""
    found = tf_serving.parse_predict(signature, request.body)
    return Question(found.batch, lambda version, outputs: tf_serving.predict_answer(outputs, found))


def tf_classify(signature: Signature, request: Request) -> Question:
    """TensorFlow Serving's :classify."""
    batch = tf_serving.parse_classify(signature, request.body)
    return Question(batch, lambda version, outputs: tf_serving.classify_answer(version.signature, outputs))


def tf_regress(signature: Signature, request: Request) -> Question:
    """TensorFlow Serving's :regress."""
    batch = tf_serving.parse_regress(signature, request.body)
    return Question(batch, lambda version, outputs: tf_serving.regress_answer(outputs))
