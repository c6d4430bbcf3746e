"""The words that all forms of a report share."""

from collections.abc import Iterator, Sequence

from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift, effect_text
from mlops_console.core.performance import Figure, Performance, metric_text
from mlops_console.core.text import clock, duration, number

AGAINST = {
    "reference": "the reference data of training",
    "previous": "the window before",
    "last-week": "the same hours one week before",
}
GLYPHS = {DriftVerdict.DRIFTED: "▲", DriftVerdict.STABLE: "●", DriftVerdict.UNTESTED: "–"}
ROLES = {"input": "", "prediction": "prediction", "error": "error", "together": "all columns at once"}


def title(report: DriftReport) -> str:
    if not report.environment:
        return "Drift report"
    return f"Drift of {report.environment}: {report.model}:{report.version}"


def headline(report: DriftReport) -> str:
    """The verdict on the whole: `Drifted: 2 of 12 tested columns.`"""
    if report.verdict is DriftVerdict.UNTESTED:
        return f"No verdict: {report.untested_because}."
    columns = [feature for feature in report.features if feature.role != "together"]
    tested, drifted = sum(feature.tested for feature in columns), sum(feature.drifted for feature in columns)
    rest = f"; {len(columns) - tested:,} could not be tested" if tested < len(columns) else ""
    if drifted:
        return f"Drifted: {drifted:,} of {tested:,} tested {_columns(tested)}{rest}."
    if report.drifted:
        return "Drifted: no column by itself, but all of them at once."
    return f"No drift in {'the one' if tested == 1 else f'any of the {tested:,}'} tested {_columns(tested)}{rest}."


def _columns(count: int) -> str:
    return "column" if count == 1 else "columns"


def facts(report: DriftReport) -> dict[str, str]:
    """What was compared with what, and how strictly; what a comparison of files does not have is left out."""
    live = bool(report.environment)
    found = {
        "Report": str(report.id) if report.id else "",
        "Made": clock(report.created_at) if report.created_at else "",
        "Window": f"{clock(report.window_start)} to {clock(report.window_end)}" if live else "",
        "Rows": f"{report.rows:,}",
        "Compared with": AGAINST[report.against] if live else "",
        "Reference rows": f"{report.reference_rows:,}",
        "False discovery rate": f"{report.level:g}",
        "Least effect that counts": f"{report.least_effect:g} of the rows",
    }
    return {name: value for name, value in found.items() if value}


def effect(value: float | None, feature: FeatureDrift) -> str:
    """`0.31 σ`, or a share of the rows as `12 %`."""
    return effect_text(value, feature.unit)


def probability(p_value: float | None) -> str:
    if p_value is None:
        return "–"
    return "< 1e-9" if p_value < 1e-9 else f"{p_value:.2g}"


def performance_facts(found: Performance) -> Iterator[str]:
    """Sentences on where the figures come from."""
    if found.labelled:
        delay = f", after {duration(found.delay)} in the median" if found.delay is not None else ""
        yield f"Labels have come for {found.labelled:,} of {found.rows:,} rows ({found.share_labelled:.0%}){delay}."
    else:
        yield f"No label has come yet for any of {found.rows:,} rows."
    if found.not_estimated:
        yield f"Nothing is estimated: {found.not_estimated}"
    elif found.estimated:
        yield "Estimated figures are reckoned without labels; they hold while only the inputs move."


def interval(figure: Figure | None) -> str:
    """`0.912 (0.880 to 0.941)`, an interval of 95 %."""
    if figure is None:
        return "–"
    return f"{number(figure.value, 3)} ({number(figure.low, 3)} to {number(figure.high, 3)})"


FEATURE_TITLES = (
    "Column", "Verdict", "Moved by", "Drifted from", "Smallest visible shift", "Importance", "p", "Test",
    "Reference rows", "Rows",
)  # fmt: skip
METRIC_TITLES = ("Metric", "Estimated (95 %)", "Realised (95 %)", "Held-out rows of training")
PART_TITLES = ("Slice", "Rows", "Labelled", "Estimated (95 %)", "Realised (95 %)")
SLICE_TITLES = ("Slice", "Rows", "Drifted", "Verdict")

Rows = list[tuple[str, ...]]


def feature_rows(features: Sequence[FeatureDrift]) -> Rows:
    return [
        (
            f.name,
            f"{GLYPHS[f.outcome]} {f.outcome}",
            effect(f.effect, f),
            effect(f.threshold, f),
            effect(f.smallest_shift, f),
            "–" if f.importance is None else f"{f.importance:.0%}",
            probability(f.p_value),
            f.test or "–",
            f"{f.n:,}",
            f"{f.m:,}",
        )
        for f in features
    ]


def metrics_of(found: Performance) -> list[str]:
    """Every metric that something is known of."""
    return list(dict.fromkeys([*(f.metric for f in (*found.estimated, *found.realised)), *found.reference]))


def metric_rows(found: Performance) -> Rows:
    return [
        (
            metric_text(name),
            interval(found.figure("estimated", name)),
            interval(found.figure("realised", name)),
            number(found.reference.get(name), 3),
        )
        for name in metrics_of(found)
    ]


def part_rows(found: Performance) -> Rows:
    return [
        (part.slice, f"{part.rows:,}", f"{part.labelled:,}", _named(part.estimated), _named(part.realised))
        for part in found.slices
    ]


def slice_rows(report: DriftReport) -> Rows:
    return [(s.slice, f"{s.rows:,}", ", ".join(s.drifted_features) or "–", s.verdict) for s in report.slices]


def _named(figure: Figure | None) -> str:
    return f"{metric_text(figure.metric)} {interval(figure)}" if figure else "–"
