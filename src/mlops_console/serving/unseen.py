"""Categories that training did not know: told, not refused, as many a model knows what to do with them."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from mlops_console.core.models import Signature
from mlops_console.core.text import safe_line, shorten
from mlops_console.serving.inputs import Batch, prepared
from mlops_console.serving.wording import quoted

_VALUES = 5  # told of a column
_LENGTH = 60  # characters of a value
_BYTES = 1_000  # of the header
_WORDS = 300  # characters of the sentence


def unseen(signature: Signature, batch: Batch) -> dict[str, list[str]]:
    """For each column whose categories are known: up to five of the others, in the order of the rows."""
    found: dict[str, list[str]] = {}
    for name, known in prepared(signature).categories:
        values = batch.columns[name]
        if not known.issuperset(values):
            found[name] = list(dict.fromkeys(value for value in values if value not in known))[:_VALUES]
    return found


def unseen_rows(signature: Signature, batch: Batch) -> dict[str, int]:
    """How many rows have such a category, by the columns that have any."""
    counts = {
        name: sum(value not in known for value in batch.columns[name]) for name, known in prepared(signature).categories
    }
    return {name: rows for name, rows in counts.items() if rows}


def unseen_header(found: Mapping[str, Sequence[str]]) -> bytes:
    """`country=XX&country=YY`, percent-encoded: the header X-Unseen. What is too long for it is left out."""
    pairs: list[str] = []
    left = _BYTES
    for name, values in found.items():
        for value in values:
            pair = f"{quote(name, safe='')}={quote(shorten(value, _LENGTH), safe='')}"
            left -= len(pair) + 1
            if left < 0:
                return "&".join(pairs).encode()
            pairs.append(pair)
    return "&".join(pairs).encode()


def unseen_words(found: Mapping[str, Sequence[str]]) -> str:
    """A sentence to follow another one: ` Training did not know country 'XX', 'YY'.`; "" if there are none."""
    if not found:
        return ""
    told = (f"{safe_line(name)} {', '.join(quoted(value) for value in values)}" for name, values in found.items())
    return f" Training did not know {shorten('; '.join(told), _WORDS)}."
