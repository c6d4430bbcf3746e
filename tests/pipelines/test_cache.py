"""The cache: what has not changed is brought back, what has changed runs, and nothing that somebody made is lost."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.config import Pipeline, Stage
from mlops_console.core.errors import ConfigError, JobError, UsageError
from mlops_console.core.runs import RunStatus, StageRun
from mlops_console.data.hashing import Hasher
from mlops_console.pipelines.cache import ALL, inputs_of, sha256_in
from mlops_console.pipelines.forecast import forecast
from mlops_console.pipelines.graph import order, part_of
from mlops_console.pipelines.making import making
from mlops_console.pipelines.params import Params
from mlops_console.pipelines.pipeline_run import PipelineRun, stage_rows
from mlops_console.pipelines.resources import Limits
from mlops_console.pipelines.runner import run_stages
from mlops_console.store import artifacts, runs, series, stage_cache, stages, trash
from mlops_console.store.workspace import Workspace, open_workspace
from tests.support import wait_for

COPY = Stage(run="cat raw > data; echo x >> ran", deps=("raw",), outs=("data",))
FIT = Stage(run="cat data > model; echo y >> ran", deps=("data",), params=("lr",), outs=("model",))


class Project:
    """A workspace whose pipeline is run in this process, run after run."""

    def __init__(self, workspace: Workspace, **made: Stage) -> None:
        self.workspace = workspace
        self.root = workspace.root
        self.stages = made
        self.params: Params = {"lr": 0.1}
        self.number = 0

    def run(self, *forced: str, start: str | None = None, until: str | None = None, slots: int = 1) -> list[StageRun]:
        """Run it; its stages as they ended."""
        self.number += 1
        with self.workspace.store.write() as tx:
            self.run_id = runs.create(tx, name=f"run-{self.number}", experiment="e")
        ordered = part_of("train", order("train", Pipeline(stages=self.stages)), start, until)
        logs = self.workspace.logs_dir / str(self.number)
        made = PipelineRun(
            self.workspace, self.run_id, "train", ordered, self.params, logs, lambda *_: None, lambda: False,
            Limits(8, 10**12), {}, self.root, "10s", slots, forced=forced,
        )  # fmt: skip
        with self.workspace.store.write() as tx:
            stages.plan_stages(tx, self.run_id, stage_rows(made))
        run_stages(made)
        with self.workspace.store.read() as db:
            return stages.listing(db, self.run_id)

    def ran(self, *forced: str, **options: str) -> set[str]:
        """Run it; the stages that were not cached."""
        return {stage.stage for stage in self.run(*forced, **options) if stage.cached_from is None}  # type: ignore[arg-type]

    def plan(self, *forced: str) -> list[tuple[str, bool | None, str]]:
        ordered = order("train", Pipeline(stages=self.stages))
        found = forecast(self.workspace, "train", ordered, self.params, forced, {})
        return [(step.stage, step.runs, step.why) for step in found]

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text)

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def log(self, stage: str) -> str:
        return self.read(f".mlops/logs/{self.number}/{stage}.log")


@pytest.fixture
def project(workspace: Workspace) -> Project:
    made = Project(workspace, copy=COPY, fit=FIT)
    made.write("raw", "one")
    return made


def test_what_has_not_changed_does_not_run(project: Project) -> None:
    assert project.ran() == {"copy", "fit"}
    found = project.run()
    assert [(stage.status, stage.why, stage.exit_code) for stage in found] == [
        (RunStatus.SUCCEEDED, "cached from run-1", None)
    ] * 2
    assert project.read("ran") == "x\ny\n"
    assert project.log("fit") == "── mlops-console: cached from run-1 ──\n"


def test_what_has_changed_runs_and_says_why(project: Project) -> None:
    project.run()
    project.params = {"lr": 0.3}
    assert project.plan() == [("copy", False, "cached from run-1"), ("fit", True, "lr 0.1 → 0.3")]
    assert [stage.why for stage in project.run()] == ["cached from run-1", "lr 0.1 → 0.3"]
    project.write("raw", "two")
    assert project.plan() == [("copy", True, "raw changed"), ("fit", None, "if copy changes data")]
    assert [stage.why for stage in project.run()] == ["raw changed", "data changed"]
    project.stages["fit"] = replace_stage(FIT, run=FIT.run + " ", env={"THREADS": "4"}, outs=("model", "ran"))
    assert project.plan()[1][2] == "its command changed, THREADS=– → 4, its outs are others"


def replace_stage(stage: Stage, **changes: object) -> Stage:
    return stage.model_copy(update=changes)


def test_a_stage_whose_input_is_made_anew_but_the_same_is_cached(project: Project) -> None:
    project.stages["copy"] = replace_stage(COPY, run="wc -c < raw > data; echo x >> ran")
    project.run()
    project.write("raw", "two")  # as many bytes
    assert project.ran() == {"copy"}


def test_going_back_to_an_old_input_finds_the_old_result(project: Project) -> None:
    project.run()
    project.write("raw", "two")
    assert project.ran() == {"copy", "fit"}
    assert project.read("model") == "two"
    project.write("raw", "one")
    assert project.plan() == [("copy", False, "cached from run-1"), ("fit", False, "cached from run-1")]
    assert project.ran() == set()
    assert project.read("model") == "one"


def test_stages_can_be_forced(project: Project) -> None:
    project.run()
    assert project.plan(ALL) == [("copy", True, "asked for"), ("fit", True, "asked for")]
    assert project.ran("fit") == {"fit"}
    assert project.ran(ALL) == {"copy", "fit"}
    assert project.run()[0].why == "cached from run-3"


def test_a_part_of_the_pipeline(project: Project) -> None:
    assert project.ran(until="copy") == {"copy"}
    project.write("raw", "two")
    project.write("data", "by hand")
    assert project.ran(start="fit") == {"fit"}
    assert project.read("model") == "by hand"
    with pytest.raises(UsageError, match="has no stage 'fti', did you mean 'fit'"):
        project.run(start="fti")
    with pytest.raises(UsageError, match="No stage of pipeline 'train' is after 'fit' and before 'copy'"):
        project.run(start="fit", until="copy")


def test_the_name_of_a_matrix_is_that_of_all_its_stages(workspace: Workspace) -> None:
    fit = replace_stage(FIT, run="cat data > ${m}", outs=("${m}",), params=(), matrix={"m": ("a", "b")})
    last = Stage(run="cat a b > c", deps=("a", "b"), outs=("c",))
    project = Project(workspace, copy=COPY, fit=fit, last=last)
    project.write("raw", "one")
    assert project.ran(until="fit") == {"copy", "fit@a", "fit@b"}
    assert [stage.stage for stage in project.run(start="fit")] == ["fit@a", "fit@b", "last"]
    assert project.ran("fit") == {"fit@a", "fit@b"}
    assert [name for name, _, why in project.plan("fit") if why == "asked for"] == ["fit@a", "fit@b"]
    assert project.ran("fit@b") == {"fit@b"}
    with pytest.raises(UsageError, match="has no stage 'fiz', did you mean 'fit'"):
        project.run(start="fiz")


@pytest.mark.parametrize(
    ("stage", "why"),
    [
        (replace_stage(COPY, always=True), "it always runs"),
        (replace_stage(COPY, deps=()), "it names no deps, so nothing tells whether it must"),
    ],
)
def test_what_is_never_cached(workspace: Workspace, stage: Stage, why: str) -> None:
    project = Project(workspace, copy=stage)
    project.write("raw", "one")
    for _ in range(2):
        assert [found.why for found in project.run()] == [why]


@pytest.mark.parametrize("change", [{"always": True}, {"deps": ()}], ids=["always", "without deps"])
def test_outs_of_what_is_never_cached_are_taken_away_before_it_runs(workspace: Workspace, change: dict) -> None:
    project = Project(workspace, copy=replace_stage(COPY, run="date +%N > data; mkdir -p more/sub", **change))
    project.stages["copy"] = replace_stage(project.stages["copy"], outs=("data", "more"))
    project.write("raw", "one")
    project.write("data", "precious, by hand")
    project.run()
    assert "data had been changed: kept as artifact replaced/… of this run" in project.log("copy")
    with workspace.store.read() as db:
        (kept,) = artifacts.listing(db, project.run_id)
    assert workspace.objects.read_checked(kept.sha256) == b"precious, by hand"
    project.run()
    assert project.log("copy") == ""  # what it has made itself goes without a word
    project.write("data", "by hand again")
    project.run()
    assert "data had been changed" in project.log("copy")
    project.write("data", "stale")
    project.stages["copy"] = replace_stage(project.stages["copy"], run="mkdir more")
    with pytest.raises(JobError, match="ended without writing 'data', one of its outs"):
        project.run()


def test_an_out_that_is_never_cached_must_be_in_the_project_too(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("secret")
    link = f"rm -rf data; ln -s {tmp_path}/elsewhere data"
    project = Project(workspace, copy=replace_stage(COPY, run=link, always=True))
    told = (
        r"stage 'copy' has left what can't be an out \(a file or a folder in the project\): data is a symbolic link to"
    )
    with pytest.raises(JobError, match=told):
        project.write("raw", "one")
        project.run()
    (project.root / "data").unlink()
    project.stages["copy"] = replace_stage(COPY, run="true", deps=(), outs=("sub/data",))
    (project.root / "sub").symlink_to(tmp_path)
    (tmp_path / "data").write_text("secret")
    with pytest.raises(JobError, match="sub/data would be written outside of the project, through a link"):
        project.run()
    assert (tmp_path / "data").read_text() == "secret"


def test_outs_of_a_failed_attempt_are_not_those_of_the_next_one(project: Project) -> None:
    script = "if [ -e tried ]; then exit 0; fi; touch tried; echo partial > data; exit 1"
    project.stages["copy"] = replace_stage(COPY, run=script, retries=1, retry_after="1ms")
    with pytest.raises(JobError, match=r"ended without writing 'data', one of its outs \(2 of 2 attempts\)"):
        project.run()
    assert "had been changed" not in project.log("copy")


def test_outs_of_a_failed_stage_are_not_kept(project: Project) -> None:
    project.stages["fit"] = replace_stage(FIT, run="cat data > model; test -e ok")
    with pytest.raises(JobError):
        project.run()
    project.write("ok", "")
    assert project.run()[1].why == "it has not run before"


def test_an_input_that_changes_meanwhile_is_told(project: Project) -> None:
    project.stages["copy"] = replace_stage(COPY, run="cat raw > data; echo more >> raw")
    project.run(until="copy")
    assert "its outs are not cached: raw was changed while it ran" in project.log("copy")
    assert project.ran(until="copy") == {"copy"}


def test_what_was_changed_by_hand_is_kept_and_told(project: Project) -> None:
    project.run()
    project.write("model", "by hand")
    assert project.ran() == set()
    assert project.read("model") == "one"
    assert "model had been changed: kept as artifact replaced/… of this run" in project.log("fit")
    with project.workspace.store.read() as db:
        (kept,) = artifacts.listing(db, project.run_id)
    assert kept.path == "replaced/model"
    assert project.workspace.objects.read_checked(kept.sha256) == b"by hand"
    project.write("model", "again by hand")
    project.params = {"lr": 0.9}
    project.run()
    with project.workspace.store.read() as db:
        assert [found.path for found in artifacts.listing(db, project.run_id)] == ["replaced/model"]


def test_what_another_run_has_made_makes_room_without_a_word(project: Project) -> None:
    project.run()
    project.write("raw", "two")
    project.run()
    assert "changed" not in project.log("copy").replace("raw changed", "")
    with project.workspace.store.read() as db:
        assert artifacts.listing(db, project.run_id) == []


def test_an_out_of_before_is_no_out_of_now(project: Project) -> None:
    project.run()
    project.stages["fit"] = replace_stage(FIT, run="true")
    with pytest.raises(JobError, match="ended without writing 'model'"):
        project.run()


def test_folders_come_back_whole(workspace: Workspace) -> None:
    make = "mkdir -p out/a out/empty; cp raw out/a/b; echo '#!/bin/sh' > out/run; chmod +x out/run"
    project = Project(workspace, make=Stage(run=make, deps=("raw",), outs=("out", "none")))
    project.stages["make"] = replace_stage(project.stages["make"], run=f"{make}; mkdir -p none")
    project.write("raw", "one")
    project.run()
    (project.root / "out/stray").write_text("x")
    (project.root / "out/a/b").unlink()
    (project.root / "none").rmdir()
    assert project.ran() == set()
    assert project.read("out/a/b") == "one"
    assert os.access(project.root / "out/run", os.X_OK)
    assert not (project.root / "out/stray").exists()
    assert (project.root / "none").is_dir()


MODULE = "mkdir -p out/.git out/a/empty out/__pycache__; cp raw out/code.py; echo 1 > out/.git/head"


def test_all_that_is_in_an_out_comes_back_and_is_kept_before_it_goes(workspace: Workspace) -> None:
    project = Project(
        workspace,
        make=Stage(run=MODULE, deps=("raw",), outs=("./out",)),
        use=Stage(run="cat out/code.py > used", deps=("out",), outs=("used",)),
    )
    project.write("raw", "one = 1")
    project.run()
    (project.root / "out/.git/precious").write_text("by hand")
    (project.root / "out/__pycache__/code.pyc").write_text("as Python makes it")
    (project.root / "out/a/empty").rmdir()
    assert project.plan() == [("make", False, "cached from run-1"), ("use", False, "cached from run-1")]
    assert project.ran() == set()
    found = {str(path.relative_to(project.root)) for path in (project.root / "out").rglob("*")}
    assert found == {"out/.git", "out/.git/head", "out/a", "out/a/empty", "out/__pycache__", "out/code.py"}
    assert "out/.git/precious had been changed: kept as artifact replaced/… of this run" in project.log("make")
    with workspace.store.read() as db:
        assert [kept.path for kept in artifacts.listing(db, project.run_id)] == ["replaced/out/.git/precious"]
    assert project.ran() == set()
    with workspace.store.read() as db:
        assert artifacts.listing(db, project.run_id) == []


def test_a_kept_file_is_not_changed_through_what_was_brought_back(project: Project) -> None:
    project.run()
    (project.root / "model").unlink()
    project.run()
    with (project.root / "model").open("a") as file:
        file.write("more")
    project.run()
    assert project.read("model") == "one"


def test_what_is_damaged_is_made_anew(project: Project) -> None:
    project.run()
    with project.workspace.store.read() as db:
        made = stage_cache.last(db, "train", "fit")
    assert made is not None
    kept = project.workspace.objects.path(made.outs["model"].sha256)
    kept.chmod(0o600)
    kept.write_text("else")
    (project.root / "model").unlink()
    assert [found.why for found in project.run()] == ["cached from run-1", "what it had made is damaged"]
    assert "is damaged: its content has another SHA-256. So it runs again." in project.log("fit")
    assert project.read("model") == "one"
    kept.unlink()
    assert project.plan()[0] == ("copy", True, "what it has made is no longer in the object store")
    assert project.ran() == {"copy"}  # its out has the same content as that of fit
    assert project.ran() == set()


@pytest.mark.parametrize("out", [".", ".mlops", ".mlops/x", "mlops.toml", ".git"])
def test_an_out_that_holds_more_than_outs_is_refused(out: str) -> None:
    with pytest.raises(ConfigError, match="holds more than its outs"):
        order("train", Pipeline(stages={"fit": Stage(run="true", outs=(out,))}))


def test_links_to_elsewhere_are_told(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("secret")
    (project.root / "raw").unlink()
    (project.root / "raw").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JobError, match=r"raw is a symbolic link to .*elsewhere, which is outside of the project"):
        project.run()
    assert project.plan()[0][1]
    (project.root / "raw").unlink()
    project.write("raw", "one")
    (project.root / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JobError, match="data is a symbolic link"):
        project.run()
    assert (tmp_path / "elsewhere").read_text() == "secret"


def test_a_folder_behind_a_link_is_not_written_to(project: Project, tmp_path: Path) -> None:
    project.stages = {"fit": Stage(run="mkdir -p out; cat raw > out/model", deps=("raw",), outs=("out/model",))}
    project.run()
    (project.root / "out/model").unlink()
    (project.root / "out").rmdir()
    (project.root / "out").symlink_to(tmp_path)
    with pytest.raises(JobError, match="outside of the project"):
        project.run()
    assert not (tmp_path / "model").exists()


def test_a_pipe_is_no_dep(project: Project) -> None:
    (project.root / "raw").unlink()
    os.mkfifo(project.root / "raw")
    with pytest.raises(JobError, match="raw is neither a file nor a folder"):
        project.run()


LOGS = """
import mlops_console as mlops
with mlops.start_run(params={"depth": 3}, tags={"kind": "tree"}) as run:
    for step in range(2000):
        run.log({"loss": 1 / (step + 1), "auc": 0.5}, step=step)
    run.log_artifact("raw", "inputs/raw")
    run.log_dataset("train", [{"x": 1.0, "y": "a"}])
"""


def test_what_a_cached_stage_has_logged_is_on_the_new_run_too(workspace: Workspace) -> None:
    project = Project(workspace, fit=Stage(run="python fit.py", deps=("fit.py",)))
    project.write("raw", "one")
    project.write("fit.py", LOGS)
    project.run()
    first = project.run_id
    for _ in range(2):  # the third run has it from the second
        assert project.ran() == set()
        with workspace.store.read() as db:
            one, other = runs.get(db, first), runs.get(db, project.run_id)
            assert other.metrics == one.metrics
            assert other.params == one.params == {"depth": 3}
            assert other.tags == one.tags
            assert artifacts.listing(db, first) == artifacts.listing(db, project.run_id)
            assert series.columns(db, first, "loss") == series.columns(db, project.run_id, "loss")
            assert len(series.columns(db, first, "loss")) == 2000
    assert project.run()[0].cached_from == first


def test_a_purge_keeps_what_a_run_that_stays_has_from_one_that_goes(project: Project) -> None:
    project.run()
    first = project.run_id
    project.run()
    with project.workspace.store.write() as tx:
        runs.finish(tx, first, RunStatus.SUCCEEDED)
        runs.delete(tx, first)
        needed = trash.needed_objects(tx, without=1e12)
        key = trash.contents(tx, 1e12).runs[0][0]
        assert trash.condemn(tx, key, 1e12)
        trash.purge(tx, key)
    with project.workspace.store.read() as db:
        made = stage_cache.last(db, "train", "fit")
    assert made is not None
    assert made.outs["model"].sha256 in needed
    assert project.run()[1].why == f"cached from {first}"


def test_a_purge_takes_the_cache_of_its_runs_along(project: Project) -> None:
    project.run()
    with project.workspace.store.write() as tx:
        runs.finish(tx, project.run_id, RunStatus.SUCCEEDED)
        runs.delete(tx, project.run_id)
        assert trash.needed_objects(tx, without=1e12) == set()
        trash.condemn(tx, trash.contents(tx, 1e12).runs[0][0], 1e12)
    assert project.plan()[0][1:] == (True, "it has not run before")


def test_a_stage_says_that_it_waits_for_another_one_that_makes_the_same(workspace: Workspace) -> None:
    """Each writes the same file, in a folder of its own, as the trials of a sweep do."""
    stage = Stage(run="touch here; cat raw > data; sleep 0.3", deps=("raw",), outs=("data",))
    project = Project(workspace, copy=stage)
    project.write("raw", "one")
    with ThreadPoolExecutor(1) as pool:
        with making(workspace, fingerprint(project), lambda: False, lambda _: None) as waited:
            running = pool.submit(project.run)
            wait_for(lambda: (project.root / ".mlops/logs/1/copy.log").exists() and project.log("copy"))
        assert not waited
        assert running.result()[0].status is RunStatus.SUCCEEDED
    told = "another stage makes the same just now: this one waits for it"
    assert project.log("copy").count(told) == 1


def fingerprint(project: Project) -> str:
    stage = project.stages["copy"]
    hasher = Hasher(project.workspace)
    return inputs_of(stage, project.params, {dep: sha256_in(hasher, dep) for dep in stage.deps}, {}).fingerprint


def test_parallel_stages_share_the_cache(workspace: Workspace) -> None:
    made = {f"s{at}": Stage(run=f"cat raw > out{at}", deps=("raw",), outs=(f"out{at}",)) for at in range(8)}
    project = Project(workspace, **made)
    project.write("raw", "one")
    assert len([s for s in project.run(slots=4) if s.cached_from is None]) == 8
    assert all(s.cached_from for s in project.run(slots=4))


# Random pipelines and random edits, against a naive model: a stage runs if and only if it has never run with these
# contents, params and command before.


@st.composite
def edits(draw: st.DrawFn) -> tuple[int, list[set[int]], list[tuple[str, int, int]]]:
    count = draw(st.integers(1, 6))
    reads = [set(draw(st.sets(st.integers(0, at - 1), max_size=3))) if at else set() for at in range(count)]
    kinds = st.sampled_from(["source", "param", "command", "out", "remove", "nothing"])
    edit = st.tuples(kinds, st.integers(0, count - 1), st.integers(0, 2))
    return count, reads, draw(st.lists(edit, min_size=1, max_size=6))


class Model:
    """What the stages would make, reckoned without any cache."""

    def __init__(self, count: int, reads: list[set[int]]) -> None:
        self.reads = reads
        self.sources = dict.fromkeys(range(count), 0)
        self.params = dict.fromkeys(range(count), 0)
        self.commands = dict.fromkeys(range(count), 0)
        self.seen: set[object] = set()

    def run(self) -> tuple[set[str], dict[str, str]]:
        ran, outs = set(), dict[str, str]()
        for at, reads in enumerate(self.reads):
            deps = tuple(outs[f"out{other}"] for other in sorted(reads))
            # of two sources that differ by one, both make the same: what comes after them need not run
            key = (at, self.sources[at], self.params[at], self.commands[at], deps)
            if key not in self.seen:
                self.seen.add(key)
                ran.add(f"s{at}")
            outs[f"out{at}"] = f"{self.sources[at] // 2}{self.params[at]}{self.commands[at]}({''.join(deps)})"
        return ran, outs


def stage(at: int, version: int, reads: set[int]) -> Stage:
    """Half of its source, its param, its version, and what it reads."""
    others = [f"out{other}" for other in sorted(reads)]
    param = """$(tr -dc 0-9 < "$MLOPS_PARAMS")"""
    parts = f"""$(($(cat src{at}) / 2)) {param} {version} "$(cat /dev/null {" ".join(others)})\""""
    return Stage(
        run=f"printf '%s%s%s(%s)' {parts} > out{at}",
        deps=(f"src{at}", *others),
        params=(PARAMS[at],),
        outs=(f"out{at}",),
    )


PARAMS = "abcdef"


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits())
def test_exactly_what_has_changed_runs(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[int, list[set[int]], list[tuple[str, int, int]]]
) -> None:
    count, reads, changes = made
    workspace = open_workspace(tmp_path_factory.mktemp("project"))
    project, model = Project(workspace), Model(count, reads)
    for kind, at, value in [("nothing", 0, 0), *changes]:
        match kind:
            case "source":
                model.sources[at] = value
            case "param":
                model.params[at] = value
            case "command":
                model.commands[at] = value
            case "out" if project.number:
                project.write(f"out{at}", "by hand")
            case "remove" if project.number:
                (project.root / f"out{at}").unlink()
        for source, text in model.sources.items():
            project.write(f"src{source}", str(text))
        project.params = {PARAMS[n]: value for n, value in model.params.items()}
        project.stages = {f"s{n}": stage(n, model.commands[n], reads[n]) for n in range(count)}
        ran, outs = model.run()
        planned = {name for name, runs, _ in project.plan() if runs}
        maybe = {name for name, runs, _ in project.plan() if runs is None}
        assert planned <= ran <= planned | maybe
        assert project.ran() == ran
        assert {name: project.read(name) for name in outs} == outs
    workspace.store.close()
