"""The prediction log: requests and their labels, on real files."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_console.core.errors import StoreError
from mlops_console.core.predictions import Label, LoggedRequest
from mlops_console.store.predictions import EncodedRequest, PredictionLog

ALWAYS = (0.0, 1e12)
GENEROUS = 10**12  # bytes


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLog]:
    log = PredictionLog(tmp_path / "predictions.db")
    yield log
    log.close()


def request(request_id: str, at: float, rows: int = 1, revision: int = 1, size: int = 0) -> EncodedRequest:
    """A request whose row `i` has x = i, and is answered by -i."""
    inputs = json.dumps({"x": list(range(rows)), "text": ["y" * size] * rows})
    return EncodedRequest(
        request_id, at, revision, "fraud:7", 0.25, rows, inputs, json.dumps({"predict": [-i for i in range(rows)]})
    )


def ids(log: PredictionLog, environment: str = "production") -> list[str]:
    return [found.id for found in log.newest(environment, 10**6)]


def prune(log: PredictionLog, environment: str = "production", before: float = 0, most_bytes: int = GENEROUS) -> int:
    """Tidy to the end; in how many steps."""
    steps = 0
    while log.prune(environment, before, most_bytes):
        steps += 1
    return steps


def pages(log: PredictionLog) -> tuple[int, int]:
    with contextlib.closing(sqlite3.connect(log.path)) as db:
        return tuple(db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))


def test_a_log_that_is_not_there_is_empty(log: PredictionLog) -> None:
    assert log.counts("production", 100.0, 3, 10.0) == (0, 0, 0)
    assert log.count("production", *ALWAYS) == 0
    assert log.first_at("production") is None
    assert list(log.answered("production", 1, *ALWAYS)) == log.newest("production", 9) == []
    assert list(log.labelled("production", *ALWAYS)) == []
    assert log.models(["a"]) == {}
    assert prune(log) == 0
    assert not log.path.exists()


def test_rows_are_counted_by_stretches_of_time(log: PredictionLog) -> None:
    times = (70.0, 70.5, 85.0, 90.0, 90.1, 99.0, 100.0, 100.1)
    log.append("production", [request("", at) for at in times])
    log.append("staging", [request("", 95.0, rows=3)])
    assert log.counts("production", 100.0, 3, 10.0) == (1, 2, 3)  # a stretch has its end, not its beginning
    assert log.counts("staging", 100.0, 3, 10.0) == (0, 0, 3)
    assert log.count("production", 70.0, 100.0) == 6
    assert log.count("staging", 70.0, 100.0) == 3
    assert log.first_at("production") == 70.0
    assert [found.request.at for found in log.answered("production", 1, 90.0, 100.0)] == [90.1, 99.0, 100.0]


def test_requests_come_back_whole(log: PredictionLog) -> None:
    log.append("production", [request(f"r{at}", at, rows=2, revision=at % 2) for at in range(1, 6)])
    log.append("staging", [request("other", 9)])
    assert log.newest("production", 1) == [
        LoggedRequest("r5", 5.0, 1, "fraud:7", 0.25, 2, {"x": [0, 1], "text": ["", ""]}, {"predict": [0, -1]})
    ]
    assert [found.id for found in log.newest("production", 2, revision=0)] == ["r4", "r2"]
    assert ids(log) == ["r5", "r4", "r3", "r2", "r1"]
    assert log.models(["r1", "other", "nobody's"]) == {"r1": "fraud:7", "other": "fraud:7"}


def test_more_requests_than_one_statement_takes(log: PredictionLog) -> None:
    log.append("production", [request(str(number), number) for number in range(2_345)])
    assert log.count("production", -1, 1e12) == 2_345
    assert len(log.models([str(number) for number in range(-5, 2_345)])) == 2_345


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), max_size=30), st.integers(1, 12))
def test_a_sample_has_one_of_every_so_many_rows(
    tmp_path_factory: pytest.TempPathFactory, sizes: Sequence[int], step: int
) -> None:
    log = PredictionLog(tmp_path_factory.mktemp("log") / "predictions.db")
    log.append("production", [request("", at, rows) for at, rows in enumerate(sizes, 1)])
    log.append("staging", [request("", 1.5, 7)])
    first = list(accumulate(sizes, initial=0))
    chosen = [
        first[int(found.request.at) - 1] + row
        for found in log.answered("production", 1, *ALWAYS, step)
        for row in found.wanted
    ]
    blocks = [row // step for row in chosen]
    assert chosen == sorted(chosen)
    assert blocks == sorted(set(blocks))
    assert sum(sizes) // step <= len(blocks) <= -(-sum(sizes) // step)
    log.close()


def test_a_sample_of_traffic_that_alternates_has_both_kinds(log: PredictionLog) -> None:
    log.append("production", [request(str(at), at) for at in range(1, 10_001)])
    odd = sum(found.request.at % 2 for found in log.answered("production", 1, *ALWAYS, 10))
    assert odd == pytest.approx(500, abs=50)


def test_damaged_requests_are_passed_over_and_counted(log: PredictionLog) -> None:
    log.append("production", [request(str(number), number, rows=2) for number in range(1, 8)])
    log.add_labels([Label(str(number), 0, True) for number in range(1, 8)])
    with contextlib.closing(sqlite3.connect(log.path)) as db, db:
        for key, content in (
            ("1", '{"x": [0, '),
            ("2", "[]"),
            ("3", '{"x": 3}'),
            ("4", '{"x": [1, 2, 3]}'),
            ("5", ""),
        ):
            db.execute("UPDATE requests SET inputs = ? WHERE request_id = ?", (content, key))
        db.execute("UPDATE requests SET outputs = CAST(x'7bff00fe' AS TEXT) WHERE request_id = '6'")
    assert [found.request.inputs["x"] for found in log.answered("production", 1, *ALWAYS)] == [[0, 1]]
    assert log.damaged == 6
    assert ids(log) == ["7"]
    assert [row.at for row, _ in log.labelled("production", *ALWAYS)] == [7.0]


def test_labels_find_their_rows(log: PredictionLog) -> None:
    log.append("production", [request("a", 1, rows=3), request("b", 2), request("c", 3)])
    log.append("staging", [request("s", 1)])
    assert log.add_labels([Label("a", 2, "no"), Label("a", 0, "yes"), Label("later", 0, 1.5), Label("s", 0, 0)]) == 3
    assert log.add_labels(iter([Label("a", 0, "maybe"), Label("b", 5, 1)])) == 2  # the second of a row it has not
    found = [
        (row.at, row.inputs["x"], row.output["predict"], label) for row, label in log.labelled("production", *ALWAYS)
    ]
    assert found == [(1.0, 0, 0, "maybe"), (1.0, 2, -2, "no")]
    log.append("production", [request("later", 4)])
    assert [label for _, label in log.labelled("production", 3.5, 1e12)] == [1.5]


def test_labels_are_stored_all_or_none(log: PredictionLog) -> None:
    log.append("production", [request("a", 1), request("b", 2)])

    def broken() -> Iterator[Label]:
        for _ in range(1_500):
            yield Label("a", 0, 1)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        log.add_labels(broken())
    assert list(log.labelled("production", *ALWAYS)) == []
    assert log.add_labels([Label("b", row, 1) for row in range(2_500)]) == 2_500


def test_what_is_too_old_goes_with_its_labels(log: PredictionLog) -> None:
    log.append("production", [request(f"p{at}", at) for at in range(2_500)])
    log.append("staging", [request("s", 5)])
    log.add_labels([Label("p3", 0, 1), Label("p2400", 0, 1), Label("s", 0, 1)])
    assert prune(log, before=2_400) >= 3  # a transaction deletes a thousand
    assert len(ids(log)) == 100
    assert ids(log, "staging") == ["s"]
    with contextlib.closing(sqlite3.connect(log.path)) as db:
        assert db.execute("SELECT request_id FROM labels ORDER BY 1").fetchall() == [("p2400",), ("s",)]
    assert prune(log, before=2_400) == 0


def test_a_label_without_a_request_is_kept_as_long_as_a_request(log: PredictionLog) -> None:
    log.append("production", [request("a", 1e12)])
    log.add_labels([Label("a", 0, 1), Label("stray", 0, 1)])
    assert prune(log, before=1e6) == 0
    assert prune(log, before=1e11) > 0
    with contextlib.closing(sqlite3.connect(log.path)) as db:
        assert db.execute("SELECT request_id FROM labels").fetchall() == [("a",)]


def test_the_oldest_of_all_environments_go_where_there_is_too_much(log: PredictionLog) -> None:
    for at in range(0, 6_000, 1_000):
        environment = "staging" if at % 2_000 else "production"
        log.append(environment, [request(f"{at + more}", at + more, size=400) for more in range(1_000)])
    log.close()  # which writes SQLite's own log into the file
    size = log.path.stat().st_size
    most = pages(log)[0] * 4096 // 2
    assert prune(log, most_bytes=most) > 0
    total, free = pages(log)
    assert (total - free) * 4096 <= most
    kept = sorted(int(name) for environment in ("production", "staging") for name in ids(log, environment))
    assert kept == list(range(kept[0], 6_000))
    assert 2_000 <= kept[0] <= 4_000
    assert free <= total // 10  # the rest went back to the file system
    log.close()
    assert log.path.stat().st_size < size * 0.7
    assert prune(log, most_bytes=most) == 0


def test_labels_alone_are_too_much_as_well(log: PredictionLog) -> None:
    log.append("production", [request("a", 1)])
    log.add_labels([Label(f"stray {number}", 0, "x" * 100) for number in range(5_000)])
    assert prune(log, most_bytes=100_000) > 0
    total, free = pages(log)
    assert 0 < (total - free) * 4096 <= 100_000


def test_several_processes_write_one_log(tmp_path: Path) -> None:
    """Two connections each, as two processes have; also at the moment when the file is made."""
    path = tmp_path / "predictions.db"
    begin, problems = threading.Barrier(4), []

    def write(environment: str) -> None:
        log = PredictionLog(path)
        begin.wait()
        try:
            for part in range(50):
                log.append(environment, [request(f"{environment}{part}", part)])
                log.prune(environment, 0, GENEROUS)
        except StoreError as error:
            problems.append(error)
        log.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c", "d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert [PredictionLog(path).count(name, -1, 1e12) for name in ("a", "b", "c", "d")] == [50] * 4
    assert [found.name for found in tmp_path.iterdir() if found.name.startswith(".")] == []


def test_a_log_that_was_put_in_its_place_is_written_from_then_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    log = PredictionLog(home / "predictions.db")
    log.append("production", [request("before", 1)])
    home.rename(tmp_path / "before")  # as `restore` does
    home.mkdir()
    log.append("production", [request("after", 2)])
    log.close()
    assert ids(log) == ["after"]


class TestTheFirstFormat:
    @pytest.fixture
    def old(self, log: PredictionLog) -> PredictionLog:
        """A file with a row for each predicted row, as it was written once."""
        with contextlib.closing(sqlite3.connect(log.path)) as db, db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute(
                "CREATE TABLE predictions (id INTEGER PRIMARY KEY, environment TEXT NOT NULL, at REAL NOT NULL, "
                "revision INTEGER NOT NULL, inputs TEXT NOT NULL, output TEXT NOT NULL) STRICT"
            )
            db.execute("CREATE INDEX predictions_time ON predictions (environment, at)")
            db.executemany(
                "INSERT INTO predictions (environment, at, revision, inputs, output) VALUES ('production', ?, 3, ?, ?)",
                [
                    (at, json.dumps({"x": at, "s": None}), json.dumps({"predict": True, "predict_proba": [0.25, 0.75]}))
                    for at in range(1, 2_502)
                ],
            )
            db.execute("UPDATE predictions SET inputs = '{\"x\": ' WHERE at = 7")
        return log

    def test_is_nothing_yet_for_who_only_reads(self, old: PredictionLog) -> None:
        before = old.path.read_bytes()
        assert old.count("production", *ALWAYS) == 0
        assert old.newest("production", 5) == list(old.answered("production", 3, *ALWAYS)) == []
        assert old.path.read_bytes() == before

    @pytest.mark.parametrize(
        "write",
        [lambda log: log.append("staging", [request("n", 1)]), lambda log: log.add_labels([Label("n", 0, 1)])],
        ids=["append", "labels"],
    )
    def test_is_converted_by_who_writes(self, old: PredictionLog, write: Callable[[PredictionLog], object]) -> None:
        write(old)
        assert old.count("production", *ALWAYS) == 2_500  # all but the damaged one
        first = next(old.answered("production", 3, *ALWAYS)).request
        assert (first.at, first.revision, first.inputs) == (1.0, 3, {"x": [1], "s": [None]})
        assert first.outputs == {"predict": [True], "predict_proba": [[0.25, 0.75]]}
        with contextlib.closing(sqlite3.connect(old.path)) as db:
            assert not db.execute("SELECT 1 FROM sqlite_schema WHERE name LIKE 'predictions%'").fetchall()
            assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)

    def test_is_converted_once_by_many(self, old: PredictionLog) -> None:
        logs = [PredictionLog(old.path) for _ in range(4)]

        def write(log: PredictionLog) -> None:
            log.append("staging", [request("n", 1)])
            log.close()

        threads = [threading.Thread(target=write, args=(log,)) for log in logs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert old.count("production", *ALWAYS) == 2_500
        assert old.count("staging", *ALWAYS) == 4


def test_a_newer_format_is_refused(log: PredictionLog) -> None:
    log.append("production", [request("a", 1)])
    log.close()
    with contextlib.closing(sqlite3.connect(log.path)) as db:
        db.execute("PRAGMA user_version=99")
    for call in (lambda: log.count("production", *ALWAYS), lambda: log.append("production", [request("b", 2)])):
        with pytest.raises(StoreError, match="made by a newer mlops-console"):
            call()


def test_a_file_that_is_no_database_is_told(log: PredictionLog) -> None:
    log.path.write_bytes(b"damaged" * 1000)
    for call in (lambda: log.count("production", *ALWAYS), lambda: log.append("production", [request("b", 2)])):
        with pytest.raises(StoreError, match="no SQLite database or is damaged"):
            call()
