"""What a model is worth on live rows: estimated without labels, realised with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

_METRICS = {"f1": "F1", "roc_auc": "ROC AUC", "mae": "MAE", "rmse": "RMSE"}


def metric_text(metric: str) -> str:
    """What people call a metric."""
    return _METRICS.get(metric, metric)


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric with its interval of 95 %: `low` <= `value` <= `high`."""

    metric: str  # "accuracy", "precision", "recall", "f1", "roc_auc"; "mae", "rmse"
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SlicePerformance:
    """What the model is worth in one slice of the rows, as `country = DE` or `0 ≤ amount < 100`."""

    slice: str
    rows: int
    labelled: int
    estimated: Figure | None = None
    realised: Figure | None = None


@dataclass(frozen=True, slots=True)
class Performance:
    """Of one window.

    Attributes:
        rows: that were answered. `labelled`: of them, those whose label has come.
        estimated: without labels; () with the reason in `not_estimated`.
        realised: with labels, for those rows; () while too few have come.
        reference: the figures on the held-out rows of training, by metric.
        delay: median seconds from an answer to its label; None without labels.
        slices: the worst first.
        not_estimated: why there is no estimate, one sentence; "" where there is one.
        reference_bounds: their intervals of 95 %, by metric; not known of reports before format 12.
    """

    task: Literal["classification", "regression"]
    rows: int
    labelled: int
    estimated: tuple[Figure, ...] = ()
    realised: tuple[Figure, ...] = ()
    reference: Mapping[str, float] = field(default_factory=dict)
    delay: float | None = None
    slices: tuple[SlicePerformance, ...] = ()
    not_estimated: str = ""
    reference_bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def share_labelled(self) -> float:
        return self.labelled / self.rows if self.rows else 0.0

    def figure(self, kind: Literal["estimated", "realised"], metric: str) -> Figure | None:
        figures = self.estimated if kind == "estimated" else self.realised
        return next((figure for figure in figures if figure.metric == metric), None)

    def held_out(self, metric: str) -> Figure:
        """What the model was worth on the held-out rows; taken for exact where its interval is not known.

        Raises:
            KeyError: this was not measured there.
        """
        value = self.reference[metric]
        return Figure(metric, value, *self.reference_bounds.get(metric, (value, value)))


def better_when_lower(metric: str) -> bool:
    """Whether a smaller figure is the better one."""
    return metric in ("mae", "rmse")
