"""What of drift goes over time, as lines of charts."""

import math
from collections.abc import Iterable, Sequence

from mlops_console.core.deployments import Revision
from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift
from mlops_console.core.performance import Figure
from mlops_console.core.text import safe_line
from mlops_console.tui.screens.drift.reading import DriftState
from mlops_console.tui.screens.drift.rows import key_of
from mlops_console.tui.widgets.line_chart import Band, LineData, Mark, Series, Threshold


def tested(newest_first: Iterable[DriftReport]) -> list[DriftReport]:
    """The reports in which something was tested, oldest first: the others are no points of a trend."""
    found = [report for report in newest_first if report.verdict is not DriftVerdict.UNTESTED]
    return sorted(found, key=lambda report: report.window_end)


def count_trend(state: DriftState) -> LineData:
    """How many features had drifted in each report."""
    ordered = tested(state.against_reference)
    xs = [report.window_end for report in ordered]
    ys = [float(len(report.drifted_features)) for report in ordered]
    return LineData(
        (Series("drifted features", xs, ys),),
        include=(0.0,),
        marks=_marks(state, ordered),
        x_axis="time",
        empty="The trend begins with the first report that is tested.",
    )


def effect_trend(state: DriftState, feature: FeatureDrift | None) -> LineData:
    """How far one feature has moved in each report, over the band in which it does not count as drift."""
    empty = LineData(empty="No report has tested this feature yet.", x_axis="time")
    if feature is None:
        return empty
    ordered = tested(state.against_reference)
    found = [(r, one) for r in ordered for one in r.features if key_of(one) == key_of(feature)]
    found = [(report, one) for report, one in found if one.unit == feature.unit]  # the others are of another scale
    if not any(one.effect is not None for _, one in found):
        return empty
    scale = 100.0 if feature.unit == "share" else 1.0
    xs = [report.window_end for report, _ in found]
    limits = [math.nan if one.threshold is None else one.threshold * scale for _, one in found]
    return LineData(
        (Series(feature.name, xs, [math.nan if one.effect is None else one.effect * scale for _, one in found]),),
        bands=(Band("", xs, [0.0] * len(xs), limits, is_limit=True),),
        include=(0.0,),
        marks=_marks(state, [report for report, _ in found]),
        x_axis="time",
    )


def metrics(reports: Iterable[DriftReport]) -> tuple[str, ...]:
    """The metrics by which the live model is known, in the order of the newest report that has any."""
    for report in reports:
        found = report.performance
        if found is not None and (found.estimated or found.realised):
            return tuple(dict.fromkeys(figure.metric for figure in (*found.realised, *found.estimated)))
    return ()


def performance_trend(state: DriftState, metric: str) -> LineData:
    """Estimated and realised performance in each report, the interval of the estimate, and the training's figure."""
    reports = sorted(state.against_reference, key=lambda report: report.window_end)
    known = [(report.window_end, report.performance) for report in reports if report.performance]
    xs = [at for at, _ in known]
    estimated = [performance.figure("estimated", metric) for _, performance in known]
    realised = [performance.figure("realised", metric) for _, performance in known]
    reference = next((p.reference[metric] for _, p in reversed(known) if metric in p.reference), None)
    return LineData(
        (Series("estimated", xs, _values(estimated)), Series("realised", xs, _values(realised))),
        thresholds=() if reference is None else (Threshold(reference, ""),),
        bands=(
            Band(
                "",
                xs,
                [figure.low if figure else math.nan for figure in estimated],
                [figure.high if figure else math.nan for figure in estimated],
            ),
        ),
        marks=_marks(state, reports),
        x_axis="time",
        legend=False,
        empty="Neither an estimate nor a label yet.",
    )


def _values(figures: Sequence[Figure | None]) -> list[float]:
    return [figure.value if figure else math.nan for figure in figures]


def _marks(state: DriftState, reports: Sequence[DriftReport]) -> tuple[Mark, ...]:
    """What went live while these reports were made, `▲ r7` deployed, `▼ r8` rolled back; and `◇`, the report that is
    looked at, unless it is the newest.
    """
    if not reports:
        return ()
    start, end = min(r.window_end for r in reports), max(r.window_end for r in reports)
    lives = [
        Mark(revision.live_at, f"{revision_glyph(revision)} r{revision.revision} {safe_line(revision.model_ref, 60)}")
        for revision in reversed(state.revisions)
        if revision.live_at is not None and start <= revision.live_at <= end
    ]
    if state.report is not None and not state.is_newest and start <= state.report.window_end <= end:
        lives.append(Mark(state.report.window_end, f"◇ report {state.report.id}"))
    return tuple(lives)


def revision_glyph(revision: Revision) -> str:
    return "▼" if revision.kind == "rollback" else "▲"
