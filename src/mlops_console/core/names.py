"""Names and spans of time, as mlops.toml has them."""

from typing import Annotated

from pydantic import AfterValidator

from mlops_console.core.models import NAME
from mlops_console.core.moments import seconds


def _is_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("a name has letters, digits, '_', '.' and '-', and starts with a letter or digit")
    return name


def _is_span(span: str) -> str:
    seconds(span)
    return span


Name = Annotated[str, AfterValidator(_is_name)]
Span = Annotated[str, AfterValidator(_is_span)]
