"""What the values of mlops.toml are made of: tables, sizes, percentages, names for the operating system."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mlops_console.core.moments import seconds

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)(i?)B")


def size(text: str) -> int:
    """`"512 MB"`, `"8 GB"`, `"1.5 TB"` in bytes, by thousands; `"8 GiB"` by 1,024.

    Raises:
        ValueError: the text is not a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 512 MB or 8 GB")
    number, prefix, binary = match.groups()
    unit: int = (1024 if binary else 1000) ** (1 + "kMGT".find(prefix or " "))
    return round(float(number) * unit)


def is_some_time(span: str) -> str:
    if seconds(span) == 0:
        raise ValueError("it must be longer than nothing")
    return span


def _has_no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("no path or command may hold a NUL")
    return text


def _is_size(text: str) -> str:
    size(text)
    return text


def percent(text: str) -> float:
    """`"5%"` as 0.05.

    Raises:
        ValueError: the text is no percentage above 0 and up to 100.
    """
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", text.strip())
    if match is None or not 0 < float(match[1]) <= 100:
        raise ValueError(f"{text!r} is not a percentage such as 5% or 100%")
    return float(match[1]) / 100


def _is_percent(text: str) -> str:
    percent(text)
    return text


def _is_header(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", name):
        raise ValueError("the name of a header has letters, digits and '-'")
    return name


def _is_matrix_key(name: str) -> str:
    if not _ENV_NAME.fullmatch(name):
        raise ValueError("a key of a matrix has letters, digits and '_', and starts with no digit")
    return name


def _is_env_name(name: str) -> str:
    if not _ENV_NAME.fullmatch(name):
        raise ValueError("the name of an environment variable has letters, digits and '_', and starts with no digit")
    if name.startswith("MLOPS_"):
        raise ValueError("what begins with MLOPS_ is mlops-console's own")
    return name


EnvName = Annotated[str, AfterValidator(_is_env_name)]
Text = Annotated[str, AfterValidator(_has_no_nul)]  # what is given to the operating system
Size = Annotated[str, AfterValidator(_is_size)]
Percent = Annotated[str, AfterValidator(_is_percent)]
HeaderName = Annotated[str, AfterValidator(_is_header)]
MatrixKey = Annotated[str, AfterValidator(_is_matrix_key)]
MatrixValues = Annotated[tuple[Text | bool | int | float, ...], Field(min_length=1)]


class Table(BaseModel):
    """One table of mlops.toml: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
