"""Model versions as rows of the grid and as facts of the details."""

import math
from collections.abc import Sequence
from dataclasses import replace

from mlops_console.core.models import Signature
from mlops_console.core.text import age, clock, number, param, safe_line, size
from mlops_console.tui.screens.models.reading import MetricColumn, Models, VersionRow
from mlops_console.tui.widgets.facts import Fact
from mlops_console.tui.widgets.rows import Cell, Column, Row

COLUMNS = (
    Column("version", "VERSION", least=16, most=28, flex=2),
    Column("metric", "METRIC", "decimal", least=8, most=14),
    Column("live", "LIVE IN", least=23, most=60, flex=1),
    Column("aliases", "ALIASES", most=32),
    Column("created", "CREATED", "right", least=8),
    Column("estimator", "ESTIMATOR", most=30),
    Column("size", "SIZE", "right"),
    Column("run", "RUN", most=24),
)
_NONE = Cell("–", "muted")


def columns(models: Models) -> Sequence[Column]:
    """The metric's column carries its name where all models share it."""
    names = {column.metric for column in models.metrics.values()}
    title = safe_line(names.pop(), 60) if len(names) == 1 else "METRIC"
    return tuple(replace(column, title=title) if column.key == "metric" else column for column in COLUMNS)


def model_rows(models: Models, now: float) -> list[Row]:
    """One row per version; its key is the reference, as in fraud:7."""
    return [_row(row, models.metrics.get(row.version.model), now) for row in models.rows]


def _row(row: VersionRow, metric: MetricColumn | None, now: float) -> Row:
    version = row.version
    aliases = " ".join(f"@{safe_line(alias)}" for alias in version.aliases)
    figure = last_value(row, metric.metric) if metric else None
    return Row(
        version.ref,
        (
            Cell(safe_line(version.ref), "strong", (version.model, version.version)),
            Cell(number(figure), "", figure) if figure is not None else _NONE,
            _live(row.live_in),
            Cell(aliases, "accent") if aliases else _NONE,
            Cell(age(version.created_at, now), "muted", version.created_at),
            Cell(safe_line(version.estimator, 200)),
            Cell(size(version.size), "muted", version.size),
            Cell(safe_line(row.run.name, 200), "", row.run.name) if row.run else _NONE,
        ),
    )


def _live(names: Sequence[str]) -> Cell:
    """All of them, or where there is no room the first one and how many more."""
    if not names:
        return _NONE
    shown = ", ".join(map(safe_line, names))
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    return Cell(f"▲ {shown}", "ok", shown, f"▲ {safe_line(names[0])}{more}")


def last_value(row: VersionRow, metric: str) -> float | None:
    """The last finite value of a metric of the version's run; None if it has none."""
    summary = row.run.metrics.get(metric) if row.run else None
    return summary.last if summary is not None and math.isfinite(summary.last) else None


def version_facts(row: VersionRow) -> list[Fact]:
    """What the first tab says."""
    version, run = row.version, row.run
    facts = [
        Fact("version", version.ref, "strong"),
        Fact("live in", ", ".join(row.live_in) or "nowhere", "ok" if row.live_in else "muted"),
        Fact("aliases", " ".join(f"@{alias}" for alias in version.aliases) or "–"),
        Fact("estimator", version.estimator),
        Fact("task", version.signature.task),
        Fact("created", f"{clock(version.created_at)}, {age(version.created_at)}"),
        Fact("size", size(version.size)),
        Fact("sha256", version.sha256, "muted"),
    ]
    if version.description:
        facts.append(Fact("description", version.description))
    if run is not None:
        commit = run.provenance.git_commit
        facts += [
            Fact("Run"),
            Fact("name", run.name),
            Fact("id", run.id, "muted"),
            Fact("experiment", run.experiment),
            Fact("by", run.provenance.user or "–"),
        ]
        if commit:
            dirty = ", with changes not committed" if run.provenance.git_dirty else ""
            facts.append(Fact("commit", f"{commit[:12]}{dirty}"))
    return facts + _reference_facts(row) + _package_facts(row)


def _reference_facts(row: VersionRow) -> list[Fact]:
    reference = row.version.reference
    if reference is None:
        return [
            Fact("Reference data"),
            Fact("", "None: drift of its traffic can't be checked.", "warn"),
            Fact("", "run.log_dataset('train', frame) before run.log_model keeps it."),
        ]
    return [
        Fact("Reference data"),
        Fact("dataset", f"{reference.dataset} v{reference.version}"),
        Fact("rows", f"{reference.rows:,}"),
    ]


def _package_facts(row: VersionRow) -> list[Fact]:
    packages = row.version.packages
    return [Fact("Packages"), *(Fact(name, value) for name, value in sorted(packages.items()))] if packages else []


def metric_facts(row: VersionRow) -> list[Fact]:
    if row.run is None or not row.run.metrics:
        return [Fact("", "The run of this version has logged no metric.")]
    return [Fact(name, number(summary.last)) for name, summary in sorted(row.run.metrics.items())]


def param_facts(row: VersionRow) -> list[Fact]:
    if row.run is None or not row.run.params:
        return [Fact("", "The run of this version has logged no param.")]
    return [Fact(name, param(value) or "–") for name, value in sorted(row.run.params.items())]


def signature_facts(signature: Signature) -> list[Fact]:
    """Inputs with type and kind, then what the model answers."""
    facts = [Fact(f"Inputs ({len(signature.inputs)})")]
    for column in signature.inputs:
        nullable = ", may be missing" if column.nullable else ""
        facts.append(Fact(column.name or "–", f"{column.dtype}, {column.kind}{nullable}"))
    facts.append(Fact("Output"))
    facts.append(Fact("task", signature.task))
    if signature.classes:
        facts.append(Fact("classes", ", ".join(param(value) for value in signature.classes) or "–"))
    facts.append(Fact("probabilities", "yes" if signature.probabilities else "no"))
    return facts
