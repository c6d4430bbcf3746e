"""Whether clients of one version can go on with another."""

from collections.abc import Iterator

from mlops_console.core.models import Column, Signature


def incompatibilities(live: Signature, candidate: Signature) -> list[str]:
    """Why requests that the live version answers would be refused by the candidate, or answered in another way: what
    it no longer takes, takes otherwise, needs beside, and no longer gives."""
    before = {column.name: column for column in live.inputs}
    after = {column.name: column for column in candidate.inputs}
    found = [f"no longer takes {name}" for name in before if name not in after]
    for name, column in after.items():
        known = before.get(name)
        found += _changes(known, column) if known else [] if column.nullable else [f"needs {name} too"]
    if candidate.task != live.task:
        found.append(f"is for {candidate.task}, no longer {live.task}")
    elif live.probabilities and not candidate.probabilities:
        found.append("no longer gives probabilities")
    return found


def _changes(live: Column, candidate: Column) -> Iterator[str]:
    if live.kind != candidate.kind:
        yield f"takes {live.name} as {candidate.kind}, no longer {live.kind}"
    elif live.dtype.startswith("float") and candidate.dtype.startswith(("int", "uint")):
        yield f"takes whole numbers only for {live.name}"
    if live.nullable and not candidate.nullable:
        yield f"needs a value of {live.name} in every row"
