"""The one judge: what is said of a feature, given what was measured of it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

from mlops_console.core.datasets import ColumnKind
from mlops_console.core.drift import DriftSettings, FeatureDrift, Histogram, Role, Unit, effect_text, percent
from mlops_console.core.text import safe_line
from mlops_console.drift.statistics.power import DEVIATIONS

MOST_SIGMA = 6.0  # a distance of 0.997: samples further apart than that hardly overlap

# How the level of a report is shared, so that its verdict is wrong no more often than the level allows. Slices, which
# have no part in the verdict, have a level of their own.
LEVEL_OF_COLUMNS = 0.8
LEVEL_OF_ERROR = 0.1
LEVEL_OF_TOGETHER = 0.1

_NORMAL = NormalDist()

Subject = Literal["values", "categories", "missing", "columns"]


@dataclass(frozen=True, slots=True)
class Tested:
    """One test of one feature.

    Attributes:
        subject: what of the feature was tested.
        statistic: as the test's source defines it.
        p_value: where nothing has drifted, the chance of a statistic like this or beyond.
        effect: a difference of shares from 0 to 1: Kolmogorov-Smirnov distance, total variation, or of the missing.
        demand: of a p-value, the effect that would have it.
        visible: of a p-value and a least effect, both of which are asked for, the true effect that is found in 80 % of
            windows; None where the test has none that holds for all data. Without it, the threshold and 0.84 standard
            errors of a share.
        n, m: rows that were tested, of the reference and of the window.
        before, after: the shares that `effect` is the difference of, where it is of two.
        alarms: of a rule with a threshold of its own, whether it alarms; None leaves that to level and least effect.
        rule: of such a rule, what it says: "Wasserstein distance 0.13, at least 0.1".
    """

    test: str
    subject: Subject
    statistic: float
    p_value: float
    effect: float
    demand: Callable[[float], float]
    n: int
    m: int
    before: float = 0.0
    after: float = 0.0
    visible: Callable[[float, float], float | None] | None = None
    alarms: bool | None = None
    rule: str = ""

    @property
    def unit(self) -> Unit:
        return "σ" if self.subject == "values" else "share"


@dataclass(frozen=True, slots=True)
class Measured:
    """A feature before the verdict.

    Attributes:
        n, m: rows with a value.
        tests: the first one is of the values themselves; () where nothing can be tested.
        untested: why there is no test of the values; "" where there is one.
        new_rows: with a category that the reference does not have; None where that is not known.
    """

    name: str
    kind: ColumnKind
    n: int
    m: int
    tests: tuple[Tested, ...] = ()
    untested: str = ""
    psi: float | None = None
    histogram: Histogram | None = None
    findings: tuple[str, ...] = ()
    role: Role = "input"
    importance: float | None = None
    new_rows: int | None = None


@dataclass(frozen=True, slots=True)
class _Judged:
    tested: Tested
    believed: bool
    drifted: bool
    threshold: float  # effect from which it would have drifted
    smallest: float | None  # effect that would be seen in 80 % of cases


def judge(measured: Sequence[Measured], settings: DriftSettings) -> tuple[FeatureDrift, ...]:
    """A verdict on each feature, the ones to look at first in front: those that drifted, by drift x importance.

    A feature has drifted when one of its tests has: when its p-value passes Benjamini-Hochberg at `settings.level` over
    all tests given here, and its effect is at least `settings.least_effect`, so that a large window does not alarm
    about nothing.
    """
    tests = [tested for feature in measured for tested in feature.tests]
    believed, demanded = benjamini_hochberg([tested.p_value for tested in tests], settings.level)
    judged = iter([_judge(tested, b, d, settings) for tested, b, d in zip(tests, believed, demanded, strict=True)])
    found = [_verdict(feature, [next(judged) for _ in feature.tests], settings) for feature in measured]
    return tuple(sorted(found, key=_rank(measured)))


def benjamini_hochberg(p_values: Sequence[float], level: float) -> tuple[list[bool], list[float]]:
    """Which of several tests to believe, so that the expected share of false ones among them is at most `level`; and
    for each one the p-value that it would have needed for that, the others being what they are.

    Benjamini and Hochberg 1995, "Controlling the false discovery rate": the step-up procedure.
    """
    count = len(p_values)
    order = sorted(range(count), key=lambda i: p_values[i])
    last = 0
    for rank, index in enumerate(order, 1):
        if p_values[index] * count <= level * rank * (1 + 1e-12):
            last = rank
    chosen = set(order[:last])
    believed = [index in chosen for index in range(count)]
    return believed, [level * (last if one else min(last + 1, count)) / count for one in believed]


def sigmas(distance: float) -> float:
    """The shift of a normal distribution, in standard deviations, of this Kolmogorov-Smirnov distance; 6 at most."""
    if distance >= 2 * _NORMAL.cdf(MOST_SIGMA / 2) - 1:
        return MOST_SIGMA
    return 2 * _NORMAL.inv_cdf((1 + max(distance, 0.0)) / 2)


def part_of(settings: DriftSettings, share: float) -> DriftSettings:
    """The settings of one part of a report. Evidently's rules share no level."""
    return settings if settings.profile == "evidently" else replace(settings, level=settings.level * share)


def _judge(tested: Tested, believed: bool, demanded: float, settings: DriftSettings) -> _Judged:
    critical = tested.demand(demanded)
    if tested.alarms is not None:
        return _Judged(tested, tested.alarms, tested.alarms, critical, _beyond(critical, tested))
    if (tested.effect >= critical) != believed:  # what is demanded of effects in general is not so of this one
        nearer = math.log(2 / demanded) / math.log(2 / max(tested.p_value, 1e-300))
        critical = min(1.0, tested.effect * math.sqrt(nearer))
    threshold = max(critical, settings.least_effect)
    drifted = believed and tested.effect >= settings.least_effect
    if tested.visible is None:
        return _Judged(tested, believed, drifted, threshold, _beyond(threshold, tested))
    return _Judged(tested, believed, drifted, threshold, tested.visible(demanded, settings.least_effect))


def _beyond(threshold: float, tested: Tested) -> float:
    """The threshold, and the standard errors of a share that chance takes away in a fifth of the windows."""
    return min(1.0, threshold + DEVIATIONS * math.sqrt(1 / tested.n + 1 / tested.m) / 2)


def _verdict(feature: Measured, judged: Sequence[_Judged], settings: DriftSettings) -> FeatureDrift:
    drifted = [one for one in judged if one.drifted]
    of_values = next((one for one in judged if one.tested.subject != "missing"), None)
    chosen = max(drifted, key=lambda one: one.tested.effect / max(one.threshold, 1e-9), default=of_values)
    findings = (
        *feature.findings,
        *(
            _missing(one.tested)
            for one in judged
            if one is not chosen and one.believed and one.tested.subject == "missing"
        ),
    )
    if chosen is None:
        return FeatureDrift(
            feature.name, feature.kind, "", feature.n, feature.m, None, None, feature.psi, False,
            f"{safe_line(feature.name)}: {feature.untested}", feature.histogram, feature.role,
            importance=feature.importance, findings=findings, new_rows=feature.new_rows,
        )  # fmt: skip
    tested = chosen.tested
    scale = sigmas if tested.unit == "σ" else float
    return FeatureDrift(
        feature.name,
        feature.kind,
        tested.test,
        feature.n,
        feature.m,
        tested.statistic,
        tested.p_value,
        feature.psi,
        chosen.drifted,
        _sentence(safe_line(feature.name), chosen, settings),
        feature.histogram,
        feature.role,
        scale(tested.effect),
        scale(chosen.threshold),
        None if chosen.smallest is None else scale(chosen.smallest),
        tested.unit,
        feature.importance,
        findings,
        feature.new_rows,
    )


def _sentence(name: str, judged: _Judged, settings: DriftSettings) -> str:
    """`amount has moved by 0.31 σ; 1,240 rows; a shift of 0.09 σ would have been seen`."""
    tested = judged.tested
    rows = f"{tested.m:,} row{'' if tested.m == 1 else 's'}"
    if tested.rule:
        return f"{name} has {'' if judged.drifted else 'not '}drifted by Evidently's rule: {tested.rule}; {rows}"
    if tested.subject == "columns":
        return f"{name}: {_apart(judged, settings)}; {rows}{_seen(judged)}"
    seen = f"{rows}{_seen(judged)}"
    if not judged.drifted and not judged.believed:
        return f"{name} shows no shift beyond chance; {seen}"
    less = "" if judged.drifted else f", less than the {_size(settings.least_effect, tested.unit)} that count"
    size = _size(tested.effect, tested.unit)
    if tested.subject == "values":
        return f"{name} has moved by {size}{less}; {seen}"
    if tested.subject == "categories":
        return f"{name}: {size} of its rows are in other categories{less}; {seen}"
    return f"{name}: {_missing(tested)}; {seen}"


def _seen(judged: _Judged) -> str:
    """What would have been seen; or where it was seen by luck, as so many rows show it in fewer than 80 %, from what on
    it is drift."""
    tested, smallest = judged.tested, judged.smallest
    if smallest is None:
        return ""
    if tested.subject == "columns":
        return f"; an AUC of {_auc(smallest)} would have been seen"
    if judged.drifted and tested.effect < smallest:
        return f"; from {_size(judged.threshold, tested.unit)} on it is drift"
    return f"; a shift of {_size(smallest, tested.unit)} would have been seen"


def _apart(judged: _Judged, settings: DriftSettings) -> str:
    auc = f"with an AUC of {judged.tested.statistic:.2f}"
    if judged.drifted:
        return f"a classifier tells rows of the window from those of the reference, {auc}"
    if judged.believed:
        return f"a classifier tells rows of the window, {auc}, less than the {_auc(settings.least_effect)} that count"
    chance = "no better than chance" if judged.tested.statistic <= 0.5 else auc
    return f"no classifier tells rows of the window from those of the reference ({chance})"


def _auc(effect: float) -> str:
    return f"{(1 + effect) / 2:.2f}"


def _missing(tested: Tested) -> str:
    return f"{percent(tested.after)} of its values are missing, {percent(tested.before)} of the reference's"


def _size(effect: float, unit: Unit) -> str:
    told = effect if unit == "share" else sigmas(effect)
    return f"more than {MOST_SIGMA:g} σ" if unit == "σ" and told == MOST_SIGMA else effect_text(told, unit)


def _rank(measured: Sequence[Measured]) -> Callable[[FeatureDrift], tuple[int, float]]:
    known = [feature.importance for feature in measured if feature.importance is not None]
    usual = sum(known) / len(known) if known else 1.0  # of those whose importance is not known

    def rank(found: FeatureDrift) -> tuple[int, float]:
        weight = usual if found.importance is None else found.importance
        drift = (found.effect or 0.0) / max(found.threshold or 0.0, 1e-9)
        return (0 if found.drifted else 1 if found.tested else 2, -drift * weight)

    return rank
