"""The words in which all tell of drift: the console, the commands, exported reports."""

import math
from collections.abc import Iterable, Iterator, Sequence

from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift, Unit, effect_text
from mlops_console.core.performance import Figure, Performance, metric_text
from mlops_console.core.text import clock, duration, number, safe_line

AGAINST = {
    "reference": "the reference",
    "previous": "the window before",
    "last-week": "the same hours one week before",
}
GLYPHS = {DriftVerdict.DRIFTED: "≠", DriftVerdict.STABLE: "✓", DriftVerdict.UNTESTED: "–"}
ROLES = {"input": "", "prediction": "→ ", "error": "± ", "together": "& "}  # what stands before a name
_SHORT = 600.0  # seconds of a window whose ends are told to the second
_DAY = 86_400.0
_TESTS = {
    "ks": "KS", "chi2": "chi²", "wasserstein": "Wasserstein", "psi": "PSI", "jensen_shannon": "Jensen-Shannon",
    "hellinger": "Hellinger", "total_variation": "total variation",
}  # fmt: skip


def title(report: DriftReport) -> str:
    if not report.environment:
        return "Drift report"
    return f"Drift of {report.environment}: {report.model}:{report.version}"


def verdict_text(verdict: DriftVerdict) -> str:
    """`≠ drifted`"""
    return f"{GLYPHS[verdict]} {verdict.value}"


def sentence(report: DriftReport, most: int = 1_000) -> str:
    """What a report says, in one honest sentence: the worst of what has moved, or what would have been seen.

    Args:
        most: characters that there is room for; the names of what else has moved are left out before the verdict is.
    """
    if why := report.untested_because:
        return f"{why[:1].upper()}{why[1:]}: no verdict."
    found = [feature for feature in report.features if feature.drifted]
    if found:
        return next((text for text in _sayings(found) if len(text) <= most), _verdict(found[0]))
    tested = [feature for feature in report.features if feature.tested]
    what = "tested features" if len(tested) < len(report.features) else "features"
    known = f"None of {len(tested)} {what} differs beyond chance"
    texts = [f"{known} (level {report.level:g}){_would_be_seen(tested)}.", f"{known}{_would_be_seen(tested)}."]
    return next((text for text in texts if len(text) <= most), f"{known}.")


def _sayings(found: Sequence[FeatureDrift]) -> Iterator[str]:
    """The longest first."""
    worst, *others = found
    if others:
        yield f"{_verdict(worst)} {len(others)} more: {', '.join(safe_line(f.name, 40) for f in others)}."
        yield f"{_verdict(worst)} {len(others)} more."


def _verdict(feature: FeatureDrift) -> str:
    return f"{safe_line(feature.verdict, 400).rstrip('.')}."


def _would_be_seen(tested: Iterable[FeatureDrift]) -> str:
    """What would have been seen in each column; nothing in a unit in which that is not known of one."""
    least: dict[Unit, float] = {}
    for feature in tested:
        if feature.role != "together":  # what a classifier tells apart is no share of the rows
            shift = math.inf if feature.smallest_shift is None else feature.smallest_shift
            least[feature.unit] = max(least.get(feature.unit, 0.0), shift)
    known = {unit: value for unit, value in least.items() if value < math.inf}
    texts = [f"{effect_text(value, unit)}{' of the rows' if unit == 'share' else ''}" for unit, value in known.items()]
    return f"; a shift of {' or '.join(texts)} would have been seen" if texts else ""


def rows_told(report: DriftReport) -> str:
    """Which count of rows is which, as `1,204 rows of the window against 10,000 of the reference`."""
    window = "of the window " if report.environment else ""
    told = f"{report.rows:,} rows {window}against {report.reference_rows:,} of {AGAINST[report.against]}"
    found = report.performance
    if found is None or found.rows == report.rows:
        return told
    of_them = "of them" if found.rows < report.rows else "rows of the prediction log"  # servers count some of many only
    return f"{told}; performance is measured on {found.rows:,} {of_them}"


def span(report: DriftReport) -> str:
    """`12:04–13:04`, with the days where it is of one at least, and to the second where it is short."""
    start, end = clock(report.window_start), clock(report.window_end)
    if report.window_end - report.window_start < _SHORT:
        return f"{start[11:]}–{end[11:]}"
    if report.window_end - report.window_start < _DAY:
        return f"{start[11:16]}–{end[11:16]}"
    return f"{start[5:16]}–{end[5:16]}"


def facts(report: DriftReport) -> dict[str, str]:
    """What was compared with what, and how strictly; what a comparison of files does not have is left out."""
    live = bool(report.environment)
    found = {
        "Report": str(report.id) if report.id else "",
        "Model": f"{report.model}:{report.version}, revision {report.revision} of {report.environment}" if live else "",
        "Checked": clock(report.created_at) if report.created_at else "",
        "Window": f"{clock(report.window_start)} to {clock(report.window_end)}" if live else "",
        "Rows": rows_told(report),
        "Level": f"{report.level:g}, the false discovery rate over {counted(len(report.features), 'feature')}",
        "Least effect": f"{effect_text(report.least_effect, 'share')} of the rows: a smaller difference is no drift",
    }
    return {name: value for name, value in found.items() if value}


def counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' * (count != 1)}"


def named(feature: FeatureDrift) -> str:
    """Its name, with a sign for what is no input."""
    return f"{ROLES[feature.role]}{feature.name}"


def effect(value: float | None, feature: FeatureDrift) -> str:
    """`0.31 σ`, or a share of the rows as `12 %`."""
    return effect_text(value, feature.unit)


def probability(p: float | None) -> str:
    """A p-value with four decimals; one below that says so."""
    if p is None or math.isnan(p):
        return "–"
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def name_of_test(name: str) -> str:
    """`KS`, `chi²`; "–" where nothing was tested."""
    return _TESTS.get(name, name.replace("_", " ")) or "–"


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
    """`0.912 (0.897–0.926)`: a figure with its interval of 95 %."""
    if figure is None:
        return "–"
    return f"{decimals(figure.value)} ({decimals(figure.low)}–{decimals(figure.high)})"


def decimals(value: float | None) -> str:
    """Three decimals up to 10, else as other numbers are written."""
    return f"{value:.3f}" if value is not None and abs(value) < 10 else number(value)


FEATURE_TITLES = (
    "Feature", "Verdict", "Moved by", "Limit", "Importance", "Seen from", "p", "Test", "Values",
    "Reference values",
)  # fmt: skip
LEGEND = (
    "Limit: the shift from which this window would have drifted. Seen from: the shift that a window of this "
    "size shows in 80 % of cases. Values: the rows that have one. → a prediction, ± the error, & all columns at once."
)
METRIC_TITLES = ("Metric", "Estimated (95 %)", "Realised (95 %)", "On held-out rows")
PART_TITLES = ("Slice", "Rows", "Labelled", "Estimated (95 %)", "Realised (95 %)")
REPORT_TITLES = ("Report", "Checked", "Verdict", "Drifted", "Window", "Rows", "Against", "Model")
SLICE_TITLES = ("Slice", "Verdict", "Rows", "Drifted features", "In words")

Rows = list[tuple[str, ...]]


def feature_rows(features: Sequence[FeatureDrift]) -> Rows:
    return [
        (
            named(f),
            verdict_text(f.outcome),
            effect(f.effect, f),
            effect(f.threshold, f),
            "–" if f.importance is None else f"{f.importance:.0%}",
            effect(f.smallest_shift, f),
            probability(f.p_value),
            name_of_test(f.test),
            f"{f.m:,}",
            f"{f.n:,}",
        )
        for f in features
    ]


def report_rows(reports: Sequence[DriftReport]) -> Rows:
    return [
        (
            str(report.id),
            clock(report.created_at)[:16],
            verdict_text(report.verdict),
            drifted_count(report),
            span(report),
            f"{report.rows:,}",
            AGAINST[report.against],
            f"{report.model}:{report.version}",
        )
        for report in reports
    ]


def drifted_count(report: DriftReport) -> str:
    """`3 of 8` features."""
    return f"{len(report.drifted_features)} of {len(report.features)}"


def metrics_of(found: Performance) -> list[str]:
    """Every metric that something is known of."""
    return list(dict.fromkeys([*(f.metric for f in (*found.estimated, *found.realised)), *found.reference]))


def metric_rows(found: Performance) -> Rows:
    return [
        (
            metric_text(name),
            interval(found.figure("estimated", name)),
            interval(found.figure("realised", name)),
            decimals(found.reference.get(name)),
        )
        for name in metrics_of(found)
    ]


def part_rows(found: Performance) -> Rows:
    return [
        (part.slice, f"{part.rows:,}", f"{part.labelled:,}", _named(part.estimated), _named(part.realised))
        for part in found.slices
    ]


def slice_rows(report: DriftReport) -> Rows:
    return [
        (
            part.slice,
            verdict_text(DriftVerdict.DRIFTED if part.drifted else DriftVerdict.STABLE),
            f"{part.rows:,}",
            ", ".join(part.drifted_features) or "–",
            part.verdict,
        )
        for part in report.slices
    ]


def _named(figure: Figure | None) -> str:
    return f"{metric_text(figure.metric)} {interval(figure)}" if figure else "–"
