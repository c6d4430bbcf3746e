"""Runs side by side: what they differ in, which is best at what, and that as CSV, JSON and Markdown."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mlops_console.core.markdown import inline
from mlops_console.core.runs import Run, SeriesSummary
from mlops_console.core.text import duration, number, param

Goal = Literal["maximize", "minimize"]

_LESS_IS_BETTER = frozenset(
    [
        "loss",
        "logloss",
        "error",
        "err",
        "errors",
        "rmse",
        "mse",
        "mae",
        "mape",
        "smape",
        "rmsle",
        "msle",
        "brier",
        "perplexity",
        "deviance",
    ]
)
_MORE_IS_BETTER = frozenset(
    [
        "accuracy",
        "acc",
        "auc",
        "auroc",
        "auprc",
        "f1",
        "fbeta",
        "r2",
        "precision",
        "recall",
        "ap",
        "map",
        "mrr",
        "ndcg",
        "iou",
        "dice",
        "bleu",
        "rouge",
        "kappa",
        "mcc",
        "jaccard",
        "likelihood",
    ]
)
_NO_FIGURE_OF_MERIT = frozenset(("std", "system", "time"))


@dataclass(frozen=True, slots=True)
class Entry:
    """What one run has in a line: the value as it was recorded, and as a person reads it (not yet safe to show)."""

    value: Any
    text: str
    there: bool = True  # False: the run has none


ABSENT = Entry(None, "–", there=False)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing of all runs, an entry for each in their order.

    Attributes:
        figure: of a metric, which value of the series it is: "last", "min" or "max".
        goal: of a metric, what is better; None where nobody knows.
        best: the places of the runs that have the best entry; () without a goal, or where all are alike.
    """

    name: str
    entries: tuple[Entry, ...]
    figure: str = ""
    goal: Goal | None = None
    best: tuple[int, ...] = ()

    @property
    def differs(self) -> bool:
        return any(not _same(entry, self.entries[0]) for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs and their lines; `params` has those that differ first, each part in the order of first appearance."""

    runs: tuple[tuple[str, str], ...]  # id and name
    facts: tuple[Line, ...] = ()
    params: tuple[Line, ...] = ()
    metrics: tuple[Line, ...] = field(default=())

    @property
    def differing(self) -> tuple[Line, ...]:
        return tuple(line for line in self.params if line.differs)

    def metric(self, name: str) -> Line | None:
        return next((line for line in self.metrics if line.name == name), None)


def compare(
    runs: Sequence[Run], goals: Mapping[str, Goal], datasets: Mapping[str, Sequence[str]] | None = None
) -> Comparison:
    """Put runs side by side.

    Args:
        runs: in the order of the columns.
        goals: what is better, by metric, as mlops.toml says it. Such a metric is compared by its best value, any other
            by its last one; what is better of that, its name tells (`goal_of`).
        datasets: what each run has read, by its id, as "train: claims:3".
    """
    inputs = datasets or {}
    params = [
        Line(
            name,
            tuple(Entry(run.params[name], param(run.params[name])) if name in run.params else ABSENT for run in runs),
        )
        for name in dict.fromkeys(name for run in runs for name in run.params)
    ]
    return Comparison(
        tuple((run.id, run.name) for run in runs),
        _facts(runs, inputs),
        tuple(sorted(params, key=lambda line: not line.differs)),
        tuple(_metric(name, runs, goals) for name in _metric_names(runs, goals)),
    )


def goal_of(metric: str, goals: Mapping[str, Goal]) -> Goal | None:
    """What is better of a metric: as `goals` says, else by the words of its name, else None.

    loss, error, RMSE, MSE, MAE, MAPE, Brier, perplexity, deviance: less. accuracy, AUC, F1, R2, precision, recall, AP,
    MRR, NDCG, IoU, Dice, BLEU, ROUGE, kappa, MCC: more. A name with words of both kinds, of neither, or with "std",
    "time" or "system" in it says nothing; "neg" turns it round, as in scikit-learn's scorers.
    """
    if metric in goals:
        return goals[metric]
    words = set(re.split(r"[^a-z0-9]+", metric.lower()))
    less, more = bool(words & _LESS_IS_BETTER), bool(words & _MORE_IS_BETTER)
    if less == more or words & _NO_FIGURE_OF_MERIT:
        return None
    return "minimize" if less != ("neg" in words) else "maximize"


def is_of_machine(metric: str) -> bool:
    """Whether it is one of those that a run logs by itself: what the machine did, not how good the model is."""
    return metric.startswith("system/")


def _facts(runs: Sequence[Run], datasets: Mapping[str, Sequence[str]]) -> tuple[Line, ...]:
    def line(name: str, entries: Sequence[Entry]) -> Line:
        return Line(name, tuple(entries))

    took = [run.duration(run.heartbeat_at or run.created_at) for run in runs]
    return (
        line("status", [Entry(run.status.value, run.status.value) for run in runs]),
        line("took", [ABSENT if seconds is None else Entry(seconds, duration(seconds)) for seconds in took]),
        line("experiment", [Entry(run.experiment, run.experiment) for run in runs]),
        line("git commit", [_commit(run) for run in runs]),
        line("datasets", [_texts(datasets.get(run.id, ())) for run in runs]),
    )


def _commit(run: Run) -> Entry:
    origin = run.provenance
    if not origin.git_commit:
        return ABSENT
    return Entry(origin.git_commit, origin.git_commit[:12] + (" + changes" if origin.git_dirty else ""))


def _texts(texts: Sequence[str]) -> Entry:
    return Entry(list(texts), ", ".join(texts)) if texts else ABSENT


def _metric_names(runs: Sequence[Run], goals: Mapping[str, Goal]) -> list[str]:
    """Those that the project judges by first, those of the machine last."""
    names = dict.fromkeys(name for run in runs for name in run.metrics)
    return sorted(names, key=lambda name: (name not in goals, is_of_machine(name)))


def _metric(name: str, runs: Sequence[Run], goals: Mapping[str, Goal]) -> Line:
    figure = {"maximize": "max", "minimize": "min"}[goals[name]] if name in goals else "last"
    goal = goal_of(name, goals)
    found = [_value(run.metrics.get(name), figure) for run in runs]
    entries = tuple(ABSENT if value is None else Entry(value, number(value)) for value in found)
    return Line(name, entries, figure, goal, _best(found, goal))


def _value(summary: SeriesSummary | None, figure: str) -> float | None:
    return None if summary is None else float(getattr(summary, figure))


def _best(values: Sequence[float | None], goal: Goal | None) -> tuple[int, ...]:
    known = [value for value in values if value is not None and not math.isnan(value)]
    if goal is None or len(set(known)) < 2:
        return ()
    wanted = max(known) if goal == "maximize" else min(known)
    return tuple(at for at, value in enumerate(values) if value == wanted)


def _same(one: Entry, other: Entry) -> bool:
    """1 and 1.0 are the same, 1 and true are not."""
    if one.there != other.there or isinstance(one.value, bool) != isinstance(other.value, bool):
        return False
    return bool(one.value == other.value) or one.text == other.text


def ranked(line: Line) -> list[int]:
    """The places of the runs that have a number in this line, the best first; without a goal the greatest."""
    numbers = [(entry.value, at) for at, entry in enumerate(line.entries) if _is_number(entry)]
    return [at for _, at in sorted(numbers, key=lambda found: found[0], reverse=line.goal != "minimize")]


def brief(line: Line) -> list[str]:
    """What stands in the line as a person reads it, floats to six digits unless two that differ would read alike."""
    full = [entry.text for entry in line.entries]
    short = [_six_digits(entry) for entry in line.entries]
    return short if len(set(short)) == len(set(full)) else full


def _six_digits(entry: Entry) -> str:
    if isinstance(entry.value, float) and entry.text == repr(entry.value):
        return f"{entry.value:.6g}"
    return entry.text


def _is_number(entry: Entry) -> bool:
    return entry.there and isinstance(entry.value, int | float) and math.isfinite(entry.value)


# As text


def to_csv(found: Comparison) -> str:
    """One row a line, one column a run; times in seconds. Every text is quoted and stands as it was recorded."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(["kind", "name", "figure", *(name for _, name in found.runs)])
    writer.writerow(["fact", "id", "", *(id for id, _ in found.runs)])
    for kind, lines in _parts(found):
        for line in lines:
            writer.writerow([kind, line.name, line.figure, *(_csv(entry) for entry in line.entries)])
    return out.getvalue()


def to_json(found: Comparison) -> str:
    """`document` as text."""
    return json.dumps(document(found), indent=2, ensure_ascii=False, default=str) + "\n"


def document(found: Comparison) -> dict[str, Any]:
    """The comparison as JSON holds it: in each line the values in the order of `runs`, null where a run has none.

    NaN is null too, infinities are "inf" and "-inf".
    """
    ids = [id for id, _ in found.runs]
    return {
        "runs": [{"id": id, "name": name} for id, name in found.runs],
        "facts": [{"name": line.name, "values": _values(line)} for line in found.facts],
        "params": [{"name": line.name, "differs": line.differs, "values": _values(line)} for line in found.params],
        "metrics": [
            {
                "name": line.name,
                "figure": line.figure,
                "goal": line.goal,
                "best": [ids[at] for at in line.best],
                "values": _values(line),
            }
            for line in found.metrics
        ],
    }


def to_markdown(found: Comparison, everything: bool = True) -> str:
    """A table for GitHub and its like, the best figures bold; without `everything` only the params that differ."""
    rows = [["", *(inline(name) for _, name in found.runs)]]
    for kind, lines in _parts(found, everything):
        for line in lines:
            cells = [inline(entry.text) for entry in line.entries]
            marked = [f"**{cell}**" if at in line.best else cell for at, cell in enumerate(cells)]
            note = f" ({line.figure})" if kind == "metric" else ""
            rows.append([inline(line.name) + note, *marked])
    ruler = [["---", *("---" for _ in found.runs)]]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows[:1] + ruler + rows[1:])


def _parts(found: Comparison, everything: bool = True) -> tuple[tuple[str, tuple[Line, ...]], ...]:
    params = found.params if everything else found.differing
    return ("fact", found.facts), ("param", params), ("metric", found.metrics)


def _csv(entry: Entry) -> Any:
    if not entry.there:
        return ""
    is_number = isinstance(entry.value, int | float) and not isinstance(entry.value, bool)
    return entry.value if is_number or isinstance(entry.value, str) else entry.text


def _values(line: Line) -> list[Any]:
    return [_plain(entry.value) for entry in line.entries]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
