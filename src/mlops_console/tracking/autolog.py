"""`autolog`: what scikit-learn does is logged by itself."""

import contextlib
import inspect
import math
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

from mlops_console.store.location import HOME
from mlops_console.tracking import estimators, importances, process, sklearn_patches
from mlops_console.tracking.clerk import TrackingWarning
from mlops_console.tracking.journal import Journal
from mlops_console.tracking.rows import Rows, head, is_table
from mlops_console.tracking.run import Run
from mlops_console.tracking.sklearn_patches import Call
from mlops_console.tracking.start import start_run

T = TypeVar("T")


def autolog(log_models: bool = False, model_name: str | None = None, *, disable: bool = False) -> None:
    """Log what scikit-learn does from now on in this process, however its classes were imported.

    It goes into the run that is open, the innermost one where there are several. Where none is, each `fit` and each
    cross-validation gets a run of its own, which ends with it; a later `score` of that model still goes there.

    - The outermost `fit` of an estimator logs its params (`get_params`), the tag `estimator`, the metric
      `fit/seconds`, the data as dataset "train" (unless the run has one of its own) and the feature importances. What
      only transforms is logged in a pipeline, not by itself.
    - `cross_val_score`, `cross_validate` and searches log each fold as `cv/SCORER` (step = fold; of a search the best
      candidate's), `cv/SCORER/mean` and `cv/SCORER/std`; searches also `search/SCORER` (step = candidate) and what was
      best as the params `best/NAME`.
    - `model.score(X, y)` on other data than the model was fitted on logs all of `Run.log_evaluation` as `test/…`.

    Functions of sklearn.metrics are not watched: use `score` or `Run.log_evaluation`. Neither are other processes, so
    that what scikit-learn does with `n_jobs` is logged once, by this one. No trouble with any of it ever raises
    into training: there is one `TrackingWarning`.

    Args:
        log_models: store what a fit has made as a model version; of a search the best one.
        model_name: under this name, by default that of its class. Given alone, it switches `log_models` on.
        disable: undo all of it instead.
    """
    if disable:
        sklearn_patches.remove()
    else:
        sklearn_patches.install(_Autolog(log_models or model_name is not None, model_name))


@dataclass(slots=True)
class _Fit:
    """A model that was fitted: in which run, on what, and on what it was scored since."""

    model: Callable[[], Any]
    run: Run
    data: Rows
    scored: list[Rows] = field(default_factory=list)


@dataclass(slots=True)
class _Facts:
    """What was logged into one run."""

    fits: int = 0
    validations: int = 0
    data: list[Rows] = field(default_factory=list)


class _Autolog:
    """The watcher. All that can go wrong in it is behind `_guarded`."""

    def __init__(self, log_models: bool, model_name: str | None) -> None:
        self._log_models = log_models
        self._model_name = model_name
        self._facts: weakref.WeakKeyDictionary[Run, _Facts] = weakref.WeakKeyDictionary()
        self._fits: dict[int, _Fit] = {}  # by the model's id: models need not be hashable
        self._own: weakref.WeakSet[Run] = weakref.WeakSet()  # the runs that were started for one call
        self._starting = threading.Lock()
        self._warned = False

    def fit(self, estimator: Any, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._guarded(estimators.is_model, estimator):
            return call(*args, **kwargs)
        with self._run() as run:
            if run is not None:
                self._guarded(_describe, run, estimator)
            begin = perf_counter()
            result = call(*args, **kwargs)
            seconds = perf_counter() - begin
            if run is not None:
                self._guarded(self._fitted, run, estimator, _rows(args, kwargs), seconds)
        return result

    def score(self, estimator: Any, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = call(*args, **kwargs)
        self._guarded(self._scored, estimator, args, kwargs)
        return result

    def function(self, name: str, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name not in ("cross_validate", "cross_val_score"):
            return call(*args, **kwargs)
        given = self._guarded(_arguments, call, args, kwargs)
        if given is None:
            return call(*args, **kwargs)
        with self._run() as run:
            if run is not None:
                self._guarded(_describe, run, given["estimator"])
            result = call(*args, **kwargs)
            if run is not None:
                self._guarded(self._validated, run, given, result)
        return result

    # What is logged

    def _fitted(self, run: Run, estimator: Any, X: Any, seconds: float) -> None:
        facts = self._facts_of(run)
        run.log({"fit/seconds": seconds}, step=facts.fits)
        facts.fits += 1
        model = estimators.fitted_model(estimator)
        data = Rows.of(X)
        for made in {id(estimator): estimator, id(model): model}.values():
            self._fits[id(made)] = _Fit(weakref.ref(made, self._forget(id(made))), run, data)
        if hasattr(estimator, "cv_results_"):
            self._guarded(self._searched, run, facts, estimator)
        self._guarded(_log_importances, run, model)
        self._guarded(self._log_data, run, facts, X, data)
        if self._log_models and hasattr(model, "predict"):
            run.log_model(model, self._model_name or _class_name(model), input_example=head(X))

    def _searched(self, run: Run, facts: _Facts, search: Any) -> None:
        run.log_params(estimators.best_params(search))
        _log_folds(run, facts, estimators.folds(search))
        for name, means in estimators.candidates(search):
            for step, mean in enumerate(means):
                run.log({f"search/{name}": mean}, step=step)

    def _validated(self, run: Run, given: dict[str, Any], result: Any) -> None:
        own_name = estimators.scorer_name(given.get("scoring"), given["estimator"])
        if isinstance(result, dict):
            found = {key.removeprefix("test_"): scores for key, scores in result.items() if key.startswith("test_")}
            found = {own_name if name == "score" else name: scores for name, scores in found.items()}
        else:
            found = {own_name: result}
        facts = self._facts_of(run)
        _log_folds(run, facts, found.items())
        X = given["X"]
        self._log_data(run, facts, X, Rows.of(X))

    def _scored(self, estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = dict(zip(("X", "y"), args, strict=False)) | kwargs
        if given.get("y") is None or len(args) > 2 or set(given) != {"X", "y"}:
            return  # without answers, or with weights that the metrics would not know of
        X = given["X"]
        fit = self._fits.get(id(estimator))
        run = fit.run if fit else self._innermost()
        if run is None or (fit and (fit.data.is_same(X) or any(X is data.reference() for data in fit.scored))):
            return
        if fit:
            fit.scored.append(Rows.of(X))
        with _opened(run) as opened:
            opened.log_evaluation(estimator, X, given["y"])

    def _log_data(self, run: Run, facts: _Facts, X: Any, data: Rows) -> None:
        """Record the rows as "train", once; what the program itself has called so stays."""
        if not is_table(X) or ("train" in run._roles and not facts.data):
            return
        known = next((known for known in facts.data if known.reference() is X), None)
        if known is None:
            run.log_dataset("train", X)
            known = Rows(data.reference, data.shape, run._roles["train"])
            facts.data.append(known)
        data.sha256 = known.sha256

    # Runs

    @contextlib.contextmanager
    def _run(self) -> Iterator[Run | None]:
        """The run that is open; else a new one that ends here as the call ends; None where there can't be one."""
        run = self._innermost()
        if run is not None:
            yield run
            return
        run = self._guarded(self._start)
        try:
            yield run
        except BaseException as error:
            if run is not None:
                self._guarded(run.__exit__, type(error), error, error.__traceback__)
            raise
        if run is not None:
            self._guarded(run.finish)

    def _start(self) -> Run:
        """A run for one call; what other threads fit meanwhile does not belong to it."""
        with self._starting:
            run = start_run()
            self._own.add(run)
        return run

    def _innermost(self) -> Run | None:
        """The open run that the program has started last."""
        with self._starting:
            found = [run for run in list(process.runs) if run not in self._own]
        return max(found, key=lambda run: run._number, default=None)

    def _facts_of(self, run: Run) -> _Facts:
        return self._facts.setdefault(run, _Facts())

    def _forget(self, model_id: int) -> Callable[[object], None]:
        fits = self._fits

        def forget(gone: object) -> None:
            fit = fits.get(model_id)
            if fit is not None and fit.model is gone:
                del fits[model_id]

        return forget

    # Trouble

    def _guarded(self, log: Callable[..., T], *args: Any) -> T | None:
        """Do some logging; None, and one warning for all of them, if it fails."""
        try:
            return log(*args)
        except Exception as error:  # noqa: BLE001 - estimators of others raise anything, and training goes on
            self._warn(error)
            return None

    def _warn(self, error: Exception) -> None:
        if self._warned:
            return
        self._warned = True
        from mlops_console.core.text import safe_line

        reason = safe_line(f"{type(error).__name__}: {error}", 500)
        with contextlib.suppress(TrackingWarning):  # where warnings are errors, training goes on all the same
            warnings.warn(
                f"mlops-console: autolog could not log all of this ({reason}). Training goes on; "
                "further trouble of autolog is not told.",
                TrackingWarning,
                stacklevel=2,
            )


def _describe(run: Run, estimator: Any) -> None:
    run.set_tags({"estimator": estimators.title(estimator)})
    run.log_params(estimators.params(estimator))


def _log_importances(run: Run, model: Any) -> None:
    plot = importances.plot(model)
    if plot is not None:
        run.log_plot("feature_importances", plot)


def _log_folds(run: Run, facts: _Facts, scorers: Any) -> None:
    """Each fold, and mean and standard deviation (of the population, as scikit-learn's searches have it)."""
    for name, scores in scorers:
        folds = [float(score) for score in scores]
        for step, score in enumerate(folds):
            run.log({f"cv/{name}": score}, step=step)
        mean = math.fsum(folds) / len(folds)
        std = math.sqrt(math.fsum((score - mean) ** 2 for score in folds) / len(folds))
        run.log({f"cv/{name}/mean": mean, f"cv/{name}/std": std}, step=facts.validations)
    facts.validations += 1


@contextlib.contextmanager
def _opened(run: Run) -> Iterator[Run]:
    """A run to log to; one that has ended takes more, as a run that other processes write, and stays as it ended."""
    if not run._journal.closed:
        yield run
        return
    root = run._root
    journal = Journal(root / HOME / "spool", run.id, lambda: process.clerk(root), owns_run=False)
    again = Run(run.id, run.name, root, journal)
    again._evaluations = run._evaluations
    try:
        yield again
    finally:
        again.finish()


def _arguments(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return inspect.signature(call).bind(*args, **kwargs).arguments


def _rows(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return args[0] if args else kwargs.get("X")


def _class_name(model: Any) -> str:
    """Of a pipeline that of its last step."""
    steps = getattr(model, "steps", None)
    return _class_name(steps[-1][1]) if steps else type(model).__name__
