"""Messages of alerts, sent to a real receiver that fails at first."""

import base64
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.alerts import AlertEvent, Delivery, Severity
from mlops_console.core.config import parse_config
from mlops_console.core.destinations import destinations
from mlops_console.core.errors import MlopsError
from mlops_console.store import alerts, outbox
from mlops_console.store.workspace import Workspace
from mlops_console.worker.messages import Post, attempt, post_of, text, unreachable
from mlops_console.worker.messenger import Patience, deliver, pause_after
from mlops_console.worker.outbox import Outbox, start
from mlops_console.worker.webhook import signature
from tests.support import free_port, wait_for
from tests.worker.receiver import Receiver, receiving

HASTE = Patience(answer=0.2, round=0.6, lease=120)
SECRET = b"swordfish"
APPRISE = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own imports


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def post(workspace: Workspace, *urls: str, secret: bytes | None = SECRET) -> Post:
    """Where messages go, known to the store."""
    found = Post("fraud", destinations(urls), secret)
    with workspace.store.write() as tx:
        outbox.set_destinations(tx, [destination.key for destination in found.destinations])
    return found


def open_alert(workspace: Workspace, kind: str = "drift", subject: str = "production", message: str = "moved") -> None:
    with workspace.store.write() as tx:
        alerts.open_alert(tx, kind, subject, Severity.WARNING, message)


def resolve(workspace: Workspace, kind: str = "drift", subject: str = "production") -> None:
    with workspace.store.write() as tx:
        alerts.resolve(tx, kind, subject)


def told(workspace: Workspace, alert: int = 1) -> list[Delivery]:
    with workspace.store.read() as db:
        return outbox.of_alert(db, alert)


class Clock:
    """Shows the time, and can be put forward."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def test_a_message_is_signed_and_arrives_once(workspace: Workspace, receiver: Receiver) -> None:
    to = post(workspace, receiver.url)
    open_alert(workspace, message="amount \x1b[31m has moved")
    open_alert(workspace, message="amount has moved more")  # the same alert: nothing new to tell
    for _ in range(2):
        deliver(workspace, to, HASTE)
    (headers,), (body,), (message,) = receiver.headers, receiver.bodies, receiver.messages
    assert headers["x-mlops-signature"] == signature(SECRET, headers["x-mlops-timestamp"], body)
    assert abs(int(headers["x-mlops-timestamp"]) - time.time()) < 30
    assert (headers["x-mlops-event"], headers["content-type"]) == ("opened", "application/json")
    assert message["key"] == headers["idempotency-key"]
    assert {name: message[name] for name in ("event", "rule", "kind", "subject", "severity", "environment")} == {
        "event": "opened",
        "rule": "drift",
        "kind": "drift",
        "subject": "production",
        "severity": "warning",
        "environment": "production",
    }
    assert message["title"] == "fraud: warning: drift production"
    assert [(d.state, d.attempts, d.error) for d in told(workspace)] == [("sent", 1, "")]


def test_the_documented_check_takes_what_is_genuine_and_nothing_else(workspace: Workspace, receiver: Receiver) -> None:
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    documented: dict[str, Any] = {}
    exec(example, documented)  # noqa: S102 - our own page
    deliver_to = post(workspace, receiver.url)
    open_alert(workspace)
    deliver(workspace, deliver_to, HASTE)
    (body,) = receiver.bodies
    headers = Message()
    for name, value in receiver.headers[0].items():
        headers[name] = value
    is_genuine = documented["is_genuine"]
    assert is_genuine(headers, body, SECRET)
    assert not is_genuine(headers, body, b"guessed")
    assert not is_genuine(headers, body + b" ", SECRET)
    headers.replace_header("x-mlops-timestamp", str(int(time.time()) + 60))
    assert not is_genuine(headers, body, SECRET)


def test_hostile_texts_are_texts_in_body_and_headers(receiver: Receiver) -> None:
    login = "us%C3%A9r:p%0D%0AX-Evil: 1"
    (to,) = destinations([receiver.url.replace("://", f"://{login}@")])
    body = {
        "event": "opened", "severity": "warning", "rule": "drift", "subject": "a\r\nX-Evil: 1 \ud800 \x1b[2J",
        "message": "\ud800 [@click=app.quit]<!channel>\x1b]52;c;x\x07\n\u202e",
    }  # fmt: skip
    assert attempt(Post("fraud", (to,), SECRET), to, "key", body) == ""
    assert receiver.messages[0]["message"] == body["message"]
    headers = receiver.headers[0]
    assert "x-evil" not in headers
    assert base64.b64decode(headers["authorization"].split()[1]).decode() == "usér:p\r\nX-Evil: 1"
    assert "\n" not in receiver.messages[0]["title"]
    told = attempt(Post("fraud", (to,), SECRET), to, "key\r\nX-Evil: 1", body)
    assert told
    assert login not in told
    assert len(receiver.messages) == 1


def test_a_hundred_alerts_at_once_all_arrive(workspace: Workspace, receiver: Receiver) -> None:
    to = post(workspace, receiver.url)
    for number in range(100):
        open_alert(workspace, subject=f"environment-{number}")
    for _ in range(4):
        deliver(workspace, to, Patience())
    assert [message["alert"] for message in receiver.messages] == list(range(1, 101))
    with workspace.store.read() as db:
        assert not outbox.waiting(db)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("500", "It answered 500."),
        ("302", "It answered 302: redirects are not followed."),
        ("hang", "There was no answer within 0.2 s."),
        ("close", "It can't be reached"),
    ],
)
def test_what_fails_is_tried_again_with_the_same_key(workspace: Workspace, word: str, why: str) -> None:
    clock = Clock()
    with receiving(word, word) as receiver:
        to = post(workspace, receiver.url)
        open_alert(workspace)
        for attempt in (1, 2):
            deliver(workspace, to, HASTE, clock)
            (delivery,) = told(workspace)
            assert (delivery.state, delivery.attempts) == ("waiting", attempt)
            assert why in delivery.error
            deliver(workspace, to, HASTE, clock)  # it is not due yet
            assert len(receiver.keys) == attempt
            clock.ahead += 60
        deliver(workspace, to, HASTE, clock)
        assert len(set(receiver.keys)) == 1
        assert len(receiver.keys) == 3
        assert told(workspace)[0].state == "sent"


def test_nobody_listens_and_no_such_host(workspace: Workspace) -> None:
    to = post(workspace, f"http://127.0.0.1:{free_port()}/T0KEN", "http://nobody.invalid/T0KEN", "http://a b/T0KEN")
    open_alert(workspace)
    deliver(workspace, to, Patience(0.5, 5, 60))
    assert {d.state for d in told(workspace)} == {"waiting"}
    for delivery in told(workspace):
        assert delivery.error
        assert "T0KEN" not in delivery.error


def test_a_name_server_that_hangs_holds_up_nobody(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def hanging(host: str, *args: object, **kwargs: object) -> object:
        if host == "slow.invalid":
            receiver.ended.wait(30)
        return real(host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    to = post(workspace, "http://slow.invalid/", receiver.url)
    open_alert(workspace)
    deliver(workspace, to, HASTE)
    assert len(receiver.keys) == 1
    states = {d.destination: (d.state, d.error) for d in told(workspace)}
    assert [states[destination.key] for destination in to.destinations] == [
        ("waiting", "There was no answer within 0.6 s."),
        ("sent", ""),
    ]


def test_an_endless_answer_is_not_read(workspace: Workspace) -> None:
    with receiving("drip") as receiver:
        to = post(workspace, receiver.url)
        open_alert(workspace)
        deliver(workspace, to, HASTE)
    assert told(workspace)[0].state == "sent"


def test_a_messenger_that_is_killed_between_sending_and_recording_loses_nothing(workspace: Workspace) -> None:
    clock = Clock()
    with receiving("hang") as receiver:
        to = post(workspace, receiver.url)
        open_alert(workspace)
        messenger = start(workspace.root, to)
        wait_for(lambda: receiver.keys, what="the first message")
        os.kill(messenger.pid, signal.SIGKILL)
        messenger.wait()
        deliver(workspace, to, HASTE, clock)  # the lease of the one that died still runs
        assert len(receiver.keys) == 1
        clock.ahead = 121
        deliver(workspace, to, HASTE, clock)
        assert len(receiver.keys) == 2
        assert len(set(receiver.keys)) == 1  # by which the receiver knows the second for the first
    assert [(d.state, d.attempts) for d in told(workspace)] == [("sent", 2)]


def test_two_messengers_at_once_send_nothing_twice(workspace: Workspace, receiver: Receiver) -> None:
    to = post(workspace, receiver.url)
    for number in range(5):
        open_alert(workspace, "job", f"train {number}")
    with workspace.store.write() as tx:
        first = outbox.claim(tx, time.time(), 60, limit=3)
    deliver(workspace, to, HASTE)
    assert len(receiver.keys) == 2
    assert not {delivery.key for delivery in first} & set(receiver.keys)


def test_a_destination_with_many_messages_keeps_no_other_waiting(workspace: Workspace, receiver: Receiver) -> None:
    dead = post(workspace, f"http://127.0.0.1:{free_port()}/")
    with workspace.store.write() as tx:
        for number in range(60):
            alerts.open_alert(tx, "job", f"train {number}", Severity.WARNING, "failed")
    to = post(workspace, dead.destinations[0].url, receiver.url)
    open_alert(workspace)
    deliver(workspace, to, HASTE)
    assert [message["kind"] for message in receiver.messages] == ["drift"]


def test_the_end_is_told_after_the_beginning(workspace: Workspace) -> None:
    clock = Clock()
    with receiving("500") as receiver:
        to = post(workspace, receiver.url)
        open_alert(workspace)
        resolve(workspace)
        deliver(workspace, to, HASTE, clock)
        assert [message["event"] for message in receiver.messages] == ["opened"]
        for _ in range(2):
            clock.ahead += 60
            deliver(workspace, to, HASTE, clock)
        assert [message["event"] for message in receiver.messages] == ["opened", "opened", "resolved"]
        assert receiver.messages[-1]["title"] == "fraud: over: drift production"


def test_who_has_ended_it_is_in_the_message_and_in_the_text(workspace: Workspace, receiver: Receiver) -> None:
    to = post(workspace, receiver.url)
    open_alert(workspace)
    deliver(workspace, to, Patience())
    with workspace.store.write() as tx:
        alerts.resolve_one(tx, alerts.get(tx, 1), "ann", "moved\nto [b]berlin")
    deliver(workspace, to, Patience())
    first, over = receiver.messages
    assert (first["by"], first["note"], over["by"], over["note"]) == (None, None, "ann", "moved\nto [b]berlin")
    assert text(first) == first["message"]
    assert text(over) == f"{over['message']}\nann has ended it: moved␤to [b]berlin"
    assert text({**over, "note": None}).endswith("\nann has ended it.")
    assert text({"message": "of an earlier version"}) == "of an earlier version"


def test_after_a_day_it_is_given_up_and_the_others_are_told(workspace: Workspace, receiver: Receiver) -> None:
    clock = Clock()
    clock.ahead = outbox.GIVEN_UP
    dead = f"http://127.0.0.1:{free_port()}/T0KEN"
    to = post(workspace, dead, receiver.url)
    open_alert(workspace)
    deliver(workspace, to, HASTE, clock)
    assert {d.state for d in told(workspace)} == {"waiting", "sent"}, "nobody has tried it for a day"
    with workspace.store.write() as tx:
        tx.execute("UPDATE outbox SET attempts = 9")
    clock.ahead += 60
    deliver(workspace, to, HASTE, clock)
    with workspace.store.read() as db:
        alert = next(found for found in alerts.open_alerts(db) if found.kind == "delivery")
    assert alert.message.startswith(f"Messages to {to.destinations[0].name} are given up after 10 attempts.")
    assert "T0KEN" not in alert.message + alert.subject
    assert [d.destination for d in told(workspace, alert.id)] == [to.destinations[1].key]
    deliver(workspace, to, HASTE, clock)
    assert [message["kind"] for message in receiver.messages] == ["drift", "delivery"]

    with receiving() as back:  # it is there again
        to = replace(to, destinations=(replace(to.destinations[0], url=back.url), to.destinations[1]))
        open_alert(workspace, "job", "train")
        deliver(workspace, to, HASTE)
        assert len(back.keys) == 1
    with workspace.store.read() as db:
        assert all(found.kind != "delivery" for found in alerts.open_alerts(db))


def test_what_mlops_toml_has_no_more_is_given_up(workspace: Workspace, receiver: Receiver) -> None:
    post(workspace, receiver.url)
    open_alert(workspace)
    deliver(workspace, Post("fraud", ()), HASTE)
    assert [(d.state, d.error) for d in told(workspace)] == [("given up", "It is in mlops.toml no more.")]
    with workspace.store.read() as db:
        assert [alert.kind for alert in alerts.open_alerts(db)] == ["drift"]


def test_a_clock_that_goes_back_holds_nothing_up(workspace: Workspace, receiver: Receiver) -> None:
    clock = Clock()
    clock.ahead = 10 * outbox.GIVEN_UP
    to = post(workspace, f"http://127.0.0.1:{receiver.port}/")
    with workspace.store.write() as tx:
        alerts.open_alert(tx, "drift", "production", Severity.WARNING, "x")
        (delivery,) = outbox.claim(tx, clock(), 60)
        outbox.failed(tx, delivery, clock(), "no", 5)
        alerts.open_alert(tx, "job", "train", Severity.WARNING, "x")
        outbox.claim(tx, clock(), 60)  # and is killed
    deliver(workspace, to, HASTE)
    assert len(receiver.keys) == 2


@APPRISE
def test_apprise_delivers_to_the_other_schemes(workspace: Workspace) -> None:
    clock = Clock()
    with receiving("500") as receiver:
        to = post(workspace, f"json://127.0.0.1:{receiver.port}/T0KEN")
        assert to.destinations[0].name == "json://…"
        open_alert(workspace, message="[red]amount[/red] has moved")
        deliver(workspace, to, Patience(1, 5, 60), clock)
        assert told(workspace)[0].error == "Apprise could not deliver it."
        clock.ahead = 60
        deliver(workspace, to, Patience(1, 5, 60), clock)
        message = receiver.messages[-1]
    assert (message["title"], message["message"], message["type"]) == (
        "fraud: warning: drift production",
        "[red]amount[/red] has moved",
        "warning",
    )
    assert [d.state for d in told(workspace)] == ["sent"]


def test_without_apprise_one_sentence_says_so(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    settings = parse_config("[project]\nname = 'x'\n[alerts]\nurls = ['slack://T0KEN/b', 'https://a.b/c']").alerts
    (sentence,) = unreachable(settings)
    config = parse_config("[project]\nname = 'x'\n[alerts]\nurls = ['slack://T0KEN/b']")
    box = Outbox(workspace)
    for _ in range(3):
        box.look(config)
    assert caplog.messages == [sentence]
    assert sentence.startswith("slack://… can't be told of alerts, as Apprise is not installed: pip install")
    to = post(workspace, "slack://T0KEN/b")
    open_alert(workspace)
    deliver(workspace, to, HASTE)
    assert told(workspace)[0].error == sentence


@APPRISE
def test_a_url_that_apprise_does_not_know(workspace: Workspace) -> None:
    to = post(workspace, "slcak://T0KEN/b")
    open_alert(workspace)
    deliver(workspace, to, Patience(1, 5, 60))
    assert told(workspace)[0].error.startswith("slcak://… is no URL that Apprise knows.")


def test_the_secret_comes_from_its_place_or_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def secret(text: str) -> bytes | None:
        return post_of(tmp_path, "x", parse_config(f"[project]\nname = 'x'\n[alerts]\n{text}").alerts).secret

    assert secret("") is None
    with pytest.raises(MlopsError, match=r"alerts\.secret_env of mlops\.toml names, holds no secret"):
        secret("secret_env = 'MLOPS_WEBHOOK_SECRET'")
    monkeypatch.setenv("MLOPS_WEBHOOK_SECRET", "swordfish")
    assert secret("secret_env = 'MLOPS_WEBHOOK_SECRET'") == SECRET
    with pytest.raises(MlopsError, match="holds no secret"):
        secret("secret_file = 'secret'")
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    assert secret("secret_file = 'secret'") == SECRET


def test_the_worker_sends_by_a_process_of_its_own_and_stays_until_it_has(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "sword\udcfffish")
    toml = f"[project]\nname = 'fraud'\n[alerts]\nurls = ['{receiver.url}']\nsecret_env = 'HOOK'"
    config = parse_config(toml)
    box = Outbox(workspace)
    box.look(config)
    assert not box.need_worker
    open_alert(workspace)
    monkeypatch.setattr("mlops_console.worker.outbox._PAUSE", 0)
    box.look(config)
    assert box.need_worker
    wait_for(lambda: box.look(config) or not box.need_worker, what="the end of what waits")
    (headers,), (body,) = receiver.headers, receiver.bodies
    assert headers["x-mlops-signature"] == signature(b"sword\xfffish", headers["x-mlops-timestamp"], body)
    box.stop()
    with workspace.store.read() as db:
        stored = "".join(
            str(tuple(row)) for table in ("outbox", "destinations") for row in db.execute(f"SELECT * FROM {table}")
        )
    assert "T0KEN" not in stored
    assert "127.0.0.1" not in stored


def test_a_worker_that_finds_mlops_toml_broken_forgets_no_destination(workspace: Workspace) -> None:
    to = post(workspace, "https://a.b/c")
    Outbox(workspace).look(None)
    open_alert(workspace)
    assert [d.destination for d in told(workspace)] == [to.destinations[0].key]


def test_a_destination_that_is_gone_is_complained_of_no_more(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        outbox.set_destinations(tx, ["gone"])
        alerts.open_alert(tx, "delivery", "https://a.b/…", Severity.WARNING, "x", detail={"destination": "gone"})
    Outbox(workspace).look(parse_config("[project]\nname = 'x'\n[alerts]\nurls = ['https://c.d/e']"))
    with workspace.store.read() as db:
        assert alerts.open_alerts(db) == []


def test_a_messenger_that_can_not_even_begin_is_not_started_over_and_over(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = parse_config(f"[project]\nname = 'fraud'\n[alerts]\nurls = ['{receiver.url}']")
    box = Outbox(workspace, module="mlops_console.worker.no_such_module")
    box.look(config)
    open_alert(workspace)
    monkeypatch.setattr("mlops_console.worker.outbox._PAUSE", 0)
    box.look(config)
    wait_for(lambda: box.look(config) or "no_such_module" in capfd.readouterr().err, what="the end of the messenger")
    box.look(config)
    box.look(config)
    box.stop()
    assert capfd.readouterr().err == ""
    assert box.need_worker
    assert told(workspace)[0].attempts == 0


@given(st.integers(1, 200), st.floats(0, 1), st.floats(-1e6, 1e6))
def test_pauses_grow_and_end(attempts: int, chance: float, age: float) -> None:
    delivery = Delivery(1, "k", 1, AlertEvent.OPENED, "d", {}, 1e9, attempts=attempts)
    pause = pause_after(delivery, 1e9 + age, chance)
    if pause is None:
        assert attempts >= 100 or (attempts >= 10 and age + 3600 > outbox.GIVEN_UP)
    else:
        assert 2.5 <= pause <= 3600
        assert pause >= min(5 * 2 ** min(attempts - 1, 30), 3600) / 2
