"""Drift: what live data differ in from the data that a model was trained on.

`mlops_console.drift(ref, cur)` compares any two tables: the public function has the name of this package, so that the
package can be called.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_console.core.drift import DriftReport


class _Package(ModuleType):
    def __call__(self, ref: Any, cur: Any, **settings: Any) -> "DriftReport":
        """See `mlops_console.drift.files.drift`."""
        from mlops_console.drift.files import drift as compare

        return compare(ref, cur, **settings)


drift = sys.modules[__name__]
drift.__class__ = _Package
