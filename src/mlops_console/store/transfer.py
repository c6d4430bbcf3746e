"""What a run has recorded in one store, taken bit by bit to another one.

The far store is made for one stage of one run, and lives no longer than that. What leaves it is plain data: numbers,
texts, lists and dicts with texts as keys. Objects are named by their SHA-256; their content is carried apart.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.models import Column, ModelVersion, Signature
from mlops_console.core.runs import ProcessIdentity
from mlops_console.store import artifacts, chunks, compiled, datasets, models, runs, series, stage_cache
from mlops_console.store.chunks import Columns
from mlops_console.store.identity import actor
from mlops_console.store.workspace import Workspace

News = dict[str, Any]
_PORTION = 20_000  # points of one piece of news


def beginning(db: sqlite3.Connection, run_id: str) -> News:
    """What a stage may ask its run for: its names, its params, and the datasets that it has logged so far."""
    run = runs.get(db, run_id)
    logged = [entry for entry in datasets.run_inputs(db, run_id) if entry.logged]
    return {
        "run": run.id,
        "name": run.name,
        "experiment": run.experiment,
        "params": dict(run.params),
        "inputs": [_input(entry.role, entry.version) for entry in logged],
    }


def begin(tx: sqlite3.Connection, told: News, process: ProcessIdentity) -> None:
    """Make the run in a far store, which notes from now on which points are new.

    Args:
        process: as long as it lives nobody takes the run for lost.
    """
    runs.create(tx, name=told["name"], experiment=told["experiment"], run_id=told["run"], process=process)
    runs.set_params(tx, told["run"], told["params"])
    for entry in told["inputs"]:
        _add_input(tx, told["run"], entry)
    tx.execute(
        "CREATE TABLE touched (seq INTEGER PRIMARY KEY, series_key INTEGER, first_step INTEGER, last_step INTEGER)"
    )
    tx.execute(
        "CREATE TRIGGER chunks_touched AFTER INSERT ON chunks BEGIN INSERT INTO touched "
        "(series_key, first_step, last_step) VALUES (NEW.series_key, NEW.first_step, NEW.last_step); END"
    )


class Reading:
    """Reads what is new of a run in a far store. What was there when it was made is not."""

    def __init__(self, workspace: Workspace, run_id: str) -> None:
        self._workspace = workspace
        self._run_id = run_id
        self._touched = 0
        self._version = -1
        self._tails: dict[str, dict[int, tuple[float, float]]] = {}
        with workspace.store.read() as db:
            self._told = self._facts(db)

    def news(self) -> Iterator[News]:
        """What came since the last time, in pieces of a bearable size: mostly none."""
        version = self._workspace.store.data_version()
        if version == self._version:
            return
        self._version = version
        with self._workspace.store.read() as db:
            points = self._points(db)
            facts = self._facts(db)
        told, self._told = self._told, facts
        news = {kind: {name: value for name, value in found.items() if told[kind].get(name) != value}
                for kind, found in facts.items()}  # fmt: skip
        if any(news.values()):
            yield news
        for name, columns in points.items():
            for begin in range(0, len(columns), _PORTION):
                part = columns.part(begin, begin + _PORTION)
                yield {"points": {name: [list(part.steps), list(part.values), list(part.ats)]}}

    def end(self) -> News:
        """What is told once, when the command has ended: the model versions, the packages used, and the error."""
        with self._workspace.store.read() as db:
            run = runs.get(db, self._run_id)
            versions = [_model(db, version) for version in models.of_run(db, self._run_id)]
        return {"models": versions, "packages": dict(run.provenance.packages), "error": run.error}

    def _facts(self, db: sqlite3.Connection) -> dict[str, dict[str, Any]]:
        run = runs.get(db, self._run_id)
        inputs = datasets.run_inputs(db, self._run_id)
        return {
            "params": dict(run.params),
            "tags": dict(run.tags),
            "artifacts": {a.path: [a.sha256, a.size] for a in artifacts.listing(db, self._run_id)},
            "inputs": {entry.role: _input(entry.role, entry.version) for entry in inputs if entry.logged},
            "records": {f"{kind} {name}": [kind, name] for kind, name in stage_cache.records(db, self._run_id)},
        }

    def _points(self, db: sqlite3.Connection) -> dict[str, Columns]:
        rows = db.execute(
            "SELECT s.name, min(t.first_step) AS first, max(t.last_step) AS last, max(t.seq) AS seq FROM touched t "
            "JOIN series s ON s.key = t.series_key WHERE t.seq > ? GROUP BY s.key",
            (self._touched,),
        ).fetchall()
        self._touched = max((row["seq"] for row in rows), default=self._touched)
        found = {
            row["name"]: self._unknown(
                row["name"], series.columns(db, self._run_id, row["name"], row["first"], row["last"])
            )
            for row in rows
        }
        return {name: columns for name, columns in found.items() if len(columns)}

    def _unknown(self, name: str, found: Columns) -> Columns:
        """Without the points of before that came along, as new ones swallow the last chunk."""
        tail = self._tails.setdefault(name, {})
        points = zip(found.steps, zip(found.values, found.ats, strict=True), strict=True)
        new = {step: point for step, point in points if tail.get(step) != point}
        self._tails[name] = dict(sorted((tail | new).items())[-chunks.MOST :])
        return Columns(list(new), [value for value, _ in new.values()], [at for _, at in new.values()])


def objects_of(news: News) -> list[str]:
    """The objects that a piece of news, or an end, refers to."""
    found = [sha256 for sha256, _ in news.get("artifacts", {}).values()]
    found += [entry["sample"] for entry in news.get("inputs", {}).values()]
    for version in news.get("models", ()):
        found += [version["sha256"], version["input_example"], version.get("profile")]
    return [sha256 for sha256 in dict.fromkeys(found) if sha256 is not None]


def apply(tx: sqlite3.Connection, run_id: str, stage: str, news: News) -> None:
    """Record news in the home store. The same again changes nothing."""
    if news.get("points"):
        series.append(tx, run_id, {name: Columns(*columns) for name, columns in news["points"].items()})
    if news.get("params"):
        runs.set_params(tx, run_id, news["params"])
    if news.get("tags"):
        runs.set_tags(tx, run_id, news["tags"])
    for path, (sha256, size) in news.get("artifacts", {}).items():
        artifacts.add(tx, run_id, path, sha256, size)
    for entry in news.get("inputs", {}).values():
        _add_input(tx, run_id, entry)
    for kind, name in news.get("records", {}).values():
        stage_cache.record(tx, run_id, stage, kind, [name])


def conclude(tx: sqlite3.Connection, run_id: str, end: News) -> None:
    """Record an end in the home store, once: model versions get their numbers here."""
    for told in end["models"]:
        reference = told["reference"] and datasets.find(tx, *told["reference"])
        version = models.add_version(
            tx,
            told["model"],
            sha256=told["sha256"],
            size=told["size"],
            estimator=told["estimator"],
            signature=_signature(told["signature"]),
            run_id=run_id,
            input_example=told["input_example"],
            reference=(reference.dataset, reference.version) if reference else None,
            description=told["description"],
            packages=told["packages"],
            profile=told.get("profile"),
        )
        compiled.queue(tx, version.model, version.version, actor())
    if end["packages"]:
        origin = runs.get(tx, run_id).provenance
        runs.set_provenance(tx, run_id, replace(origin, packages={**origin.packages, **end["packages"]}))
    if end["error"] is not None:
        runs.set_error(tx, run_id, end["error"])


def _input(role: str, version: DatasetVersion) -> News:
    return {
        "role": role,
        "dataset": version.dataset,
        "sha256": version.sha256,
        "rows": version.rows,
        "columns": version.columns,
        "schema": dict(version.schema),
        "profile": dict(version.profile),
        "sample": version.sample,
    }


def _add_input(tx: sqlite3.Connection, run_id: str, entry: Mapping[str, Any]) -> None:
    facts = {name: value for name, value in entry.items() if name not in ("role", "dataset")}
    datasets.add_run_input(tx, run_id, entry["role"], datasets.add_version(tx, entry["dataset"], **facts))


def _model(db: sqlite3.Connection, version: ModelVersion) -> News:
    reference = version.reference
    return {
        "model": version.model,
        "sha256": version.sha256,
        "size": version.size,
        "estimator": version.estimator,
        "signature": json.dumps(asdict(version.signature)),
        "input_example": version.input_example,
        "reference": reference and [reference.dataset, datasets.get(db, reference.dataset, reference.version).sha256],
        "description": version.description,
        "packages": dict(version.packages),
        "profile": version.profile,
    }


def _signature(text: str) -> Signature:
    told = json.loads(text)
    inputs = tuple(Column.of(column) for column in told["inputs"])
    return Signature(inputs, told["task"], tuple(told["classes"]), told["probabilities"])
