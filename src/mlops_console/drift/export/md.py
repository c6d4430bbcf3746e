"""A drift report as Markdown."""

from collections.abc import Iterable, Iterator

from mlops_console.core.drift import DriftReport
from mlops_console.core.markdown import inline, table
from mlops_console.core.performance import Performance
from mlops_console.drift import wording


def markdown(report: DriftReport) -> str:
    """Everything but the histograms."""
    return "\n\n".join(_blocks(report)) + "\n"


def _blocks(report: DriftReport) -> Iterator[str]:
    yield f"# {inline(wording.title(report))}"
    yield f"**{inline(wording.verdict_text(report.verdict))}** {inline(wording.sentence(report))}"
    yield _listed(f"{name}: {value}" for name, value in wording.facts(report).items())
    if report.notes:
        yield _listed(report.notes)
    if report.features:
        yield "## Features"
        yield table(wording.FEATURE_TITLES, wording.feature_rows(report.features))
        yield wording.LEGEND
        yield _listed(feature.verdict for feature in report.features)
    found = [f"{feature.name}: {finding}" for feature in report.features for finding in feature.findings]
    if found:
        yield "## Findings"
        yield _listed(found)
    if report.performance is not None:
        yield from _performance(report.performance)
    if report.slices:
        yield "## Slices"
        yield table(wording.SLICE_TITLES, wording.slice_rows(report))


def _performance(found: Performance) -> Iterator[str]:
    yield "## Performance"
    yield _listed(wording.performance_facts(found))
    if rows := wording.metric_rows(found):
        yield table(wording.METRIC_TITLES, rows)
    if found.slices:
        yield table(wording.PART_TITLES, wording.part_rows(found))


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {inline(sentence)}" for sentence in sentences)
