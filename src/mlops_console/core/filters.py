"""The filter language for runs: text to a checked tree, and how runs are ordered.

metrics.val/auc > 0.9 and params.optimizer = "adam" and not status in (failed, lost)
metrics.`test loss`.min < 1e-3 or started > 2d ago or name ~ otter

filter     = either
either     = both { "or" both }
both       = negation { "and" negation }
negation   = "not" negation | "(" either ")" | comparison
comparison = field operator value | field ["not"] "in" "(" value { "," value } ")"
operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"      (~: contains, or matches /a regex/; see `matches`)
field      = "metrics." key [ ".first" | ".last" | ".min" | ".max" | ".mean" | ".count" ]
           | "params." key | "tags." key
           | status | name | id | experiment | started | ended | duration | user | git | branch | pipeline | dataset
key        = letters, digits and _ / - . @ % :, or anything between backticks (a backtick among it is written twice)
value      = number | "text" | 'text' | word | 2026-03-01[T12:00[Z|+02:00]] | 2d ago | 90s (a duration, in seconds)
           | /regex/ after ~ and !~
"""

import datetime as dt
import functools
import re
from dataclasses import dataclass
from typing import Literal

from mlops_console.core.errors import UsageError

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~", "!~"]
AGGREGATES = ("first", "last", "min", "max", "mean", "count")
TIMES = ("started", "ended")
NUMBERS = ("duration",)
TEXTS = ("status", "name", "id", "experiment", "user", "git", "branch", "pipeline", "dataset")
MOST = 200  # conditions of a filter
DEEPEST = 20  # brackets and nots within each other; SQLite's own parser takes some 30
LONGEST_REGEX = 200  # characters
_SUBJECT = 1000  # characters of a text that a regex is shown
SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<date>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?)(?![\w.])
    | (?P<span>\d+(?:\.\d+)?[smhdw])(?:\s+(?P<ago>ago))?(?![\w.])
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|nan)\b)(?![\w.])
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<operator><=|>=|!=|!~|==|=|<|>|~)
    | (?P<punctuation>[(),])
    | (?P<word>(?:`(?:[^`]|``)*`|[\w/@%:.-])+)
    )""",
    re.VERBOSE | re.IGNORECASE,
)


_REGEX = re.compile(r"\s*(/(?:[^/\\]|\\.)+/)(?=[\s),]|$)")
_ODD_KEY = re.compile(r"`((?:[^`]|``)*)`(?:\.(\w+))?")
_PLAIN_KEY = re.compile(r"[\w/@%:-][\w/@%:.-]*")
_WORD = re.compile(r"[\w.-]+")
_SHOWN = 100  # characters of a filter that an error shows


class FilterError(UsageError):
    """A filter that makes no sense; `column` is where, counted from 1, and `text` the filter."""

    def __init__(self, message: str, column: int, what: str = "Filter") -> None:
        super().__init__(f"{what}, column {column}: {message}.", "docs/filters.md shows the language.")
        self.problem, self.column, self.text = message, column, ""

    def pointed(self) -> tuple[str, str]:
        """The filter, or the part of it that matters, and a line with a caret under the column."""
        begin = max(0, min(self.column - 1 - _SHOWN // 2, len(self.text) - _SHOWN))
        text = re.sub(r"\s", " ", self.text[begin : begin + _SHOWN])
        return text, " " * (self.column - 1 - begin) + "^"


@dataclass(frozen=True, slots=True)
class Field:
    """What is compared. `kind` is "metrics", "params", "tags" or the name of a run's own field."""

    kind: str
    key: str = ""
    aggregate: str = ""  # of a metric; "" means the last value


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression of Python's `re`; see `matches`."""

    source: str


@dataclass(frozen=True, slots=True)
class Comparison:
    field: Field
    operator: Operator
    value: float | str | Pattern


@dataclass(frozen=True, slots=True)
class Membership:
    field: Field
    values: tuple[float | str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    inner: "Filter"


@dataclass(frozen=True, slots=True)
class Both:
    left: "Filter"
    right: "Filter"


@dataclass(frozen=True, slots=True)
class Either:
    left: "Filter"
    right: "Filter"


Filter = Comparison | Membership | Not | Both | Either


@dataclass(frozen=True, slots=True)
class Order:
    field: Field
    descending: bool


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def parse_filter(text: str, now: float) -> Filter | None:
    """Read a filter; None for an empty one.

    Args:
        text: the filter.
        now: seconds since the epoch, for `2d ago`.

    Raises:
        FilterError: it makes no sense; the message names the column.
    """
    if not text.strip():
        return None
    try:
        return _Parser(_tokens(text), len(text), now).whole()
    except FilterError as error:
        error.text = text
        raise


def parse_order(text: str) -> Order:
    """Read `metrics.val/auc.max` (ascending) or `-started` (descending).

    Raises:
        FilterError: there is no such field.
    """
    descending = text.startswith("-")
    try:
        return Order(parse_field(text.removeprefix("-"), 1 + descending), descending)
    except FilterError as error:
        found = FilterError(error.problem, error.column, "Order")
        found.text = text
        raise found from None


def parse_field(text: str, column: int = 1) -> Field:
    """Read the name of a field, such as `metrics.val/auc.max`, ``params.`odd key` `` or `status`.

    Raises:
        FilterError: there is no such field.
    """
    kind, dot, rest = text.partition(".")
    if kind in ("metrics", "params", "tags") and dot:
        key, aggregate = _key(rest, kind == "metrics")
        if key:
            return Field(kind, key, aggregate)
    if text in (*TEXTS, *TIMES, *NUMBERS):
        return Field(text)
    known = ", ".join((*TEXTS, *TIMES, *NUMBERS))
    raise FilterError(f"{text!r} is no field; known are metrics.KEY, params.KEY, tags.KEY, {known}", column)


def typed_filter(text: str) -> str:
    """What somebody types, as a filter: a single word means a part of the name."""
    text = text.strip()
    return f'name ~ "{text}"' if _WORD.fullmatch(text) else text


def field_text(field: Field) -> str:
    """A field as the language writes it: what `parse_field` reads."""
    if not field.key:
        return field.kind
    plain = _PLAIN_KEY.fullmatch(field.key) and field.key.rpartition(".")[2] not in AGGREGATES
    key = field.key if plain else "`" + field.key.replace("`", "``") + "`"
    return f"{field.kind}.{key}{'.' if field.aggregate else ''}{field.aggregate}"


def matches(source: str, text: str | None) -> bool:
    """Whether a regex is found in a text, without regard to case unless it says `(?-i:…)`.

    Of a long text only the first thousand characters are looked at.
    """
    return text is not None and _compiled(source).search(text[:_SUBJECT]) is not None


@functools.lru_cache(maxsize=64)
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source, re.IGNORECASE)


def _key(text: str, may_aggregate: bool) -> tuple[str, str]:
    """A key and the summary after it; "" as the key if it is none."""
    odd = _ODD_KEY.fullmatch(text)
    if odd:
        aggregate = odd[2] or ""
        if aggregate and not (may_aggregate and aggregate in AGGREGATES):
            return "", ""
        return odd[1].replace("``", "`"), aggregate
    if "`" in text:
        return "", ""
    key, dot, aggregate = text.rpartition(".")
    if may_aggregate and dot and key and aggregate in AGGREGATES:
        return key, aggregate
    return text, ""


def _bare(word: str) -> str:
    return word[1:-1].replace("``", "`") if len(word) >= 2 and word[0] == word[-1] == "`" else word


def _check_regex(source: str, column: int) -> None:
    """Refuse what does not compile, and a repeat within a repeat: some texts keep that busy for ever."""
    if len(source) > LONGEST_REGEX:
        raise FilterError(f"a regex has at most {LONGEST_REGEX} characters", column)
    try:
        _compiled(source)
    except (re.error, OverflowError, RecursionError) as error:
        raise FilterError(f"/{source}/ is no regex: {error}", column) from None
    if _repeats_a_repeat(source):
        raise FilterError(f"/{source}/ repeats a repeat, which some texts keep busy for ever", column)


def _repeats_a_repeat(source: str) -> bool:
    """Whether a bracket with an open repeat (`*`, `+`, `{2,}`) in it has one itself, as in `(a+)+`."""
    inside = [False]  # of each open bracket whether there is an open repeat in it
    for match in _REGEX_PART.finditer(source):
        part, repeat = match["part"], match["repeat"] is not None
        if part == "(":
            inside.append(False)
        elif part == ")" and len(inside) > 1:
            repeated = inside.pop()
            if repeat and repeated:
                return True
            inside[-1] |= repeated
        inside[-1] |= repeat
    return False


_REGEX_PART = re.compile(r"(?P<part>\\.|\[\^?\]?[^]]*\]|\(|\)|.)(?P<repeat>(?:[*+]|\{\d*,\})[?+]?)?", re.DOTALL)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while text[position:].strip():
        if tokens and tokens[-1].text in ("~", "!~") and (regex := _REGEX.match(text, position)):
            tokens.append(_Token("regex", regex[1], regex.start(1) + 1))
            position = regex.end()
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            column = position + len(text[position:]) - len(text[position:].lstrip()) + 1
            raise FilterError(f"{text[column - 1]!r} does not belong here", column)
        kind = str(match.lastgroup)
        if kind == "ago":
            tokens.append(_Token("ago", match["span"], match.start("span") + 1))
        else:
            tokens.append(_Token(kind, match[kind], match.start(kind) + 1))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens; one method for each rule of the grammar."""

    def __init__(self, tokens: list[_Token], length: int, now: float) -> None:
        self._tokens = tokens
        self._end = _Token("end", "the end", length + 1)
        self._now = now
        self._at = 0
        self._conditions = 0
        self._depth = 0

    def whole(self) -> Filter:
        found = self._either()
        if self._next.kind != "end":
            raise FilterError(f"expected 'and', 'or' or the end, not {self._next.text!r}", self._next.column)
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else self._end

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _is(self, word: str) -> bool:
        return self._next.kind in ("word", "punctuation") and self._next.text.lower() == word

    def _accept(self, word: str) -> bool:
        if self._is(word):
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise FilterError(f"expected {word!r}, not {self._next.text!r}", self._next.column)

    def _either(self) -> Filter:
        left = self._both()
        while self._accept("or"):
            left = Either(left, self._both())
        return left

    def _both(self) -> Filter:
        left = self._negation()
        while self._accept("and"):
            left = Both(left, self._negation())
        return left

    def _negation(self) -> Filter:
        if self._is("not") or self._is("("):
            return self._nested()
        self._conditions += 1
        if self._conditions > MOST:
            raise FilterError(f"a filter has at most {MOST} conditions", self._next.column)
        return self._comparison()

    def _nested(self) -> Filter:
        self._depth += 1
        if self._depth > DEEPEST:
            raise FilterError(f"at most {DEEPEST} brackets and nots stand within each other", self._next.column)
        if self._accept("not"):
            found: Filter = Not(self._negation())
        else:
            self._expect("(")
            found = self._either()
            self._expect(")")
        self._depth -= 1
        return found

    def _comparison(self) -> Filter:
        token = self._take()
        if token.kind != "word":
            raise FilterError(f"expected a field such as metrics.loss or status, not {token.text!r}", token.column)
        field = parse_field(token.text, token.column)
        if self._accept("not"):
            self._expect("in")
            return Not(self._membership(field))
        if self._accept("in"):
            return self._membership(field)
        operator = self._take()
        if operator.kind != "operator":
            raise FilterError(f"expected =, !=, <, <=, >, >=, ~, !~ or in, not {operator.text!r}", operator.column)
        sign = "=" if operator.text == "==" else operator.text
        value = self._pattern(sign) or self._value(field, sign)
        return Comparison(field, sign, value)  # type: ignore[arg-type]

    def _membership(self, field: Field) -> Membership:
        self._expect("(")
        values = [self._value(field, "=")]
        while self._accept(","):
            values.append(self._value(field, "="))
        self._expect(")")
        return Membership(field, tuple(values))

    def _pattern(self, operator: str) -> Pattern | None:
        if operator not in ("~", "!~") or self._next.kind != "regex":
            return None
        token = self._take()
        source = token.text[1:-1].replace("\\/", "/")
        _check_regex(source, token.column)
        return Pattern(source)

    def _value(self, field: Field, operator: str) -> float | str:
        token = self._take()
        if token.kind in ("end", "punctuation", "operator"):
            raise FilterError(f"expected a value, not {token.text!r}", token.column)
        value = self._read(token)
        if operator in ("~", "!~"):
            return token.text if isinstance(value, float) else value
        numeric = field.kind in ("metrics", *TIMES, *NUMBERS)
        if numeric and isinstance(value, str):
            raise FilterError(
                f"{field.kind} is compared with a number or a time, not with {token.text!r}", token.column
            )
        if field.kind in (*TEXTS, "tags") and isinstance(value, float):
            return token.text
        return value

    def _read(self, token: _Token) -> float | str:
        match token.kind:
            case "number":
                return float(token.text)
            case "text":
                return re.sub(r"\\(.)", r"\1", token.text[1:-1])
            case "span":
                return float(token.text[:-1]) * SPANS[token.text[-1].lower()]
            case "ago":
                return self._now - float(token.text[:-1]) * SPANS[token.text[-1].lower()]
            case "date":
                try:
                    return dt.datetime.fromisoformat(token.text).astimezone().timestamp()
                except ValueError:
                    raise FilterError(f"{token.text!r} is no date", token.column) from None
            case _:
                return _bare(token.text)
