"""`model package` as a command."""

import json
import subprocess
from pathlib import Path

from mlops_console.models.package import read_package
from mlops_console.store.workspace import Workspace
from tests.forked import console
from tests.serving.helpers import add_constant


def run(workspace: Workspace, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return console("model", "package", *arguments, cwd=workspace.root)


def test_it_makes_a_folder_or_a_zip_and_says_where(workspace: Workspace, tmp_path: Path) -> None:
    add_constant(workspace, 10)
    told = json.loads(run(workspace, "fraud:1", "--output", str(tmp_path), "--json").stdout)
    assert told == {"model": "fraud", "version": 1, "format": "oci-dir", "path": str(tmp_path / "fraud-1")}
    assert read_package(tmp_path / "fraud-1").version.ref == "fraud:1"
    assert run(workspace, "fraud:1", "--format", "zip").stdout == (
        "fraud:1 is packaged as fraud-1.zip: unzip fraud-1.zip, then see its README.md.\n"
    )
    assert (workspace.root / "fraud-1.zip").is_file()


def test_what_makes_no_sense_is_one_sentence(workspace: Workspace, tmp_path: Path) -> None:
    add_constant(workspace, 10)
    (tmp_path / "file").touch()
    for arguments, sentence in (
        (("fraud:1", "--format", "tar"), "There is no format 'tar'. Known are: oci-dir, zip."),
        (("fraud:2",), "fraud:2"),
        (("fraud:1", "--output", str(tmp_path / "file")), "can't be written: File exists."),
    ):
        done = run(workspace, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1
