"""Histories with a git repository, for what is told from the records."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.core.runs import Provenance, RunStatus
from mlops_console.store import artifacts, datasets, jobs, models, runs, series
from mlops_console.store.workspace import Workspace

SIGNATURE = Signature((Column("amount", "float64", "numeric"),), "classification", (0, 1), True)
PROFILE = {"kind": "numeric", "count": 9, "missing": 0, "unique": 9, "std": 1.0, "min": 0.0, "max": 9.0}


def git(folder: Path, *arguments: str, at: int | None = None) -> str:
    """A git command of a person without settings of their own; commits are made `at` this second."""
    date = {"GIT_AUTHOR_DATE": f"{at} +0000", "GIT_COMMITTER_DATE": f"{at} +0000"} if at is not None else {}
    found = subprocess.run(
        ["git", "-c", "user.name=ann", "-c", "user.email=a@b", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **date},
        check=True,
        capture_output=True,
        text=True,
    )
    return found.stdout.strip()


def commit(folder: Path, name: str, text: str, at: int) -> str:
    """A commit of one file; its hash."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    (folder / name).write_text(text)
    git(folder, "add", name)
    git(folder, "commit", "-q", "-m", name, at=at)
    return git(folder, "rev-parse", "HEAD")


def add_dataset(workspace: Workspace, name: str, mean: float, rows: int = 9) -> DatasetVersion:
    profile = {"amount": {**PROFILE, "mean": mean, "quantiles": {"0.5": mean}}}
    with workspace.store.write() as tx:
        return datasets.add_version(
            tx,
            name,
            sha256=f"{mean:064.3f}".replace(".", "0"),
            rows=rows,
            columns=1,
            schema={"amount": "float64"},
            profile=profile,
            sample=workspace.objects.put_bytes(f"sample {mean}".encode()),
        )


def add_made(
    workspace: Workspace,
    name: str = "calm-otter-1",
    *,
    origin: Provenance | None = None,
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    inputs: Mapping[str, DatasetVersion] | None = None,
    files: Mapping[str, bytes] | None = None,
    asked_by: str | None = None,
    signature: Signature = SIGNATURE,
    description: str = "",
    packages: Mapping[str, str] | None = None,
) -> ModelVersion:
    """The next version of `fraud`, with a run that has recorded all this; its model file is `name`."""
    content = f"the model of {name}".encode()
    sha256, example = workspace.objects.put_bytes(content), workspace.objects.put_bytes(b'[{"amount": 1}]')
    kept = {path: workspace.objects.put_bytes(text) for path, text in (files or {}).items()}
    with workspace.store.write() as tx:
        job = jobs.enqueue(tx, "train", "train", {}, asked_by) if asked_by else None
        run = runs.create(tx, name=name, experiment="fraud", provenance=origin, job_id=job)
        runs.set_params(tx, run, dict(params or {}))
        series.ingest(tx, run, [(metric, 0, value, time.time()) for metric, value in (metrics or {}).items()])
        for role, version in (inputs or {}).items():
            datasets.add_run_input(tx, run, role, version)
        for path, digest in kept.items():
            artifacts.add(tx, run, path, digest, len((files or {})[path]))
        runs.finish(tx, run, RunStatus.SUCCEEDED)
        return models.add_version(
            tx,
            "fraud",
            sha256=sha256,
            size=len(content),
            estimator="Tree",
            signature=signature,
            run_id=run,
            input_example=example,
            description=description,
            packages=packages,
        )
