"""Trees from a file, checked before they may predict.

scikit-learn follows a tree's child and feature indices without bounds checks, in compiled code; a crafted file could
make it read foreign memory or loop for ever. skops therefore does not trust the two types that hold them. We do, after
a look at every index: a child lies behind its parent and within the tree, a feature within the rows.
"""

from collections.abc import Iterator
from typing import Any

from mlops_console.core.errors import ModelError

TREE = "sklearn.tree._tree.Tree"
PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
CHECKED = (TREE, PREDICTOR)


def check_trees(model: Any, what: str) -> None:
    """Look at all trees in a model that has been loaded.

    Raises:
        ModelError: an index points outside; `what` names the model in the message.
    """
    for owner, tree in trees_in(model):
        kind = f"{type(tree).__module__}.{type(tree).__qualname__}"
        problem = _check_tree(owner, tree) if kind == TREE else _check_predictor(owner, tree)
        if problem:
            raise ModelError(f"{what} is damaged or made to do harm: {problem}.", "Store the model anew.")


def trees_in(model: Any) -> Iterator[tuple[Any, Any]]:
    """Each tree with the outermost estimator that hands its rows down to it unchecked."""
    import numpy as np

    seen: set[int] = set()
    waiting: list[tuple[Any, Any]] = [(None, model)]
    while waiting:
        owner, item = waiting.pop()
        if id(item) in seen or isinstance(item, str | bytes | int | float | None):
            continue
        seen.add(id(item))
        if f"{type(item).__module__}.{type(item).__qualname__}" in CHECKED:
            yield owner, item
        elif isinstance(item, dict):
            waiting.extend((owner, value) for value in item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            waiting.extend((owner, value) for value in item)
        elif isinstance(item, np.ndarray):
            if item.dtype == object:
                waiting.extend((owner, value) for value in item.ravel())
        elif hasattr(item, "__dict__"):
            inner = owner if _hands_down(owner) else item
            waiting.extend((inner, value) for value in vars(item).values())


def _hands_down(owner: Any) -> bool:
    """Whether an ensemble checks the rows once and its trees don't check them again."""
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting

    return isinstance(owner, BaseForest | BaseGradientBoosting | BaseHistGradientBoosting)


def _check_tree(owner: Any, tree: Any) -> str:
    import numpy as np

    width = getattr(owner, "n_features_in_", None)
    if tree.n_features != width:
        return f"a tree is for {tree.n_features} columns, its {type(owner).__name__} for {width}"
    inner = np.flatnonzero(tree.children_left != -1)
    if not tree.node_count:
        return "a tree has no nodes"
    left, right, feature = tree.children_left[inner], tree.children_right[inner], tree.feature[inner]
    return _check_nodes(inner, left, right, feature, tree.node_count, tree.n_features)


def _check_predictor(owner: Any, predictor: Any) -> str:
    import numpy as np

    if getattr(owner, "_preprocessor", None) is not None:
        return f"a tree behind a preprocessor can't be checked; trust {PREDICTOR} to load it"
    nodes = predictor.nodes
    if nodes.ndim != 1 or not len(nodes):
        return "a tree has no nodes"
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    categorical = nodes["bitset_idx"][inner][nodes["is_categorical"][inner] != 0]
    for bitsets in (predictor.raw_left_cat_bitsets, predictor.binned_left_cat_bitsets):
        if bitsets.ndim != 2 or bitsets.shape[1] != 8 or (len(categorical) and categorical.max() >= len(bitsets)):
            return "a tree's categories point outside of it"
    left, right = nodes["left"][inner].astype(np.int64), nodes["right"][inner].astype(np.int64)
    return _check_nodes(inner, left, right, nodes["feature_idx"][inner], len(nodes), owner.n_features_in_)


def _check_nodes(inner: Any, left: Any, right: Any, feature: Any, count: int, width: int) -> str:
    for children in (left, right):
        if ((children <= inner) | (children >= count)).any():
            return "a tree's node points to itself, backwards or outside"
    if ((feature < 0) | (feature >= width)).any():
        return "a tree's node asks for a column that is not there"
    return ""
