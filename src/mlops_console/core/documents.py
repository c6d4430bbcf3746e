"""JSON as every command and every file of the product writes it."""

import json
import math
from collections.abc import Mapping
from typing import Any


def to_json(document: Any) -> str:
    """Indented, in ASCII, with a newline at its end. JSON has no NaN and no infinities: they become null, "inf" and
    "-inf"."""
    return json.dumps(_plain(document), indent=2, ensure_ascii=True) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
