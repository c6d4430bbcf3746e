"""A drift report as commands print it."""

from collections.abc import Mapping, Sequence

from mlops_console.cli.output import show, show_table
from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift
from mlops_console.core.performance import Performance
from mlops_console.drift.export import wording


def show_features(features: Sequence[FeatureDrift], glyphs: Mapping[DriftVerdict, str]) -> None:
    """A line for each, in the order they have, and below it what there is to say of it in words."""
    known = any(f.importance is not None for f in features)
    titles = ["COLUMN", "VERDICT", "MOVED BY", "DRIFTED FROM", "VISIBLE FROM", "P", "TEST", "REF ROWS", "ROWS"]
    rows = [
        [
            f.name,
            f"{glyphs[f.outcome]} {f.outcome}",
            wording.effect(f.effect, f),
            wording.effect(f.threshold, f),
            wording.effect(f.smallest_shift, f),
            wording.probability(f.p_value),
            f.test or "–",
            f"{f.n:,}",
            f"{f.m:,}",
        ]
        for f in features
    ]
    if known:
        titles.insert(2, "IMPORTANCE")
        for row, f in zip(rows, features, strict=True):
            row.insert(2, "–" if f.importance is None else f"{f.importance:.0%}")
    show_table(
        titles,
        rows,
        right=("IMPORTANCE", "MOVED BY", "DRIFTED FROM", "VISIBLE FROM", "P", "REF ROWS", "ROWS"),
        below=[[f.verdict, *f.findings] for f in features],
    )


def show_performance(found: Performance) -> None:
    """What the model was worth, as a whole and in each slice."""
    show("")
    if wording.metrics_of(found):
        show_table(("PERFORMANCE", "ESTIMATED (95 %)", "REALISED (95 %)", "HELD-OUT ROWS"), wording.metric_rows(found))
    for sentence in wording.performance_facts(found):
        show(f"  {sentence}")
    if found.slices:
        show("")
        show_table(("SLICE", "ROWS", "LABELLED", "ESTIMATED (95 %)", "REALISED (95 %)"), wording.part_rows(found))


def show_slices(report: DriftReport) -> None:
    """The drift of each slice, the worst first."""
    show("")
    show_table(("SLICE", "ROWS", "DRIFTED", "VERDICT"), wording.slice_rows(report), right=("ROWS",))
