"""What is kept of a dataset to compare others with, and what is kept of a window: bins and their counts.

Plain data, as JSON has it. `drift.profiles` makes profiles, `drift.live.counts` counts windows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mlops_console.core.datasets import ColumnKind
from mlops_console.core.drift import Role

FORMAT = 1


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """One column of the reference.

    Attributes:
        role: an input, the model's prediction on held-out rows, or its error there.
        rows: of the reference. `missing`: of them, those without a value; of a numeric column also what is not finite.
        edges: numeric: the inner bin edges, increasing, at quantiles of the reference (up to 100). Bin i holds
            edges[i-1] < x <= edges[i]; the first and the last bin are open. len(edges) + 1 bins.
        labels: categorical: the categories, most frequent first (up to 1,000); the last bin holds all others.
        counts: rows of each bin: len(edges) + 1, or len(labels) + 1.
        distinct: how many different values there were.
        mean, std, least, greatest: of a numeric column; None of a categorical one. Of the finite values.
        importance: to the model, 0 to 1, all inputs together 1; None where it is not known.
    """

    name: str
    kind: ColumnKind
    role: Role
    rows: int
    missing: int
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    distinct: int = 0
    mean: float | None = None
    std: float | None = None
    least: float | None = None
    greatest: float | None = None
    importance: float | None = None

    @property
    def present(self) -> int:
        return self.rows - self.missing


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a model has answered on rows that it was not trained on, and what was true of them; up to 5,000 rows.

    Attributes:
        predictions: the answered class or number of each row.
        labels: the true one.
        probabilities: of each class, in the order of `classes`, one list a row; () where the model has none.
        inputs: the rows themselves by column, for an error model of a regressor; {} for a classifier.
    """

    task: Literal["classification", "regression"]
    classes: tuple[Any, ...]
    predictions: tuple[Any, ...]
    labels: tuple[Any, ...]
    probabilities: tuple[tuple[float, ...], ...] = ()
    inputs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReferenceProfile:
    """Everything that a version's traffic is compared with, without its training data at hand.

    Attributes:
        sample: an even sample of up to 200 rows of the training data, by input column.
        held_out: None where the training script has not told of held-out rows.
    """

    rows: int
    features: tuple[FeatureProfile, ...]
    sample: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    held_out: HeldOut | None = None
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class FeatureCounts:
    """One column of a window, in the bins of its profile.

    Attributes:
        counts: rows of each bin of the profile.
        missing: rows without a value; of a numeric column also what is not finite.
        new: of a categorical column, rows of labels that the reference does not have, by label (up to 50); what else
            there is counts in the last bin only.
        wrong_type: rows whose value is of another type than the reference's.
        least, greatest: of the finite values; None without any.
    """

    counts: tuple[int, ...]
    missing: int = 0
    new: Mapping[str, int] = field(default_factory=dict)
    wrong_type: int = 0
    least: float | None = None
    greatest: float | None = None


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """A window of live rows, counted. Two of them add up exactly, whichever process has counted them.

    Attributes:
        features: by name; those of the profile, inputs and predictions alike.
        sample: up to 200 rows by input column, each row of the window with the same chance; `keys` are the random
            numbers that they were chosen by, which make samples add up.
    """

    rows: int
    features: Mapping[str, FeatureCounts]
    sample: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    keys: tuple[float, ...] = ()
