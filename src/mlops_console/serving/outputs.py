"""A model's outputs as JSON values."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PLAIN = frozenset("biufU")  # NumPy's kinds whose elements are JSON values as `tolist` gives them


def values(array: "NDArray[Any]") -> list[Any]:
    """The elements, in nested lists as the array has dimensions. What JSON has no value for becomes its text."""
    found: list[Any] = array.tolist()
    return found if array.dtype.kind in _PLAIN else [_plain(value) for value in found]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | None) else str(value)
