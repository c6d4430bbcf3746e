"""Whether a dataset holds what mlops.toml expects of it, and what could be expected of it."""

import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mlops_console.core.datasets import Expected, Verdict, Violation, dtype_name, kind_of
from mlops_console.core.expectations import Category, ColumnExpectation, ColumnType, Expectations
from mlops_console.core.text import param, safe_line, shorten

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_EXAMPLES = 5
_SHOWN = 60  # characters of a name or a value in a sentence
_VALUE = 200  # characters of an example
_MOST_CATEGORIES = 20
_LEAST_EACH = 5  # rows of a category, on average
_LEAST_UNIQUE = 20  # rows; a few are easily distinct by chance
_NEAR_ZERO = 0.05  # of the greatest value
_IDENTIFIER = re.compile(r"(.*[_\-. ])?(id|uuid|key)", re.IGNORECASE | re.DOTALL)
_BE = ("is", "are")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_NOUNS: dict[ColumnType, str] = {
    "integer": "whole number",
    "number": "number",
    "text": "text",
    "boolean": "truth value",
}


def check(frame: "pd.DataFrame", expectations: Expectations) -> list[Violation]:
    """All that does not hold: first of the whole dataset, then of its columns as they are expected, then extra ones.

    Texts that are written as numbers or as true or false are these where that is expected, as in a CSV file.
    """
    found = list(_check_rows(len(frame), expectations))
    for name, expected in expectations.columns.items():
        if name in frame.columns:
            found += _check_column(_Column.of(name, frame[name]), expected)
        elif expected.required:
            found.append(Violation(name, "required = true", 0, (), f"{_shown_name(name)}: the column is missing."))
    if not expectations.extra_columns:
        found += [
            Violation(name, "extra_columns = false", 0, (), f"{_shown_name(name)}: no such column is expected.")
            for name in frame.columns
            if name not in expectations.columns
        ]
    return found


def judge(frame: "pd.DataFrame", expectations: Expectations) -> Verdict:
    """`check`, with what was expected and when it was checked."""
    return Verdict(listed(expectations), tuple(check(frame, expectations)), time.time())


def listed(expectations: Expectations) -> tuple[Expected, ...]:
    """Every expectation by itself, called as a `Violation` of it calls it.

    That a column is there counts only where nothing else is expected of it.
    """
    found: list[Expected] = []
    if expectations.rows_min is not None:
        found.append(("", f"rows_min = {expectations.rows_min}"))
    if expectations.rows_max is not None:
        found.append(("", f"rows_max = {expectations.rows_max}"))
    for name, expected in expectations.columns.items():
        of_it = [(name, told) for told in _listed(expected)]
        found += of_it or [(name, "required = true")] * expected.required
    return (*found, *[("", "extra_columns = false")] * (not expectations.extra_columns))


def _listed(expected: ColumnExpectation) -> Iterator[str]:
    if expected.type is not None:
        yield f'type = "{expected.type}"'
    if expected.min is not None:
        yield f"min = {_toml(expected.min)}"
    if expected.max is not None:
        yield f"max = {_toml(expected.max)}"
    if expected.missing is not None:
        yield f"missing = {expected.missing!r}"
    if expected.categories is not None:
        yield f"categories = [{_shown_categories(expected.categories)}]"
    if expected.unique:
        yield "unique = true"


def _shown_categories(categories: tuple[Category, ...]) -> str:
    return shorten(", ".join(_toml(category) for category in categories), _SHOWN)


def _check_rows(rows: int, expected: Expectations) -> Iterator[Violation]:
    if expected.rows_min is not None and rows < expected.rows_min:
        text = f"{_rows(rows)} {_are(rows)} there, but at least {expected.rows_min:,} are expected."
        yield Violation("", f"rows_min = {expected.rows_min}", 0, (), text)
    if expected.rows_max is not None and rows > expected.rows_max:
        text = f"{_rows(rows)} {_are(rows)} there, but at most {expected.rows_max:,} are expected."
        yield Violation("", f"rows_max = {expected.rows_max}", 0, (), text)


def _are(rows: int) -> str:
    return "is" if rows == 1 else "are"


@dataclass(frozen=True, slots=True)
class _Column:
    """A column by the kinds of its values. `numbers` means something where `is_number` does only."""

    name: str
    values: "pd.Series[Any]"
    missing: "NDArray[np.bool_]"
    is_number: "NDArray[np.bool_]"
    is_truth: "NDArray[np.bool_]"
    is_text: "NDArray[np.bool_]"
    numbers: "NDArray[Any]"

    @classmethod
    def of(cls, name: str, column: "pd.Series[Any]") -> "_Column":
        import numpy as np
        import pandas as pd

        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        missing = column.isna().to_numpy(dtype=bool)
        none, dtype = np.zeros(len(column), dtype=bool), dtype_name(column.dtype)
        if kind_of(dtype) == "numeric":
            numbers = _native_numbers(column, dtype)
            if numbers.dtype.kind == "f":
                missing = missing | np.isnan(numbers)
            return cls(name, column, missing, ~missing, none, none, numbers)
        if dtype == "bool":
            return cls(name, column, missing, none, ~missing, none, np.zeros(len(column)))
        if isinstance(column.dtype, pd.StringDtype):
            return cls(name, column, missing, none, none, ~missing, np.zeros(len(column)))
        return cls._of_objects(name, column, missing)

    @classmethod
    def _of_objects(cls, name: str, column: "pd.Series[Any]", missing: "NDArray[np.bool_]") -> "_Column":
        import numpy as np

        values = column.to_numpy(dtype=object)
        kinds = np.fromiter((_kind(value) for value in values), dtype="U1", count=len(values))
        kinds[missing] = ""
        numbers = np.zeros(len(values))
        is_number = kinds == "n"
        numbers[is_number] = [_as_float(value) for value in values[is_number]]
        return cls(name, column, missing, is_number, kinds == "b", kinds == "t", numbers)

    def read_texts(self, wanted: ColumnType | None) -> "_Column":
        """With the texts that are written as what is wanted taken as such."""
        import numpy as np
        import pandas as pd

        if wanted not in ("integer", "number", "boolean") or not self.is_text.any():
            return self
        texts = self.values[self.is_text].astype(object)
        read = np.zeros(len(self.values), dtype=bool)
        if wanted == "boolean":
            read[self.is_text] = texts.str.lower().isin(("true", "false")).to_numpy(dtype=bool)
            return replace(self, is_truth=self.is_truth | read, is_text=self.is_text & ~read)
        parsed = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
        read[self.is_text] = ~np.isnan(parsed)
        numbers = self.numbers.astype(np.float64)
        numbers[read] = parsed[~np.isnan(parsed)]
        return replace(self, is_number=self.is_number | read, is_text=self.is_text & ~read, numbers=numbers)


def _native_numbers(column: "pd.Series[Any]", dtype: str) -> "NDArray[Any]":
    """Whole numbers as such, as floats can't tell large ones apart."""
    import numpy as np

    if dtype.startswith(("int", "uint")):
        return column.fillna(0).to_numpy(dtype=np.dtype(dtype))
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _kind(value: Any) -> str:
    import numpy as np

    if isinstance(value, str):
        return "t"
    if isinstance(value, bool | np.bool_):
        return "b"
    return "n" if isinstance(value, int | float | Decimal | np.integer | np.floating) else "o"


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _check_column(column: _Column, expected: ColumnExpectation) -> Iterator[Violation]:
    bounded = expected.min is not None or expected.max is not None
    wanted: ColumnType | None = expected.type or ("number" if bounded else None)
    column = column.read_texts(wanted)
    if wanted is not None:
        yield from _check_type(column, wanted)
    if expected.min is not None:
        yield from _check_bound(column, "min", expected.min)
    if expected.max is not None:
        yield from _check_bound(column, "max", expected.max)
    if expected.missing is not None:
        yield from _check_missing(column, expected.missing)
    if expected.categories is not None:
        yield from _check_categories(column, expected.categories)
    if expected.unique:
        yield from _check_unique(column)


def _check_type(column: _Column, wanted: ColumnType) -> Iterator[Violation]:
    import numpy as np

    if wanted == "integer":
        fits = column.is_number.copy()
        if column.numbers.dtype.kind == "f":
            fits &= np.isfinite(column.numbers) & (column.numbers == np.floor(column.numbers))
    else:
        fits = {"number": column.is_number, "text": column.is_text, "boolean": column.is_truth}[wanted]
    offending = ~fits & ~column.missing
    yield from _violation(
        column, f'type = "{wanted}"', offending, ("holds", "hold"), f"no {_NOUNS[wanted]}", first=True
    )


def _check_bound(column: _Column, side: str, bound: float) -> Iterator[Violation]:
    import numpy as np

    if side == "min":
        beyond = column.numbers < (bound if column.numbers.dtype.kind == "f" else math.ceil(bound))
    else:
        beyond = column.numbers > (bound if column.numbers.dtype.kind == "f" else math.floor(bound))
    offending = np.asarray(beyond & column.is_number, dtype=bool)
    if not offending.any():
        return
    extreme = (column.numbers[offending].min() if side == "min" else column.numbers[offending].max()).item()
    what = f"below {_figure(bound)} (least: " if side == "min" else f"above {_figure(bound)} (greatest: "
    text = f"{what}{_figure(extreme)})"
    yield from _violation(column, f"{side} = {_toml(bound)}", offending, _BE, text)


def _check_missing(column: _Column, allowed: float) -> Iterator[Violation]:
    rows = len(column.missing)
    share = int(column.missing.sum()) / rows if rows else 0.0
    if share > allowed:
        text = f"without a value ({_percent(share)}, but {_percent(allowed)} may be)"
        yield from _violation(column, f"missing = {allowed!r}", column.missing, _BE, text)


def _check_categories(column: _Column, categories: tuple[Category, ...]) -> Iterator[Violation]:
    import numpy as np

    known = column.missing.copy()
    texts = [category for category in categories if isinstance(category, str)]
    truths = [category for category in categories if isinstance(category, bool)]
    numbers = [c for c in categories if isinstance(c, int | float) and not isinstance(c, bool)]
    known[column.is_text] = column.values[column.is_text].astype(object).isin(texts).to_numpy(dtype=bool)
    known[column.is_truth] = np.isin(_truths(column), truths)
    known[column.is_number] = _is_any(column.numbers[column.is_number], numbers)
    shown = _shown_categories(categories)
    rest = f"none of {safe_line(shown)}"
    yield from _violation(column, f"categories = [{shown}]", ~known, _BE, rest, first=True)


def _truths(column: _Column) -> "NDArray[np.bool_]":
    import numpy as np

    values = column.values[column.is_truth]
    return np.fromiter((str(value).lower() == "true" for value in values), dtype=bool, count=len(values))


def _is_any(numbers: "NDArray[Any]", wanted: Iterable[float]) -> "NDArray[np.bool_]":
    """One by one, as np.isin would turn large whole numbers into floats."""
    import numpy as np

    found = np.zeros(len(numbers), dtype=bool)
    for number in wanted:
        if numbers.dtype.kind != "f" and isinstance(number, float) and number.is_integer():
            number = int(number)
        found |= numbers == (_as_float(number) if numbers.dtype.kind == "f" else number)
    return found


def _check_unique(column: _Column) -> Iterator[Violation]:
    import numpy as np

    again = np.zeros(len(column.missing), dtype=bool)
    there = column.values[~column.missing]
    again[~column.missing] = _repeated(there).to_numpy(dtype=bool)
    rest = "the value of an earlier one"
    yield from _violation(column, "unique = true", again, ("repeats", "repeat"), rest, first=True)


def _repeated(column: "pd.Series[Any]") -> "pd.Series[bool]":
    try:
        return column.duplicated()
    except TypeError:  # lists, dicts and such
        return column.map(repr).duplicated()


def _violation(
    column: _Column,
    expectation: str,
    offending: "NDArray[np.bool_]",
    verb: tuple[str, str],
    rest: str,
    first: bool = False,
) -> Iterator[Violation]:
    import numpy as np

    rows = int(offending.sum())
    if not rows:
        return
    places = np.flatnonzero(offending)[:_EXAMPLES]
    examples = tuple((int(place) + 1, _text(column, int(place))) for place in places)
    said = f"{verb[0] if rows == 1 else verb[1]} {rest}"
    shown = f" (first: {safe_line(shorten(examples[0][1], _SHOWN))})" if first else ""
    message = f"{_shown_name(column.name)}: {rows:,} of {_rows(len(offending))} {said}{shown}."
    yield Violation(column.name, expectation, rows, examples, message)


def _text(column: _Column, place: int) -> str:
    if column.missing[place]:
        return ""
    value = column.values.iloc[place]
    return shorten(param(value.item() if hasattr(value, "item") else value), _VALUE)


def _rows(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"


def _shown_name(name: str) -> str:
    return safe_line(shorten(name, _SHOWN)) or "''"


def _figure(value: float) -> str:
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    return f"{int(value):,}" if value == int(value) and abs(value) < 1e15 else repr(value)


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def infer(frame: "pd.DataFrame", *, slack: float = 0.0) -> Expectations:
    """Expectations that the rows meet: a proposal, to be read before it is kept.

    Columns of identifiers get no bounds, as the next ones lie outside of them.

    Args:
        frame: the rows to learn from.
        slack: by how much of its range a number may lie outside of what is seen.
    """
    columns = {name: _infer_column(_Column.of(name, frame[name]), slack) for name in frame.columns}
    return Expectations(columns=columns, rows_min=1 if len(frame) else None)


def _infer_column(column: _Column, slack: float) -> ColumnExpectation:
    kind = _infer_type(column)
    found: dict[str, Any] = {"type": kind, "missing": _infer_missing(column)}
    if kind in ("integer", "text") and _is_identifier(column):
        return ColumnExpectation(**found, unique=True)
    if kind in ("integer", "number"):
        return ColumnExpectation(**found, **_infer_bounds(column, slack, whole=kind == "integer"))
    if kind in ("text", "boolean"):
        return ColumnExpectation(**found, categories=_infer_categories(column))
    return ColumnExpectation(**found)


def _infer_type(column: _Column) -> ColumnType | None:
    """None for what is of no type, or of several, or not there at all."""
    import numpy as np

    there = ~column.missing
    if not there.any():
        return None
    if column.is_number[there].all():
        numbers = column.numbers[there]
        if numbers.dtype.kind != "f":
            return "integer"
        # pandas makes floats of whole numbers with gaps between them.
        whole = not there.all() or column.values.dtype == object
        return "integer" if whole and np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all() else "number"
    if column.is_text[there].all():
        return "text"
    return "boolean" if column.is_truth[there].all() else None


def _infer_missing(column: _Column) -> float:
    """The seen share, rounded up to whole percents."""
    rows, missing = len(column.missing), int(column.missing.sum())
    return -(-100 * missing // rows) / 100 if rows else 0.0


def _is_identifier(column: _Column) -> bool:
    there = column.values[~column.missing]
    return bool(_IDENTIFIER.fullmatch(column.name)) and len(there) > _LEAST_UNIQUE and bool(there.is_unique)


def _infer_bounds(column: _Column, slack: float, *, whole: bool) -> dict[str, float | None]:
    numbers = column.numbers[column.is_number]
    least, greatest = numbers.min().item(), numbers.max().item()
    room = slack * (greatest - least) if slack and math.isfinite(greatest - least) else 0
    low = min(_rounded(least, down=True), least - room)
    high = max(_rounded(greatest, down=False), greatest + room)
    if 0 <= least <= _NEAR_ZERO * greatest:
        low = 0.0
    return {"min": _bound(low, math.floor if whole else None), "max": _bound(high, math.ceil if whole else None)}


def _bound(value: float, rounding: Callable[[float], int] | None) -> float | None:
    if not math.isfinite(value):
        return None
    return value if rounding is None else float(rounding(value))


def _rounded(value: float, *, down: bool) -> float:
    """As a float that lies on the outer side of a large whole number."""
    found = float(value)
    if down:
        return found if found <= value else math.nextafter(found, -math.inf)
    return found if found >= value else math.nextafter(found, math.inf)


def _infer_categories(column: _Column) -> tuple[Category, ...] | None:
    there = column.values[~column.missing]
    distinct = there.unique()
    if len(distinct) > _MOST_CATEGORIES or len(there) < _LEAST_EACH * len(distinct):
        return None
    return tuple(sorted(bool(value) if column.is_truth.any() else str(value) for value in distinct))


def to_toml(name: str, expectations: Expectations) -> str:
    """The lines of mlops.toml that say so, for the dataset of this name."""
    table = f"datasets.{_key(name)}.expect"
    lines = [f"[{table}]"]
    if expectations.rows_min is not None:
        lines.append(f"rows_min = {expectations.rows_min}")
    if expectations.rows_max is not None:
        lines.append(f"rows_max = {expectations.rows_max}")
    if not expectations.extra_columns:
        lines.append("extra_columns = false")
    lines += ["", f"[{table}.columns]"]
    lines += [f"{_key(column)} = {_inline(expected)}" for column, expected in expectations.columns.items()]
    return "\n".join(lines) + "\n"


def _inline(expected: ColumnExpectation) -> str:
    parts: dict[str, str] = {}
    if expected.type is not None:
        parts["type"] = _toml(expected.type)
    if expected.min is not None:
        parts["min"] = _toml(expected.min)
    if expected.max is not None:
        parts["max"] = _toml(expected.max)
    if expected.missing is not None:
        parts["missing"] = repr(expected.missing)
    if expected.categories is not None:
        parts["categories"] = f"[{', '.join(map(_toml_category, expected.categories))}]"
    if expected.unique is not None:
        parts["unique"] = _toml(expected.unique)
    if not expected.required:
        parts["required"] = "false"
    return "{" + ", ".join(f"{key} = {value}" for key, value in parts.items()) + "}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _toml(name)


def _toml(value: str | float | bool) -> str:
    """A value as TOML has it; a float that is a whole number without its ".0"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "".join(map(_visible, json.dumps(value, ensure_ascii=False)))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return _toml_category(value)


def _visible(letter: str) -> str:
    """What can't be shown is written as an escape: so the lines may be printed and pasted."""
    return letter if safe_line(letter) == letter else f"\\U{ord(letter):08x}"


def _toml_category(value: Category) -> str:
    """A float stays one, so that it comes back as it was; `inf` is TOML too."""
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else _toml(value)
