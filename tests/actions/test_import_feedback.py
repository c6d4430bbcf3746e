"""Labels from files: both formats, what is wrong with a line, and that nothing is half done."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops_console.core.errors import NotFoundError, RefusedError, UsageError
from mlops_console.core.models import Signature
from mlops_console.store import ledger, models
from mlops_console.store.predictions import EncodedRequest, PredictionLog
from mlops_console.store.workspace import Workspace
from mlops_console.worker import client

ALWAYS = (0.0, 1e12)


@pytest.fixture(autouse=True)
def answered(workspace: Workspace) -> None:
    """Requests a (two rows), b and c of fraud:1, whose classes are 0 and 1, and p of price:1."""
    with workspace.store.write() as tx:
        for name, signature in (
            ("fraud", Signature((), "classification", (0, 1))),
            ("price", Signature((), "regression")),
        ):
            models.add_version(tx, name, sha256="a" * 64, size=1, estimator="E", signature=signature)
    log = PredictionLog(workspace.predictions_path)
    requests = [("a", "fraud:1", 2), ("b", "fraud:1", 1), ("c", "fraud:1", 1), ("p", "price:1", 1)]
    log.append(
        "production",
        [
            EncodedRequest(
                name, at, 1, model, 0.1, rows, json.dumps({"x": [at] * rows}), json.dumps({"predict": [0] * rows})
            )
            for at, (name, model, rows) in enumerate(requests, 1)
        ],
    )
    log.close()


def labels(workspace: Workspace) -> list[tuple[int, Any]]:
    """By the time of the request."""
    found = PredictionLog(workspace.predictions_path).labelled("production", *ALWAYS)
    return [(row.inputs["x"], label) for row, label in found]


def take(workspace: Workspace, name: str, content: str | bytes) -> dict[str, Any]:
    file = workspace.root / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = dict(client.execute(workspace, "import_feedback", {"file": str(file)}).result or {})
    assert result.pop("file") == str(file)
    return result


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", "id,row,label\na,0,1\na,1,0\nb,,1\nlater,0,1\np,0,2.5\n"),
        ("l.CSV", '\ufefflabel,more,row,id\r\n1,é,0,a\r\n0,,1,a\r\n1.0,"x\r\ny",,b\r\n\r\n1,,0,later\r\n2.5,,0,p'),
        (
            "l.jsonl",
            '{"id": "a", "label": 1}\n\n{"id": "a", "row": 1, "label": 0}\n{"id": "b", "label": true, "more": []}\n'
            '{"id": "later", "label": 1}\n{"id": "p", "label": 2.5}',
        ),
    ],
)
def test_labels_are_stored(workspace: Workspace, name: str, content: str) -> None:
    assert take(workspace, name, content) == {"labels": 5, "unknown": 1}
    assert labels(workspace) == [(1, 1), (1, 0), (2, 1), (4, 2.5)]
    with workspace.store.read() as db:
        entry = ledger.entries(db)[0]
    assert (entry.action, entry.subject, entry.outcome) == ("import_feedback", name, "succeeded")
    assert (entry.detail["labels"], entry.detail["unknown"]) == (5, 1)


def test_a_later_label_replaces_an_earlier_one(workspace: Workspace) -> None:
    take(workspace, "l.csv", "id,label\nb,0\nc,0\nb,1\n")
    take(workspace, "l.csv", "id,label\nc,1\n")
    assert labels(workspace) == [(2, 1), (3, 1)]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "l.csv",
            "id,label\nb,1\nc,2",
            "line 3: The label of c is the number 2, but one of the classes 0, 1 is expected.",
        ),
        (
            "l.csv",
            "id,label\nb,1\np,much\n",
            "line 3: The label of p is the text 'much', but a finite number is expected.",
        ),
        (
            "l.csv",
            "id,label\nb,1\n,1\n",
            "line 3: The id is the text '', but the text that came with the answer is expected.",
        ),
        ("l.csv", "id,label\nb,1\nc\n", "line 3: It has 1 values, but the header has 2."),
        (
            "l.csv",
            "id,label,row\nb,1,0\nc,1,first\n",
            "line 3: The row of 'c' is the text 'first', but a number from 0 on is expected.",
        ),
        ("l.csv", "id,lable\nb,1\n", "line 1: There is no column 'label', did you mean 'lable'?"),
        ("l.csv", "", "line 1: There is no column 'id'."),
        ("l.csv", 'id,label\nb,1\n"c,1\n', "line 3: It is no CSV: unexpected end of data."),
        ("l.csv", b"id,label\nb,1\n\xff,1\n", "line 1: It, or one soon after it, is no text in UTF-8."),
        ("l.jsonl", '{"id": "b", "label": 1}\n{"id": "c"', "line 2: It is no JSON."),
        ("l.jsonl", '{"id": "b", "label": 1}\n["c", 1]', "line 2: It is no JSON object with id and label."),
        ("l.jsonl", '{"id": "b", "label": 1}\n{"id": "c", "label": NaN}', None),
        ("l.jsonl", '{"id": "b", "label": 1}\n{"id": "later", "label": [1]}', None),
        ("l.jsonl", '{"id": "b", "label": 1}\n' + "[" * 100_000, "line 2: It is no JSON."),
        ("l.jsonl", '{"id": "b", "label": 1}\n' + "x" * 1_000_001, "line 2: It has more than 1,000,000 characters."),
    ],
)
def test_a_wrong_line_is_told_and_nothing_is_stored(
    workspace: Workspace, name: str, content: str | bytes, told: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        take(workspace, name, content)
    if told is not None:
        assert caught.value.message == f"{workspace.root / name}, {told}"
    assert labels(workspace) == []
    with workspace.store.read() as db:
        assert ledger.entries(db)[0].outcome == "failed"


def test_a_wrong_line_far_down_leaves_nothing_behind(workspace: Workspace) -> None:
    lines = ["id,label", *("b,1" for _ in range(25_000)), "c,5"]
    with pytest.raises(UsageError, match="line 25002: The label of c"):
        take(workspace, "l.csv", "\n".join(lines))
    assert labels(workspace) == []


def test_what_makes_no_sense_is_told_before_anything_is_read(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"There is no file .*nothing\.csv\."):
        client.execute(workspace, "import_feedback", {"file": "nothing.csv"})
    with pytest.raises(UsageError, match=r"The ending of labels\.xlsx tells no format"):
        client.execute(workspace, "import_feedback", {"file": "labels.xlsx"})


def test_a_read_only_console_takes_none(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_READ_ONLY", "1")
    with pytest.raises(RefusedError):
        take(workspace, "l.csv", "id,label\nb,1\n")
    assert labels(workspace) == []


def test_any_number_of_labels_needs_the_same_memory(workspace: Workspace, tmp_path: Path) -> None:
    """300,000 labels take no more than 30,000: the highest use of memory of two processes is compared."""

    def peak(count: int) -> int:
        file = tmp_path / f"{count}.csv"
        file.write_text("id,label\n" + "".join(f"request-{number:030},1\n" for number in range(count)))
        script = (
            "import resource, sys; from pathlib import Path; from mlops_console.worker import client; "
            "from mlops_console.store.workspace import open_workspace; "
            "client.execute(open_workspace(Path(sys.argv[1])), 'import_feedback', {'file': sys.argv[2]}); "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        command = [sys.executable, "-c", script, str(workspace.root), str(file)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    small, large = peak(30_000), peak(300_000)
    assert large < small * 1.15, (small, large)
