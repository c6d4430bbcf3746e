"""Whether the figures of two versions are of the same data: those of other test rows tell nothing of the models."""

from collections.abc import Iterable, Sequence

from mlops_console.core.errors import StoreError
from mlops_console.core.model_diff import DataPair, data_pairs
from mlops_console.core.runs import Run
from mlops_console.store import datasets
from mlops_console.store.database import Connection

_NAMED = 4  # metrics that a sentence names


def read_by_both(db: Connection, before: Run | None, after: Run | None) -> tuple[DataPair, ...]:
    """What the two runs have read in the same roles; () where that is not known of one of them."""
    try:
        old, new = (datasets.run_inputs(db, run.id) if run else () for run in (before, after))
    except StoreError:  # a damaged dataset keeps nobody from a rollback
        return ()
    return tuple(pair for pair in data_pairs(old, new) if pair.before and pair.after)


def compares(metric: str, data: Sequence[DataPair]) -> bool:
    """Whether the figures of a metric are of the same data, as far as known.

    Args:
        metric: `test/auc` is of what was read as `test`; one that names no role may be of all that was read.
    """
    return all(pair.same for pair in _own(metric, data) or data)


def told(metrics: Iterable[str], data: Sequence[DataPair]) -> str:
    """One sentence about those of the metrics that don't compare; "" where all do."""
    apart = [metric for metric in metrics if not compares(metric, data)]
    certain = [metric for metric in apart if _own(metric, data)]
    if certain:
        pairs = [pair for pair in data if any(pair in _own(metric, data) for metric in certain)]
        return (
            f"{_names(certain)} {_were(certain)} measured on other data ({_refs(pairs)}): the figures do not compare."
        )
    if apart:
        return f"The two were made from other data ({_refs(data)}): the figures of {_names(apart)} may not compare."
    return ""


def _own(metric: str, data: Sequence[DataPair]) -> list[DataPair]:
    return [pair for pair in data if pair.role == metric.partition("/")[0]]


def _names(metrics: Sequence[str]) -> str:
    if len(metrics) > _NAMED:
        return f"{', '.join(metrics[:_NAMED])} and {len(metrics) - _NAMED} more"
    *most, last = metrics
    return f"{', '.join(most)} and {last}" if most else last


def _were(metrics: Sequence[str]) -> str:
    return "was" if len(metrics) == 1 else "were"


def _refs(data: Iterable[DataPair]) -> str:
    return ", ".join(f"{p.before.ref} → {p.after.ref}" for p in data if p.before and p.after and not p.same)
