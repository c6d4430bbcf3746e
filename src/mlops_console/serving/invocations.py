"""MLflow's scoring protocol: the bodies of `POST /invocations`, four forms of JSON and CSV."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_console.core.models import Signature
from mlops_console.serving.csv_body import read_csv
from mlops_console.serving.errors import HttpError, UnknownContentError, WrongInputError
from mlops_console.serving.inputs import Batch, Inputs, prepared
from mlops_console.serving.json_body import read_json
from mlops_console.serving.messages import Answer, json_answer
from mlops_console.serving.outputs import values

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_CSV = b"text/csv"


def parse_invocation(signature: Signature, body: bytes, content_type: bytes | None = None) -> Batch:
    """The rows of a body: CSV if its type says so, else JSON with one of `dataframe_split`, `dataframe_records`,
    `instances` and `inputs`.

    `params` beside it are left aside, as MLflow does with a model that has none.

    Raises:
        HttpError: the body has none of the forms, or its rows don't fit the signature.
    """
    if content_type is not None and content_type[:8].lower() == _CSV:
        _check_charset(content_type)
        return read_csv(signature, body)
    return _parse_json(prepared(signature), read_json(body))


def invocation_answer(outputs: Mapping[str, "NDArray[Any]"]) -> Answer:
    """`{"predictions": […]}`."""
    return json_answer({"predictions": values(outputs["predict"])})


def _parse_json(inputs: Inputs, body: Any) -> Batch:
    if not isinstance(body, dict):
        raise HttpError(f"The body is no JSON object with one of {', '.join(FORMS)}.")
    forms = [form for form in FORMS if form in body]
    if len(forms) != 1 or len(body) != 1 + ("params" in body):
        raise HttpError(f"The body has to have exactly one of {', '.join(FORMS)}, and beside it at most params.")
    form, content = forms[0], body[forms[0]]
    if form == "dataframe_split":
        return _parse_split(inputs, content)
    if isinstance(content, dict) and form != "dataframe_records":
        return inputs.from_columns(content)
    if not isinstance(content, list):
        raise WrongInputError(f"{form} has to be a list of rows.")
    return inputs.from_records(content) if form == "dataframe_records" else inputs.from_any(content)


def _parse_split(inputs: Inputs, content: Any) -> Batch:
    if not isinstance(content, dict) or not {"columns", "data"} <= content.keys() <= {"columns", "data", "index"}:
        raise HttpError("dataframe_split has to be an object with columns and data.")
    columns, data = content["columns"], content["data"]
    if not isinstance(columns, list) or not isinstance(data, list):
        raise HttpError("The columns and the data of dataframe_split have to be lists.")
    return inputs.from_rows(data, columns)


def _check_charset(content_type: bytes) -> None:
    for parameter in content_type.lower().split(b";")[1:]:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"charset" and value.strip().strip(b'"') not in (b"utf-8", b"utf8", b"us-ascii"):
            raise UnknownContentError("CSV is read in UTF-8 only.")
