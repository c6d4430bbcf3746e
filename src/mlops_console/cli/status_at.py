"""`status --at`: what was live at a moment, since when, by whom and why, with the gates and approvals of it."""

from mlops_console.cli import record_shapes
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.lineage import Lineage
from mlops_console.delivery.lineage import why
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace


def show_status_at(workspace: Workspace, at: float, *, as_json: bool) -> None:
    """Every environment as it was; those that had nothing live then, too."""
    with workspace.store.read() as db:
        names = [environment.name for environment in deployments.environments(db)]
        found = {
            name: why(db, name, at=at) if deployments.live_at(db, name, at) is not None else None for name in names
        }
    if as_json:
        show_json({"at": at, "environments": [_document(name, lineage) for name, lineage in found.items()]})
        return
    show(f"What was live at {text.clock(at)}:")
    show_table(
        ("NAME", "LIVE", "REV", "SINCE", "BY", "REASON"),
        [_row(name, lineage) for name, lineage in found.items()],
        right=("REV",),
    )
    for lineage in found.values():
        if lineage is not None:
            _show_admission(lineage)


def _document(name: str, found: Lineage | None) -> dict[str, object]:
    if found is None:
        return {"name": name, "revision": None}
    admitted = found.admission
    return {
        "name": name,
        **record_shapes.admitted(found.revision, admitted.gates, admitted.approvals),
        "admitted_as": admitted.revision.revision,
    }


def _row(name: str, found: Lineage | None) -> tuple[object, ...]:
    if found is None:
        return (name, "nothing", "", "", "", "")
    live = found.revision
    return (name, live.model_ref, live.revision, text.clock(live.live_at), live.actor, live.reason)


def _show_admission(found: Lineage) -> None:
    admitted = found.admission
    back = f", which revision {found.revision.revision} went back to" if found.origin else ""
    show(f"\n{found.environment}: {found.revision.model_ref} came in with revision {admitted.revision.revision}{back}")
    if admitted.revision.break_glass is not None:
        show(f"  ⚠ glass was broken: {text.safe_line(admitted.revision.break_glass)}")
    for gate in admitted.gates:
        show(f"  {'✓' if gate.passed else '✗'} {text.safe_line(gate.gate)}   {text.safe_line(gate.figure)}")
    if not admitted.gates:
        show("  no gate was asked")
    for approval in admitted.approvals:
        reason = f": {text.safe_line(approval.reason)}" if approval.reason else ""
        show(f"  approved by {text.safe_line(approval.actor)} at {text.clock(approval.at)}{reason}")
    if not admitted.approvals:
        show("  nobody has approved it")
