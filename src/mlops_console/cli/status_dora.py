"""`status --dora`: DORA's five figures of every environment."""

import time

from mlops_console.cli import record_shapes
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.dora import Dora
from mlops_console.delivery.dora import dora
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace

_DAY = 86_400.0


def show_dora(workspace: Workspace, days: int, *, as_json: bool) -> None:
    """The figures of the last days, each by how many cases it is reckoned from."""
    end = time.time()
    start = end - days * _DAY
    with workspace.store.read() as db:
        names = [environment.name for environment in deployments.environments(db)]
        found = [dora(db, name, start, end, workspace.root) for name in names]
    if as_json:
        rows = [record_shapes.dora(figures) for figures in found]
        show_json({"start": start, "end": end, "days": days, "environments": rows})
        return
    if not found:
        show("Nothing is deployed yet: 'mlops-console deploy MODEL:VERSION ENVIRONMENT' does it.")
        return
    show(f"The last {days} days, by DORA's definitions (docs/operations.md says how they are read):")
    show_table(
        ("NAME", "DEPLOYMENTS", "LEAD TIME", "CHANGE FAIL RATE", "RECOVERY TIME", "REWORK RATE"),
        [_row(figures) for figures in found],
    )
    for figures in found:
        for note in notes(figures):
            show(f"  {figures.environment}: {note}")


def _row(found: Dora) -> tuple[str, ...]:
    return (
        found.environment,
        f"{found.per_week:.1f} a week ({found.deployments:,})",
        text.duration(found.lead_time),
        _share(found.change_fail_rate, found.failed, found.changes),
        text.duration(found.recovery_time),
        _share(found.rework_rate, found.rework, found.deployments),
    )


def _share(rate: float | None, count: int, of: int) -> str:
    return "–" if rate is None else f"{rate:.0%} ({count:,} of {of:,})"


def notes(found: Dora) -> list[str]:
    """What a reader has to know of the lead times."""
    told = []
    if found.leads_from_run:
        told.append(
            f"{found.leads_from_run:,} of {found.leads:,} lead times begin at the run, as its commit is not known here."
        )
    if found.leads_unknown:
        told.append(f"{found.leads_unknown:,} have no lead time: their versions were made by no run.")
    return told
