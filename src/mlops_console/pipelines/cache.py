"""The cache of a pipeline: what a stage has made of the same inputs before is brought back instead of made again."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_console.core.config import Stage
from mlops_console.core.errors import StoreError, UsageError
from mlops_console.core.stage_cache import CachedStage, Inputs, KeptFile, Out, differences
from mlops_console.data.hashing import Hasher, Tree, listing_sha256
from mlops_console.pipelines.graph import OrderedStage
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
) -> Decision:
    """Whether a stage must run.

    Args:
        forced: the names of the stages that are to run in any case; `ALL` for every one.
        sha256_of: the content of a dep.
    """
    stage = ordered.stage
    if stage.always:
        return Decision("it always runs")
    if not stage.deps:
        return Decision("it names no deps, so nothing tells whether it must")
    inputs = inputs_of(stage, params, {dep: sha256_of(dep) for dep in stage.deps})
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
    return ALL in forced or ordered.name in forced


def inputs_of(stage: Stage, params: Params, deps: Mapping[str, str]) -> Inputs:
    chosen: Mapping[str, Any] = flatten(select(params, stage.params))
    return Inputs(stage.run, stage.cwd, deps, chosen, stage.env, stage.outs)


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
    if not any(dep == out or dep.startswith(f"{out}/") for out in cached.outs):
        return None
    if dep in cached.outs:
        return cached.outs[dep].sha256
    single = next((file.sha256 for file in cached.files if file.path == dep), None)
    below = [(file.path, file.sha256) for file in cached.files if file.path.startswith(f"{dep}/")]
    return single or (listing_sha256(dep, below) if below else None)


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
        for path, out in cached.outs.items():
            there = self._hasher.tree(path)
            files = [file for file in cached.files if file.path == path or file.path.startswith(f"{path}/")]
            if there is not None and (there.sha256, there.is_folder) == (out.sha256, out.is_folder):
                self._make_executable(there, {file.path: file.executable for file in files})
                continue
            self._save(there, {file.sha256 for file in files})
            self._write(path, out, files)

    def clear(self) -> None:
        """Take the outs of before away, so that those that are there afterwards were made by the stage."""
        for path in self._stage.outs:
            self._check_place(path)
            self._save(self._hasher.tree(path), set())
            self._remove(self._folder / path)

    def keep(self, decision: Decision, pipeline: str, name: str, took: float) -> None:
        """Keep the outs, unless the inputs have changed while the stage ran."""
        if decision.inputs is None:
            return
        try:
            self._keep(decision.inputs, pipeline, name, took)
        except (UsageError, StoreError) as error:
            self._note(f"its outs are not cached: {error.message}")
        except OSError as error:  # the disk is full
            self._note(f"its outs are not cached: {error.strerror or error}")

    def _keep(self, inputs: Inputs, pipeline: str, name: str, took: float) -> None:
        changed = [dep for dep, sha256 in inputs.deps.items() if sha256_in(self._hasher, dep) != sha256]
        if changed:
            self._note(f"its outs are not cached: {changed[0]} was changed while it ran")
            return
        trees: list[Tree] = []
        for path in self._stage.outs:
            tree = self._hasher.tree(path)
            if tree is None:
                raise UsageError(f"{path} was there when the stage ended, and is gone.", "Let nothing take it away.")
            trees.append(tree)
        for tree in trees:
            for file in tree.files:
                self._workspace.objects.keep_file(self._folder / file.path, file.sha256)
        files = tuple(KeptFile(*file) for tree in trees for file in tree.files)
        outs = {path: Out(tree.sha256, tree.is_folder) for path, tree in zip(self._stage.outs, trees, strict=True)}
        made = CachedStage(0, self._run_id, "", name, inputs, outs, took, files)
        with self._workspace.store.write() as tx:
            stage_cache.put(tx, self._run_id, pipeline, made)

    def _save(self, there: Tree | None, wanted: set[str]) -> None:
        """Keep what somebody has changed by hand in an out before it is replaced, and tell."""
        with self._workspace.store.read() as db:
            unknown = [
                file
                for file in (there.files if there else ())
                if file.sha256 not in wanted and not stage_cache.knows(db, file.sha256)
            ]
        for file in unknown:
            self._workspace.objects.keep_file(self._folder / file.path, file.sha256)
        if unknown:
            with self._workspace.store.write() as tx:
                for file in unknown:
                    artifacts.add(tx, self._run_id, f"{REPLACED}/{file.path}", file.sha256, file.size)
            more = f" and {len(unknown) - 1} more files of it" if len(unknown) > 1 else ""
            self._note(f"{unknown[0].path}{more} had been changed: kept as artifact {REPLACED}/… of this run")

    def _write(self, path: str, out: Out, files: list[KeptFile]) -> None:
        place = self._folder / path
        self._check_place(path)
        self._remove(place)
        if out.is_folder:
            place.mkdir(parents=True)
        for file in files:
            try:
                self._workspace.objects.restore(file.sha256, self._folder / file.path, file.executable)
            except StoreError:
                self._workspace.objects.discard_damaged(file.sha256)
                raise

    def _check_place(self, path: str) -> None:
        if not (self._folder / path).parent.resolve().is_relative_to(self._folder.resolve()):
            raise UsageError(f"{path} would be written outside of the project, through a link.", "Remove the link.")

    def _make_executable(self, there: Tree, wanted: Mapping[str, bool]) -> None:
        """Give the files of an out that has its content already the mode that they had."""
        for file in there.files:
            if file.executable != wanted.get(file.path, file.executable):
                place = self._folder / file.path
                mode = place.stat().st_mode
                place.chmod(mode & ~0o111 if file.executable else mode | (mode & 0o444) >> 2)

    def _remove(self, place: Path) -> None:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def _told(found: list[str]) -> str:
    more = [f"{len(found) - _TOLD} more"] if len(found) > _TOLD else []
    return ", ".join([*found[:_TOLD], *more]) or "it has not run with these inputs before"
