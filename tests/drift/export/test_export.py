"""Reports as Markdown, JSON and HTML."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.drift import DriftReport, FeatureDrift, Histogram, SliceDrift
from mlops_console.core.performance import Figure, Performance, SlicePerformance
from mlops_console.drift.export import render
from mlops_console.drift.export.page import MOST_CARDS
from mlops_console.drift.wording import sentence, span

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202e & \"'"
VOID = {"meta", "br", "img", "link"}


def feature(name: str = "amount", effect: float | None = 0.31, **changes: object) -> FeatureDrift:
    found = FeatureDrift(
        name, "numeric", "ks", 10_000, 1_240, 0.12, 1e-12, 0.2, True, f"{name} has moved by 0.31 σ; 1,240 rows",
        Histogram((0.25, 0.5, 0.25), (0.0, 0.5, 0.5), edges=(0.0, 1.0, 2.0, 4.0)), "input", effect, 0.2, 0.09, "σ", 0.3,
        ("12 values lie below 0",),
    )  # fmt: skip
    return replace(found, **changes)


COUNTRY = feature(
    "country", 0.2, kind="categorical", test="chi2", drifted=False, unit="share",
    histogram=Histogram((0.75, 0.25, 0.0), (0.5, 0.25, 0.25), labels=("DE", "FR", "(other)")),
)  # fmt: skip
UNTESTED = FeatureDrift("empty", "numeric", "", 0, 0, None, None, None, False, "empty has no value")


def report(number: int, *features: FeatureDrift, **changes: object) -> DriftReport:
    performance = Performance(
        "classification", 1_240, 310, (Figure("accuracy", 0.9, 0.87, 0.93),), (Figure("accuracy", 0.8, 0.7, 0.9),),
        {"accuracy": 0.92}, 3600.0, (SlicePerformance("country = DE", 300, 100, Figure("accuracy", 0.7, 0.6, 0.8)),),
    )  # fmt: skip
    found = DriftReport(
        number, "production", "fraud", 7 + number // 3, 3 + number // 3, 3600.0 * number, 3600.0 * (number + 1), 1_240,
        10_000, 0.01, any(f.drifted for f in features), 3600.0 * (number + 1), features, performance=performance,
        slices=(SliceDrift("country = DE", 300, True, ("amount",), "amount has moved by 0.4 σ"),), notes=("A note.",),
    )  # fmt: skip
    return replace(found, **changes)


REPORT = report(4, feature(), COUNTRY, UNTESTED)
EARLIER = [report(number, feature(effect=0.1 * number, drifted=False), COUNTRY) for number in range(4)]


class Page(HTMLParser):
    """Holds the tags and the text, and that every tag that opens is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_from_elsewhere() -> None:
    found = render(REPORT, "html", EARLIER)
    page = Page(found)
    assert not {"script", "link", "img", "iframe", "object", "image", "use"} & set(page.tags)
    assert not {"src", "href", "onload", "style"} & {name for name, _ in page.attributes}
    assert set(re.findall(r"https?://[^\"' ]+", found)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in found
    assert "url(" not in found


def test_the_page_tells_what_the_report_says() -> None:
    page = Page(render(REPORT, "html", EARLIER))
    assert "Drift of production: fraud:8" in page.text
    assert "≠ drifted amount has moved by 0.31 σ" in page.text
    assert "amount has moved by 0.31 σ; 1,240 rows" in page.text
    assert "12 values lie below 0" in page.text
    assert "estimated" in page.text.lower()
    assert "0.900 (0.870–0.930)" in page.text
    assert "Labels have come for 310 of 1,240 rows (25%), after 1h00m in the median." in page.text
    assert "empty has no value" in page.text
    assert "A note." in page.text


def test_the_page_draws_charts_over_time_only_where_there_is_a_past() -> None:
    alone, together = render(REPORT, "html"), render(REPORT, "html", EARLIER)
    assert alone.count("<svg") == 2  # the two histograms
    # those, the heat map, the trends of two columns, and the accuracy
    assert together.count("<svg") == 6
    assert "fraud:8" in Page(together).text


def test_a_drift_of_all_columns_at_once_is_told_by_its_own_sentence() -> None:
    together = feature("(all columns)", role="together", test="domain_classifier", verdict="all columns at once differ")
    alone = DriftReport(features=(feature(drifted=False), together), drifted=True)
    assert "**≠ drifted** all columns at once differ." in render(alone, "md")


def test_a_window_is_told_by_its_times_and_a_long_one_by_its_days() -> None:
    midnight = 1_760_054_400.0
    told = [span(DriftReport(window_start=midnight - 1800, window_end=midnight + more)) for more in (60, 1800, 90_000)]
    assert [len(text) for text in told] == [11, 11, 23]


def test_the_sentence_leaves_out_names_before_it_leaves_out_the_verdict() -> None:
    said = DriftReport(
        features=(feature("a", verdict="a has moved"), feature("second"), feature("the_third")), drifted=True
    )
    told = [sentence(said, most) for most in (60, 34, 5)]
    assert told == ["a has moved. 2 more: second, the_third.", "a has moved. 2 more.", "a has moved."]


def test_what_would_have_been_seen_is_told_where_it_is_known_of_every_column() -> None:
    amount, country = (feature(drifted=False), feature("country", drifted=False, unit="share", smallest_shift=0.04))
    together = feature("(all columns)", drifted=False, role="together", unit="share", smallest_shift=0.5)
    known = "None of 3 features differs beyond chance (level 0.01); a shift of 0.09 σ"
    assert sentence(DriftReport(features=(amount, country, together))) == (
        f"{known} or 4.0 % of the rows would have been seen."
    )
    sparse = replace(country, smallest_shift=None)
    assert sentence(DriftReport(features=(amount, country, sparse))) == f"{known} would have been seen."


def test_a_trend_draws_the_threshold_as_a_band_and_marks_what_drifted() -> None:
    found = render(REPORT, "html", EARLIER)
    assert 'class="band"' in found
    assert found.count('class="drifted dot"') == 1


@pytest.mark.parametrize("form", ["html", "md"])
def test_foreign_text_stays_text(form: str) -> None:
    named = feature(HOSTILE, verdict=HOSTILE, findings=(HOSTILE,), test=HOSTILE)
    labelled = replace(COUNTRY, histogram=Histogram((1.0,), (1.0,), labels=(HOSTILE,)))
    hostile = report(5, named, labelled, notes=(HOSTILE,), environment=HOSTILE, model=HOSTILE)
    found = render(hostile, form, EARLIER)  # type: ignore[arg-type]
    assert "<img" not in found
    assert "\x1b" not in found
    assert "\u202e" not in found


def test_of_a_long_tail_only_the_beginning_is_drawn_and_it_is_said() -> None:
    tailed = Histogram((0.2,) * 5, (0.1, 0.1, 0.2, 0.3, 0.3), edges=(0.0, 1.0, 2.0, 3.0, 4.0, 1e6))
    page = Page(render(DriftReport(features=(feature(histogram=tailed),), drifted=True), "html"))
    assert "to 1,000,000" in page.text
    assert "to 4" not in Page(render(REPORT, "html")).text  # nothing is cut where there is no tail


def test_json_has_the_documented_shape() -> None:
    found = json.loads(render(REPORT, "json"))
    assert found["verdict"] == "drifted"
    assert found["features"][0]["histogram"] == {
        "reference": [0.25, 0.5, 0.25], "current": [0.0, 0.5, 0.5], "edges": [0.0, 1.0, 2.0, 4.0], "labels": [],
    }  # fmt: skip
    assert found["features"][2]["outcome"] == "untested"
    assert found["performance"]["estimated"] == [{"metric": "accuracy", "value": 0.9, "low": 0.87, "high": 0.93}]
    assert found["performance"]["reference"] == [{"metric": "accuracy", "value": 0.92, "low": 0.92, "high": 0.92}]
    assert found["slices"][0]["drifted_features"] == ["amount"]


def test_markdown_has_a_table_of_the_columns() -> None:
    found = render(REPORT, "md")
    assert "| amount | ≠ drifted | 0.31 σ | 0.20 σ | 30% | 0.09 σ | &lt;0.0001 | KS | 1,240 | 10,000 |" in found
    assert "| accuracy | 0.900 (0.870–0.930) | 0.800 (0.700–0.900) | 0.920 |" in found


@pytest.mark.parametrize("form", ["html", "md", "json"])
def test_a_report_of_nothing_says_that_it_proves_nothing(form: str) -> None:
    found = render(DriftReport(), form)  # type: ignore[arg-type]
    assert "too few rows (0 of at least 30)" in found.lower()


def test_the_charts_of_very_many_columns_are_limited_and_it_is_said() -> None:
    many = DriftReport(features=tuple(feature(f"x{number}") for number in range(MOST_CARDS + 5)), drifted=True)
    found = render(many, "html")
    assert found.count("<svg") == MOST_CARDS
    assert f"Charts are of the first {MOST_CARDS} of {MOST_CARDS + 5} features." in Page(found).text


numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.text(), numbers, numbers, st.booleans()), min_size=2, max_size=5),
    st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=5),
)
def test_whatever_a_report_holds_the_page_is_well_formed(
    windows: list[tuple[str, float | None, float | None, bool]], edges: list[float]
) -> None:
    history = []
    for number, (name, effect, threshold, drifted) in enumerate(windows):
        edges = sorted(edges)
        shares = tuple(1 / (len(edges) - 1) for _ in edges[1:])
        shown = Histogram(shares, shares, edges=tuple(edges))
        one = feature(windows[-1][0], effect, threshold=threshold, drifted=drifted, histogram=shown, verdict=name)
        history.append(report(number, one))
    found = render(history[-1], "html", history[:-1])
    Page(found)
    assert '="nan' not in found
    assert '="inf' not in found
