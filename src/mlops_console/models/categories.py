"""The categories of text columns that training knew: of the model's own encoders, else of the data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST = 200  # categories of a column; with more they are no help to a person
LONGEST = 200  # characters, where profiles cut them


def of_encoders(model: Any) -> dict[str, tuple[str, ...]]:
    """By column, what the encoders in a fitted model were fitted with, where their columns' names are known.

    Encoders are known by `categories_`, as scikit-learn's are; those behind an imputer have the columns that it got.
    """
    found: dict[str, set[Any]] = {}
    for names, categories in _encoders(model, ()):
        if len(names) == len(categories):
            for name, known in zip(names, categories, strict=True):
                found.setdefault(name, set()).update(known.tolist())
    kept = {name: _bounded(value for value in known if isinstance(value, str)) for name, known in found.items()}
    return {name: known for name, known in kept.items() if known}


def of_profile(profile: Mapping[str, Any]) -> tuple[str, ...]:
    """What a column's profile has of them: all or none."""
    top = profile.get("top", ())
    return _bounded(category for category, _ in top) if len(top) == profile.get("unique") else ()


def _bounded(categories: Iterator[str]) -> tuple[str, ...]:
    known = tuple(sorted(categories))
    return known if len(known) <= MOST and all(len(category) < LONGEST for category in known) else ()


def _encoders(part: Any, names: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[Any]]]:
    """Each encoder's columns and categories; `names` are the columns of this part, should it not know them itself."""
    own = [str(name) for name in getattr(part, "feature_names_in_", names)]
    if hasattr(part, "categories_"):
        yield own, part.categories_
    elif hasattr(part, "transformers_"):
        for _, transformer, _ in part.transformers_:
            yield from _encoders(transformer, ())
    elif hasattr(part, "steps"):
        for _, step in part.steps:
            yield from _encoders(step, own)
            own = own if _keeps_columns(step) else []


def _keeps_columns(step: Any) -> bool:
    """Whether what leaves a step are the columns that it got, in their order."""
    return type(step).__name__ in ("SimpleImputer", "KNNImputer", "IterativeImputer")
