"""`model diff`: two versions side by side, in params, metrics, data, signature, code and packages."""

from collections.abc import Iterator
from typing import Any

from mlops_console.cli import dataset_shapes, record_shapes
from mlops_console.cli.model_options import RefArgument
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.model_diff import DataPair
from mlops_console.core.plans import Difference
from mlops_console.data.change_text import headline
from mlops_console.delivery.model_diff import ModelComparison, compare_models


def diff(a: RefArgument, b: RefArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Two versions side by side: what differs in params, metrics, data, signature, code and packages."""
    found = compare_models(opened(workspace), a, b)
    if as_json:
        show_json(document(found))
        return
    for title, differences in _sections(found):
        show(f"{title}{'' if differences else ': no difference'}")
        if differences:
            rows = [(d.name, _value(d.before), _value(d.after), _arrow(d)) for d in differences]
            show_table(
                ("", found.diff.before, found.diff.after, " "), rows, right=(found.diff.before, found.diff.after)
            )
        if title == "DATA":
            for line in _data_lines(found):
                show(f"  {text.safe_line(line)}")
        if title == "CODE" and found.stat is not None:
            for line in (found.stat.summary, *found.stat.files):
                show(f"  {text.safe_line(line)}")
    for note in found.diff.notes:
        show(f"• {text.safe_line(note)}")


def document(found: ModelComparison) -> dict[str, Any]:
    """`model diff --json`."""
    diff = found.diff
    parts = {
        "params": diff.params,
        "metrics": diff.metrics,
        "signature": diff.signature,
        "code": diff.code,
        "packages": diff.packages,
    }
    return {
        "a": diff.before,
        "b": diff.after,
        **{name: [_difference(d, judged=name == "metrics") for d in part] for name, part in parts.items()},
        "data": [_pair(found, pair) for pair in diff.data],
        "commits": {"summary": found.stat.summary, "files": list(found.stat.files)} if found.stat else None,
        "notes": list(diff.notes),
    }


def _sections(found: ModelComparison) -> Iterator[tuple[str, tuple[Difference, ...]]]:
    diff = found.diff
    yield "PARAMS", diff.params
    yield "METRICS", diff.metrics
    yield "DATA", tuple(Difference(p.role, _ref(p.before), _ref(p.after)) for p in diff.data if not p.same)
    yield "SIGNATURE", diff.signature
    yield "CODE", diff.code
    yield "PACKAGES", diff.packages


def _data_lines(found: ModelComparison) -> Iterator[str]:
    for role, changes in found.data.items():
        for line in headline(changes):
            yield f"{role}: {line}"


def _ref(version: Any) -> str | None:
    return version.ref if version is not None else None


def _value(value: float | str | None) -> str:
    return value if isinstance(value, str) else text.number(value)


def _arrow(found: Difference) -> str:
    return {True: "▲ better", False: "▼ worse", None: ""}[found.better]


def _difference(found: Difference, *, judged: bool) -> dict[str, Any]:
    better = {"better": found.better} if judged else {}
    return {"name": found.name, "a": found.before, "b": found.after, **better}


def _pair(found: ModelComparison, pair: DataPair) -> dict[str, Any]:
    changes = found.data.get(pair.role)
    told = None
    if changes is not None and pair.before is not None and pair.after is not None:
        told = dataset_shapes.changes(pair.before, pair.after, changes)
    return {
        "role": pair.role,
        "a": record_shapes.dataset(pair.before) if pair.before else None,
        "b": record_shapes.dataset(pair.after) if pair.after else None,
        "same": pair.same,
        "changes": told,
    }
