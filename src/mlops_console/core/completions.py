"""What may come next in a filter that is being typed: fields, operators, values, `and` and `or`."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mlops_console.core.filters import (
    AGGREGATES,
    NUMBERS,
    TEXTS,
    TIMES,
    Field,
    FilterError,
    field_text,
    parse_field,
)
from mlops_console.core.runs import FieldNames

MOST = 50  # choices

_BOUNDARY = re.compile(r"""(?:`(?:[^`]|``)*`?|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s(),=<>!~])+$""")
_OPERATOR = re.compile(r"<=|>=|!=|!~|==|=|<|>|~")
_WORD = re.compile(r"""`(?:[^`]|``)*`?|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|<=|>=|!=|!~|==|[=<>~(),]|[^\s(),=<>!~]+""")
_PLAIN_VALUE = re.compile(r"[\w/@%:.-]+")
_SAMPLE_TIMES = ("1h ago", "1d ago", "7d ago", "30d ago")
_SAMPLE_SPANS = ("30s", "5m", "1h", "1d")

Values = Callable[[Field, str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Completion:
    """`text[start:end]` may become any of the choices."""

    start: int
    end: int
    choices: tuple[str, ...] = ()


def complete(text: str, cursor: int, names: FieldNames, values: Values) -> Completion:
    """What the word at the cursor may become.

    Args:
        text: the filter as it stands.
        cursor: between 0 and its length.
        names: the names in the store.
        values: known values of a param, a tag or a text field that begin with a text.
    """
    before = text[:cursor]
    match = _BOUNDARY.search(before)
    word = match[0] if match else ""
    start = cursor - len(word)
    words = [_whole(part) for part in _words(before[:start])]
    choices = _choices(words, word, names, values)
    wanted = word.casefold()
    found = [choice for choice in dict.fromkeys(choices) if choice.casefold() != wanted]
    return Completion(start, cursor, tuple(_ranked(found, wanted)))


def _choices(words: Sequence[str], word: str, names: FieldNames, values: Values) -> Iterable[str]:
    """By what stands before the word: a field, an operator, a value or a conjunction is next."""
    last = words[-1].lower() if words else ""
    if not words or last in ("and", "or", "not", "("):
        inside = _list_field(words)
        return _value_choices(inside, word, values) if inside else _field_choices(names, word)
    if _OPERATOR.fullmatch(last):
        field = _field(words[-2]) if len(words) > 1 else None
        return _value_choices(field, word, values) if field else ()
    if last == ",":
        inside = _list_field(words)
        return _value_choices(inside, word, values) if inside else ()
    if last == "in":
        return ("(",)
    previous = words[-2].lower() if len(words) > 1 else ""
    if _field(words[-1]) and previous in ("", "and", "or", "not", "("):
        return _operators(_field(words[-1]))
    return ("and", "or")


def _field_choices(names: FieldNames, word: str) -> Iterable[str]:
    head, dot, _ = word.rpartition(".")
    known = _field(head) if dot else None
    summaries = AGGREGATES if known is not None and known.kind == "metrics" and known.key in names.metrics else ()
    return [
        *(f"{head}.{aggregate}" for aggregate in summaries),
        *TEXTS,
        *TIMES,
        *NUMBERS,
        *(field_text(Field("metrics", name)) for name in names.metrics),
        *(field_text(Field("params", name)) for name in names.params),
        *(field_text(Field("tags", name)) for name in names.tags),
    ]


def _value_choices(field: Field, word: str, values: Values) -> Iterable[str]:
    if field.kind in TIMES:
        return _SAMPLE_TIMES
    if field.kind in NUMBERS:
        return _SAMPLE_SPANS
    if field.kind == "metrics":
        return ()
    return [_quoted(value) for value in values(field, word.strip("\"'`"))]


def _operators(field: Field | None) -> Sequence[str]:
    if field is not None and field.kind in ("metrics", *TIMES, *NUMBERS):
        return (">", "<", ">=", "<=", "=", "!=")
    return ("=", "!=", "~", "!~", "in (", "not in (", ">", "<", ">=", "<=")


def _ranked(choices: Sequence[str], wanted: str) -> list[str]:
    """Those that begin with the word first, then those that have it anywhere."""
    bare = wanted.replace("`", "")
    plain = {choice: choice.casefold().replace("`", "") for choice in choices}
    begin = [choice for choice, text in plain.items() if text.startswith(bare)]
    within = [choice for choice, text in plain.items() if bare in text[1:] and not text.startswith(bare)]
    return [*begin, *within][:MOST]


def _list_field(words: Sequence[str]) -> Field | None:
    """The field of the `in (` that the words end within."""
    for at in range(len(words) - 1, 1, -1):
        if words[at] == ")":
            return None
        if words[at] == "(":
            if words[at - 1].lower() != "in":
                return None
            name = words[at - 3] if words[at - 2].lower() == "not" and at > 2 else words[at - 2]
            return _field(name)
    return None


def _field(word: str) -> Field | None:
    try:
        return parse_field(word)
    except FilterError:
        return None


def _words(text: str) -> list[str]:
    return _WORD.findall(_joined_keys(text))


def _joined_keys(text: str) -> str:
    """`metrics.`a b`` as one word: the blanks within backticks are told apart from others by a mark."""
    return re.sub(r"`(?:[^`]|``)*`", lambda match: match[0].replace(" ", "\x00"), text)


def _whole(word: str) -> str:
    return word.replace("\x00", " ")


def _quoted(value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value) and value.lower() not in ("and", "or", "not", "in"):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
