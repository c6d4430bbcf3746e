"""The alerts view: what is open, who has taken it up, who was told, and what a person does about it."""

import time
from collections.abc import Iterator

import pytest

from mlops_console.core.alerts import Alert, Severity
from mlops_console.core.destinations import destinations
from mlops_console.store import alerts, ledger, outbox, silences
from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.alerts.reading import read_alerts, read_deliveries
from mlops_console.tui.screens.alerts.rows import alert_facts, alert_row, leads_to, name_of
from mlops_console.worker import client
from tests.tui.helpers import console, screen_text, until
from tests.tui.seed import CONFIG, HOSTILE, seed


@pytest.fixture
def alerted(workspace: Workspace) -> Iterator[Workspace]:
    """One alert of each state, of which two destinations have been told."""
    (workspace.root / "mlops.toml").write_text(CONFIG)
    with workspace.store.write() as tx:
        outbox.set_destinations(tx, ["slack-1", "webhook-2"])
        alerts.open_alert(tx, "drift", "production", Severity.WARNING, "amount has drifted in production.")
        alerts.open_alert(tx, "disk", ".mlops", Severity.CRITICAL, "The disk of .mlops has 420 MB left.")
        alerts.open_alert(tx, "job", "train", Severity.WARNING, "Job 4 failed.", detail={"job": 4})
        silences.add(tx, "latency-staging", "*", time.time() + 7200, "ana", "load test")
        alerts.open_alert(tx, "latency", "staging", Severity.WARNING, "p95 is 310 ms.", rule="latency-staging")
        alerts.acknowledge(tx, 3, "ana", "I am looking at it")
        alerts.resolve(tx, "disk", ".mlops")
        for _ in range(2):  # the end of an alert follows its beginning
            for delivery in outbox.claim(tx, time.time(), 60.0):
                outbox.sent(tx, delivery, time.time())
    yield workspace
    client.stop_worker(workspace)  # which is started where somebody is to be told of something


def test_destinations_are_shown_by_what_may_be_shown_of_them(alerted: Workspace) -> None:
    url = "https://hooks.example.org/T0KEN"
    (alerted.root / "mlops.toml").write_text(f"{CONFIG}\n[alerts]\nurls = ['{url}']\n")
    with alerted.store.write() as tx:
        outbox.set_destinations(tx, [found.key for found in destinations([url])])
        alerts.open_alert(tx, "server", "staging", Severity.CRITICAL, "down")
    assert [told.destination for told in read_deliveries(alerted, 5).deliveries] == ["https://hooks.example.org/…"]
    assert {told.destination for told in read_deliveries(alerted, 1).deliveries} == {"not in mlops.toml"}


def test_what_is_open_is_shown_however_much_came_after_it(alerted: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_console.tui.screens.alerts.reading._ALERTS", 1)
    assert [alert.id for alert in read_alerts(alerted).alerts] == [1, 3, 4]


def test_what_nobody_has_taken_up_comes_first(alerted: Workspace) -> None:
    found = read_alerts(alerted).alerts
    assert [alert.state for alert in found] == ["open", "acknowledged", "silenced", "resolved"]
    assert [cell.text for cell in alert_row(found[0], time.time()).cells] == [
        *("⚠ drift production", "amount has drifted in production.", "● open", "now", "warning"),
    ]


def test_a_rule_that_names_its_subject_needs_it_only_once(alerted: Workspace) -> None:
    assert [name_of(alert) for alert in read_alerts(alerted).alerts] == [
        *("drift production", "job train", "latency-staging", "disk .mlops"),
    ]


def test_a_rule_is_called_what_the_terminal_can_take() -> None:
    alert = Alert(1, "job", "train\n", Severity.WARNING, "", 0.0, rule="\x1b]0;title\x07")
    assert name_of(alert) == "␛]0;title␇ train␤"


def test_the_details_tell_who_was_told_and_who_has_taken_it_up(alerted: Workspace) -> None:
    with alerted.store.write() as tx:
        tx.execute("UPDATE outbox SET state = 'waiting', error = 'it answered 503' WHERE destination = 'webhook-2'")
    drift, job, silenced, _ = read_alerts(alerted).alerts
    with alerted.store.read() as db:
        told = {fact.name: fact.value for fact in alert_facts(drift, outbox.of_alert(db, drift.id), time.time())}
    assert told["slack-1 (opened)"] == "✓ sent now"
    assert told["webhook-2 (opened)"] == "· waiting now: it answered 503"
    facts = {fact.name: fact.value for fact in alert_facts(job, (), time.time())}
    assert facts["taken up"] == "by ana now: I am looking at it"
    assert facts["job"] == "4"
    facts = {fact.name: fact.value for fact in alert_facts(silenced, (), time.time())}
    assert facts["state"].startswith("○ silenced until 20")
    assert facts[""] == "Nobody: it is silenced."


@pytest.mark.parametrize(
    ("kind", "detail", "place"),
    [
        ("drift", {"report": 3}, ("drift", {"environment": "production"})),
        ("data_quality", {"feature": "age"}, ("drift", {"environment": "production", "feature": "age"})),
        ("performance", {}, ("drift", {"environment": "production", "pane": "performance"})),
        (
            "performance",
            {"metric": "recall"},
            ("drift", {"environment": "production", "pane": "performance", "metric": "recall"}),
        ),
        ("error_rate", {}, ("deployments", {"environment": "production"})),
        ("job", {"job": 7}, ("jobs", {"job": 7})),
        ("trigger", {}, ("triggers", {})),
        ("disk", {}, None),
    ],
)
def test_each_leads_to_what_it_is_about(kind: str, detail: dict[str, object], place: object) -> None:
    assert leads_to(Alert(1, kind, "production", Severity.WARNING, "", 0.0, detail=detail)) == place


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_each_row_says_what_is_wrong_however_narrow(alerted: Workspace, width: int) -> None:
    with alerted.store.write() as tx:
        alerts.open_alert(tx, "performance", "production", Severity.CRITICAL, "accuracy fell to 0.801 from 0.925.")
    async with console(alerted, "alerts", (width, 24)) as pilot:
        text = await until(pilot, "✗ perf")
        assert "amount has drifted" in text
        assert "accuracy fell to 0." in text
        assert "goes to Drift, production" in text


async def test_an_alert_is_acknowledged_with_a_note(alerted: Workspace) -> None:
    async with console(alerted, "overview") as pilot:
        await until(pilot, "production")
        await pilot.press("9")
        await until(pilot, "amount has drifted")
        await pilot.press("a", *"mine", "enter")
        assert "mlops-console alert ack 1 --note mine" in await until(pilot, "do it")
        await pilot.press("y")
        await until(pilot, "Acknowledged: drift of production")
    with alerted.store.read() as db:
        assert alerts.get(db, 1).note == "mine"
        assert ledger.entries(db)[0].action == "acknowledge"


async def test_the_state_of_each_is_in_its_row_however_long_the_messages(alerted: Workspace) -> None:
    with alerted.store.write() as tx:
        alerts.open_alert(tx, "performance", "production-eu-west", Severity.CRITICAL, "accuracy fell. " * 40)
    async with console(alerted, "alerts") as pilot:
        text = await until(pilot, "STATE")
        assert all(state in text for state in ("● open", "◐ acknowledged", "○ silenced", "✓ resolved"))


async def test_the_cursor_stays_on_the_alert_that_was_acted_on(alerted: Workspace) -> None:
    with alerted.store.write() as tx:
        alerts.open_alert(tx, "drift", "staging", Severity.WARNING, "hour has drifted in staging.")
    async with console(alerted, "alerts") as pilot:
        await until(pilot, "hour has drifted")
        view = pilot.app.main.view  # type: ignore[attr-defined]
        first = view.selection.alert.id
        with alerted.store.write() as tx:
            alerts.acknowledge(tx, first, "ana", "mine")
        view.reload(view.TOPICS)
        await until(pilot, "by ana now: mine")
        assert (view.selection.alert.id, view.grid.cursor > 0) == (first, True)


async def test_out_of_what_an_alert_is_about_goes_back_to_the_alerts(workspace: Workspace) -> None:
    seed(workspace)
    with workspace.store.write() as tx:
        detail = {"metric": "recall"}
        alerts.open_alert(tx, "performance", "production", Severity.CRITICAL, "recall fell.", detail=detail)
    async with console(workspace, "alerts") as pilot:
        await until(pilot, "recall fell")
        await pilot.press("slash", *"recall", "enter", "enter")
        await until(pilot, "recall  ╌ 0.750 on held-out rows")
        await pilot.press("escape")
        await until(pilot, "Features in production")
        await pilot.press("escape")
        await until(pilot, "Alerts ──")
        await pilot.press("6", "escape")
        await pilot.pause()
        assert pilot.app.main.view_name == "drift"  # type: ignore[attr-defined]


async def test_an_alert_is_silenced_for_a_while(alerted: Workspace) -> None:
    async with console(alerted, "alerts") as pilot:
        await until(pilot, "amount has drifted")
        await pilot.press("s")
        await until(pilot, "Silence drift of production")
        await pilot.press("backspace", "backspace", *"tomorrow")
        await until(pilot, "is not a time span")
        await pilot.press("enter")  # does nothing
        await pilot.press(*["backspace"] * 8, *"30m", "down", *"sales", "enter")
        assert "alert silence drift production --for 30m --note sales" in await until(pilot, "do it")
        await pilot.press("y")
        await until(pilot, "Silenced: nobody is told of drift")
    with alerted.store.read() as db:
        found = silences.active(db, time.time())[0]
    assert (found.rule, found.subject, found.note) == ("drift", "production", "sales")


async def test_a_silence_is_ended_by_the_same_key(alerted: Workspace) -> None:
    async with console(alerted, "alerts") as pilot:
        await until(pilot, "○ silenced")
        await pilot.press("j", "j", "s")
        await until(pilot, "End silence 1")
        await until(pilot, "do it")
        await pilot.press("y")
        await until(pilot, "The silence is over")
    with alerted.store.read() as db:
        assert silences.active(db, time.time()) == []


async def test_enter_goes_to_what_it_is_about(workspace: Workspace) -> None:
    seed(workspace)
    async with console(workspace, "alerts") as pilot:
        await until(pilot, "drift production")
        await pilot.press("slash", *"drift", "enter", "enter")
        await until(pilot, "Features in production")


async def test_the_actions_mean_the_environment_of_the_alert(alerted: Workspace) -> None:
    async with console(alerted, "alerts") as pilot:
        await until(pilot, "amount has drifted")
        selection = pilot.app.main.view.selection  # type: ignore[attr-defined]
        assert (selection.environment, selection.retrain, selection.alert.id) == ("production", "production", 1)
        await pilot.press("t")
        await until(pilot, "Nothing is live")
        await pilot.press("j")
        selection = pilot.app.main.view.selection  # type: ignore[attr-defined]
        assert (selection.environment, selection.job_id) == (None, 4)


async def test_read_only_there_is_nothing_to_do(alerted: Workspace) -> None:
    async with console(alerted, "alerts", read_only=True) as pilot:
        await until(pilot, "amount has drifted")
        assert "Silence" not in screen_text(pilot)
        await pilot.press("a")
        await until(pilot, "read-only")


async def test_without_an_alert_it_is_said_what_opens_one(workspace: Workspace) -> None:
    async with console(workspace, "alerts") as pilot:
        assert "No alert, now or before" in await until(pilot, "[[alerts.rules]]")
        await pilot.press("a")
        await until(pilot, "No alert is selected")


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (80, 24), (200, 50)])
async def test_hostile_alerts_in_any_terminal(alerted: Workspace, size: tuple[int, int]) -> None:
    with alerted.store.write() as tx:
        alerts.open_alert(tx, "job", HOSTILE, Severity.CRITICAL, HOSTILE, detail={HOSTILE: HOSTILE})
        alerts.acknowledge(tx, 5, HOSTILE, HOSTILE)
    async with console(alerted, "alerts", size) as pilot:
        await until(pilot, "job") if size[1] > 10 else await pilot.pause(0.2)
        await pilot.press("j", "a", "escape", "s", "escape", "enter")
        await pilot.pause()
        assert not set("\x1b\x07\u202e") & set(screen_text(pilot))
