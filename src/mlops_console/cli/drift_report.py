"""A drift report as commands print it."""

from collections.abc import Sequence

from mlops_console.cli.output import show, show_table
from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.performance import Performance
from mlops_console.drift import wording

_FIGURES = (  # what stands at the right of its column
    "MOVED BY", "LIMIT", "IMPORTANCE", "SEEN FROM", "P", "VALUES", "REFERENCE VALUES", "ROWS", "LABELLED",
    "REPORT", "DRIFTED",
)  # fmt: skip


def show_verdict(report: DriftReport) -> None:
    """The sentence of a report, which rows were compared, and what has to be known of them."""
    show(f"{wording.verdict_text(report.verdict)}  {wording.sentence(report)}")
    show(f"  {wording.rows_told(report)}")
    for note in report.notes:
        show(f"  {note}")


def show_features(features: Sequence[FeatureDrift]) -> None:
    """A line for each, in the order they have, and below it what there is to say of it in words."""
    titles, rows = list(wording.FEATURE_TITLES), [list(row) for row in wording.feature_rows(features)]
    if all(feature.importance is None for feature in features):
        at = titles.index("Importance")
        for line in (titles, *rows):
            del line[at]
    _show(titles, rows, [[f.verdict, *f.findings] for f in features])


def show_performance(found: Performance) -> None:
    """What the model was worth, as a whole and in each slice."""
    show("")
    if wording.metrics_of(found):
        _show(wording.METRIC_TITLES, wording.metric_rows(found))
    for sentence in wording.performance_facts(found):
        show(f"  {sentence}")
    if found.slices:
        show("")
        _show(wording.PART_TITLES, wording.part_rows(found))


def show_slices(report: DriftReport) -> None:
    """The drift of each slice, the worst first."""
    show("")
    _show(wording.SLICE_TITLES, wording.slice_rows(report))


def show_reports(reports: Sequence[DriftReport]) -> None:
    """A line for each."""
    _show(wording.REPORT_TITLES, wording.report_rows(reports))


def _show(titles: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[Sequence[str]] = ()) -> None:
    heads = [title.upper() for title in titles]
    show_table(heads, rows, right=[head for head in heads if head in _FIGURES], below=below)
