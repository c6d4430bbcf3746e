"""The overview: one look at what is live, what runs and what needs a person."""

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mlops_console.core.alerts import Severity
from mlops_console.core.deployments import Freeze, RevisionState, RolloutPlan
from mlops_console.core.dora import Dora
from mlops_console.core.models import ModelRef
from mlops_console.core.predictions import Prediction
from mlops_console.core.text import latency
from mlops_console.core.traffic import Traffic
from mlops_console.store import alerts, deploying, models, runs, series, server_processes
from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.overview.cards import card_rows
from mlops_console.tui.screens.overview.painting import dora_rows, needs, overview_rows
from mlops_console.tui.screens.overview.reading import Overview, read_dora, read_overview
from mlops_console.tui.widgets.chart_paint import plain
from tests.answered import log_rows
from tests.delivery.helpers import advance
from tests.tui.helpers import console, screen_text, until
from tests.tui.rollouts import add_canary, add_waiting, spread, tell_arms, tell_traffic
from tests.tui.seed import HOSTILE, seed

WEEK = 7 * 86_400.0
EMPTY = Overview("p", (), (), (), (), 0, False, None)


def overview(workspace: Workspace) -> Overview:
    return read_overview(workspace).overview


class TestRows:
    def test_tells_what_is_live_where_and_how_it_is(self, workspace: Workspace) -> None:
        seed(workspace)
        text = plain(overview_rows(overview(workspace), "production", time.time(), 78, 21))
        for part in (
            "production ─",
            "fraud:3  revision 2  deploy",
            "by ana",
            "✓ ready",
            "– req/s",
            "p50 – p95 – err –",
            "≠ drifted amount 2.40 σ",
            "Needs you 2",
            "✗ critical  job train",
            "Running 2",
            "42%",
            "stage fit",
            "best 0.8",
        ):
            assert part in text, part

    @pytest.mark.parametrize(("passed", "rate"), [(20, 120), (2, 480), (90, 40)])
    def test_the_rate_of_the_first_minute_is_of_the_time_that_has_passed(
        self, workspace: Workspace, passed: float, rate: int
    ) -> None:
        seed(workspace)
        now = time.time()
        first = [Prediction(now - passed, 1, {}, {})]
        later = [Prediction(now - 1, 1, {}, {})] * (39 + (passed > 60))
        log_rows(workspace, "staging", first + later)
        card = next(card for card in overview(workspace).cards if card.environment.name == "staging")
        assert abs(card.per_minute - rate) <= 0.1 * rate

    def test_the_best_loss_is_the_least_and_of_a_nameless_figure_there_is_none(self, workspace: Workspace) -> None:
        with workspace.store.write() as tx:
            for name, value in (("calm-otter", 2.4), ("brave-fox", 0.3), ("dim-heron", 0.9)):
                run_id = runs.create(tx, name=name, experiment="fraud")
                series.ingest(tx, run_id, [("train/loss", 0, value, 1.0)])
        assert "best 0.3000 brave-fox" in plain(overview_rows(overview(workspace), "", time.time(), 100, 30))
        with workspace.store.write() as tx:
            for run in runs.page(tx, runs.RunQuery()).runs:
                series.ingest(tx, run.id, [("test/size", 0, 1.0, 1.0)])
        assert "best" not in plain(overview_rows(overview(workspace), "", time.time(), 100, 30))

    def test_each_alert_has_the_key_to_press_next(self, workspace: Workspace) -> None:
        seed(workspace)
        lines = plain(overview_rows(overview(workspace), "production", time.time(), 100, 30)).splitlines()
        drift = next(line for line in lines if "drift production" in line)
        assert "6 look" in drift
        assert "t train" in drift
        assert "r rollback" in drift
        assert "7 look" in next(line for line in lines if "job train" in line)

    def test_read_only_no_alert_has_the_key_of_an_action(self, workspace: Workspace) -> None:
        seed(workspace)
        text = plain(overview_rows(replace(overview(workspace), read_only=True), "production", time.time(), 78, 21))
        assert "6 look" in text
        assert "t train" not in text
        assert "r rollback" not in text

    def test_a_server_that_stands_still_needs_a_person_once(self, workspace: Workspace) -> None:
        seed(workspace)
        with workspace.store.write() as tx:
            server_processes.forget(tx, "production")
            deploying.set_error(tx, "production", "port 8100 is in use")
        assert any("port 8100 is in use" in alert.message for alert in needs(overview(workspace)))
        with workspace.store.write() as tx:
            alerts.open_alert(tx, "server", "production", Severity.CRITICAL, "port 8100 is in use")
        assert len([alert for alert in needs(overview(workspace)) if alert.kind == "server"]) == 1

    def test_what_is_critical_and_what_nobody_has_taken_up_comes_first(self, workspace: Workspace) -> None:
        seed(workspace)
        with workspace.store.write() as tx:
            server_processes.forget(tx, "production")
            deploying.set_error(tx, "production", "port 8100 is in use")
            alerts.open_alert(tx, "disk", "/", Severity.CRITICAL, "It is full.")
            alerts.open_alert(tx, "job_slow", "train", Severity.WARNING, "It takes long.")
            alerts.acknowledge(tx, alerts.get(tx, 2).id, "ana", "I see to it.")
        found = needs(overview(workspace))
        assert [alert.kind for alert in found] == ["disk", "server", "job_slow", "drift", "job"]

    @pytest.mark.parametrize("height", [14, 40])
    def test_a_revision_that_failed_is_told_beside_what_is_live(self, workspace: Workspace, height: int) -> None:
        seed(workspace)
        with workspace.store.write() as tx:
            version = models.get(tx, ModelRef("fraud", 2))
            revision = deploying.add_revision(tx, "production", version, kind="deploy", actor="bo", reason="")
            states = RevisionState.LOADING, RevisionState.FAILED
            advance(tx, "production", revision.revision, *states, reason="its file is damaged")
        text = plain(overview_rows(overview(workspace), "production", time.time(), 100, height))
        assert "✗ failed fraud:2 r3" in text
        assert "fraud:2 did not go live: its file is damaged" in text or height == 14
        assert "fraud:3" in text

    def test_traffic_is_added_up_over_the_processes(self, workspace: Workspace) -> None:
        seed(workspace)
        for slot in (0, 1):
            tell_traffic(workspace, slot, Traffic(600, 6 * slot, spread(0.001, 600)), seconds=60.0)
        text = plain(overview_rows(overview(workspace), "production", time.time(), 100, 30))
        assert "20 req/s" in text
        assert "p50 1.01 ms  p95 1.01 ms  errors 0.5%" in text
        assert "✓ ready 2 of 2" in text
        small = plain(overview_rows(overview(workspace), "production", time.time(), 100, 8))
        assert "≠ drifted  err 0.5%  20 req/s" in small

    def test_a_freeze_and_what_waits_are_told_with_the_key(self, workspace: Workspace) -> None:
        seed(workspace)
        add_waiting(workspace, approvals=2)
        with workspace.store.write() as tx:
            deploying.set_freeze(tx, "production", Freeze(time.time(), "bo", "black friday"))
        for height in (21, 40):
            text = plain(overview_rows(overview(workspace), "production", time.time(), 100, height))
            assert "❅ frozen by bo: black friday" in text
            assert "◔ waiting fraud:2 r3  0/2  A approve" in text
            assert "2 approvals; ana asked for it: faster" in text or height == 21
        small = plain(overview_rows(overview(workspace), "production", time.time(), 100, 12))
        assert "❅ frozen" in small
        assert "◔ waiting fraud:2 r3" in small

    def test_a_canary_is_told_beside_the_live_version(self, workspace: Workspace) -> None:
        seed(workspace)
        number = add_canary(workspace, steps=(0.1, 1.0), hold=60.0, min_requests=20)
        arms = {number: Traffic(12, 3, spread(0.002, 12)), 2: Traffic(90, 0, spread(0.001, 90))}
        tell_arms(workspace, arms)
        text = plain(overview_rows(overview(workspace), "production", time.time(), 100, 30))
        assert "◑ canary 10% fraud:2 r3" in text
        assert "step 1/2  " in text
        assert "/1m00s  12/20 req" in text
        canary, live = (latency(arms[revision].quantile(0.5)) for revision in (number, 2))
        assert f"err 25.0% {canary} live 0.0% {live}" in text

    @pytest.mark.parametrize(("width", "height"), [(78, 21), (100, 30)])
    def test_a_canary_that_only_lacks_requests_says_so(self, workspace: Workspace, width: int, height: int) -> None:
        seed(workspace)
        number = add_canary(workspace, steps=(0.1, 1.0), hold=60.0, min_requests=20)
        now = time.time()
        text = plain(overview_rows(overview(workspace), "production", now, width, height))
        assert "waits for requests: 0/20 step 1/2" in text
        assert "err – – live" not in text
        tell_arms(workspace, {number: Traffic(3, 0, spread(0.002, 3))})
        held = plain(overview_rows(overview(workspace), "production", now + 30, width, height))
        assert "waits for" not in held
        assert "/1m00s  3/20 req" in held
        text = plain(overview_rows(overview(workspace), "production", now + 61, width, height))
        assert "waits for requests: 3/20 step 1/2" in text

    def test_a_shadow_is_called_one_and_has_no_steps(self, workspace: Workspace) -> None:
        seed(workspace)
        add_canary(workspace, steps=(1.0,), hold=60.0, min_requests=20)
        [card] = [card for card in overview(workspace).cards if card.environment.candidate is not None]
        assert card.environment.candidate is not None
        shadow = replace(card.environment.candidate, rollout=RolloutPlan("shadow", hold=60.0, min_requests=20))
        card = replace(card, environment=replace(card.environment, candidate=shadow))
        text = plain(tuple(card_rows(card, True, True, time.time(), 38)))
        assert "◑ shadow fraud:2 r3" in text
        assert "waits for requests: 0/20" in text
        assert not any(word in text for word in ("canary", "step"))

    def test_a_line_instead_of_a_card_says_it_too(self, workspace: Workspace) -> None:
        seed(workspace)
        add_canary(workspace, steps=(0.1, 1.0), hold=60.0, min_requests=20)
        text = plain(overview_rows(overview(workspace), "production", time.time(), 120, 8))
        assert "◑ canary 10% fraud:2 r3  waits for requests: 0/20 step 1/2" in text

    @pytest.mark.parametrize("width", [36, 38, 40, 60])
    def test_the_figures_of_the_last_minute_are_never_cut(self, workspace: Workspace, width: int) -> None:
        seed(workspace)
        slow = Traffic(100, 100, tuple(map(sum, zip(spread(0.0095, 50), spread(9.0, 50), strict=True))))
        tell_traffic(workspace, 0, slow, seconds=60.0)
        card = next(card for card in overview(workspace).cards if card.environment.name == "production")
        text = plain(tuple(card_rows(card, True, True, time.time(), width)))
        [line] = [line for line in text.splitlines() if "p50" in line]
        assert line.rstrip().endswith(("err 100.0%", "errors 100.0%"))
        assert ("errors" in line) == (width > 40)

    def test_broken_glass_stays_in_sight(self, workspace: Workspace) -> None:
        seed(workspace)
        with workspace.store.write() as tx:
            version = models.get(tx, ModelRef("fraud", 2))
            made = deploying.add_revision(
                tx, "production", version, kind="deploy", actor="ana", reason="", break_glass="the shop is down"
            )
            advance(tx, "production", made.revision, RevisionState.LOADING, RevisionState.LIVE)
        assert "⚠ broken glass" in plain(overview_rows(overview(workspace), "production", time.time(), 100, 30))

    def test_how_well_is_delivered_gives_way_where_there_is_little_room(self, workspace: Workspace) -> None:
        seed(workspace)
        dora = read_dora(workspace, "production").dora
        found = replace(overview(workspace), dora=dora)
        roomy, low = (plain(overview_rows(found, "production", time.time(), 100, height)) for height in (40, 21))
        assert "Deployments to production 2 in 90 days" in roomy
        for part in ("0.2 a week", "s lead time", "0% of 2 changes failed", "– to recover", "0% rework"):
            assert part in roomy, part
        assert "in 90 days" not in low
        assert "Needs you" in low

    @given(st.integers(0, 120))
    def test_the_figures_of_delivery_fit_any_width(self, width: int) -> None:
        nothing = Dora("[b]x", 0.0, WEEK, 0, 0.0, None, 0, 0, 0, 0, 0, None, None, 0, None)
        assert all(sum(cell_len(ink.text) for ink in row) == width for row in dora_rows(nothing, width))

    def test_an_empty_store_teaches_the_first_step(self) -> None:
        text = plain(overview_rows(EMPTY, "", 0.0, 78, 21))
        assert "No run yet." in text
        assert "[environments.production]" in text
        assert "press t" in text

    def test_many_alerts_are_counted_not_dropped(self, workspace: Workspace) -> None:
        seed(workspace)
        with workspace.store.write() as tx:
            for number in range(30):
                alerts.open_alert(tx, "job", f"j{number}", Severity.WARNING, "failed")
        assert "more" in plain(overview_rows(overview(workspace), "production", time.time(), 78, 21))

    @pytest.mark.parametrize("hostile", [False, True])
    def test_fills_any_size_exactly_and_lets_nothing_hostile_through(self, workspace: Workspace, hostile: bool) -> None:
        seed(workspace, hostile=hostile)
        found = overview(workspace)
        for width, height in ((0, 0), (1, 1), (5, 3), (20, 5), (58, 12), (78, 21), (130, 30), (198, 47)):
            rows = overview_rows(found, "production", time.time(), width, height)
            assert len(rows) == (height if width else 0)
            assert all(sum(cell_len(ink.text) for ink in row) == width for row in rows)
            assert not set("\x1b\x07\u202e") & set(plain(rows))

    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 220), st.integers(0, 60))
    def test_an_empty_overview_fills_any_size(self, width: int, height: int) -> None:
        rows = overview_rows(EMPTY, "", 0.0, width, height)
        assert all(sum(cell_len(ink.text) for ink in row) == width for row in rows)


class TestView:
    async def test_shows_the_store_and_follows_it(self, workspace: Workspace) -> None:
        seed(workspace)
        async with console(workspace, "overview") as pilot:
            await until(pilot, "Needs you 2")
            with workspace.store.write() as tx:
                alerts.resolve(tx, "job", "train")
            await until(pilot, "Needs you 1")

    async def test_keys_choose_the_environment_they_act_on(self, workspace: Workspace) -> None:
        seed(workspace)
        async with console(workspace, "overview") as pilot:
            await until(pilot, "Needs you")
            assert pilot.app.main.view.selection.environment == "production"  # type: ignore[attr-defined]
            await pilot.press("e")
            assert pilot.app.main.view.selection.environment == "staging"  # type: ignore[attr-defined]
            await pilot.press("enter")
            await until(pilot, "Revisions of staging")

    async def test_an_idle_overview_draws_nothing(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        seed(workspace)
        async with console(workspace, "overview") as pilot:
            await until(pilot, "Needs you")
            board = pilot.app.main.view.board  # type: ignore[attr-defined]
            asked: list[object] = []
            now = time.time()
            monkeypatch.setattr("mlops_console.tui.screens.overview.view.time.time", lambda: now)
            board.repaint()
            await pilot.pause()
            monkeypatch.setattr(board, "refresh", lambda *regions, **_: asked.append(regions))
            board.repaint()
            assert asked == []

    @pytest.mark.parametrize("size", [(20, 5), (60, 15), (80, 24), (200, 50)])
    async def test_hostile_text_in_any_terminal(self, workspace: Workspace, size: tuple[int, int]) -> None:
        seed(workspace, hostile=True)
        async with console(workspace, "overview", size) as pilot:
            await until(pilot, "production")
            assert not set("\x1b\x07\u202e") & set(screen_text(pilot))
            assert HOSTILE not in screen_text(pilot)

    async def test_an_empty_workspace(self, workspace: Workspace) -> None:
        async with console(workspace, "overview") as pilot:
            await until(pilot, "No run yet.")


class TestAlerts:
    def test_what_was_taken_up_comes_last_and_says_so(self, workspace: Workspace) -> None:
        seed(workspace)
        with workspace.store.write() as tx:
            alerts.acknowledge(tx, 2, "ana", "")
        lines = plain(overview_rows(overview(workspace), "production", time.time(), 100, 30)).splitlines()
        told = [line for line in lines if line.startswith(("  ⚠", "  ✗ crit"))]
        assert "drift production" in told[0]
        assert "job train  ◐ acknowledged" in told[1]

    def test_a_wide_card_has_the_sentence_of_the_report(self, workspace: Workspace) -> None:
        seed(workspace, reports=1)
        text = plain(overview_rows(overview(workspace), "production", time.time(), 300, 50))
        assert "✓ stable None of 8 features differs beyond chance" in text

    async def test_the_cursor_goes_down_to_the_alerts_and_enter_opens_one(self, workspace: Workspace) -> None:
        seed(workspace)
        async with console(workspace, "overview", (100, 30)) as pilot:
            await until(pilot, "job train")
            await pilot.press("j")
            assert "▌ ✗ critical  job train" in await until(pilot, "enter open")
            await pilot.press("j")
            await until(pilot, "▌ ⚠ warning  drift production")
            selection = pilot.app.main.view.selection  # type: ignore[attr-defined]
            assert (selection.environment, selection.alert.kind) == ("production", "drift")
            await pilot.press("a", *"mine", "enter")
            await until(pilot, "do it")
            await pilot.press("y")
            await until(pilot, "drift production  ◐ acknowledged")
            await pilot.press("enter")
            await until(pilot, "▸ Alerts")
            await until(pilot, "taken up")

    async def test_an_alert_that_is_over_leaves_the_cursor_on_the_environment(self, workspace: Workspace) -> None:
        seed(workspace)
        async with console(workspace, "overview", (100, 30)) as pilot:
            await until(pilot, "job train")
            await pilot.press("j")
            await until(pilot, "enter open")
            with workspace.store.write() as tx:
                alerts.resolve(tx, "job", "train")
            await until(pilot, "Needs you 1")
            selection = pilot.app.main.view.selection  # type: ignore[attr-defined]
            assert (selection.environment, selection.alert) == ("production", None)
