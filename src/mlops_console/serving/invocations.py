"""MLflow's scoring protocol: the four forms of the body of `POST /invocations`."""

from typing import Any

from mlops_console.core.models import Signature
from mlops_console.serving.errors import HttpError, WrongInputError
from mlops_console.serving.inputs import Batch, from_columns, from_records, from_rows

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def parse_invocation(signature: Signature, body: Any) -> Batch:
    """The rows of a body with one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`.

    Raises:
        HttpError: the body has none of the forms, or its rows don't fit the signature.
    """
    if not isinstance(body, dict):
        raise HttpError(f"The body is no JSON object with one of {', '.join(FORMS)}.")
    unknown = body.keys() - {*FORMS, "params"}
    forms = [form for form in FORMS if form in body]
    if len(forms) != 1 or unknown:
        raise HttpError(f"The body has to have exactly one of {', '.join(FORMS)}, and beside it at most params.")
    form, content = forms[0], body[forms[0]]
    if form == "dataframe_split":
        return _parse_split(signature, content)
    if isinstance(content, dict) and form in ("instances", "inputs"):
        return from_columns(signature, content)
    if not isinstance(content, list):
        raise WrongInputError(f"{form} has to be a list of rows.")
    if form == "dataframe_records" or (content and isinstance(content[0], dict)):
        return from_records(signature, content)
    if content and not isinstance(content[0], list) and len(signature.inputs) == 1:
        return from_columns(signature, {signature.inputs[0].name: content})
    return from_rows(signature, content)


def _parse_split(signature: Signature, content: Any) -> Batch:
    if not isinstance(content, dict) or not {"columns", "data"} <= content.keys() <= {"columns", "data", "index"}:
        raise HttpError("dataframe_split has to be an object with columns and data.")
    columns, data = content["columns"], content["data"]
    if not isinstance(columns, list) or not isinstance(data, list):
        raise HttpError("The columns and the data of dataframe_split have to be lists.")
    return from_rows(signature, data, columns)
