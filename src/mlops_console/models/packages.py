"""Which versions of the libraries that matter are loaded in this process."""

import sys

_DISTRIBUTIONS = {  # module -> distribution
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "skops": "skops",
    "polars": "polars",
    "pyarrow": "pyarrow",
    "statsmodels": "statsmodels",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "imblearn": "imbalanced-learn",
    "torch": "torch",
    "tensorflow": "tensorflow",
    "keras": "keras",
    "jax": "jax",
    "transformers": "transformers",
    "lightning": "lightning",
    "mlops_console": "mlops-console",
}


def loaded_packages() -> dict[str, str]:
    """Distribution name -> version of the known libraries that have been imported so far."""
    return {
        distribution: version
        for module, distribution in _DISTRIBUTIONS.items()
        if module in sys.modules and (version := _version(module, distribution))
    }


def _version(module: str, distribution: str) -> str | None:
    version = getattr(sys.modules[module], "__version__", None)
    if isinstance(version, str):
        return version
    import importlib.metadata  # slow, and seldom needed

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
