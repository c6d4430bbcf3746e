"""What replay.py sends: rows like the training data, then rows in which exactly SHIFTED differs; and what was true."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from scipy.stats import chi2_contingency, ks_2samp
from sklearn.metrics import roc_auc_score

from mlops_console.store.shipped import shipped
from tests.support import free_port

Load = Callable[[Path, str], ModuleType]
Run = Callable[..., subprocess.CompletedProcess[str]]
LEVEL = 0.01


class Server(ThreadingHTTPServer):
    """Answers like a model server, and remembers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rows: list[dict[str, object]] = []
        self.labels: list[dict[str, object]] = []
        self.connections: set[int] = set()
        self.refuse = ""  # what is posted to this path
        self.token = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}":
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.server.rows += body.get("dataframe_records", [])
        self.server.connections.add(self.client_address[1])
        refused = self.path == self.server.refuse
        if not refused:
            self.server.labels += body.get("feedback", [])
        answer = b'{"error": "no"}' if refused else b"{}"
        self.send_response(400 if refused else 200)
        self.send_header("X-Model", "sample:1")
        self.send_header("X-Request-Id", f"r{len(self.server.rows)}")  # of the rows until here
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def p_value(reference: pd.Series, current: pd.Series) -> float:
    if pd.api.types.is_numeric_dtype(reference):
        return float(ks_2samp(reference, current).pvalue)
    counts = pd.DataFrame([reference.value_counts(), current.value_counts()]).fillna(0)
    return float(chi2_contingency(counts).pvalue)


def drifted(project: Path, rows: list[dict[str, object]]) -> set[str]:
    """The features that differ from the training data, with Bonferroni's correction."""
    current = pd.DataFrame(rows)
    reference = pd.read_csv(project / "build/train.csv")
    return {str(name) for name in current if p_value(reference[name], current[name]) < LEVEL / current.shape[1]}


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("n", [300, 3000])
def test_exactly_the_shifted_features_drift(project: Path, load: Load, n: int) -> None:
    replay = load(project, "replay")
    assert drifted(project, replay.rows(n, seed=1, shifted=False)) == set()
    assert drifted(project, replay.rows(n, seed=2, shifted=True)) == set(replay.SHIFTED)


@pytest.mark.usefixtures("prepared")
def test_rows_are_the_same_for_the_same_seed_and_have_the_model_s_columns(project: Path, load: Load) -> None:
    replay = load(project, "replay")
    for shifted in (False, True):
        rows = replay.rows(20, 5, shifted)
        assert rows == replay.rows(20, 5, shifted) != replay.rows(20, 6, shifted)
        assert json.loads(json.dumps(rows)) == rows
        (target,) = set(pd.read_csv(project / "build/train.csv", nrows=1)) - set(rows[0])
        assert target in {"malignant", "is_fraud", "fails_soon"}
        assert len(replay.truths(20, 5, shifted)) == 20
    assert replay.rows(0, 5, False) == replay.truths(0, 5, False) == []


@pytest.mark.usefixtures("prepared")
def test_the_truth_is_that_of_the_rows(project: Path, load: Load) -> None:
    """What tells most of it in the training data does so here."""
    replay = load(project, "replay")
    train = pd.read_csv(project / "build/train.csv").select_dtypes("number")
    target = train.columns[-1]
    rows, truths = pd.DataFrame(replay.rows(2000, 3, False)), pd.Series(replay.truths(2000, 3, False))
    assert set(truths) == {0, 1}
    assert abs(truths.mean() - train[target].mean()) < 0.05
    told = {name: roc_auc_score(train[target], train[name]) for name in train.columns[:-1]}
    telling = max(told, key=lambda name: abs(told[name] - 0.5))
    assert roc_auc_score(truths, rows[telling]) == pytest.approx(told[telling], abs=0.1)


@pytest.mark.usefixtures("prepared")
def test_rows_go_over_one_connection_and_shift_after_a_while(
    project: Path, load: Load, server: Server, run_by_hand: Run
) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    options = [
        "--rows",
        "23",
        "--rate",
        "5000",
        "--batch",
        "5",
        "--shift-after",
        "10",
        "--seed",
        "3",
        "--label-share",
        "1",
    ]
    done = run_by_hand(project, "replay.py", "--url", url, *options)
    assert done.returncode == 0, done.stderr
    replay = load(project, "replay")
    assert server.rows == replay.rows(10, 3, False) + replay.rows(13, 4, True)
    assert len(server.connections) == 1
    assert done.stdout.startswith("23 rows (13 shifted) in ")
    assert done.stdout.endswith(" s: 23 by sample:1\n23 labels sent\n")
    truths = replay.truths(10, 3, False) + replay.truths(13, 4, True)
    places = [(f"r{min(first + 5, 23)}", row) for first in range(0, 23, 5) for row in range(min(5, 23 - first))]
    assert [(found["id"], found["row"]) for found in server.labels] == places
    assert [found["label"] for found in server.labels] == truths


def send(load: Load, server: Server, *options: str) -> None:
    """A replay of two rows, over and over, in this process."""
    traffic = load(shipped("sample_projects") / "breast_cancer", "traffic")

    def twins(count: int, seed: int, shifted: bool) -> list[dict[str, int]]:
        return [{"x": i % 2} for i in range(count)]

    with pytest.MonkeyPatch.context() as patch:
        url = f"http://127.0.0.1:{server.server_port}"
        patch.setattr("sys.argv", ["replay.py", "--url", url, "--rows", "200", "--rate", "1e9", *options])
        traffic.main(twins, lambda count, seed, shifted: [row["x"] for row in twins(count, seed, shifted)])


def test_a_share_of_the_rows_gets_a_label_and_the_last_ones_at_the_end(load: Load, server: Server) -> None:
    send(load, server, "--label-share", "0.7", "--label-after", "1000")
    assert 110 < len(server.labels) < 170


def test_refused_labels_are_said_once_and_the_rows_go_on(
    load: Load, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refuse = "/feedback"
    send(load, server, "--label-share", "1", "--label-after", "0", "--rate", "150")
    told = capsys.readouterr()
    assert told.err == 'The server refuses labels (HTTP 400: {"error": "no"}): the rows go on.\n'
    assert len(server.rows) == 200
    assert told.out.endswith("200 by sample:1\n0 labels sent, 200 refused\n")


@pytest.mark.usefixtures("prepared")
def test_trouble_is_one_sentence(
    project: Path, load: Load, server: Server, run_by_hand: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.refuse = "/invocations"
    url = f"http://127.0.0.1:{server.server_port}"
    done = run_by_hand(project, "replay.py", "--url", url, "--rows", "5")
    assert done.returncode == 1
    assert 'HTTP 400: {"error": "no"}' in done.stderr
    assert len(done.stderr.splitlines()) == 1
    replay = load(project, "replay")
    monkeypatch.setattr("sys.argv", ["replay.py", "--url", f"http://127.0.0.1:{free_port()}", "--rows", "5"])
    with pytest.raises(SystemExit, match="refused") as ended:
        replay.traffic.main(replay.rows, replay.truths)
    assert len(str(ended.value).splitlines()) == 1


@pytest.mark.usefixtures("prepared")
def test_a_token_is_sent_and_a_missing_one_is_named(
    project: Path, load: Load, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.token = "secret"
    replay = load(project, "replay")
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("sys.argv", ["replay.py", "--url", url, "--rows", "5"])
    monkeypatch.delenv("MLOPS_TOKEN", raising=False)
    with pytest.raises(SystemExit, match="asks for a token that holds: set MLOPS_TOKEN") as ended:
        replay.traffic.main(replay.rows, replay.truths)
    assert "deploy a model" not in str(ended.value)
    monkeypatch.setenv("MLOPS_TOKEN", "secret")
    replay.traffic.main(replay.rows, replay.truths)
    assert len(server.rows) == 5
    assert "5 by sample:1" in capsys.readouterr().out
