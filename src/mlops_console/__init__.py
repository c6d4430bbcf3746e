"""mlops-console: experiments, models, deployments and drift of a project, from the terminal and from Python.

Everything here is loaded when it is first used: importing the package loads little of the standard library only.
"""

from mlops_console._version import __version__

TYPE_CHECKING = False  # as importing typing takes as long as all the rest

if TYPE_CHECKING:
    from mlops_console.core.drift import DriftReport
    from mlops_console.core.models import ModelVersion
    from mlops_console.core.plots import Bars, Lines, Matrix
    from mlops_console.drift.files import drift
    from mlops_console.tracking.artifacts import load_artifact
    from mlops_console.tracking.autolog import autolog
    from mlops_console.tracking.clerk import TrackingWarning
    from mlops_console.tracking.frames import runs
    from mlops_console.tracking.loading import load_model
    from mlops_console.tracking.params import params
    from mlops_console.tracking.run import Run
    from mlops_console.tracking.served import served
    from mlops_console.tracking.start import start_run

__all__ = [
    "Bars",
    "DriftReport",
    "Lines",
    "Matrix",
    "ModelVersion",
    "Run",
    "TrackingWarning",
    "__version__",
    "autolog",
    "drift",
    "load_artifact",
    "load_model",
    "params",
    "runs",
    "served",
    "start_run",
]

_HOMES = {
    "Bars": "mlops_console.core.plots",
    "DriftReport": "mlops_console.core.drift",
    "Lines": "mlops_console.core.plots",
    "Matrix": "mlops_console.core.plots",
    "ModelVersion": "mlops_console.core.models",
    "Run": "mlops_console.tracking.run",
    "TrackingWarning": "mlops_console.tracking.clerk",
    "autolog": "mlops_console.tracking.autolog",
    "drift": "mlops_console.drift",
    "load_artifact": "mlops_console.tracking.artifacts",
    "load_model": "mlops_console.tracking.loading",
    "params": "mlops_console.tracking.params",
    "runs": "mlops_console.tracking.frames",
    "served": "mlops_console.tracking.served",
    "start_run": "mlops_console.tracking.start",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
