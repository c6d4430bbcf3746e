"""`alert list|show|ack|resolve|silence|unsilence|silences|test`, as their users run them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_console.core.alerts import Severity
from mlops_console.core.destinations import destinations
from mlops_console.store import alerts, outbox
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client
from tests.cli.test_commands import console, document, fails
from tests.support import free_port, wait_for
from tests.worker.receiver import receiving

URL = "http://127.0.0.1:9/T0KEN"


@pytest.fixture
def project(workspace: Workspace) -> Iterator[Path]:
    (workspace.root / "mlops.toml").write_text(f"[project]\nname = 'fraud'\n[alerts]\nurls = ['{URL}']\n")
    with workspace.store.write() as tx:
        outbox.set_destinations(tx, [found.key for found in destinations([URL])])
        alerts.open_alert(tx, "server", "production", Severity.CRITICAL, "It is \x1b[31mdown.\n  ⚠ warning forged")
        (delivery,) = outbox.claim(tx, 1e12, 60)
        outbox.failed(tx, delivery, 1.0, "It answered 500.", 60)
    yield workspace.root
    client.stop_worker(workspace)


def test_what_is_wrong_and_what_was_told(project: Path) -> None:
    listed = document("alert", "list", cwd=project)
    alert = listed["alerts"][0]
    assert alert.pop("created_at") > 0
    assert alert == {
        "id": 1,
        "kind": "server",
        "subject": "production",
        "severity": "critical",
        "message": "It is \x1b[31mdown.\n  ⚠ warning forged",
        "rule": "server",
        "environment": "production",
        "state": "open",
        "resolved_at": None,
        "resolved_by": "",
        "resolved_note": "",
        "acknowledged_at": None,
        "acknowledged_by": "",
        "note": "",
        "silenced_until": None,
        "detail": {},
    }
    assert (listed["waiting"], listed["problems"]) == (1, [])
    assert document("status", cwd=project)["alerts"][0]["rule"] == "server"
    (delivery,) = document("alert", "show", "1", cwd=project)["deliveries"]
    assert {name: delivery[name] for name in ("to", "event", "state", "attempts", "error")} == {
        "to": "http://127.0.0.1:9/…",
        "event": "opened",
        "state": "waiting",
        "attempts": 1,
        "error": "It answered 500.",
    }
    shown = console("alert", "show", "1", cwd=project).stdout
    assert "\x1b" not in shown
    assert "T0KEN" not in shown
    assert "It answered 500." in shown
    for command in (("status",), ("alert", "list"), ("alert", "show", "1")):
        assert "\n  ⚠ warning forged" not in console(*command, cwd=project).stdout


def test_from_acknowledging_to_the_end(project: Path) -> None:
    done = document("alert", "ack", "1", "--note", "on it", cwd=project)
    assert {name: done[name] for name in ("alert", "rule", "subject", "note", "state")} == {
        "alert": 1, "rule": "server", "subject": "production", "note": "on it", "state": "succeeded"
    }  # fmt: skip
    made = document("alert", "silence", "server", "production", "--for", "2h", cwd=project)
    assert made["silence"] == 1
    (silence,) = document("alert", "silences", cwd=project)["silences"]
    assert set(silence) == {"id", "rule", "subject", "until", "actor", "note", "created_at"}
    told = console("alert", "show", "1", cwd=project).stdout
    assert "alert 1: silenced, critical, rule server, production" in told
    assert ": on it" in told
    assert document("alert", "unsilence", "1", cwd=project)["state"] == "succeeded"
    assert document("alert", "silences", cwd=project) == {"silences": []}
    assert len(document("alert", "silences", "--all", cwd=project)["silences"]) == 1
    planned = console("alert", "resolve", "1", "--dry-run", cwd=project).stdout
    done_text = console("alert", "resolve", "1", "--note", "gone", cwd=project).stdout
    assert "Done: end alert 1." in done_text
    assert all("\n  • It is ␛[31mdown.␤  ⚠ warning forged\n" in found for found in (planned, done_text))
    wait_for(lambda: client.worker_status(Workspace(project)).state == "running", what="somebody who tells of it")
    assert "Nothing is wrong" in console("alert", "list", cwd=project).stdout
    (ended,) = document("alert", "list", "--all", cwd=project)["alerts"]
    assert (ended["state"], ended["resolved_note"], ended["note"]) == ("resolved", "gone", "on it")
    assert f", ended by {ended['resolved_by']}: gone" in console("alert", "show", "1", cwd=project).stdout


def test_errors_are_one_sentence(project: Path) -> None:
    fails("alert", "show", "9", cwd=project, status=2, told="There is no alert 9.")
    fails(
        "alert",
        "silence",
        "sever",
        "--for",
        "1h",
        cwd=project,
        status=2,
        told="no rule 'sever', did you mean 'server'?",
    )
    fails("alert", "ack", "1", cwd=project, status=3, told="read-only", MLOPS_READ_ONLY="1")
    fails("alert", "test", cwd=project, status=3, told="read-only", MLOPS_READ_ONLY="1")
    (project / "mlops.toml").write_text("[project]\nname = 'fraud'\n")
    fails("alert", "test", cwd=project, status=2, told="There is nowhere to send to.")


def test_a_test_message_says_what_came_of_it(project: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}/T0KEN"
    with receiving() as receiver:
        (project / "mlops.toml").write_text(
            f"[project]\nname = 'fraud'\n[alerts]\nurls = ['{receiver.url}', '{dead}']\nsecret_env = 'HOOK'\n"
        )
        fails("alert", "test", cwd=project, status=1, told="secret_env of mlops.toml names, holds no secret")
        found = console("alert", "test", "--json", cwd=project, HOOK="x")
        assert found.returncode == 1
        assert "T0KEN" not in found.stdout
        assert [told["sent"] for told in json.loads(found.stdout)["destinations"]] == [True, False]
        assert receiver.messages[0]["event"] == "test"
        assert "x-mlops-signature" in receiver.headers[0]


def test_what_is_missing_is_told_by_list_and_doctor(project: Path) -> None:
    (project / "mlops.toml").write_text(
        "[project]\nname = 'fraud'\n[alerts]\nurls = ['https://a.b/T0KEN']\nsecret_file = 'nowhere'\n"
    )
    sentence = "The file nowhere, which alerts.secret_file of mlops.toml names, holds no secret."
    assert document("alert", "list", cwd=project)["problems"][0].startswith(sentence)
    told = console("doctor", cwd=project)
    assert told.returncode == 1
    assert sentence in told.stdout
