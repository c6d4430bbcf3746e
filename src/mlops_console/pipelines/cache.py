"""The cache of a pipeline: what a stage has made of the same inputs before is brought back instead of made again."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_console.core.config import Stage
from mlops_console.core.errors import StoreError, UsageError
from mlops_console.core.stage_cache import CachedStage, Inputs, KeptFile, Out, differences
from mlops_console.core.text import safe_line
from mlops_console.data.hashing import Hasher, Tree, empty_entry, is_left_out, listing_sha256
from mlops_console.pipelines import outs
from mlops_console.pipelines.graph import OrderedStage, is_meant
from mlops_console.pipelines.params import Params, flatten, select
from mlops_console.store import artifacts, stage_cache
from mlops_console.store.workspace import Workspace

ALL = "*"  # every stage, where stages are forced to run
REPLACED = "replaced"  # the folder among the artifacts of a run for what it found changed in its outs
ASKED_FOR = "asked for"
_TOLD = 3  # differences


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a stage must run, and why; `inputs` are None where nothing is kept of it."""

    why: str
    inputs: Inputs | None = None
    cached: CachedStage | None = None


def decide(
    workspace: Workspace,
    pipeline: str,
    ordered: OrderedStage,
    params: Params,
    forced: tuple[str, ...],
    sha256_of: Callable[[str], str],
    expected: Mapping[str, str],
) -> Decision:
    """Whether a stage must run.

    Args:
        forced: the names of the stages that are to run in any case, as people give them; `ALL` for every one.
        sha256_of: the content of a dep.
        expected: of the datasets that it checks (see `inputs.expected`).
    """
    stage = ordered.stage
    if stage.always:
        return Decision("it always runs")
    if not stage.deps:
        return Decision("it names no deps, so nothing tells whether it must")
    inputs = inputs_of(stage, params, {dep: sha256_of(dep) for dep in stage.deps}, expected)
    if is_forced(ordered, forced):
        return Decision(ASKED_FOR, inputs)
    with workspace.store.read() as db:
        found = stage_cache.find(db, inputs.fingerprint)
        last = stage_cache.last(db, pipeline, ordered.name)
    if found is not None and all(workspace.objects.has(file.sha256) for file in found.files):
        return Decision(f"cached from {found.run_name}", inputs, found)
    if found is not None:
        return Decision("what it has made is no longer in the object store", inputs)
    if last is None:
        return Decision("it has not run before", inputs)
    return Decision(_told(differences(last.inputs, inputs)), inputs)


def is_forced(ordered: OrderedStage, forced: tuple[str, ...]) -> bool:
    return ALL in forced or any(is_meant(ordered.name, wanted) for wanted in forced)


def inputs_of(stage: Stage, params: Params, deps: Mapping[str, str], expected: Mapping[str, str]) -> Inputs:
    chosen: Mapping[str, Any] = flatten(select(params, stage.params))
    return Inputs(stage.run, stage.cwd, deps, chosen, stage.env, stage.outs, expected)


def sha256_in(hasher: Hasher, path: str) -> str:
    """The content of a dep as it is now.

    Raises:
        UsageError: there is none, or it can't be read.
    """
    tree = hasher.tree(path)
    if tree is None:
        raise UsageError(f"{path} is not there.", "Add it, or list it in the outs of the stage that writes it.")
    return tree.sha256


def sha256_made(cached: CachedStage, dep: str) -> str | None:
    """The content that a dep has once the outs of a cached stage are there; None where they are but a part of it."""
    made = {os.path.normpath(path): out for path, out in cached.outs.items()}
    dep = os.path.normpath(dep)
    if not any(dep == out or dep.startswith(f"{out}/") for out in made):
        return None
    single = next((file.sha256 for file in cached.files if file.path == dep), None)
    below = [(file.path, file.sha256) for file in cached.files if file.path.startswith(f"{dep}/")]
    is_folder = bool(below) or (dep in made and made[dep].is_folder)
    counted = [(path, sha256) for path, sha256 in below if not path.endswith("/") and not is_left_out(path, dep)]
    return single or (listing_sha256(dep, counted) if is_folder else None)


class Keeper:
    """Brings the outs of one stage of a run back, makes room for new ones, and keeps these.

    Args:
        folder: where the outs are; the workspace's own, or that of a trial.
        note: told what a person must know.
    """

    def __init__(
        self,
        workspace: Workspace,
        folder: Path,
        run_id: str,
        stage: Stage,
        hasher: Hasher,
        note: Callable[[str], None],
    ) -> None:
        self._workspace = workspace
        self._folder = folder
        self._run_id = run_id
        self._stage = stage
        self._hasher = hasher
        self._note = note

    def restore(self, cached: CachedStage) -> None:
        """Make the outs what they were.

        Raises:
            UsageError: an out can't be written where it belongs.
            StoreError: what was kept is damaged; it is kept no longer.
        """
        for given, out in cached.outs.items():
            path = os.path.normpath(given)
            there = self._hasher.tree(path, whole=True)
            files = [file for file in cached.files if file.path == path or file.path.startswith(f"{path}/")]
            if there is not None and (there.sha256, there.is_folder) == (out.sha256, out.is_folder):
                self._make_executable(there, {file.path: file.executable for file in files})
                continue
            self._save(there, {file.sha256 for file in files})
            named = [(file.path, file.sha256, file.executable) for file in files]
            outs.put(self._workspace.objects, self._folder, path, out.is_folder, named)

    def clear(self) -> None:
        """Take the outs of before away, so that those that are there afterwards were made by the stage."""
        for path in self._stage.outs:
            outs.check_place(self._folder, path)
            self._save(self._hasher.tree(path, whole=True), set())
            outs.take_away(self._folder, path)

    def clear_again(self) -> None:
        """Take away what an attempt has left that failed: nobody but the stage has made it."""
        for path in self._stage.outs:
            outs.take_away(self._folder, path)

    def keep(self, decision: Decision, pipeline: str, name: str, took: float) -> str | None:
        """Keep the outs, unless the inputs have changed while the stage ran; what is wrong with them, if they are none.

        Those that are not kept are remembered, so that a later run does not take them for somebody's own.
        """
        try:
            trees = {path: self._tree_of(path) for path in self._stage.outs}
        except UsageError as error:
            told = safe_line(error.message.removesuffix("."))
            return f"has left what can't be an out (a file or a folder in the project): {told}"
        try:
            if decision.inputs is not None:
                self._check_unchanged(decision.inputs)
                self._keep_objects(trees.values())
                self._put(decision.inputs, pipeline, name, took, trees)
                return None
        except (UsageError, StoreError) as error:
            self._note(f"its outs are not cached: {error.message}")
        except OSError as error:  # the disk is full
            self._note(f"its outs are not cached: {error.strerror or error}")
        if trees and self._folder == self._workspace.root:  # else they go with their folder
            self._put(None, pipeline, name, took, trees)
        return None

    def _tree_of(self, path: str) -> Tree:
        tree = self._hasher.tree(path, whole=True)
        if tree is None:
            raise UsageError(f"{path} was there when it ended, and is gone.", "Let nothing take it away.")
        return tree

    def _check_unchanged(self, inputs: Inputs) -> None:
        for dep, sha256 in inputs.deps.items():
            if sha256_in(self._hasher, dep) != sha256:
                raise UsageError(f"{dep} was changed while it ran.", "Let nothing write to it meanwhile.")

    def _keep_objects(self, trees: Iterable[Tree]) -> None:
        for tree in trees:
            for file in tree.files:
                self._workspace.objects.keep_file(self._folder / file.path, file.sha256)
            if tree.empty:
                self._workspace.objects.put_bytes(b"")  # what an empty folder refers to

    def _put(self, inputs: Inputs | None, pipeline: str, name: str, took: float, trees: Mapping[str, Tree]) -> None:
        """Record what was made of these inputs; without inputs, of which none are known, what was left only."""
        known = inputs or Inputs(self._stage.run, self._stage.cwd, {}, {}, self._stage.env, self._stage.outs)
        made = {path: Out(tree.sha256, tree.is_folder) for path, tree in trees.items()}
        files = [KeptFile(*file) for tree in trees.values() for file in tree.files]
        files += [KeptFile(*empty_entry(folder), 0, False) for tree in trees.values() for folder in tree.empty]
        found = CachedStage(0, self._run_id, "", name, known, made, took, tuple(files))
        with self._workspace.store.write() as tx:
            stage_cache.put(tx, self._run_id, pipeline, found, is_kept=inputs is not None)

    def _save(self, there: Tree | None, wanted: set[str]) -> None:
        """Keep what somebody has changed by hand in an out before it is replaced, and tell."""
        with self._workspace.store.read() as db:
            unknown = [
                file
                for file in (there.files if there else ())
                if file.sha256 not in wanted
                and not _makes_itself(file.path)
                and not stage_cache.knows(db, file.sha256, file.path)
            ]
        for file in unknown:
            self._workspace.objects.keep_file(self._folder / file.path, file.sha256)
        if unknown:
            with self._workspace.store.write() as tx:
                for file in unknown:
                    artifacts.add(tx, self._run_id, f"{REPLACED}/{file.path}", file.sha256, file.size)
            more = f" and {len(unknown) - 1} more files of it" if len(unknown) > 1 else ""
            self._note(f"{unknown[0].path}{more} had been changed: kept as artifact {REPLACED}/… of this run")

    def _make_executable(self, there: Tree, wanted: Mapping[str, bool]) -> None:
        """Give the files of an out that has its content already the mode that they had."""
        for file in there.files:
            if file.executable != wanted.get(file.path, file.executable):
                place = self._folder / file.path
                mode = place.stat().st_mode
                place.chmod(mode & ~0o111 if file.executable else mode | (mode & 0o444) >> 2)


def _makes_itself(path: str) -> bool:
    """Whether Python writes a file whenever it reads another one: it was nobody's work."""
    return path.endswith(".pyc") and "/__pycache__/" in path


def _told(found: list[str]) -> str:
    more = [f"{len(found) - _TOLD} more"] if len(found) > _TOLD else []
    return ", ".join([*found[:_TOLD], *more]) or "it has not run with these inputs before"
