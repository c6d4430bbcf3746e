"""What servers count of their traffic, read back from the store."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import numpy as np
import pytest

from mlops_console.core.deployments import ServerSettings
from mlops_console.core.models import ModelVersion
from mlops_console.core.profiles import HeldOut, ReferenceProfile, WindowCounts
from mlops_console.core.windows import Window, parse_window
from mlops_console.drift.live.slots import LiveWindow, read_slots
from mlops_console.drift.profiles import make_profile, pack_profile
from mlops_console.serving import live_windows
from mlops_console.serving.inputs import Batch
from mlops_console.serving.live_windows import LiveWindows
from mlops_console.serving.prediction_log import Answered, PredictionWriter
from mlops_console.store import deploying
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import FRAUD, ROW, add_version, environment, fraud_model, serving, start
from tests.support import free_port, wait_for

HOUR = parse_window("1h")
NOON = 1_900_000_800.0  # the start of a slot of ten minutes


def profile() -> ReferenceProfile:
    rng = np.random.default_rng(0)
    columns = {
        "amount": rng.normal(size=500),
        "count": rng.integers(0, 9, 500),
        "country": rng.choice(np.array(["NO", "SE"], dtype=object), 500),
    }
    answers = tuple((rng.random(200) > 0.5).astype(int).tolist())
    chances = tuple((1 - chance, chance) for chance in rng.random(200).tolist())
    held_out = HeldOut("classification", (0, 1), answers, answers, chances)
    return make_profile(columns, FRAUD.inputs, held_out=held_out)


PROFILE = profile()


def profiled(workspace: Workspace, name: str = "fraud") -> ModelVersion:
    """A version with a reference profile."""
    version = add_version(workspace, fraud_model(), FRAUD, [ROW], name)
    return with_profile(workspace, version, pack_profile(PROFILE))


def with_profile(workspace: Workspace, version: ModelVersion, packed: bytes) -> ModelVersion:
    sha256 = workspace.objects.put_bytes(packed)
    with workspace.store.write() as tx:
        tx.execute("UPDATE model_versions SET profile = ? WHERE version = ?", (sha256, version.version))
    return replace(version, profile=sha256)


def ask(url: str, rows: Sequence[dict[str, Any]], client: httpx.Client | None = None) -> str:
    """Have rows answered; by which revision they were."""
    answer = (client or httpx).post(f"{url}/invocations", json={"dataframe_records": list(rows)})
    assert answer.status_code == 200
    return answer.headers["x-revision"]


def counted(workspace: Workspace, revision: int = 1, window: Window = HOUR, now: float | None = None) -> LiveWindow:
    with workspace.store.read() as db:
        found = read_slots(db, "production", revision, PROFILE, window, now or time.time() + 1)
    return found or LiveWindow(WindowCounts(0, {}), 0.0, 0.0, 0)


def wait_for_rows(workspace: Workspace, rows: int) -> WindowCounts:
    """What is counted, once it is as many rows, and neither fewer nor more."""
    wait_for(lambda: counted(workspace).counts.rows >= rows, 15, f"{rows} rows")
    found = counted(workspace).counts
    assert found.rows == rows
    return found


def test_every_answered_row_is_counted_also_those_that_are_not_logged(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        port = free_port()
        settings = ServerSettings(sample=0.0, private=("country",))
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", port, settings)
    with serving(workspace, profiled(workspace), port) as server, httpx.Client() as client:
        for number in range(40):
            ask(server.url, [{**ROW, "amount": float(number)}], client)
        ask(server.url, [{**ROW, "country": country} for country in ("NO", "xyzzy", None)], client)
        assert httpx.post(f"{server.url}/invocations", json={"dataframe_records": [{}]}).status_code == 422
        found = wait_for_rows(workspace, 43)
    assert found.features["amount"].greatest == 39.0
    known = {"NO": 41, "SE": 0}
    labels = next(feature.labels for feature in PROFILE.features if feature.name == "country")
    assert found.features["country"].counts == (*(known[label] for label in labels), 1)
    assert (found.features["country"].missing, found.features["country"].new) == (1, {})
    assert sum(found.features["prediction"].counts) == 43
    assert sum(found.features["probability of 1"].counts) == 43
    assert set(found.sample) == {"amount", "count"}
    assert not workspace.predictions_path.exists()


def test_two_processes_add_up_exactly_and_a_killed_one_counts_nothing_twice(workspace: Workspace) -> None:
    with serving(workspace, profiled(workspace)) as server:
        second = start(workspace, 1)
        try:
            wait_for(lambda: [p.serving for p in environment(workspace).processes] == [1, 1], 30)
            amounts = [float(number) for number in range(60)]
            for amount in amounts:
                ask(server.url, [{**ROW, "amount": amount}])  # a connection each: the kernel gives both some
            found = wait_for_rows(workspace, 60)
            assert sorted(found.sample["amount"]) == amounts
            writers = "SELECT count(DISTINCT process) FROM live_slots"
            assert sqlite3.connect(workspace.store.path).execute(writers).fetchone() == (2,)
            second.kill()
            second.wait(20)
            for _ in range(20):
                ask(server.url, [ROW])
            wait_for_rows(workspace, 80)
        finally:
            second.kill()
            second.wait(20)
    wait_for_rows(workspace, 80)


numbers = count()


def answered(
    at: float = NOON, revision: int = 1, amount: Sequence[Any] = (1.5,), country: Sequence[Any] | None = None
) -> Answered:
    rows = len(amount)
    columns = {"amount": list(amount), "count": [3] * rows, "country": list(country or ["NO"] * rows)}
    outputs: dict[str, Any] = {"predict": np.zeros(rows, dtype=np.int64), "predict_proba": np.full((rows, 2), 0.5)}
    return Answered(at, f"r-{next(numbers)}", revision, f"fraud:{revision}", 0.001, Batch(rows, columns), outputs)


def put(live: LiveWindows, *requests: Answered, private: tuple[str, ...] = ()) -> None:
    for request in requests:
        live.put(request)
    live.count(private)


@pytest.fixture
def live(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> LiveWindows:
    """Counts fraud:1; `close` writes."""
    monkeypatch.setattr(live_windows, "_LOOK_EVERY", 0.0)
    profiled(workspace)
    return LiveWindows(workspace, "production")


def test_revisions_are_counted_apart(workspace: Workspace, live: LiveWindows) -> None:
    profiled(workspace)
    add_version(workspace, fraud_model(), FRAUD, [ROW])  # without a profile
    put(live, *(answered(revision=1 + number % 3) for number in range(30)), answered(revision=9))
    live.close()
    rows = [counted(workspace, revision, now=NOON + 60).counts.rows for revision in (1, 2, 3, 9)]
    assert rows == [10, 10, 0, 0]


def test_a_slot_takes_the_rows_of_its_time(workspace: Workspace, live: LiveWindows) -> None:
    put(live, *(answered(NOON + 60 * minute) for minute in range(25)))
    live.close()
    slots = sqlite3.connect(workspace.store.path).execute("SELECT start, end, rows FROM live_slots ORDER BY start")
    assert slots.fetchall() == [
        (NOON, NOON + 540, 10),
        (NOON + 600, NOON + 1140, 10),
        (NOON + 1200, NOON + 1440, 5),
    ]


def test_a_clock_that_goes_back_loses_and_doubles_nothing(workspace: Workspace, live: LiveWindows) -> None:
    for at in (NOON, NOON + 700, NOON + 10, NOON - 5_000, NOON + 701):
        put(live, answered(at), answered(at))
    live.close()
    found = counted(workspace, now=NOON + 800)
    assert found.counts.rows == 8
    rows = sqlite3.connect(workspace.store.path).execute("SELECT start, end FROM live_slots").fetchall()
    assert all(start <= end for start, end in rows)
    assert len(rows) == 5


def test_windows_of_rows(workspace: Workspace, live: LiveWindows) -> None:
    workspace.config_path.write_text('[project]\nname = "p"\n[monitor]\nwindow = "40 rows"\n')
    for number in range(50):
        put(live, answered(NOON + number, amount=[float(number)]))
    put(live, answered(NOON - 9_000, amount=[99.0]))
    live.close()
    found = counted(workspace, window=parse_window("40 rows"), now=NOON + 60)
    assert found.counts.rows == 43  # the last slot has three, and all others four
    assert found.counts.features["amount"].least == 8.0
    rows = sqlite3.connect(workspace.store.path).execute("SELECT start, end, rows FROM live_slots").fetchall()
    assert all(start <= end for start, end, _ in rows)
    assert max(rows for *_, rows in rows) == 4


def test_a_window_of_rows_stays_one_where_many_requests_are_counted_at_once(
    workspace: Workspace, live: LiveWindows
) -> None:
    workspace.config_path.write_text('[project]\nname = "p"\n[monitor]\nwindow = "40 rows"\n')
    put(live, *(answered(NOON + number) for number in range(1_500)))
    live.close()
    found = counted(workspace, window=parse_window("40 rows"), now=NOON + 2_000)
    assert (found.counts.rows, found.end - found.start) == (40, 39.0)
    slots = sqlite3.connect(workspace.store.path).execute("SELECT rows, end - start FROM live_slots").fetchall()
    assert set(slots) == {(4, 3.0)}


def test_the_window_follows_mlops_toml_and_one_that_is_wrong_is_passed_over(
    workspace: Workspace, live: LiveWindows
) -> None:
    for text, begin in (("6h", NOON), ("6", NOON), ("1m", NOON + 1_900)):
        workspace.config_path.write_text(f'[project]\nname = "p"\n[monitor]\nwindow = "{text}"\n')
        put(live, answered(NOON + 1_905))
        assert live._open[1].start == begin
    live.close()


def test_private_columns_from_one_moment_to_the_next(workspace: Workspace, live: LiveWindows) -> None:
    put(live, answered(country=["xyzzy"]), private=("country",))
    put(live, answered(country=["FI"]))
    live.close()
    found = counted(workspace, now=NOON + 60).counts
    assert found.features["country"].new == {"FI": 1}
    assert found.features["country"].counts[-1] == 2
    assert "country" not in found.sample


def test_what_the_store_does_not_take_waits_and_is_told_once(
    workspace: Workspace, live: LiveWindows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_windows, "_WRITE_EVERY", 0.0)
    put(live, answered())
    aside = workspace.store.path.with_suffix(".aside")
    workspace.store.path.rename(aside)
    with caplog.at_level(logging.WARNING):
        for number in range(30):
            put(live, answered(NOON + 60 * number))
            wait_for(lambda: live._store._writing is None or live._store._writing.done(), 5)
    aside.rename(workspace.store.path)
    live.close()
    assert [record.message.split(" /")[0] for record in caplog.records] == [
        "What was counted of live rows waits to be stored. The store"
    ]
    assert counted(workspace, now=NOON + 1800).counts.rows == 31


def test_what_waits_is_bounded_and_what_is_left_out_is_told(
    workspace: Workspace, live: LiveWindows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_windows, "MOST_ROWS", 10)
    with caplog.at_level(logging.WARNING):
        put(live, *(answered() for _ in range(15)), answered(amount=[1.5] * 4))
        live.close()
    found = counted(workspace, now=NOON + 60)
    assert (found.counts.rows, found.answered) == (11, 19)
    assert [record.message for record in caplog.records] == ["8 live rows are not counted: too many waited."]


def test_of_too_many_rows_a_sample_is_counted_but_all_are_numbered(
    workspace: Workspace, live: LiveWindows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_windows, "_SHORTEST_LOOK", 0.0)
    monkeypatch.setattr(live_windows, "MOST_RATE", 100)
    for _ in range(40):
        put(live, *(answered() for _ in range(200)))
    live.close()
    found = counted(workspace, now=NOON + 60)
    assert found.answered == 8_000
    assert 200 <= found.counts.rows < 4_000
    assert found.counts.features["amount"].counts.count(found.counts.rows) == 1


def test_a_damaged_profile_is_told_and_its_rows_are_not_counted(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    with_profile(workspace, add_version(workspace, fraud_model(), FRAUD, [ROW]), b"nonsense")
    live = LiveWindows(workspace, "production")
    with caplog.at_level(logging.WARNING):
        put(live, answered())
        put(live, answered())
        live.close()
    assert counted(workspace, now=NOON + 60).counts.rows == 0
    (record,) = caplog.records
    assert record.message.startswith("The live rows of fraud:1 are not counted. The reference profile is damaged")


def test_a_damaged_profile_delays_no_other_revision(workspace: Workspace, live: LiveWindows) -> None:
    profiled(workspace)
    with_profile(workspace, profiled(workspace), b"nonsense")
    put(live, answered(revision=3))
    put(live, answered(revision=2), answered(revision=3))
    live.close()
    assert counted(workspace, 2, now=NOON + 60).counts.rows == 1
    assert counted(workspace, 3, now=NOON + 60).counts.rows == 0


FEW = replace(PROFILE.features[0], counts=PROFILE.features[0].counts[:2])
TEXT = replace(PROFILE.features[0], edges=("a", "b"))  # type: ignore[arg-type]
assert PROFILE.held_out is not None


@pytest.mark.parametrize(
    "changed",
    [
        replace(PROFILE, features=(FEW, *PROFILE.features[1:])),
        replace(PROFILE, features=(TEXT, *PROFILE.features[1:])),
        replace(PROFILE, held_out=replace(PROFILE.held_out, classes=(0, 1, 2))),
    ],
    ids=["too few bins", "bins of text", "a class that no answer has"],
)
def test_a_profile_that_does_not_fit_its_rows_ends_no_thread(
    workspace: Workspace, live: LiveWindows, caplog: pytest.LogCaptureFixture, changed: ReferenceProfile
) -> None:
    """The log of predictions, whose thread it is, goes on, and so do the windows of the other revisions."""
    with_profile(workspace, profiled(workspace), pack_profile(changed))
    log = PredictionLog(workspace.predictions_path)
    writer = PredictionWriter(log, "production", ServerSettings(), live)
    writer.start()
    with caplog.at_level(logging.WARNING):
        for number in range(1, 4):
            for revision in (2, 1):
                writer.put(answered(revision=revision))
            wait_for(lambda n=number: log.count("production", NOON - 1, NOON) == 2 * n, 10)  # type: ignore[misc]
        writer.close()
    assert counted(workspace, now=NOON + 60).counts.rows == 3
    assert counted(workspace, 2, now=NOON + 60).counts.rows == 0
    (record,) = caplog.records
    assert record.message.startswith("The live rows of fraud:2 are not counted. They do not fit its reference profile")


def test_a_store_that_can_not_even_be_looked_at_ends_no_thread(
    workspace: Workspace, live: LiveWindows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_windows, "_WRITE_EVERY", 0.0)
    monkeypatch.setattr(live_windows, "_RETRY", 0.0)
    put(live, answered())
    wait_for(lambda: live._store._writing is None or live._store._writing.done(), 5)
    aside = workspace.store.path.with_suffix(".aside")
    workspace.store.path.rename(aside)
    workspace.store.path.symlink_to(workspace.store.path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            put(live, answered(), answered(revision=2))
            wait_for(lambda: live._store._writing is None or live._store._writing.done(), 5)
    workspace.store.path.unlink()
    aside.rename(workspace.store.path)
    live.close()
    assert [record.message.partition(".")[0] for record in caplog.records] == [
        "The live rows of fraud:2 are not counted", "What was counted of live rows waits to be stored",
    ]  # fmt: skip
    assert counted(workspace, now=NOON + 60).counts.rows == 4


def test_numbers_are_counted_alike_one_row_a_request_or_many(workspace: Workspace) -> None:
    """Of columns of numbers alone, many requests of one row go a shorter way."""
    inputs = tuple(column for column in FRAUD.inputs if column.kind == "numeric")
    rng = np.random.default_rng(1)
    profile = make_profile({"amount": rng.normal(size=99), "count": rng.integers(0, 9, 99)}, inputs)
    version = add_version(workspace, fraud_model(), replace(FRAUD, inputs=inputs), [ROW])
    with_profile(workspace, version, pack_profile(profile))
    amounts = [*rng.normal(size=50).tolist(), None, 7]
    found = []
    for revision, size in ((1, 1), (2, 13)):
        live = LiveWindows(workspace, "production")
        for first in range(0, len(amounts), size):
            part = amounts[first : first + size]
            columns = {"amount": part, "count": [2**60] * len(part)}
            outputs = {"predict": np.zeros(len(part))}
            live.put(Answered(NOON, "r", revision, "fraud:1", 0.1, Batch(len(part), columns), outputs))
        live.count()
        live.close()
        with workspace.store.read() as db:
            window = read_slots(db, "production", revision, profile, HOUR, NOON + 60)
        assert window is not None
        found.append(window.counts.features)
    assert found[0] == found[1]
    assert (found[0]["amount"].missing, found[0]["amount"].greatest) == (1, 7.0)
