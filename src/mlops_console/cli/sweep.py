"""`sweep`."""

from typing import Annotated, Any

import typer

from mlops_console.cli.acting import act
from mlops_console.cli.options import DryRunOption, JsonOption, WaitOption, WorkspaceOption, opened
from mlops_console.core.errors import UsageError
from mlops_console.pipelines.params import parse_override
from mlops_console.store import jobs, runs


def add_to(app: typer.Typer) -> None:
    app.command("sweep")(sweep)


def sweep(
    pipeline: Annotated[
        str | None, typer.Argument(metavar="[PIPELINE]", help="By default the only one, or 'train'.")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="KEY=RANGE", help="As fit.depth=2..12, fit.lr=log:1e-4..1e-1, fit.kind=a,b."),
    ] = None,
    fixed: Annotated[
        list[str] | None, typer.Option("-p", metavar="KEY=VALUE", help="A param that is the same in all trials.")
    ] = None,
    trials: Annotated[int | None, typer.Option(metavar="N", help="How many; 20, or all of a grid.")] = None,
    parallel: Annotated[int, typer.Option(metavar="N", help="How many at once.")] = 1,
    metric: Annotated[str | None, typer.Option(help="By which they are judged; by default the model's.")] = None,
    goal: Annotated[str | None, typer.Option(metavar="maximize|minimize", help="Which direction is better.")] = None,
    sampler: Annotated[str, typer.Option(metavar="tpe|random|grid", help="What to try next.")] = "tpe",
    prune: Annotated[bool, typer.Option(help="End a trial early that is worse than the others were.")] = True,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of the sampler.")] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with a sweep that did not end.")] = None,
    wait: WaitOption = False,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a pipeline many times with other params, each time as a run of its own, and find the best."""
    found = opened(workspace)
    if resume is not None:
        with found.store.read() as db:
            run = runs.get(db, resume)
            if run.job_id is None or jobs.get(db, run.job_id).action != "sweep":
                raise UsageError(
                    f"Run {run.name} is no sweep.", "'mlops-console run list -f 'tags.sweep > \"\"'' shows them."
                )
            request = dict(jobs.get(db, run.job_id).request)
        request |= {"trials": trials} if trials is not None else {}
    else:
        request = _request(pipeline, space or [], fixed or [])
        options: dict[str, Any] = {
            "trials": trials, "parallel": parallel, "metric": metric, "goal": goal, "sampler": sampler, "prune": prune,
            "seed": seed,
        }  # fmt: skip
        request |= {name: value for name, value in options.items() if value is not None}
    act(found, "sweep", request, wait=wait, dry_run=dry_run, as_json=as_json)


def _request(pipeline: str | None, space: list[str], fixed: list[str]) -> dict[str, Any]:
    pairs = [text.partition("=") for text in space]
    wrong = next(
        (text for text, (key, equals, written) in zip(space, pairs, strict=True) if not (key and written)), None
    )
    if wrong is not None or not space:
        raise UsageError(
            f"--param {wrong!r} is not of the form KEY=RANGE." if wrong is not None else "There is nothing to try.",
            "Write for example --param fit.depth=2..12.",
        )
    request: dict[str, Any] = {"space": {key.strip(): written.strip() for key, _, written in pairs}}
    if fixed:
        request["params"] = dict(parse_override(text) for text in fixed)
    return request | ({"pipeline": pipeline} if pipeline is not None else {})
