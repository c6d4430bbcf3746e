"""A drift report as one HTML file that needs nothing else: no scripts, no fonts, no images from elsewhere."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files

from mlops_console.core.drift import DriftReport, DriftVerdict, FeatureDrift
from mlops_console.core.performance import metric_text
from mlops_console.drift import wording
from mlops_console.drift.export import charts
from mlops_console.drift.export.svg import element, text

MOST_CARDS = 200  # features with charts of their own: a page of ten thousand opens in no browser
MOST_HEAT = 60  # features in the heat map
_SHADOWED = "Each cell says more under the pointer."
_CARDS = (
    "Grey: the reference. Blue: the current rows. Below, over time, how far the feature has moved: from the dashed "
    "line on it drifts, and red dots are windows in which it has."
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # what a browser may load on behalf of this page: nothing


def page(report: DriftReport, earlier: Sequence[DriftReport] = ()) -> str:
    """The page of a report.

    Args:
        earlier: older reports of the same environment, oldest first, for the charts over time.
    """
    title = text(wording.title(report))
    head = element(
        "head",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        element("title", title),
        element("style", files(__package__).joinpath("page.css").read_text(encoding="utf-8")),
    )
    body = element("body", element("h1", title), *_body(report, (*earlier, report)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _body(report: DriftReport, history: Sequence[DriftReport]) -> Iterator[str]:
    told = element("strong", text(wording.verdict_text(report.verdict)))
    yield element("p", told, " ", text(wording.sentence(report)), class_=f"headline {report.verdict}")
    facts = wording.facts(report).items()
    yield element("dl", *(element("dt", text(name)) + element("dd", text(value)) for name, value in facts))
    yield _listed(report.notes)
    if len(history) > 1 and report.features:
        yield element("h2", "Over time")
        yield element("div", charts.heat_map(history, _charted(report)), class_="wide")
        told = ", ".join(map(wording.verdict_text, DriftVerdict))
        yield _key(f"{told}. The darker, the nearer to drift; red: drifted. {_SHADOWED}")
    if report.performance is not None:
        yield from _performance(report, history)
    if report.features:
        yield element("h2", "Features")
        yield _table(wording.FEATURE_TITLES, wording.feature_rows(report.features), ("Feature", "Verdict", "Test"))
        yield _key(wording.LEGEND)
        cards = report.features[:MOST_CARDS]
        yield _key(_CARDS)
        yield element("div", *(_card(feature, history) for feature in cards), class_="cards")
        if len(report.features) > MOST_CARDS:
            yield _key(f"Charts are of the first {MOST_CARDS} of {len(report.features):,} features.")
    if report.slices:
        yield element("h2", "Slices")
        words = ("Slice", "Verdict", "Drifted features", "In words")
        yield _table(wording.SLICE_TITLES, wording.slice_rows(report), words=words)


def _charted(report: DriftReport) -> list[tuple[str, str]]:
    return [(feature.name, feature.role) for feature in report.features[:MOST_HEAT]]


def _performance(report: DriftReport, history: Sequence[DriftReport]) -> Iterator[str]:
    found = report.performance
    assert found is not None, "the caller has looked"
    yield element("h2", "Performance")
    yield _listed(wording.performance_facts(found))
    drawn = [(metric, charts.performance(history, metric)) for metric in wording.metrics_of(found)]
    cards = [element("div", element("h3", text(metric_text(m))), chart, class_="card") for m, chart in drawn if chart]
    if cards:
        yield element("div", *cards, class_="cards")
        yield _key("Dashed: estimated, with its interval of 95 %. Dots: realised. Thin line: on held-out rows.")
    if rows := wording.metric_rows(found):
        yield _table(wording.METRIC_TITLES, rows, words=("Metric",))
    if found.slices:
        yield _table(wording.PART_TITLES, wording.part_rows(found), words=("Slice",))


def _card(feature: FeatureDrift, history: Sequence[DriftReport]) -> str:
    title = f"{wording.GLYPHS[feature.outcome]} {wording.named(feature)}"
    return element(
        "div",
        element("h3", text(title)),
        element("p", text(feature.verdict)),
        _listed(feature.findings),
        charts.histogram(feature) if feature.histogram else "",
        charts.trend(history, feature.name, feature.role),
        class_=f"card {feature.outcome}",
    )


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[str]) -> str:
    """`words`: the columns of text, which may be broken; all others are figures."""
    kinds = ["words" if title in words else "figure" for title in titles]
    head = element("tr", *(element("th", text(t), class_=kind) for t, kind in zip(titles, kinds, strict=True)))
    lines = [
        element("tr", *(element("td", text(cell), class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    return element("div", element("table", element("thead", head), element("tbody", *lines)), class_="wide")


def _listed(sentences: Iterable[str]) -> str:
    items = [element("li", text(sentence)) for sentence in sentences]
    return element("ul", *items) if items else ""


def _key(sentence: str) -> str:
    return element("p", text(sentence), class_="key")
