"""A drift report for people who have no console at hand: as Markdown, JSON, or one HTML file."""

from collections.abc import Sequence
from typing import Literal

from mlops_console.core.documents import to_json
from mlops_console.core.drift import DriftReport
from mlops_console.drift.export.document import document
from mlops_console.drift.export.md import markdown
from mlops_console.drift.export.page import page

Form = Literal["md", "json", "html"]


def render(report: DriftReport, form: Form, earlier: Sequence[DriftReport] = ()) -> str:
    """The whole report as a text.

    Args:
        earlier: older reports of the same environment, oldest first, for the charts over time of "html".
    """
    match form:
        case "md":
            return markdown(report)
        case "json":
            return to_json(document(report))
        case "html":
            return page(report, earlier)
