"""What a gate can be on: the names at its left, beside those of a run's metrics."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mlops_console.core.errors import ConfigError
from mlops_console.core.text import did_you_mean

Kind = Literal["metric", "slices", "fairness", "latency", "size", "signature", "example", "data_drift", "replay"]
Unit = Literal["number", "seconds", "bytes", "word"]

SLICED = ("recall", "precision", "f1", "accuracy", "roc_auc", "mae", "rmse", "r2")
PARTS = ("min", "max", "gap")
FAIRNESS = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equal_opportunity_difference",
)

_SLICES = re.compile(rf"slices\.(?P<column>.+?)\.(?P<figure>{'|'.join(SLICED)})\.(?P<part>.+)")
_FAIRNESS = re.compile(rf"fairness\.(?P<column>.+)\.(?P<figure>{'|'.join(FAIRNESS)})")
_OUR_OWN = ("slices", "fairness", "latency", "data", "replay")  # no metric's name begins so, with a dot after it


@dataclass(frozen=True, slots=True)
class Subject:
    """What one gate is on.

    Attributes:
        column: whose slices or groups.
        figure: which of the kind's: a run's metric, "recall", "p95", "agreement", …
        part: of slices: min, max, gap, or the one value.
        word: the only one that it may be equal to.
    """

    name: str
    kind: Kind
    figure: str = ""
    column: str = ""
    part: str = ""
    unit: Unit = "number"
    word: str = ""

    @property
    def is_measured(self) -> bool:
        """Whether it takes a process that loads the model."""
        return self.kind not in ("metric", "signature")

    @property
    def has_live(self) -> bool:
        """Whether the live version has the same figure."""
        return self.unit != "word" and self.kind != "replay"


_FIXED: Mapping[str, Subject] = {
    subject.name: subject
    for subject in (
        Subject("latency.p50", "latency", "p50", unit="seconds"),
        Subject("latency.p95", "latency", "p95", unit="seconds"),
        Subject("size", "size", unit="bytes"),
        Subject("signature", "signature", unit="word", word="compatible"),
        Subject("example", "example", unit="word", word="passes"),
        Subject("data.drift", "data_drift", unit="word", word="none"),
        Subject("replay.agreement", "replay", "agreement"),
        Subject("replay.mean_difference", "replay", "mean_difference"),
        Subject("replay.max_difference", "replay", "max_difference"),
        Subject("replay.latency_ratio", "replay", "latency_ratio"),
    )
}


def parse_subject(name: str) -> Subject:
    """What a name stands for; one that is not of our own is a metric of the run.

    Raises:
        ConfigError: it begins as ours do, and is none of them.
    """
    if name in _FIXED:
        return _FIXED[name]
    if match := _SLICES.fullmatch(name):
        return Subject(name, "slices", match["figure"], match["column"], match["part"])
    if match := _FAIRNESS.fullmatch(name):
        return Subject(name, "fairness", match["figure"], match["column"])
    if name.partition(".")[0] in _OUR_OWN and "." in name:
        raise ConfigError(f"There is no gate on {name[:200]!r}{_meant(name) or '.'}", _hint(name))
    return Subject(name, "metric", name)


def close_to(name: str) -> str:
    """`, did you mean 'signature'?` for a name of ours that is close to this one; "" if none is."""
    return did_you_mean(name, _FIXED)


def _meant(name: str) -> str:
    """What such a name was to be; a column stays as it was written."""
    first, _, rest = name.partition(".")
    if first == "slices" and rest.count(".") > 1:
        column, _, part = rest.rsplit(".", 2)
        return did_you_mean(name, [f"slices.{column}.{known}.{part}" for known in SLICED])
    if first == "fairness" and "." in rest:
        column, _ = rest.rsplit(".", 1)
        return did_you_mean(name, [f"fairness.{column}.{known}" for known in FAIRNESS])
    return close_to(name)


def _hint(name: str) -> str:
    first = name.partition(".")[0]
    if first == "slices":
        return f"Write slices.COLUMN.METRIC.min (max, gap, or a value); METRIC is one of {', '.join(SLICED)}."
    if first == "fairness":
        return f"Write fairness.COLUMN.FIGURE; FIGURE is one of {', '.join(FAIRNESS)}."
    return f"Known are: {', '.join(known for known in _FIXED if known.startswith(f'{first}.'))}."
