"""Watching scikit-learn: somebody is told of each outermost `fit`, `score` and cross-validation of a program.

What is patched are the methods of the classes, and the insides of the functions of `sklearn.model_selection`, never
their names, so it does not matter when and how a program has imported them:

- `fit` and `score` of every subclass of `BaseEstimator`, those to come included (`BaseEstimator.__init_subclass__`;
  a `__new__` would watch them too, but Python can't take one back: after `del` the class takes no arguments any more);
- the function that each of the cross-validating functions has checked its arguments for;
- what scikit-learn hands to its threads and processes: all of that is inside of something, and nobody is told of it.

Only the process that installed the patches is watched; in a forked child they let everything through.
"""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CellType, FunctionType
from typing import Any, Protocol

METHODS = ("fit", "score")
FUNCTIONS = (
    "cross_validate",
    "cross_val_score",
    "cross_val_predict",
    "learning_curve",
    "permutation_test_score",
    "validation_curve",
)

Call = Callable[..., Any]


class Watcher(Protocol):
    """Is told of each outermost call, makes it, and gives its result back. An exception of the call passes through."""

    def fit(self, estimator: Any, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...

    def score(self, estimator: Any, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...

    def function(self, name: str, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...


class _Patches:
    """What is patched, and how it is undone."""

    def __init__(self) -> None:
        self.watcher: Watcher | None = None
        self.pid = 0
        self.inside = threading.local()
        self.undo: list[Callable[[], None]] = []

    def outermost(self) -> Watcher | None:
        """Who is to be told of a call that begins now; None if nobody is."""
        depth: int = getattr(self.inside, "depth", 0)
        return self.watcher if depth == 0 and self.pid == os.getpid() else None


_patches = _Patches()


def install(watcher: Watcher) -> None:
    """Tell `watcher`, instead of any before."""
    _patches.watcher, _patches.pid = watcher, os.getpid()
    if _patches.undo:
        return
    from sklearn import model_selection
    from sklearn.base import BaseEstimator
    from sklearn.utils.parallel import _FuncWrapper

    _watch_classes_to_come(BaseEstimator)
    for known in list(_subclasses(BaseEstimator)):
        _watch_class(known)
    for name in FUNCTIONS:
        _watch_function(name, getattr(model_selection, name))
    _replace(_FuncWrapper, "__call__", _unwatched(_FuncWrapper.__call__))


def remove() -> None:
    """Undo all of it."""
    _patches.watcher = None
    while _patches.undo:
        _patches.undo.pop()()


@contextmanager
def inside() -> Iterator[None]:
    """Nobody is told of what this thread does in here."""
    held = _patches.inside
    held.depth = getattr(held, "depth", 0) + 1
    try:
        yield
    finally:
        held.depth -= 1


class _Method:
    """A method of a class, watched. To code that looks at the class it is the function it stands for.

    It is pickled as what it stands for: a class from `__main__` goes to other processes with all that is in it.
    """

    def __init__(self, name: str, original: Any) -> None:
        self.name = name
        self.original = original
        self.function = self._around(original) if isinstance(original, FunctionType) else None

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        if self.function is not None:
            return self.function.__get__(estimator, owner)
        found = self.original.__get__(estimator, owner)  # `available_if`: an AttributeError where there is none
        if estimator is None:
            return found
        return functools.wraps(found)(functools.partial(_call, self.name, estimator, found))

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self.original,)

    def _around(self, original: FunctionType) -> FunctionType:
        name = self.name

        @functools.wraps(original)
        def function(self: Any, *args: Any, **kwargs: Any) -> Any:
            return _call(name, self, original.__get__(self), *args, **kwargs)

        return function  # type: ignore[return-value]


def _itself(value: Any) -> Any:
    return value


def _call(method: str, estimator: Any, call: Call, /, *args: Any, **kwargs: Any) -> Any:
    watcher = _patches.outermost()
    if watcher is None:
        return call(*args, **kwargs)
    with inside():
        tell = watcher.fit if method == "fit" else watcher.score
        return tell(estimator, call, args, kwargs)


def _subclasses(cls: type) -> Iterator[type]:
    """All there are; type.__subclasses__, as a metaclass may have its own."""
    found: type
    for found in type.__subclasses__(cls):
        yield found
        yield from _subclasses(found)


def _watch_class(cls: type) -> None:
    """Watch the methods of an estimator's class and of the mixins it is made of."""
    for part in cls.__mro__[:-1]:
        for name in METHODS:
            found = part.__dict__.get(name)
            if _is_method(found):
                _replace(part, name, _Method(name, found))


def _is_method(found: Any) -> bool:
    from sklearn.utils._available_if import _AvailableIfDescriptor

    return isinstance(found, FunctionType | _AvailableIfDescriptor)


def _watch_classes_to_come(base: Any) -> None:
    before = base.__dict__.get("__init_subclass__")

    def begin(cls: Any, /, **kwargs: Any) -> None:
        if before is None:
            super(base, cls).__init_subclass__(**kwargs)
        else:
            before.__get__(None, cls)(**kwargs)
        _watch_class(cls)

    if before is None:
        _patches.undo.append(lambda: delattr(base, "__init_subclass__"))
        base.__init_subclass__ = classmethod(begin)
    else:
        _replace(base, "__init_subclass__", classmethod(begin))


def _watch_function(name: str, function: Any) -> None:
    """Watch a function whose arguments scikit-learn checks: the wrapper that does it holds it in a cell."""
    original = function.__wrapped__

    @functools.wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        watcher = _patches.outermost()
        if watcher is None:
            return original(*args, **kwargs)
        with inside():
            return watcher.function(name, original, args, kwargs)

    for cell in function.__closure__:
        if cell.cell_contents is original:
            _fill(cell, watched)


def _fill(cell: CellType, content: Any) -> None:
    before = cell.cell_contents
    cell.cell_contents = content
    _patches.undo.append(lambda: setattr(cell, "cell_contents", before))


def _unwatched(original: Call) -> Call:
    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        with inside():
            return original(*args, **kwargs)

    return function


def _replace(owner: Any, name: str, value: Any) -> None:
    """Put `value` in the place of an attribute; taken back unless somebody else has replaced it in the meantime."""
    before = owner.__dict__[name]

    def undo() -> None:
        if owner.__dict__.get(name) is value:
            setattr(owner, name, before)

    setattr(owner, name, value)
    _patches.undo.append(undo)
