"""An OCI image layout, as the image specification 1.0 has it, made by hand: `skopeo copy oci:FOLDER …` takes it.

It holds one layer, the files of a package in `/model`, and no base image: it is data for a volume, or a layer to be put
upon an image with Python. The same image is named for each platform, as nothing in it depends on one.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Mapping
from typing import Any

_PLATFORMS = ("amd64", "arm64")
_INDEX = "application/vnd.oci.image.index.v1+json"
_IMAGE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_FOLDER = "model"


def layout(files: Mapping[str, bytes], executable: Collection[str]) -> dict[str, bytes]:
    """The files of the layout by path: `oci-layout`, `index.json` and the blobs.

    Args:
        files: what lies in the image, in this order.
        executable: the names of those that may be run.
    """
    blobs: dict[str, bytes] = {}

    def keep(kind: str, content: bytes) -> dict[str, Any]:
        """Add a blob; its descriptor."""
        sha256 = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{sha256}"] = content
        return {"mediaType": kind, "digest": f"sha256:{sha256}", "size": len(content)}

    layer = keep(_LAYER, _tar(files, executable))
    manifests = []
    for platform in _PLATFORMS:
        config = keep(
            _CONFIG,
            _json(
                {
                    "architecture": platform,
                    "os": "linux",
                    "config": {"WorkingDir": f"/{_FOLDER}", "Cmd": [f"/{_FOLDER}/serve"]},
                    "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
                }
            ),
        )
        image = {"schemaVersion": 2, "mediaType": _IMAGE, "config": config, "layers": [layer]}
        manifests.append(keep(_IMAGE, _json(image)) | {"platform": {"architecture": platform, "os": "linux"}})
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
    return {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index), **blobs}


def _tar(files: Mapping[str, bytes], executable: Collection[str]) -> bytes:
    """Owned by root and of the beginning of time, so that the same files are the same layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        folder = tarfile.TarInfo(f"{_FOLDER}/")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{_FOLDER}/{name}")
            entry.size, entry.mode = len(content), 0o755 if name in executable else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
