"""Any two files or frames compared, without a workspace."""

import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_console.core.datasets import ColumnKind, dtype_name, kind_of
from mlops_console.core.drift import LEAST_ROWS, DriftReport, DriftSettings, DriftVerdict, FeatureDrift, Profile
from mlops_console.core.errors import UsageError
from mlops_console.core.models import Column
from mlops_console.core.text import did_you_mean, safe_line
from mlops_console.data.frames import as_frame
from mlops_console.data.tables import read_table
from mlops_console.drift.features import compare
from mlops_console.drift.labels import count_labels, floats_of
from mlops_console.drift.statistics.together import compare_together
from mlops_console.drift.verdicts import LEVEL_OF_COLUMNS, LEVEL_OF_TOGETHER, part_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_EVIDENTLY: Mapping[Profile, tuple[str, ...]] = {
    "calibrated": (),
    "evidently": ("Judged by Evidently's rules, with no correction for several tests and no least effect.",),
}
_MOST_SHOWN = 60  # characters of a value in a sentence
_IGNORE = "if it is one, ignore it"
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:\D|$)")
_LOOKED_AT = 20


def drift(
    ref: Any,
    cur: Any,
    *,
    level: float = 0.01,
    effect: float = 0.1,
    profile: Profile = "calibrated",
    ignore: Collection[str] = (),
) -> DriftReport:
    """Compare two tables column by column. No workspace is needed, and nothing is stored.

    Args:
        ref: what is compared with: a DataFrame, an array, a dict of columns, a list of records, or the path of a CSV,
            Parquet or JSON lines file.
        cur: likewise, other rows.
        level: false discovery rate over all tests, between 0 and 1.
        effect: the least difference that counts, as a share of the rows from 0 to 1.
        profile: "evidently" takes the tests and thresholds that Evidently 0.7 chooses by default.
        ignore: columns that are left out, as ids and times.

    Returns:
        A `DriftReport`: `drifted`, and `features`, what moved most first, each with `name`, `drifted`, `test`,
        `statistic`, `p_value`, `effect`, `smallest_shift`, and `verdict` in a sentence.

    Raises:
        UsageError: one of them is no table, a setting is out of its range, or neither has a column to ignore.
        NotFoundError: there is no such file.
    """
    settings = settings_of(level, effect, profile)
    return compare_frames(_rows(ref), _rows(cur), settings, [ignore] if isinstance(ignore, str) else ignore)


def settings_of(level: float, effect: float, profile: Profile) -> DriftSettings:
    """How the verdict is made, from what a caller gave.

    Raises:
        UsageError: a setting is out of its range.
    """
    if not 0 < level < 1:
        raise UsageError(f"The level {level:g} is no rate.", "Give one between 0 and 1, as 0.01.")
    if not 0 <= effect < 1:
        raise UsageError(f"The least effect {effect:g} is no share.", "Give one from 0 to below 1, as 0.1.")
    if profile not in ("calibrated", "evidently"):
        raise UsageError(f"There is no profile {profile!r}.", "Known are calibrated and evidently.")
    return DriftSettings(level=level, least_effect=effect, profile=profile)


def compare_files(ref: Path, cur: Path, settings: DriftSettings, ignore: Collection[str] = ()) -> DriftReport:
    """Compare the rows of two files, as `data.tables` reads them.

    Raises:
        NotFoundError, UsageError: see `data.tables.read_table` and `compare_frames`.
    """
    report = compare_frames(read_table(ref), read_table(cur), settings, ignore)
    return replace(report, notes=(f"{safe_line(cur)} is compared with {safe_line(ref)}.", *report.notes))


def compare_frames(
    ref: "pd.DataFrame", cur: "pd.DataFrame", settings: DriftSettings, ignore: Collection[str] = ()
) -> DriftReport:
    """Compare the rows of two frames whose columns have different names each.

    Columns of times are left out, and that is noted. A column that only `cur` has is named without a verdict; one that
    it has lost has drifted, whatever the rows say.

    Raises:
        UsageError: a column of `ignore` is in neither.
    """
    names = _compared(dict.fromkeys([*ref.columns, *cur.columns]), ignore)
    lost = [name for name in names if name not in cur.columns]
    pairs = [_Pair.of(name, ref.get(name), cur.get(name)) for name in names if name not in lost]
    times = [pair.name for pair in pairs if pair.of_times]
    pairs = [pair for pair in pairs if not pair.of_times]
    columns = [Column(pair.name, "float64" if pair.kind == "numeric" else "object", pair.kind) for pair in pairs]
    sides = _Side({pair.name: pair.ref for pair in pairs}), _Side({pair.name: pair.cur for pair in pairs})
    features = compare(*sides, columns, part_of(settings, LEVEL_OF_COLUMNS))
    whole = [column for column, pair in zip(columns, pairs, strict=True) if pair.whole]
    together = None
    if not any(feature.drifted for feature in features):
        together = compare_together(*sides, whole, part_of(settings, LEVEL_OF_TOGETHER))
    by_name = {pair.name: pair for pair in pairs}
    features = (
        *(_lost(name, ref[name]) for name in lost),
        *(_told(feature, by_name[feature.name]) for feature in features),
    )
    if together is not None:
        features = (*features, together)
    return DriftReport(
        rows=len(cur),
        reference_rows=len(ref),
        level=settings.level,
        drifted=any(feature.drifted for feature in features),
        created_at=time.time(),
        features=features,
        least_effect=settings.least_effect,
        notes=(
            *_EVIDENTLY[settings.profile],
            *(f"{safe_line(name)} holds times, which are not compared." for name in times),
            *(f"{safe_line(name)} is ignored." for name in dict.fromkeys(ignore)),
        ),
    )


def _compared(names: Collection[str], ignore: Collection[str]) -> list[str]:
    for name in ignore:
        if name not in names:
            raise UsageError(
                f"There is no column {name!r} to ignore{did_you_mean(name, names) or '.'}",
                f"There are {', '.join(map(safe_line, names))}." if names else "Neither has any column.",
            )
    return [name for name in names if name not in ignore]


def _rows(data: Any) -> "pd.DataFrame":
    return read_table(Path(data)) if isinstance(data, str | Path) else as_frame(data)


def _lost(name: str, ref: "pd.Series[Any]") -> FeatureDrift:
    """No matter of statistics: what reads this column can't work."""
    verdict = f"{safe_line(name)} is lost: the reference has this column, and the current rows do not"
    return FeatureDrift(name, _kind(ref), "", int(ref.count()), 0, None, None, None, True, verdict)


def _told(feature: FeatureDrift, pair: "_Pair") -> FeatureDrift:
    told = (pair.finding, "" if feature.outcome is DriftVerdict.STABLE else pair.of_no_use)
    m = feature.m if pair.cur is None or pair.ref is not None else int(pair.cur.count())
    return replace(feature, m=m, findings=(*feature.findings, *filter(None, told)))


@dataclass(frozen=True, slots=True)
class _Pair:
    """One column of both sides, of which one may not have it, and as what it is compared."""

    name: str
    ref: "pd.Series[Any] | None"
    cur: "pd.Series[Any] | None"
    kind: ColumnKind
    finding: str = ""

    @classmethod
    def of(cls, name: str, ref: "pd.Series[Any] | None", cur: "pd.Series[Any] | None") -> "_Pair":
        """What has no value at all is of the other side's type. Where one side has numbers and the other has not, they
        are compared as numbers if the reference has them, or most of what the reference has are numbers."""
        import numpy as np

        kinds = [_kind(side) for side in (ref, cur) if side is not None and side.notna().any()]
        if len(set(kinds)) < 2 or ref is None:
            return cls(name, ref, cur, kinds[0] if kinds else "numeric")
        if kinds[0] == "numeric":
            return cls(name, ref, cur, "numeric")
        held = ref[ref.notna()]
        strange = held[np.isnan(floats_of(held.to_numpy(dtype=object))[0])]
        kind: ColumnKind = "numeric" if 2 * len(strange) <= len(held) else "categorical"
        return cls(name, ref, cur, kind, _changed(held, strange))

    @property
    def whole(self) -> bool:
        return self.ref is not None and self.cur is not None

    @property
    def of_no_use(self) -> str:
        """A sentence on a column that names rows or tells their order, and so differs whatever the data are; "" of
        others."""
        if self.ref is None or self.cur is None or min(len(self.ref), len(self.cur)) < LEAST_ROWS:
            return ""
        sides = (self.ref, self.cur)
        if self.kind == "categorical":
            named = all(len(count_labels(side.to_numpy(dtype=object))[0]) == len(side) for side in sides)
            return f"it is another one in each row, as an id is: {_IGNORE}" if named else ""
        rises = all(
            side.dtype.kind in "iuf" and side.is_monotonic_increasing and side.nunique() >= LEAST_ROWS for side in sides
        )
        if rises:
            return f"it only rises, as a row's number or its time does: {_IGNORE}"
        differs = all(side.dtype.kind in "iu" and side.is_unique for side in sides)
        return f"it is another whole number in each row, as an id is: {_IGNORE}" if differs else ""

    @property
    def of_times(self) -> bool:
        """Whether a side has times, or all that both have are texts of times, as of a CSV file."""
        sides = [side for side in (self.ref, self.cur) if side is not None]
        if any(side.dtype.kind in "mM" for side in sides):
            return True
        held = [side.dropna() for side in sides if side.notna().any()]
        return bool(held) and all(map(_are_written_times, held))


def _objects(column: "pd.Series[Any]") -> "NDArray[Any]":
    """The values, of which equal ones are one object: texts of their own would take ten times the room."""
    import numpy as np
    import pandas as pd

    codes, values = pd.factorize(column)  # the missing ones have the code -1
    known = np.full(len(values) + 1, None, dtype=object)
    known[:-1] = values
    return known[codes]


def _are_written_times(held: "pd.Series[Any]") -> bool:
    """Whether all values begin with a date as ISO 8601 writes it; a few are looked at before all of them."""
    import pandas as pd

    if held.dtype.kind != "O" or not all(_DATE.match(str(value)) for value in held.iloc[:_LOOKED_AT]):
        return False
    return bool(pd.to_datetime(held.astype(str), format="ISO8601", errors="coerce", utc=True).notna().all())


def _kind(column: "pd.Series[Any]") -> ColumnKind:
    return kind_of(dtype_name(column.dtype))


def _changed(held: "pd.Series[Any]", strange: "pd.Series[Any]") -> str:
    """A sentence on a column that holds only numbers now."""
    if strange.empty:
        return "it holds numbers now, and held truth values or numbers as texts in the reference"
    example = str(strange.iloc[0])[:_MOST_SHOWN]
    return (
        f"it holds numbers now, and {len(strange):,} of {len(held):,} values of the reference are none, as {example!r}"
    )


class _Side(Mapping[str, "NDArray[Any]"]):
    """The columns of one side as arrays, made when they are asked for: a frame may be large."""

    def __init__(self, columns: "Mapping[str, pd.Series[Any] | None]") -> None:
        self._columns = {name: column for name, column in columns.items() if column is not None}

    def __getitem__(self, name: str) -> "NDArray[Any]":
        import numpy as np

        column = self._columns[name]
        if column.dtype.kind in "iuf":
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        return column.to_numpy() if column.dtype.kind == "b" or column.dtype == object else _objects(column)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)
