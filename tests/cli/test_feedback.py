"""`feedback import`, as its users run it."""

from mlops_console.store.workspace import Workspace
from tests.cli.test_commands import console, document, fails


def test_a_file_is_imported(workspace: Workspace) -> None:
    (workspace.root / "labels.csv").write_text("id,label\na,1\nb,0\n")
    told = console("feedback", "import", "labels.csv", cwd=workspace.root).stdout.splitlines()
    assert told == [
        "2 labels are stored.",
        "2 of them are for requests that are not in the prediction log: they count when they come.",
    ]
    assert document("feedback", "import", "labels.csv", cwd=workspace.root) == {
        "file": str(workspace.root / "labels.csv"),
        "labels": 2,
        "unknown": 2,
    }


def test_a_wrong_line_is_one_sentence(workspace: Workspace) -> None:
    (workspace.root / "labels.jsonl").write_text('{"id": "a", "label": 1}\n{"id": "a"}\n')
    told = "labels.jsonl, line 2: It is no JSON object with id and label. Mend it"
    fails("feedback", "import", "labels.jsonl", cwd=workspace.root, status=2, told=told)
