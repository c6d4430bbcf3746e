"""`dataset list|show|scan|infer|check|diff`."""

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from mlops_console.actions.base import ensure_writable
from mlops_console.cli import dataset_shapes as shapes
from mlops_console.cli.options import JsonOption, WorkspaceOption, opened
from mlops_console.cli.output import show, show_json, show_table
from mlops_console.core import text
from mlops_console.core.config import Dataset, parse_config
from mlops_console.core.datasets import DatasetVersion, Verdict, VersionRow, Violation
from mlops_console.core.errors import ConfigError, MlopsError, NotFoundError, RefusedError, UsageError
from mlops_console.core.expectations import Expectations
from mlops_console.core.text import did_you_mean, safe_line
from mlops_console.data import change_text as words
from mlops_console.data.changes import compare_versions
from mlops_console.data.expectations import infer, judge, listed, to_toml
from mlops_console.data.scan import Scanned, scan
from mlops_console.data.versions import record_version
from mlops_console.store import datasets
from mlops_console.store.location import CONFIG, nearest
from mlops_console.store.workspace import Workspace

_RUN = "MLOPS_RUN_ID"
_REF = re.compile(r"(?P<name>.+):(?P<version>\d{1,18})", re.DOTALL)
_MOST = 100_000  # datasets

app = typer.Typer(help="Datasets: versions, expectations, what has changed.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A dataset of mlops.toml.")]
RefArgument = Annotated[str, typer.Argument(metavar="NAME[:V]", help="transactions or transactions:3")]


@app.command("list")
def list_datasets(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """All datasets: those of mlops.toml and those that scripts have logged, with their newest versions."""
    found = opened(workspace)
    known = _configured(found)
    with found.store.read() as db:
        newest = {row.dataset: row for row in datasets.rows(db, _MOST, newest_only=True)}
    names = [*known, *(name for name in newest if name not in known)]
    if as_json:
        show_json({"datasets": [_listed(name, known.get(name), newest.get(name)) for name in names]})
        return
    if not names:
        show("No dataset yet: give mlops.toml a [datasets.NAME] with a path, then 'mlops-console dataset scan NAME'.")
        return
    show_table(
        ("NAME", "VERSION", "ROWS", "COLUMNS", "WHEN", "EXPECTATIONS", "READ BY", "PATH"),
        [_row(name, known.get(name), newest.get(name)) for name in names],
        right=("VERSION", "ROWS", "COLUMNS"),
    )


@app.command("show")
def show_version(ref: RefArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Schema and profile of a version, by default of the newest."""
    found = opened(workspace)
    version = _version(found, ref)
    with found.store.read() as db:
        readers = datasets.reading_runs(db, version)
    if as_json:
        show_json(shapes.details(version, readers))
        return
    _say(f"{version.ref}  {_size(version)}  {text.clock(version.created_at)}")
    facts = (
        ("sha256", version.sha256),
        ("read by", ", ".join(dict.fromkeys(run.name for run in readers[:5])) or "–"),
        ("expected", _verdict(version.verdict)),
    )
    for name, value in facts:
        _say(f"  {name:<10}{value}")
    show_table(
        ("COLUMN", "TYPE", "MISSING", "UNIQUE", "MIN", "MEAN", "MAX", "MOST FREQUENT"),
        [_profiled(name, dtype, version.profile.get(name, {})) for name, dtype in version.schema.items()],
        right=("MISSING", "UNIQUE", "MIN", "MEAN", "MAX"),
    )


@app.command("scan")
def scan_dataset(name: NameArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Read the file of a dataset and record the version that it is."""
    found = opened(workspace)
    ensure_writable(found)
    dataset = _dataset(found, name)
    recorded = record_version(found, name, scan(found.root / dataset.path), dataset.expect)
    version = recorded.version
    with found.store.read() as db:
        before = datasets.before(db, version)
    diff = compare_versions(before, version) if before else None
    if as_json:
        changes = shapes.changes(before, version, diff) if before and diff else None
        show_json(shapes.version(version) | {"new": recorded.is_new, "changes": changes})
        return
    _say(f"{version.ref}  {_size(version)}  {dataset.path}")
    if not recorded.is_new:
        _say(f"  This content is known since {text.clock(version.created_at)}.")
    elif before is None or diff is None:
        _say("  The first version.")
    else:
        first, *more = words.headline(diff)
        _say(f"  against {before.ref}: {first}")
        for line in more:
            _say(f"  {line}")
    if version.verdict is not None and version.verdict.held:
        _say(f"  expectations: {_verdict(version.verdict)}")
    elif version.verdict is not None:
        _say(f"  expectations: {_verdict(version.verdict)}; 'mlops-console dataset check {name}' shows where")


@app.command("infer")
def infer_expectations(
    name: NameArgument,
    write: Annotated[
        bool, typer.Option("--write", help="Append them to mlops.toml, if it has none for it yet.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose expectations that the file meets, as lines of mlops.toml: read them before you keep them."""
    found = opened(workspace)
    dataset = _dataset(found, name)
    if write:
        ensure_writable(found)
        _check_unexpected(name, dataset)
    proposed = infer(scan(found.root / dataset.path).frame)
    lines = to_toml(name, proposed)
    if write:
        _append(found.config_path, name, lines, proposed)
    if as_json:
        show_json({"dataset": name, "toml": lines, "written": write})
        return
    show(lines.rstrip("\n"))
    if write:
        show(f"\nAppended to {CONFIG}. Loosen there what only this file happens to meet.")


@app.command("check")
def check_dataset(
    name: NameArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Another file than that of mlops.toml.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whether a file holds what mlops.toml expects of the dataset; exits with 1 if not, and so stops a stage.

    The version is recorded with the verdict, and as an input of the run in whose stage this is called. Another FILE is
    recorded in a stage only.
    """
    found = opened(workspace)
    dataset = _dataset(found, name)
    if not listed(dataset.expect):
        raise UsageError(
            f"mlops.toml expects nothing of dataset {name}.",
            f"'mlops-console dataset infer {name}' proposes something.",
        )
    scanned = scan(_project(found) / dataset.path if file is None else file)
    version = _record_checked(found, name, scanned, dataset.expect, other_file=file is not None)
    verdict = (version.verdict if version else None) or judge(scanned.frame, dataset.expect)
    if as_json:
        show_json(
            {"dataset": name, "version": version.version if version else None, "rows": scanned.rows}
            | shapes.verdict(verdict)
        )
    else:
        _tell_verdict(version.ref if version else f"{name} ({file})", scanned, verdict)
    if not verdict.held:
        raise typer.Exit(1)


@app.command("diff")
def diff_versions(
    ref: RefArgument,
    other: Annotated[
        str | None, typer.Argument(metavar="[NAME:V]", help="The later one; then the first is the earlier one.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """What has changed between two versions; of one version, against the one before. What moved most comes first."""
    found = opened(workspace)
    after = _version(found, other if other is not None else ref)
    before = _version(found, ref) if other is not None else _before(found, after)
    diff = compare_versions(before, after)
    if as_json:
        show_json(shapes.changes(before, after, diff))
        return
    _say(f"{before.ref} → {after.ref}")
    for line in (words.step("rows", diff.rows), words.step("columns", diff.width), *words.schema_changes(diff)):
        _say(f"  {line}")
    rows = [(column.name, words.moved_by(column), words.told(column)) for column in diff.columns if words.told(column)]
    if rows:
        show_table(("COLUMN", "MOVED BY", "WHAT HAS CHANGED"), rows, right=("MOVED BY",))
    else:
        show("  No column that both have has another figure.")


def _say(line: str) -> None:
    show(safe_line(line))


def _configured(workspace: Workspace) -> dict[str, Dataset]:
    """The datasets of mlops.toml; none where there is no such file."""
    return dict(workspace.config().datasets) if workspace.config_path.exists() else {}


def _dataset(workspace: Workspace, name: str) -> Dataset:
    known = workspace.config().datasets
    if name not in known:
        raise NotFoundError(
            f"mlops.toml has no dataset {name!r}{did_you_mean(name, known) or '.'}",
            f"It has: {', '.join(known)}." if known else f"Add [datasets.{name}] with a path.",
        )
    return known[name]


def _project(workspace: Workspace) -> Path:
    """Where the files are: in a stage that runs in a folder of its own, as a trial does, that folder."""
    here = nearest(str(Path.cwd())) if os.environ.get(_RUN) else None
    return Path(here) if here and Path(here).is_relative_to(workspace.root) else workspace.root


def _version(workspace: Workspace, ref: str) -> DatasetVersion:
    """`transactions` is its newest version; a script may have called a dataset "a:1", which is found first."""
    with workspace.store.read() as db:
        match = _REF.fullmatch(ref)
        if match is None or ref in datasets.names(db):
            return datasets.get(db, ref)
        return datasets.get(db, match["name"], int(match["version"]))


def _before(workspace: Workspace, after: DatasetVersion) -> DatasetVersion:
    with workspace.store.read() as db:
        before = datasets.before(db, after)
    if before is None:
        raise NotFoundError(f"{after.ref} is the first version.", "There is nothing to compare it with yet.")
    return before


def _record_checked(
    workspace: Workspace, name: str, scanned: Scanned, expectations: Expectations, *, other_file: bool
) -> DatasetVersion | None:
    """Record what is checked, with its verdict, where that may be."""
    run_id = os.environ.get(_RUN)
    if not run_id:
        if other_file:
            return None
        try:
            ensure_writable(workspace)
        except RefusedError:  # looking is allowed
            return None
    version = record_version(workspace, name, scanned, expectations).version
    if run_id:
        with workspace.store.write() as tx:
            datasets.add_run_input(tx, run_id, name, version, logged=False)
    return version


def _tell_verdict(what: str, scanned: Scanned, verdict: Verdict) -> None:
    """The rows that offend, and last a line that says it all: it becomes the error of a stage."""
    _say(f"{what}  {scanned.rows:,} rows, {scanned.columns:,} columns")
    for violation in verdict.violations:
        _say(f"✗ {_name(violation)}")
        _say(f"  {violation.message}")
        for row, value in violation.examples:
            _say(f"  row {row:,}: {value or '(no value)'}")
        if violation.rows > len(violation.examples):
            _say(f"  … and {violation.rows - len(violation.examples):,} more")
    broken = len(verdict.violations)
    if verdict.held:
        _say(f"✓ {_count(len(verdict.expected))} held")
    else:
        more = f" And {broken - 1:,} more." if broken > 1 else ""
        _say(f"✗ {what}: {_count(broken)} broken. {verdict.violations[0].message}{more}")


def _count(number: int) -> str:
    return "1 expectation" if number == 1 else f"{number:,} expectations"


def _name(violation: Violation) -> str:
    return f"{violation.column}: {violation.expectation}" if violation.column else violation.expectation


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return "–"
    if verdict.held:
        return f"✓ {len(verdict.expected):,} held"
    return f"✗ {len(verdict.violations):,} broken"


def _size(version: DatasetVersion) -> str:
    return f"{version.rows:,} rows, {version.columns:,} columns"


def _state(dataset: Dataset | None, newest: VersionRow | None) -> tuple[int, str | None]:
    """How many expectations there are now, and whether the newest version held them; None where nobody has looked."""
    expected = listed(dataset.expect) if dataset else ()
    verdict = newest.verdict if newest else None
    if not expected or verdict is None or verdict.expected != expected:
        return len(expected), None
    return len(expected), "held" if verdict.held else "broken"


def _row(name: str, dataset: Dataset | None, newest: VersionRow | None) -> tuple[str, ...]:
    count, state = _state(dataset, newest)
    told = "–" if not count else _verdict(newest.verdict) if newest and state else f"? {count:,} not checked"
    path = dataset.path if dataset else "–"
    if newest is None:
        return (name, "–", "–", "–", "not scanned", told, "–", path)
    return (
        name,
        str(newest.version),
        f"{newest.rows:,}",
        f"{newest.columns:,}",
        text.age(newest.created_at),
        told,
        newest.read_by or "–",
        path,
    )


def _listed(name: str, dataset: Dataset | None, newest: VersionRow | None) -> dict[str, Any]:
    count, state = _state(dataset, newest)
    return {
        "name": name,
        "path": dataset.path if dataset else None,
        "target": dataset.target if dataset else None,
        "version": newest.version if newest else None,
        "rows": newest.rows if newest else None,
        "columns": newest.columns if newest else None,
        "created_at": newest.created_at if newest else None,
        "read_by": (newest.read_by or None) if newest else None,
        "expectations": count,
        "verdict": state,
        "broken": len(newest.verdict.violations) if newest and newest.verdict and state else None,
    }


def _profiled(name: str, dtype: str, figures: dict[str, Any]) -> tuple[str, ...]:
    rows = figures.get("count", 0) + figures.get("missing", 0)
    share = figures.get("missing", 0) / rows if rows else 0.0
    top = ", ".join(f"{category} ({count:,})" for category, count in figures.get("top", [])[:3])
    numbers = (text.number(figures.get(key)) for key in ("min", "mean", "max"))
    return (name, dtype, words.percent(share), text.number(figures.get("unique")), *numbers, top or "–")


def _check_unexpected(name: str, dataset: Dataset) -> None:
    if "expect" in dataset.model_fields_set:
        raise UsageError(
            f"mlops.toml says already what is expected of dataset {name}.",
            "Without --write the proposal is printed, to be compared with that.",
        )


def _append(path: Path, name: str, lines: str, proposed: Expectations) -> None:
    """Put the lines at the end of mlops.toml, once it is sure that it says then what is proposed.

    Raises:
        ConfigError: it would not, as where the dataset is written as an inline table.
        MlopsError: the file can't be written. It is as it was then.
    """
    before = path.read_bytes()
    added = (b"" if before.endswith(b"\n") else b"\n") + b"\n" + lines.encode()
    try:
        config = parse_config((before + added).decode(), CONFIG)
    except (ConfigError, UnicodeDecodeError):
        config = None
    if config is None or config.datasets[name].expect != proposed:
        raise ConfigError(
            f"The lines can't be appended to {CONFIG}: it would not say the same then.",
            f"Paste by hand what 'mlops-console dataset infer {name}' prints.",
        )
    try:
        with path.open("ab") as file:
            file.write(added)
        if path.read_bytes() != before + added:
            raise OSError(0, "it was changed at the same time")
    except OSError as error:
        _restore(path, before)
        raise MlopsError(f"{CONFIG} can't be written: {error.strerror}.", "It is as it was.") from None


def _restore(path: Path, content: bytes) -> None:
    """Cut off what was appended, where that is all that has happened."""
    if path.read_bytes()[: len(content)] == content:
        os.truncate(path, len(content))
