"""Packages as files: what is in them, and that it is always the same."""

import hashlib
import json
import os
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from mlops_console.core.errors import ModelError, UsageError
from mlops_console.core.models import ModelVersion
from mlops_console.models.package import MODEL, read_package
from mlops_console.models.packaging import package, requirements
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import FRAUD, ROW, add_version, fraud_model

FILES = {
    ".dockerignore",
    "Dockerfile",
    "README.md",
    "example.json",
    "model.json",
    "model.skops",
    "requirements.txt",
    "serve",
    "serve.py",
}


@pytest.fixture
def version(workspace: Workspace) -> ModelVersion:
    return add_version(workspace, fraud_model(), FRAUD, [ROW])


def every_file(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def blob(folder: Path, descriptor: dict[str, object]) -> bytes:
    """What a descriptor of an image layout leads to, checked as the specification has it."""
    algorithm, _, digest = str(descriptor["digest"]).partition(":")
    content = (folder / "blobs" / algorithm / digest).read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest
    assert len(content) == descriptor["size"]
    return content


def test_a_folder_holds_what_serving_takes(workspace: Workspace, version: ModelVersion, tmp_path: Path) -> None:
    folder = package(workspace, version, "oci-dir", tmp_path / "out")
    assert folder == tmp_path / "out" / "fraud-1"
    assert {path.name for path in folder.iterdir()} == FILES | {"blobs", "index.json", "oci-layout"}
    assert os.access(folder / "serve", os.X_OK)
    found = read_package(folder)
    assert found.version.signature == version.signature
    assert (found.version.ref, found.version.sha256, found.version.size) == ("fraud:1", version.sha256, version.size)
    dockerfile = (folder / "Dockerfile").read_text()
    assert "docker run -p 8080:8080 fraud:1" in dockerfile
    assert "@" not in dockerfile
    assert "@" not in (folder / "README.md").read_text()


def test_the_same_version_gives_the_same_bytes(workspace: Workspace, version: ModelVersion, tmp_path: Path) -> None:
    first = every_file(package(workspace, version, "oci-dir", tmp_path / "a"))
    zipped = package(workspace, version, "zip", tmp_path / "a")
    os.utime(workspace.objects.path(version.sha256), (0, 0))
    assert every_file(package(workspace, version, "oci-dir", tmp_path / "b")) == first
    assert package(workspace, version, "zip", tmp_path / "b").read_bytes() == zipped.read_bytes()
    assert all(str(tmp_path).encode() not in content for content in first.values())


def test_the_folder_is_an_image_layout(workspace: Workspace, version: ModelVersion, tmp_path: Path) -> None:
    folder = package(workspace, version, "oci-dir", tmp_path)
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((folder / "index.json").read_bytes())
    assert (index["schemaVersion"], index["mediaType"]) == (2, "application/vnd.oci.image.index.v1+json")
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]
    reached = set()
    for entry in index["manifests"]:
        manifest = json.loads(blob(folder, entry))
        config = json.loads(blob(folder, manifest["config"]))
        [layer] = manifest["layers"]
        assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar"
        assert config["rootfs"] == {"type": "layers", "diff_ids": [layer["digest"]]}  # not compressed: the same digest
        assert (config["os"], config["architecture"]) == ("linux", entry["platform"]["architecture"])
        reached |= {entry["digest"], manifest["config"]["digest"], layer["digest"]}
    assert {f"sha256:{path.name}" for path in (folder / "blobs" / "sha256").iterdir()} == reached
    with tarfile.open(fileobj=BytesIO(blob(folder, layer))) as archive:
        members = {member.name: member for member in archive.getmembers()}
        assert set(members) == {"model", *(f"model/{name}" for name in FILES)}
        assert {(member.uid, member.gid, member.mtime) for member in members.values()} == {(0, 0, 0)}
        assert (members["model/serve"].mode, members["model/serve.py"].mode) == (0o755, 0o644)
        inside = archive.extractfile("model/model.skops")
        assert inside is not None
        assert inside.read() == (folder / MODEL).read_bytes()


def test_a_zip_stays_in_its_folder(workspace: Workspace, version: ModelVersion, tmp_path: Path) -> None:
    path = package(workspace, version, "zip", tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {f"fraud-1/{name}" for name in FILES}
        assert archive.getinfo("fraud-1/serve").external_attr >> 16 == 0o100755


def test_requirements_pin_what_the_version_was_made_with(workspace: Workspace, version: ModelVersion) -> None:
    made = ModelVersion(
        **{name: getattr(version, name) for name in version.__dataclass_fields__ if name != "packages"},
        packages={"scikit-learn": "1.6.0", "xgboost": "3.0.0", "mlops-console": "0.0.1"},
    )
    lines = requirements(made).splitlines()
    assert lines == sorted(lines)
    assert {"scikit-learn==1.6.0", "xgboost==3.0.0", "mlops-console==0.1.0"} <= set(lines)
    assert all("==" in line for line in lines)


def test_a_package_takes_the_place_of_an_earlier_one_only(
    workspace: Workspace, version: ModelVersion, tmp_path: Path
) -> None:
    folder = package(workspace, version, "oci-dir", tmp_path)
    (folder / "left_over").touch()
    package(workspace, version, "oci-dir", tmp_path)
    assert not (folder / "left_over").exists()
    other = tmp_path / "other"
    (other / "fraud-1").mkdir(parents=True)
    (other / "fraud-1" / "thesis.tex").touch()
    (other / "fraud-1.zip").write_text("no zip")
    for kind in ("oci-dir", "zip"):
        with pytest.raises(UsageError, match="is there already, and is no package"):
            package(workspace, version, kind, other)  # type: ignore[arg-type]
    assert {path.name for path in other.rglob("*")} == {"fraud-1", "thesis.tex", "fraud-1.zip"}


def test_what_is_not_as_it_was_packaged_is_refused(workspace: Workspace, version: ModelVersion, tmp_path: Path) -> None:
    folder = package(workspace, version, "oci-dir", tmp_path)
    whole = (folder / "model.json").read_bytes()
    told = json.loads(whole)
    for damaged, sentence in (
        (b"{", "model.json .* is damaged"),
        (json.dumps({**told, "format": 9}).encode(), r"another format \(9\)"),
        (json.dumps({**told, "signature": {}}).encode(), "model.json .* is damaged"),
        (json.dumps({**told, "sha256": {}}).encode(), "model.skops .* is not the file that was packaged"),
    ):
        (folder / "model.json").write_bytes(damaged)
        with pytest.raises(ModelError, match=sentence):
            read_package(folder)
    (folder / "model.json").write_bytes(whole)
    (folder / "model.skops").write_bytes(b"gibberish")
    with pytest.raises(ModelError, match=r"model\.skops .* is not the file that was packaged"):
        read_package(folder)
    (folder / "model.skops").unlink()
    with pytest.raises(ModelError, match=r"it has no model\.skops"):
        read_package(folder)
