"""The commands that tell what was when and why: history, status --at and --dora, why, model diff and card, ledger."""

import datetime as dt
import json
import sys
import time
from pathlib import Path

import pytest

from mlops_console.core.deployments import Revision, RolloutPlan
from mlops_console.core.deployments import RevisionState as S
from mlops_console.core.models import ModelRef, ModelVersion
from mlops_console.core.plans import GateResult
from mlops_console.core.runs import Provenance
from mlops_console.store import deploying, deployments, ledger, models, series
from mlops_console.store.workspace import Workspace
from tests.cli.test_commands import console, document, fails
from tests.delivery.helpers import advance
from tests.delivery.records import add_dataset, add_made, commit
from tests.e2e.terminal import Terminal

CONFIG = '[project]\nname = "fraud"\n[environments.production]\nmodel = "fraud"\nport = 8100\n'


def add(
    workspace: Workspace, version: ModelVersion, kind: str = "deploy", restores: int | None = None, **glass: str
) -> Revision:
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", 8100)
        gates = (GateResult("test/auc >= 0.8", True, "0.91"),) if kind == "deploy" else ()
        number = deploying.add_revision(
            tx,
            "production",
            version,
            kind=kind,
            actor="ann",
            reason=f"reason of {version.ref}",
            restores=restores,
            gates=gates,
            approvals=1 if kind == "deploy" else 0,
            break_glass=glass.get("break_glass"),
        ).revision
        if kind == "deploy" and not glass:
            deploying.approve(tx, "production", number, "bo", "looks fine")
        advance(tx, "production", number, S.LOADING, S.LIVE)
        return deployments.revision(tx, "production", number)


@pytest.fixture
def project(workspace: Workspace) -> Path:
    """fraud:1, fraud:2 with broken glass, and back to fraud:1."""
    workspace.config_path.write_text(CONFIG)
    known = commit(workspace.root, "fit.py", "a", int(time.time()) - 3600)
    made = Provenance("ann", "python fit.py", known, "main", False)
    data = add_dataset(workspace, "claims", 1.0)
    first = add_made(workspace, origin=made, params={"depth": 3}, metrics={"test/auc": 0.91}, inputs={"train": data})
    second = add_made(workspace, "brave-fox-2", origin=made, params={"depth": 5}, metrics={"test/auc": 0.89})
    add(workspace, first)
    add(workspace, second, break_glass="the till is down")
    add(workspace, first, "rollback", 1)
    return workspace.root


def test_history_shows_gates_approvals_and_broken_glass(project: Path) -> None:
    newest, second, first = document("history", "production", cwd=project)["revisions"]
    assert (newest["kind"], newest["restores"], newest["gates"], newest["approvals"]) == ("rollback", 1, [], [])
    assert (second["break_glass"], second["approvals_needed"], second["approvals"]) == ("the till is down", 1, [])
    assert first["gates"] == [{"gate": "test/auc >= 0.8", "passed": True, "figure": "0.91"}]
    [approval] = first["approvals"]
    assert (approval["actor"], approval["reason"]) == ("bo", "looks fine")
    text = console("history", "production", cwd=project).stdout
    assert "⚠ broken glass: the till is down" in text
    assert "rollback to 1" in text
    assert "ASKED" in text


def test_the_mark_of_broken_glass_has_room_in_a_narrow_terminal(project: Path) -> None:
    words = [sys.executable, "-m", "mlops_console", "history", "production"]
    with Terminal(words, cwd=project, columns=80, lines=24) as terminal:
        terminal.wait_text("reason of fraud:1")
        marked = [line.split()[:4] for line in terminal.text.splitlines() if "deploy ⚠" in line]
    assert marked == [["2", "fraud:2", "deploy", "⚠"]]


def test_a_narrow_terminal_tells_every_reason_whole(project: Path, workspace: Workspace) -> None:
    """Below its revision, as a column of it has no room."""
    why = " ".join(f"because{number}" for number in range(30))
    with workspace.store.write() as tx:
        version = models.get(tx, ModelRef("fraud", 2))
        made = deploying.add_revision(tx, "production", version, kind="deploy", actor="ann", reason=why)
        advance(tx, "production", made.revision, S.LOADING)
        advance(tx, "production", made.revision, S.ABORTED, reason="it is worse " * 12)
    words = [sys.executable, "-m", "mlops_console", "history", "production"]
    with Terminal(words, cwd=project, columns=80, lines=40) as terminal:
        terminal.wait_text("approved by bo")
        terminal.wait_text("REV")
        lines = [line.rstrip() for line in terminal.text.splitlines()]
    head, newest, second, third, first = (
        next(i for i, line in enumerate(lines) if line.split()[:2] == begin)
        for begin in (["REV", "MODEL"], ["4", "fraud:2"], ["3", "fraud:1"], ["2", "fraud:2"], ["1", "fraud:1"])
    )
    assert "REASON" not in lines[head]
    below = lines[newest + 1 : second]
    assert all(line.startswith("      ") for line in below)
    assert " ".join(" ".join(below).split()) == f"{why} ended: {('it is worse ' * 12).strip()}"
    assert [line.strip() for line in lines[third + 1 : first]] == [
        "⚠ broken glass: the till is down",
        "reason of fraud:2",
    ]
    assert [line.strip() for line in lines[first + 1 : first + 3]] == ["approved by bo", "reason of fraud:1"]
    assert not any("No room" in line or "…" in line for line in lines)


def test_a_wide_terminal_has_a_column_of_whole_reasons(project: Path, workspace: Workspace) -> None:
    why = "too long for a pipe, " * 4
    with workspace.store.write() as tx:
        version = models.get(tx, ModelRef("fraud", 2))
        deploying.add_revision(tx, "production", version, kind="deploy", actor="ann", reason=why)
    words = [sys.executable, "-m", "mlops_console", "history", "production"]
    with Terminal(words, cwd=project, columns=200, lines=24) as terminal:
        terminal.wait_text("reason of fraud:1")
        lines = terminal.text.splitlines()
    assert any("APPROVED BY" in line and "REASON" in line for line in lines)
    assert any(line.split()[:1] == ["4"] and why.strip() in line for line in lines)
    assert any(line.split()[:2] == ["1", "fraud:1"] and line.rstrip().endswith("reason of fraud:1") for line in lines)


def test_history_shows_why_it_was_asked_for_and_how_it_ended(project: Path, workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        version = models.get(tx, ModelRef("fraud", 2))
        for reason, ended in (("more recall", "it is worse"), ("x" * 500, "y" * 500)):
            made = deploying.add_revision(tx, "production", version, kind="deploy", actor="ann", reason=reason)
            advance(tx, "production", made.revision, S.LOADING)
            advance(tx, "production", made.revision, S.ABORTED, reason=ended)
    found = console("history", "production", cwd=project).stdout
    assert "more recall · it is worse" in found
    assert max(map(len, found.splitlines())) < 320
    assert "APPROVED BY" in found
    newest = document("history", "production", cwd=project)["revisions"][0]
    assert (newest["reason"], newest["error"]) == ("x" * 500, "y" * 500)  # whole for programs


def test_approvals_take_no_room_where_nobody_had_to(project: Path, workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "staging", "fraud", "127.0.0.1", 8101)
        version = models.get(tx, ModelRef("fraud", 2))
        deploying.add_revision(tx, "staging", version, kind="deploy", actor="ann", reason="try it")
    assert "APPROVED BY" not in console("history", "staging", cwd=project).stdout


def test_a_shadow_is_called_one(project: Path, workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        version = models.get(tx, ModelRef("fraud", 2))
        plan = RolloutPlan("shadow", hold=60.0, min_requests=5)
        made = deploying.add_revision(tx, "production", version, kind="deploy", actor="ann", reason="", rollout=plan)
        advance(tx, "production", made.revision, S.LOADING, S.TESTING, S.CANARY)
    for arguments in (("history", "production"), ("why", "production", "--revision", str(made.revision)), ("status",)):
        text = console(*arguments, cwd=project).stdout
        assert "shadow" in text, arguments
        assert "canary" not in text, arguments
    assert document("history", "production", cwd=project)["revisions"][0]["state"] == "canary"  # as documented


def test_the_machine_is_no_reason_for_a_version(project: Path, workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        for number in (1, 2):
            run = models.get(tx, ModelRef("fraud", number)).run_id
            assert run is not None
            series.ingest(tx, run, [("system/cpu", 0, 10.0 * number, 1.0)])
    for arguments in (("why", "production"), ("model", "diff", "fraud:1", "fraud:2")):
        text = console(*arguments, cwd=project).stdout
        assert "test/auc" in text, arguments
        assert "system/" not in text, arguments


def test_the_timeline_tells_what_was_live_when(project: Path) -> None:
    found = document("history", "production", "--timeline", cwd=project)
    assert found["environment"] == "production"
    assert [(span["revision"], span["version"], span["open"]) for span in found["spans"]] == [
        (1, 1, False),
        (2, 2, False),
        (3, 1, True),
    ]
    starts, ends = [span["start"] for span in found["spans"]], [span["end"] for span in found["spans"]]
    assert starts[1:] == ends[:-1]
    text = console("history", "production", "--timeline", cwd=project).stdout
    assert "━" in text
    assert "now" in text


def test_status_at_a_moment_says_who_let_it_in(project: Path, workspace: Workspace) -> None:
    with workspace.store.read() as db:
        _, second, first = deployments.revisions(db, "production")
    assert first.live_at is not None
    assert second.live_at is not None
    then = dt.datetime.fromtimestamp((first.live_at + second.live_at) / 2, dt.UTC).isoformat()
    [found] = document("status", "--at", then, cwd=project)["environments"]
    assert (found["name"], found["revision"], found["version"], found["actor"]) == ("production", 1, 1, "ann")
    assert [approval["actor"] for approval in found["approvals"]] == ["bo"]
    assert [gate["passed"] for gate in found["gates"]] == [True]
    now = dt.datetime.now(dt.UTC).isoformat()
    [found] = document("status", "--at", now, cwd=project)["environments"]
    assert (found["revision"], found["admitted_as"]) == (3, 1)
    text = console("status", "--at", now, cwd=project).stdout
    assert "production: fraud:1 came in with revision 1, which revision 3 went back to" in text
    assert "approved by bo" in text
    assert document("status", "--at", "2020-01-01", cwd=project)["environments"] == [
        {"name": "production", "revision": None}
    ]
    fails("status", "--at", now, "--dora", cwd=project, status=2, told="Give one of them")


def test_why_tells_the_chain_and_its_gaps(project: Path) -> None:
    found = document("why", "production", cwd=project)
    assert (found["revision"]["revision"], found["origin"]["revision"], found["version"]["version"]) == (3, 1, 1)
    assert (found["run"]["params"], found["run"]["git"]["dirty"]) == ({"depth": 3}, False)
    assert [(d["role"], d["dataset"], d["version"]) for d in found["datasets"]] == [("train", "claims", 1)]
    assert found["gaps"] == ["Revision 3 was made by no job."]
    other = document("why", "production", "--revision", "2", cwd=project)
    assert any("Glass was broken" in gap for gap in other["gaps"])
    assert any("recorded no dataset" in gap for gap in other["gaps"])
    text = console("why", "production", cwd=project).stdout
    parts = ("WHICH GOES BACK TO", "GATES", "APPROVALS", "VERSION", "RUN", "PARAMS", "CODE", "DATA", "NOT KNOWN")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    fails("why", "moon", cwd=project, status=2, told="Nothing was ever deployed to 'moon'")
    fails("why", "production", "--at", "2020-01-01", cwd=project, status=2, told="Nothing was live at")


def test_why_says_what_is_not_live(project: Path, workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        version = models.get(tx, ModelRef("fraud", 2))
        numbers = [
            deploying.add_revision(tx, "production", version, kind="deploy", actor="ann", reason="").revision
            for _ in range(2)
        ]
        advance(tx, "production", numbers[0], S.ABORTED, reason="no")
    for revision, heading in (
        (1, "production, revision 1: fraud:1: retired"),
        (3, "production: fraud:1"),
        (4, "production, revision 4: fraud:2: aborted, was never live"),
        (5, "production, revision 5: fraud:2: planned, is not live yet"),
    ):
        text = console("why", "production", "--revision", str(revision), cwd=project).stdout
        assert text.splitlines()[0] == heading
    assert "APPROVALS\n  none: nobody had to approve it\n" in text
    assert "GATES\n  none: revision 5 had to pass no gate\n" in text
    missing = text[text.index("NOT KNOWN") :]
    assert [word for word in ("approve", "gate") if word in missing] == []


def test_dora_in_json_and_text(project: Path) -> None:
    found = document("status", "--dora", "--days", "7", cwd=project)
    assert (found["days"], found["end"] - found["start"]) == (7, 7 * 86_400)
    [figures] = found["environments"]
    assert (figures["name"], figures["deployments"], figures["deployments_per_week"]) == ("production", 2, 2.0)
    assert (figures["changes"], figures["failed"], figures["rework"]) == (2, 2, 1)
    assert figures["lead_time"] == pytest.approx(3600, abs=120)
    assert figures["lead_times_from_run"] == 0
    text = console("status", "--dora", cwd=project).stdout
    assert "100% (2 of 2)" in text
    assert "50% (1 of 2)" in text


def test_model_diff(project: Path) -> None:
    found = document("model", "diff", "fraud:1", "fraud:2", cwd=project)
    assert found.keys() == {
        "a", "b", "params", "metrics", "data", "signature", "code", "packages", "commits", "notes",
    }  # fmt: skip
    assert found["params"] == [{"name": "depth", "a": "3", "b": "5"}]
    assert found["metrics"] == [{"name": "test/auc", "a": 0.91, "b": 0.89, "better": False}]
    assert [(pair["role"], pair["b"]) for pair in found["data"]] == [("train", None)]
    assert found["commits"]["summary"] == "same commit"
    text = console("model", "diff", "fraud:1", "fraud:2", cwd=project).stdout
    assert "SIGNATURE: no difference" in text
    assert "▼ worse" in text
    fails("model", "diff", "fraud:1", "fraud:9", cwd=project, status=2, told="no version 'fraud:9'")


def test_model_card_as_text_file_and_json(project: Path) -> None:
    text = console("model", "card", "fraud:1", cwd=project).stdout
    assert text.startswith("# fraud:1\n\n## Model details\n")
    assert "Live in**: production (revision 3)" in text
    assert "things are not known" in console("model", "card", "fraud:1", "--output", "card.md", cwd=project).stdout
    assert (project / "card.md").read_text() == text
    found = document("model", "card", "fraud:1", cwd=project)
    assert (found["markdown"], found["file"]) == (text, None)
    assert {"section", "what", "how"} == found["gaps"][0].keys()
    fails("model", "card", "fraud:1", "--output", "no/where.md", cwd=project, status=2, told="can't be written")


def test_the_ledger_goes_out_and_is_verified_elsewhere(project: Path, workspace: Workspace, tmp_path: Path) -> None:
    for number in range(5):
        with workspace.store.write() as tx:
            ledger.append(tx, "ada", "deploy", "production", "succeeded", {"n": number, "figure": float("nan")})
    head = console("ledger", "head", cwd=project).stdout.strip()
    assert document("ledger", "head", cwd=project)["head"] == head
    assert document("ledger", "export", "ledger.jsonl", cwd=project) == {
        "file": "ledger.jsonl",
        "entries": 5,
        "head": head,
    }
    lines = (project / "ledger.jsonl").read_text().splitlines(keepends=True)
    assert console("ledger", "export", cwd=project).stdout == "".join(lines)
    assert json.loads(lines[0])["detail"] == {"figure": None, "n": 0}
    found = document("ledger", "verify", "--head", head, cwd=project)
    assert (found["entries"], found["first_broken"], found["head"]) == (5, None, head)
    assert [(noted["seq"], noted["later"]) for noted in found["noted"]] == [(5, 0), (5, 0)]
    elsewhere = tmp_path / "elsewhere.jsonl"  # no workspace is needed there
    elsewhere.write_text("".join(lines))
    told = console("ledger", "verify", "--file", str(elsewhere), cwd=tmp_path).stdout
    assert "The chain of 5 entries is whole." in told
    assert "its newest entries were cut off" in told
    elsewhere.write_text("".join(lines[:3]))
    assert console("ledger", "verify", "--file", str(elsewhere), cwd=tmp_path).returncode == 0
    cut = ("ledger", "verify", "--file", str(elsewhere), "--head", head)
    fails(*cut, cwd=tmp_path, status=1, told="broken at entry 4")
    elsewhere.write_text("".join([lines[0], lines[2], lines[1]]))
    fails("ledger", "verify", "--file", str(elsewhere), cwd=tmp_path, status=1, told="broken at entry 2")
    fails("ledger", "verify", "--head", "5", cwd=project, status=2, told="no head of a ledger")


def test_verify_tells_what_was_cut_off_in_the_store(project: Path, workspace: Workspace) -> None:
    for _ in range(4):
        with workspace.store.write() as tx:
            ledger.append(tx, "ada", "deploy", "production", "succeeded")
    assert "ledger.head" in console("ledger", "verify", cwd=project).stdout
    with workspace.store.write() as tx:
        tx.execute("DROP TRIGGER ledger_is_append_only_delete")
        tx.execute("DELETE FROM ledger WHERE seq > 2")
    fails("ledger", "verify", cwd=project, status=1, told="broken at entry 3: ledger.head knows of entry 4")
    found = console("ledger", "verify", "--json", cwd=project)
    assert (found.returncode, json.loads(found.stdout)["first_broken"]) == (1, 3)
