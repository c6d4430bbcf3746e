"""Tensors of the Open Inference Protocol: datatypes, and their binary form: little-endian, row by row, no gaps."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_console.serving.values import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXT = "BYTES"
_LENGTH = struct.Struct("<I")  # before each element of BYTES


@dataclass(frozen=True, slots=True)
class _Datatype:
    dtype: str  # NumPy's name
    code: str  # of `struct`
    size: int  # bytes of an element
    taken_by: frozenset[Kind]


_COUNTED: frozenset[Kind] = frozenset(("number", "bool"))  # 0 and 1 are truth values too
_NUMBERS = {
    "FP16": _Datatype("float16", "e", 2, _COUNTED),
    "FP32": _Datatype("float32", "f", 4, _COUNTED),
    "FP64": _Datatype("float64", "d", 8, _COUNTED),
    "INT8": _Datatype("int8", "b", 1, _COUNTED),
    "INT16": _Datatype("int16", "h", 2, _COUNTED),
    "INT32": _Datatype("int32", "i", 4, _COUNTED),
    "INT64": _Datatype("int64", "q", 8, _COUNTED),
    "UINT8": _Datatype("uint8", "B", 1, _COUNTED),
    "UINT16": _Datatype("uint16", "H", 2, _COUNTED),
    "UINT32": _Datatype("uint32", "I", 4, _COUNTED),
    "UINT64": _Datatype("uint64", "Q", 8, _COUNTED),
    "BOOL": _Datatype("bool", "?", 1, frozenset(("bool",))),
}

TAKEN_BY: Mapping[str, frozenset[Kind]] = {
    **{name: found.taken_by for name, found in _NUMBERS.items()},
    TEXT: frozenset(("text",)),
}
"""The kinds of columns that a datatype is for."""

_BY_DTYPE = {found.dtype: name for name, found in _NUMBERS.items()}
_BY_CODE = {f"{name[0].lower()}{found.size}": name for name, found in _NUMBERS.items()}  # as `dtype.str` ends


def datatype(dtype: str) -> str:
    """The protocol's name for NumPy's; a text is BYTES."""
    return _BY_DTYPE.get(dtype, TEXT)


def datatype_of(array: "NDArray[Any]") -> str:
    """The protocol's name for what an array has; `datatype` of its dtype's name, which NumPy is slow to tell."""
    return _BY_CODE.get(array.dtype.str[1:], TEXT)


def unpack(name: str, count: int, content: memoryview) -> list[Any]:
    """The elements of a binary tensor.

    Args:
        name: its datatype.
        count: how many elements its shape has.
        content: its bytes, all of them.

    Raises:
        ValueError: the bytes are not so many elements; the message says what was expected.
    """
    if name == TEXT:
        return _unpack_texts(count, content)
    found = _NUMBERS[name]
    if count * found.size != len(content):
        raise ValueError(f"{len(content):,} bytes, but {count:,} elements of {name} are {count * found.size:,}")
    return list(struct.unpack(f"<{count}{found.code}", content))


def _unpack_texts(count: int, content: memoryview) -> list[Any]:
    texts: list[Any] = []
    start = 0
    while start < len(content):
        if len(content) - start < _LENGTH.size:
            raise ValueError("an element of BYTES without its length of 4 bytes")
        (length,) = _LENGTH.unpack_from(content, start)
        start += _LENGTH.size
        if length > len(content) - start:
            raise ValueError("an element of BYTES that is longer than what is left of it")
        texts.append(str(content[start : start + length], "utf-8"))
        start += length
    if len(texts) != count:
        raise ValueError(f"{len(texts):,} elements of BYTES, but its shape has {count:,}")
    return texts


def pack(array: "NDArray[Any]") -> bytes:
    """The binary form of an array: of what is no number and no truth value, its text."""
    code = array.dtype.str
    if code[1:] not in _BY_CODE:
        return _pack_texts(array.ravel().tolist())
    return (array.astype(f"<{code[1:]}") if code[0] == ">" else array).tobytes()


def _pack_texts(values: Iterable[Any]) -> bytes:
    packed = bytearray()
    for value in values:
        content = str(value).encode()
        packed += _LENGTH.pack(len(content))
        packed += content
    return bytes(packed)
